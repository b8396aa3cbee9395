// telpher du: how much lies below an address.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/count_view.h"
#include "cli/item_report.h"
#include "cli/json_line.h"
#include "cli/name_rules.h"
#include "cli/object_walk.h"
#include "cli/progress_view.h"
#include "cli/store_options.h"
#include "cli/verbs.h"

#include <algorithm>
#include <cstdio>

namespace telpher {
namespace {

struct Usage {
  std::uint64_t objects = 0;
  ByteCount bytes = 0;

  void add(const Usage& other) {
    objects += other.objects;
    bytes += other.bytes;
  }
};

class DiskUsage final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;

  Task<int> run(Command* command) override {
    Result<std::vector<Address>> addresses = parse_store_addresses(command->arguments, "du");
    if (!addresses) co_return report_error(addresses.error());
    Result<NameFilter> filter = NameFilter::make(rules_);
    if (!filter) co_return report_error(filter.error());
    filter_ = *std::move(filter);
    Session session(command->loop, command->settings, access_);
    ItemReport report(kReads, json_);
    CountView view(command->loop, !json_);
    view_ = &view;
    Usage total;
    for (const Address& address : *addresses) {
      const Result<Usage> usage = co_await measure(&session, address);
      view.clear();
      if (usage) {
        report.done();
        total.add(*usage);
        print(address.text, *usage);
      } else {
        report.failed(address.text, usage.error());
      }
      if (!stdout_is_open()) break;
    }
    if (addresses->size() > 1) print(json_ ? "" : "total", total);
    co_return report.exit_code();
  }

 private:
  /// A folder whose objects are being counted. Keys come in order, so that those of one folder come
  /// one after the other: only the folders on the way to the current key are open.
  struct Folder {
    std::string prefix;  // with its "/"
    Usage usage;
  };

  Task<Result<Usage>> measure(Session* session, Address address) {
    CO_TRY(ObjectWalk walk, co_await ObjectWalk::open(
                                session, address, {.plain = PlainKey::kTree, .filter = filter_}));
    Usage usage;
    std::vector<Folder> open;
    CO_TRY_VOID(co_await walk.for_each(
        [&](WalkPage page) { return count(&walk, std::move(page), &usage, &open); }));
    close_down_to(walk, open, 0);
    if (walk.found() > 0) co_return usage;
    if (!address.object.key.empty()) {
      co_return make_error(ErrorKind::kNotFound, walk.left_out() > 0
                                                     ? nothing_left_text(walk.left_out(), "objects")
                                                 : walk.is_pattern() ? "no object matches"
                                                                     : "no object is there");
    }
    if (walk.left_out() > 0) warn_nothing_left(address.text, walk.left_out(), "objects");
    co_return usage;
  }

  Task<Result<void>> count(const ObjectWalk* walk, WalkPage page, Usage* usage,
                           std::vector<Folder>* open) {
    for (const ListEntry& entry : page.objects) {
      usage->add({1, entry.size});
      if (depth_ > 0) open_folders_of(*walk, entry.key, *open);
      if (!open->empty()) open->back().usage.add({1, entry.size});
    }
    if (view_->due()) {
      view_->draw("counted " + std::to_string(usage->objects) + " objects, " +
                  format_size(usage->bytes));
    }
    co_return stdout_is_open();
  }

  void open_folders_of(const ObjectWalk& walk, const std::string& key, std::vector<Folder>& open) {
    std::size_t kept = 0;
    while (kept < open.size() && key.starts_with(open[kept].prefix)) ++kept;
    close_down_to(walk, open, kept);
    std::size_t from =
        open.empty() ? std::min(walk.base().size(), key.size()) : open.back().prefix.size();
    while (open.size() < static_cast<std::size_t>(depth_)) {
      const std::size_t slash = key.find('/', from);
      if (slash == std::string::npos) break;
      open.push_back({key.substr(0, slash + 1), {}});
      from = slash + 1;
    }
  }

  /// Innermost first, as du does.
  void close_down_to(const ObjectWalk& walk, std::vector<Folder>& open, std::size_t kept) {
    while (open.size() > kept) {
      const Folder folder = std::move(open.back());
      open.pop_back();
      if (!open.empty()) open.back().usage.add(folder.usage);
      print(walk.address_of(folder.prefix), folder.usage);
    }
  }

  void print(const std::string& address, const Usage& usage) const {
    view_->clear();
    if (json_) {
      JsonLine line;
      if (address.empty()) {
        line.text("event", "summary");
      } else {
        line.text("address", address);
      }
      line.number("objects", usage.objects).number("bytes", usage.bytes).print();
      return;
    }
    const std::string size = human_ ? format_size(usage.bytes) : std::to_string(usage.bytes);
    std::printf("%14s  %8llu  %s\n", size.c_str(), static_cast<unsigned long long>(usage.objects),
                printable(address).c_str());
  }

  StoreAccess access_;
  NameFilter filter_;
  std::vector<NameRule> rules_;
  CountView* view_ = nullptr;
  int depth_ = 0;
  bool human_ = false;
  bool json_ = false;
};

void DiskUsage::describe(CommandLine& line, const Settings&) {
  line.positionals = {.name = "ADDRESS…", .help = "", .min = 1, .max = -1};
  line.details =
      "Bytes and number of the objects below an address: a bucket, a prefix, or a pattern (*, **, "
      "?, "
      "[…], quoted). The whole content is listed for it. What is not there ends with exit code 3.";
  line.examples =
      "telpher du -H s3://bucket\ntelpher du -H --depth 1 s3://bucket/photos/\n"
      "telpher du 's3://bucket/**/*.jpg' --json";
  line.group("What to count");
  add_filter_options(line, rules_);
  line.number("-d,--max-depth,--depth", "the folders above, too, so many levels deep", {0, 1000},
              depth_);
  line.group("Output");
  line.flag("-H,--human,--human-readable", "sizes as 1.5 MiB", human_);
  line.flag("--json", "one JSON object per line", json_);
  add_store_options(line, access_);
}

}  // namespace

std::unique_ptr<Verb> make_du() { return std::make_unique<DiskUsage>(); }

}  // namespace telpher
