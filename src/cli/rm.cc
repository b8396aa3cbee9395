// telpher rm: remove objects.

#include "cli/command_line.h"
#include "cli/key_list.h"
#include "cli/name_rules.h"
#include "cli/removal.h"
#include "cli/store_options.h"
#include "cli/verbs.h"

#include <algorithm>
#include <cstdio>
#include <span>

namespace telpher {
namespace {

class ObjectRemoval final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;

  Task<int> run(Command* command) override {
    Result<std::vector<Address>> addresses = parse_store_addresses(command->arguments, "rm");
    if (!addresses) co_return report_error(addresses.error());
    Result<void> checked = choose_version(*addresses, version_id_);
    if (checked) checked = check(*addresses);
    if (!checked) co_return report_error(checked.error());
    Result<NameFilter> filter = NameFilter::make(rules_);
    if (!filter) co_return report_error(filter.error());
    filter_ = *std::move(filter);
    options_.verbose = options_.verbose && !quiet_;

    Session session(command->loop, command->settings, access_);
    ItemReport report(kWrites, options_.json);
    // What is named one by one is progress enough.
    CountView view(command->loop,
                   !quiet_ && !options_.json && !options_.verbose && !options_.dry_run);
    Removal removal(options_, report, view);
    session_ = &session;
    removal_ = &removal;
    checked = co_await check_markers(*addresses);
    if (!checked) co_return report_error(checked.error());
    for (std::size_t i = 0; i < addresses->size() && !co_await is_cancelled();) {
      const Address& first = (*addresses)[i];
      const std::size_t alike = plain_alike(std::span(*addresses).subspan(i));
      Result<void> removed = alike > 1
                                 ? co_await remove_plain(std::span(*addresses).subspan(i, alike))
                                 : co_await remove(first);
      view.clear();
      if (!removed) report.failed(first.text, removed.error());
      i += std::max<std::size_t>(alike, 1);
    }
    if (co_await is_cancelled()) {
      std::fprintf(stderr, "telpher: interrupted after %llu objects were removed\n",
                   static_cast<unsigned long long>(removal.removed()));
    } else if (options_.json || (said_ && !quiet_ && removal.removed() + removal.failed() > 0)) {
      removal.print_summary();
    }
    co_return report.exit_code();
  }

  bool prints_results() const override { return options_.json; }

 private:
  /// How many of the first ones are plain objects of one bucket: they go in one request.
  std::size_t plain_alike(std::span<const Address> addresses) const {
    const bool plain = !recursive_ && !all_versions_ && from_file_.empty() && version_id_.empty();
    if (!plain) return 0;
    const Address& first = addresses.front();
    const auto other = std::ranges::find_if(addresses, [&first](const Address& address) {
      return address.kind != first.kind || address.object.bucket != first.object.bucket ||
             is_glob(address.object.key);
    });
    return static_cast<std::size_t>(other - addresses.begin());
  }

  Task<Result<void>> remove_plain(std::span<const Address> addresses) {
    CO_TRY(ObjectStore * store, session_->store(addresses.front().kind));
    std::size_t index = 0;
    co_return co_await removal_->remove_listed(store, addresses.front().kind,
                                               addresses.front().object.bucket,
                                               [&]() -> Result<std::optional<std::string>> {
                                                 if (index == addresses.size()) return std::nullopt;
                                                 return addresses[index++].object.key;
                                               });
  }

  /// What must not be begun. Errors: kInvalid.
  Result<void> check(const std::vector<Address>& addresses) {
    for (const Address& address : addresses) {
      const std::string& key = address.object.key;
      if (address.object.bucket.empty()) {
        return make_error(ErrorKind::kInvalid, "'" + address.text + "' names no bucket");
      }
      const bool plain = !address.is_prefix() || is_glob(key) || !version_id_.empty();
      if (plain || !from_file_.empty() || recursive_) continue;
      if (all_versions_ && !key.empty()) return is_prefix(address);
      if (!key.empty()) continue;  // check_markers() looks what is there
      return make_error(ErrorKind::kInvalid, "'" + address.text +
                                                 "' is a whole bucket: with -r all its objects are "
                                                 "removed; the bucket itself: telpher rb " +
                                                 address.text);
    }
    const bool filtered = !rules_.empty();
    for (const Address& address : addresses) {
      if (!filtered || recursive_ || is_glob(address.object.key)) continue;
      return make_error(ErrorKind::kInvalid,
                        "--include and --exclude choose from what -r or a pattern finds; '" +
                            address.text + "' is one object");
    }
    if (all_versions_ && (!version_id_.empty() || !from_file_.empty())) {
      return make_error(ErrorKind::kInvalid,
                        "--all-versions goes with neither --version-id nor --from-file");
    }
    if (!version_id_.empty() && (recursive_ || !from_file_.empty())) {
      return make_error(ErrorKind::kInvalid, "--version-id is about one object of a store");
    }
    if (!from_file_.empty() && (recursive_ || addresses.size() != 1)) {
      return make_error(ErrorKind::kInvalid, "--from-file takes one bucket or prefix, and no -r");
    }
    return {};
  }

  static Error is_prefix(const Address& address) {
    return make_error(ErrorKind::kInvalid, "'" + address.text +
                                               "' is a prefix: with -r all objects below it are "
                                               "removed");
  }

  /// Consoles keep a folder as an object whose key ends in "/": that one can be meant. Before
  /// anything is removed. Errors: kInvalid when no object has that very key.
  Task<Result<void>> check_markers(std::span<const Address> addresses) {
    if (recursive_ || !from_file_.empty() || !version_id_.empty()) co_return Result<void>();
    for (const Address& address : addresses) {
      if (!address.is_prefix() || is_glob(address.object.key)) continue;
      CO_TRY(ObjectStore * store, session_->store(address.kind));
      const Result<ObjectInfo> marker = co_await store->head(address.object);
      if (marker) continue;
      co_return marker.error().kind == ErrorKind::kNotFound ? is_prefix(address) : marker.error();
    }
    co_return Result<void>();
  }

  Task<Result<void>> remove(Address address) {
    if (!from_file_.empty()) co_return co_await remove_listed(std::move(address));
    CO_TRY(ObjectStore * store, session_->store(address.kind));
    const bool plain =
        !recursive_ && !all_versions_ && (!is_glob(address.object.key) || !version_id_.empty());
    if (plain) co_return co_await removal_->remove_object(store, address.kind, address.object);
    CO_TRY(ObjectWalk walk,
           co_await ObjectWalk::open(session_, address,
                                     {.plain = recursive_ ? PlainKey::kTree : PlainKey::kObject,
                                      .versions = all_versions_,
                                      .filter = filter_}));
    said_ = true;
    CO_TRY(const std::uint64_t found, co_await removal_->remove_all(&walk));
    // Nothing in a bucket is what -r was to bring about; a name that fits nothing is a mistake.
    if (found == 0 && walk.left_out() > 0 && address.object.key.empty()) {
      warn_nothing_left(address.text, walk.left_out(), "objects");
    }
    if (found > 0 || address.object.key.empty()) co_return Result<void>();
    co_return make_error(ErrorKind::kNotFound, walk.left_out() > 0
                                                   ? nothing_left_text(walk.left_out(), "objects")
                                               : walk.is_pattern() ? "no object matches"
                                                                   : "no object is there");
  }

  Task<Result<void>> remove_listed(Address address) {
    CO_TRY(ObjectStore * store, session_->store(address.kind));
    CO_TRY(KeyList list, KeyList::open(from_file_, destination_text(address.kind, address.object)));
    said_ = true;
    co_return co_await removal_->remove_listed(
        store, address.kind, address.object.bucket,
        [&list, prefix = address.object.key] { return list.next(prefix); });
  }

  StoreAccess access_;
  std::string version_id_;
  RemovalOptions options_;
  NameFilter filter_;
  std::vector<NameRule> rules_;
  std::string from_file_;
  bool recursive_ = false;
  bool all_versions_ = false;
  bool quiet_ = false;
  bool said_ = false;  // more than one object was meant: a line says how many there were
  Session* session_ = nullptr;
  Removal* removal_ = nullptr;
};

void ObjectRemoval::describe(CommandLine& line, const Settings&) {
  line.positionals = {.name = "ADDRESS…", .help = "", .min = 1, .max = -1};
  line.details =
      "Removes objects, a thousand in a request. An object that is not there is removed already: "
      "no "
      "error. A pattern (*, **, ?, […], quoted) or a prefix with -r that finds nothing ends with "
      "exit "
      "code 3. What ends in '/' and is itself an object (a folder, as consoles make them) goes "
      "without -r. Nothing is asked before; -n shows what would go.";
  line.examples =
      "telpher rm s3://bucket/old.iso\ntelpher rm -r s3://bucket/logs/2024/ --exclude '*.gz'\n"
      "telpher rm 's3://bucket/**/*.tmp' -n\n"
      "telpher ls -r --json s3://bucket | jq -r 'select(.size == 0).key' | telpher rm s3://bucket "
      "--from-file -";
  line.group("What to remove");
  line.flag("-r,--recursive", "the address and all objects below it", recursive_);
  add_filter_options(line, rules_);
  line.text("--from-file", "LIST",
            "the keys that stand in this file, one a line, below the address; - is standard input",
            from_file_);
  add_version_option(line, version_id_);
  line.flag("--all-versions", "every version of what is named, for good", all_versions_);
  line.flag("-n,--dryrun,--dry-run", "say what would be removed, and remove nothing",
            options_.dry_run);
  line.number("--concurrency", "requests at once (default 8)", {1, 256}, options_.requests_max);
  line.group("Output");
  line.flag("-v,--verbose", "name each object that is gone", options_.verbose);
  line.flag("--json", "one JSON object per line and event", options_.json);
  line.flag("-q,--quiet", "errors only", quiet_);
  add_store_options(line, access_);
}

}  // namespace

std::unique_ptr<Verb> make_rm() { return std::make_unique<ObjectRemoval>(); }

}  // namespace telpher
