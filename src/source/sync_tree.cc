#include "source/sync_tree.h"

#include <utility>

namespace telpher {
namespace {

enum class Verdict { kSame, kDifferent, kInDoubt };

/// Many stores and file systems keep whole seconds only.
std::chrono::sys_seconds second_of(std::chrono::system_clock::time_point time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

Verdict compare(const TreeEntry& ours, const TreeEntry& theirs, Compare by) {
  if (ours.size != theirs.size) return Verdict::kDifferent;
  if (by == Compare::kSize) return Verdict::kSame;
  if (!ours.etag.empty() && ours.etag == theirs.etag) return Verdict::kSame;
  if (by == Compare::kContent) return Verdict::kInDoubt;
  // Written in the same second it may have been written before: that is looked into.
  return second_of(ours.modified) < second_of(theirs.modified) ? Verdict::kSame : Verdict::kInDoubt;
}

}  // namespace

Result<void> SyncTree::check_order(const TreeEntry& entry, std::string& last) {
  if (entry.name > last || last.empty()) {
    last = entry.name;
    return {};
  }
  return make_error(ErrorKind::kUnsupported, "it is not listed in the order of its names ('" +
                                                 entry.name + "' behind '" + last +
                                                 "'), so what is missing cannot be told");
}

/// Without knowing what is there, all would be copied again, or removed.
Error SyncTree::give_up(Error error) {
  source_ended_ = destination_ended_ = true;
  ours_.reset();
  theirs_.reset();
  current_.clear();
  return error;
}

Task<Result<void>> SyncTree::look_ahead() {
  if (!ours_ && !source_ended_) {
    Result<std::optional<TreeEntry>> next = co_await source_.next();
    if (!next) {
      source_is_whole_ = false;
      current_ = source_.current();
      failed_at_destination_ = false;
      co_return std::move(next).error();
    }
    ours_ = *std::move(next);
    if (ours_) {
      if (Result<void> sorted = check_order(*ours_, last_ours_); !sorted) {
        source_is_whole_ = failed_at_destination_ = false;
        co_return give_up(sorted.error());
      }
    }
    source_ended_ = !ours_;
    source_is_empty_ = source_is_empty_ && source_ended_;
  }
  if (!theirs_ && !destination_ended_) {
    Result<std::optional<TreeEntry>> next = co_await destination_.next();
    if (!next) {
      current_ = destination_.current();
      failed_at_destination_ = true;
      if (current_.empty()) co_return give_up(std::move(next).error());
      co_return std::move(next).error();
    }
    theirs_ = *std::move(next);
    if (theirs_) {
      if (Result<void> sorted = check_order(*theirs_, last_theirs_); !sorted) {
        failed_at_destination_ = true;
        co_return give_up(sorted.error());
      }
    }
    destination_ended_ = !theirs_;
  }
  co_return Result<void>();
}

Task<Result<std::optional<TreeEntry>>> SyncTree::next() {
  for (;;) {
    CO_TRY_VOID(co_await look_ahead());
    if (!ours_ && !theirs_) co_return std::optional<TreeEntry>();
    if (theirs_ && (!ours_ || theirs_->name < ours_->name)) {
      TreeEntry extra = *std::exchange(theirs_, std::nullopt);
      if (!options_.extra) continue;
      if (source_is_whole_ && !source_is_empty_) {
        CO_TRY_VOID(co_await options_.extra(std::move(extra)));
      } else {
        ++withheld_;
      }
      continue;
    }
    TreeEntry entry = *std::exchange(ours_, std::nullopt);
    if (!theirs_ || entry.name != theirs_->name) co_return entry;
    const Verdict verdict = compare(entry, *std::exchange(theirs_, std::nullopt), options_.compare);
    if (verdict == Verdict::kSame) {
      ++same_;
      continue;
    }
    entry.in_doubt = verdict == Verdict::kInDoubt;
    co_return entry;
  }
}

}  // namespace telpher
