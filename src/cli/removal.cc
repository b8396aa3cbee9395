#include "cli/removal.h"

#include "cli/json_event.h"
#include "cli/json_line.h"
#include "cli/progress_view.h"
#include "runtime/turns.h"

#include <cstdio>
#include <utility>

namespace telpher {

Task<Result<void>> Removal::remove_object(ObjectStore* store, Address::Kind kind,
                                          ObjectAddress object) {
  const Place place{store, kind, object.bucket};
  const std::string key = object.key;
  if (!options_.dry_run) CO_TRY_VOID(co_await store->remove(std::move(object)));
  print_gone(place, key);
  co_return Result<void>();
}

RemoveSet::Report Removal::report_on(const Place* place) {
  return [this, place](const std::string& key, const Result<void>& removed) {
    if (removed) return print_gone(*place, key);
    fail(*place, key, removed.error());
  };
}

Task<Result<std::uint64_t>> Removal::remove_all(ObjectWalk* walk) {
  const Place place{&walk->store(), walk->kind(), walk->bucket()};
  RemoveSet set(co_await current_context(), *place.store, place.bucket, options_.requests_max,
                report_on(&place));
  Result<void> taken =
      co_await walk->for_each([&](WalkPage page) { return take(&set, &place, std::move(page)); });
  CO_TRY_VOID(co_await set.end(std::move(taken)));
  co_return walk->found();
}

Task<Result<void>> Removal::remove_listed(ObjectStore* store, Address::Kind kind,
                                          std::string bucket, NextKey next) {
  const Place place{store, kind, std::move(bucket)};
  RemoveSet set(co_await current_context(), *store, place.bucket, options_.requests_max,
                report_on(&place));
  Result<void> taken;
  Turns turns;
  while (taken) {
    if (turns.due()) taken = co_await take_turn();
    if (!taken) break;
    Result<std::optional<std::string>> key = next();
    if (!key) taken = key.error();
    if (!key || !*key) break;
    taken = co_await add(&set, &place, **std::move(key), "");
  }
  co_return co_await set.end(std::move(taken));
}

Task<Result<void>> Removal::take(RemoveSet* set, const Place* place, WalkPage page) {
  for (ListEntry& entry : page.objects) {
    CO_TRY_VOID(co_await add(set, place, std::move(entry.key), std::move(entry.version_id)));
  }
  co_return Result<void>();
}

Task<Result<void>> Removal::add(RemoveSet* set, const Place* place, std::string key,
                                std::string version_id) {
  if (!options_.dry_run) co_return co_await set->add(std::move(key), std::move(version_id));
  print_gone(*place, key);
  co_return stdout_is_open();
}

void Removal::print_gone(const Place& place, const std::string& key) {
  ++removed_;
  report_.done();
  if (view_.due()) view_.draw("removed " + std::to_string(removed_) + " objects");
  if (!options_.json && !options_.verbose && !options_.dry_run) return;
  const std::string address = destination_text(place.kind, {place.bucket, key});
  if (options_.json) {
    std::puts((options_.dry_run ? json_would_remove(address) : json_removed(address)).c_str());
  } else {
    std::printf("%s %s\n", options_.dry_run ? "would remove" : "removed",
                printable(address).c_str());
  }
}

void Removal::fail(const Place& place, const std::string& key, const Error& error) {
  ++failed_;
  view_.clear();
  report_.failed(destination_text(place.kind, {place.bucket, key}), error);
}

void Removal::print_summary() {
  view_.clear();
  if (options_.json) {
    JsonLine line;
    line.text("event", "summary").number("removed", options_.dry_run ? 0 : removed_);
    if (options_.dry_run) line.number("planned", removed_);
    line.number("failed", failed_).print();
    return;
  }
  std::string text = options_.dry_run ? "would remove " : "removed ";
  text += std::to_string(removed_) + (removed_ == 1 ? " object" : " objects");
  if (failed_ > 0) text += ", " + std::to_string(failed_) + " failed";
  std::puts(text.c_str());
}

}  // namespace telpher
