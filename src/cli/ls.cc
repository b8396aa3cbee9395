// telpher ls: buckets, or objects below a prefix.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/json_event.h"
#include "cli/session.h"
#include "cli/verbs.h"

#include <cstdio>
#include <ctime>

namespace telpher {
namespace {

std::string time_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

class ObjectListing final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {.name = "ADDRESS", .help = "", .min = 1, .max = 1};
    line.details = "One level, unless --recursive: what lies deeper shows as a prefix.";
    line.examples =
        "telpher ls s3://\ntelpher ls s3://photos/2026/\ntelpher ls --recursive --json "
        "local://demo";
    line.group("Output");
    line.flag("-r,--recursive", "all objects below the prefix", recursive_);
    line.flag("-H,--human", "sizes as 1.5 MiB", human_);
    line.flag("--json", "one JSON object per line", json_);
    add_store_options(line, access_);
  }

  Task<int> run(Command* command) override {
    Session session(command->loop, command->settings, access_);
    Result<void> listed = co_await list(&session, command->arguments.front());
    if (listed) co_return kExitDone;
    co_return report_error(listed.error());
  }

 private:
  Task<Result<void>> list(Session* session, std::string text) {
    CO_TRY(const Address address, parse_address(text));
    if (!address.in_store()) {
      co_return make_error(ErrorKind::kInvalid,
                           "ls lists s3://… and local://…, not '" + redacted(address) + "'");
    }
    CO_TRY(ObjectStore * store, session->store(address.kind));
    if (address.object.bucket.empty()) co_return co_await list_buckets(store);
    ListOptions options;
    options.prefix = address.object.key;
    if (!recursive_) options.delimiter = "/";
    do {
      CO_TRY(ListPage page, co_await store->list(address.object.bucket, options));
      for (const std::string& prefix : page.prefixes) print_prefix(prefix);
      for (const ListEntry& entry : page.objects) print_object(entry);
      options.continuation = std::move(page.continuation);
    } while (!options.continuation.empty());
    co_return Result<void>();
  }

  Task<Result<void>> list_buckets(ObjectStore* store) {
    CO_TRY(const std::vector<BucketInfo> buckets, co_await store->list_buckets());
    for (const BucketInfo& bucket : buckets) {
      if (json_) {
        std::printf("{\"bucket\":%s,\"created\":\"%s\"}\n", json_string(bucket.name).c_str(),
                    time_text(bucket.created).c_str());
      } else {
        std::printf("%s  %s\n", time_text(bucket.created).c_str(), bucket.name.c_str());
      }
    }
    co_return Result<void>();
  }

  void print_prefix(const std::string& prefix) const {
    if (json_) {
      std::printf("{\"prefix\":%s}\n", json_string(prefix).c_str());
    } else {
      std::printf("%20s  %12s  %s\n", "", "", printable(prefix).c_str());
    }
  }

  void print_object(const ListEntry& entry) const {
    const std::string time = time_text(entry.last_modified);
    if (json_) {
      std::printf("{\"key\":%s,\"size\":%llu,\"last_modified\":\"%s\",\"etag\":%s}\n",
                  json_string(entry.key).c_str(), static_cast<unsigned long long>(entry.size),
                  time.c_str(), json_string(entry.etag).c_str());
      return;
    }
    const std::string size = human_ ? format_size(entry.size) : std::to_string(entry.size);
    std::printf("%s  %12s  %s\n", time.c_str(), size.c_str(), printable(entry.key).c_str());
  }

  StoreAccess access_;
  bool recursive_ = false;
  bool human_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_ls() { return std::make_unique<ObjectListing>(); }

}  // namespace telpher
