// telpher ls: buckets, or objects below a prefix.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/item_report.h"
#include "cli/json_line.h"
#include "cli/name_rules.h"
#include "cli/object_walk.h"
#include "cli/progress_view.h"
#include "cli/store_options.h"
#include "cli/time_text.h"
#include "cli/verbs.h"
#include "store/rules.h"

#include <cstdio>

namespace telpher {
namespace {

class ObjectListing final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;

  Task<int> run(Command* command) override {
    Result<std::vector<Address>> addresses = parse_store_addresses(command->arguments, "ls");
    if (!addresses) co_return report_error(addresses.error());
    Result<NameFilter> filter = NameFilter::make(rules_);
    if (!filter) co_return report_error(filter.error());
    filter_ = *std::move(filter);
    if (addresses->empty()) addresses->push_back(*parse_address("s3://"));
    Session session(command->loop, command->settings, access_);
    ItemReport report(kReads, json_);
    for (const Address& address : *addresses) {
      const bool headed = addresses->size() > 1 && !json_;
      if (headed) std::printf("%s:\n", printable(address.text).c_str());
      Result<void> listed = co_await list(&session, address);
      if (listed) {
        report.done();
      } else {
        report.failed(address.text, listed.error());
      }
      if (headed && &address != &addresses->back()) std::puts("");
    }
    if (total_) print_total();
    co_return report.exit_code();
  }

 private:
  Task<Result<void>> list(Session* session, Address address) {
    if (address.object.bucket.empty()) co_return co_await list_buckets(session, address.kind);
    CO_TRY(ObjectWalk walk, co_await ObjectWalk::open(session, address,
                                                      {.plain = PlainKey::kPrefix,
                                                       .one_level = !recursive_,
                                                       .versions = versions_,
                                                       .filter = filter_}));
    std::uint64_t shown = 0;
    CO_TRY_VOID(co_await walk.for_each(
        [&](WalkPage page) { return print(&walk, std::move(page), &shown); }));
    // A bucket that is empty is there all the same.
    if (shown == 0 && walk.left_out() > 0) {
      warn_nothing_left(address.text, walk.left_out(), "objects");
    }
    if (shown > 0 || !rules_.empty() || address.object.key.empty()) co_return Result<void>();
    co_return make_error(ErrorKind::kNotFound, walk.is_pattern()
                                                   ? "no object matches"
                                                   : "no object has a name that begins so");
  }

  Task<Result<void>> list_buckets(Session* session, Address::Kind kind) {
    CO_TRY(ObjectStore * store, session->store(kind));
    CO_TRY(const std::vector<BucketInfo> buckets, co_await store->list_buckets());
    for (const BucketInfo& bucket : buckets) {
      if (json_) {
        JsonLine().text("bucket", bucket.name).text("created", time_text(bucket.created)).print();
      } else {
        std::printf("%s  %s\n", time_text(bucket.created).c_str(), bucket.name.c_str());
      }
    }
    co_return Result<void>();
  }

  Task<Result<void>> print(const ObjectWalk* walk, WalkPage page, std::uint64_t* shown) {
    for (const std::string& prefix : page.prefixes) print_prefix(*walk, prefix);
    for (const ListEntry& entry : page.objects) {
      print_object(*walk, entry);
      bytes_ += entry.size;
    }
    objects_ += page.objects.size();
    *shown += page.prefixes.size() + page.objects.size();
    co_return stdout_is_open();
  }

  void print_prefix(const ObjectWalk& walk, const std::string& prefix) const {
    if (json_) {
      JsonLine().text("bucket", walk.bucket()).text("prefix", prefix).print();
      return;
    }
    // Below the columns that only objects have.
    const int columns = 36 + (details_ ? 54 : 0) + (versions_ ? 36 : 0);
    std::printf("%*s", columns, "");
    print_name(walk, prefix);
  }

  void print_object(const ObjectWalk& walk, const ListEntry& entry) const {
    const std::string time = time_text(entry.last_modified);
    if (json_) {
      JsonLine line;
      line.text("bucket", walk.bucket()).text("key", entry.key).number("size", entry.size);
      line.text("last_modified", time).text("etag", entry.etag);
      if (!entry.storage_class.empty()) line.text("storage_class", entry.storage_class);
      if (entry.checksum != ChecksumAlgorithm::kNone) {
        line.text("checksum", to_string(entry.checksum)).boolean("composite", entry.composite);
      }
      if (versions_) {
        line.text("version_id", entry.version_id).boolean("is_latest", entry.is_latest);
        line.boolean("delete_marker", entry.delete_marker);
      }
      line.print();
      return;
    }
    const std::string size = entry.delete_marker ? "removed"
                             : human_            ? format_size(entry.size)
                                                 : std::to_string(entry.size);
    std::printf("%s  %12s  ", time.c_str(), size.c_str());
    if (details_) {
      std::printf("%-14s  %-36s  ",
                  entry.storage_class.empty() ? "-" : printable(entry.storage_class).c_str(),
                  printable(bare_etag(entry.etag)).c_str());
    }
    if (versions_) {
      std::printf("%s %-32s  ", entry.is_latest ? "*" : " ", printable(entry.version_id).c_str());
    }
    print_name(walk, entry.key);
  }

  void print_name(const ObjectWalk& walk, const std::string& key) const {
    std::puts(printable(full_ ? walk.address_of(key) : key).c_str());
  }

  void print_total() const {
    if (json_) {
      JsonLine()
          .text("event", "summary")
          .number("objects", objects_)
          .number("bytes", bytes_)
          .print();
      return;
    }
    std::printf("\n%llu objects, %s\n", static_cast<unsigned long long>(objects_),
                human_ ? format_size(bytes_).c_str() : (std::to_string(bytes_) + " bytes").c_str());
  }

  StoreAccess access_;
  NameFilter filter_;
  std::vector<NameRule> rules_;
  bool recursive_ = false;
  bool human_ = false;
  bool details_ = false;
  bool full_ = false;
  bool total_ = false;
  bool versions_ = false;
  bool json_ = false;
  std::uint64_t objects_ = 0;
  ByteCount bytes_ = 0;
};

void ObjectListing::describe(CommandLine& line, const Settings&) {
  line.positionals = {.name = "[ADDRESS…]", .help = "", .min = 0, .max = -1};
  line.details =
      "Without an address, or of s3:// and local://, the buckets. Of a bucket or prefix one level, "
      "unless --recursive: what lies deeper shows as a prefix. Quote patterns (*, **, ?, […]) so "
      "that the shell leaves them alone. What is not there ends with exit code 3.";
  line.examples =
      "telpher ls\ntelpher ls -H s3://photos/2026/\ntelpher ls 's3://logs/**/*.gz' --total\n"
      "telpher ls -r --json local://demo | jq -r .key";
  line.group("What to list");
  line.flag("-r,--recursive", "all objects below the prefix", recursive_);
  line.flag("--all-versions,--versions",
            "every version of them (* is the current one), and removals", versions_);
  add_filter_options(line, rules_);
  line.group("Output");
  line.flag("-l,--long", "storage class and ETag, too", details_);
  line.flag("-H,--human,--human-readable", "sizes as 1.5 MiB", human_);
  line.flag("--full,--show-fullpath", "whole addresses instead of keys", full_);
  line.flag("--summarize,--total", "the number of objects and bytes at the end", total_);
  line.flag("--json", "one JSON object per line", json_);
  add_store_options(line, access_);
}

}  // namespace

std::unique_ptr<Verb> make_ls() { return std::make_unique<ObjectListing>(); }

}  // namespace telpher
