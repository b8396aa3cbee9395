// telpher rb: remove buckets.

#include "cli/command_line.h"
#include "cli/json_line.h"
#include "cli/removal.h"
#include "cli/store_options.h"
#include "cli/verbs.h"
#include "transfer/sweep.h"

#include <cstdio>

namespace telpher {
namespace {

class BucketRemoval final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {
        .name = "BUCKET…", .help = "s3://bucket or local://bucket", .min = 1, .max = -1};
    line.details =
        "Removes buckets that are empty; with --force what is in them, too: objects and multipart "
        "uploads nobody has finished. Nothing is asked before.";
    line.examples = "telpher rb s3://old-photos\ntelpher rb --force local://demo";
    line.group("What to remove");
    line.flag("-f,--force", "first remove all objects and end all open uploads", force_);
    line.group("Output");
    line.flag("--json", "one JSON object per line", json_);
    add_store_options(line, access_);
  }

  Task<int> run(Command* command) override {
    Result<std::vector<Address>> addresses = parse_store_addresses(command->arguments, "rb");
    if (!addresses) co_return report_error(addresses.error());
    for (const Address& address : *addresses) {
      if (!address.object.bucket.empty() && address.object.key.empty()) continue;
      co_return report_error(make_error(
          ErrorKind::kInvalid, "'" + address.text + "' is no bucket: s3://NAME or local://NAME"));
    }
    Session session(command->loop, command->settings, access_);
    session_ = &session;
    ItemReport report(kWrites, json_);
    for (const Address& address : *addresses) {
      Result<void> removed = co_await remove(address, &report);
      if (removed) {
        report.done();
        if (json_) {
          JsonLine().text("event", "done").text("bucket", address.object.bucket).print();
        }
      } else {
        report.failed(address.text, removed.error());
      }
      if (co_await is_cancelled()) break;
    }
    (void)co_await shielded(session.close(), std::chrono::seconds(10));
    co_return report.exit_code();
  }

  bool prints_results() const override { return json_; }

 private:
  Task<Result<void>> remove(Address address, ItemReport* report) {
    CO_TRY(ObjectStore * store, session_->store(address.kind));
    if (force_) CO_TRY_VOID(co_await empty(store, address, report));
    Result<void> removed = co_await store->remove_bucket(address.object.bucket);
    if (!removed && is_not_empty(removed.error()) && force_) {
      // What has been removed lives on where versions are kept.
      CO_TRY_VOID(co_await remove_objects(address, report, {.versions = true}));
      removed = co_await store->remove_bucket(address.object.bucket);
    }
    if (!removed && is_not_empty(removed.error())) {
      removed.error().kind = ErrorKind::kPrecondition;  // waiting would not help
      removed.error().message = "S3 bucket '" + address.object.bucket +
                                "' is not empty (BucketNotEmpty). " +
                                (force_ ? "Somebody writes to it: run the same command again"
                                        : "With what is in it: telpher rb --force " + address.text);
    }
    co_return removed;
  }

  static bool is_not_empty(const Error& error) { return error.context.code == "BucketNotEmpty"; }

  Task<Result<void>> remove_objects(Address address, ItemReport* report,
                                    ObjectWalkOptions options) {
    CO_TRY(ObjectWalk walk, co_await ObjectWalk::open(session_, address, std::move(options)));
    CountView view(session_->loop(), !json_);
    Removal removal({}, *report, view);
    CO_TRY_VOID(co_await removal.remove_all(&walk));
    co_return Result<void>();
  }

  Task<Result<void>> empty(ObjectStore* store, Address address, ItemReport* report) {
    const std::string& bucket = address.object.bucket;
    CO_TRY_VOID(co_await remove_objects(address, report, {}));
    ListUploadsOptions options;
    do {
      CO_TRY(const UploadsPage page, co_await store->list_uploads(bucket, options));
      for (const UploadInfo& upload : page.uploads) {
        CO_TRY_VOID(co_await store->abort({bucket, upload.key}, upload.upload_id));
      }
      options.key_marker = page.key_marker;
      options.upload_id_marker = page.upload_id_marker;
    } while (!options.key_marker.empty());
    // What the journal keeps for a resume has nothing to go on with. Without a journal there is
    // none.
    Result<Journal*> journal = co_await session_->journal();
    if (journal) {
      CO_TRY_VOID(
          co_await sweep_journal(**journal, *store, session_->name_of(address.kind, {bucket, ""})));
    }
    co_return Result<void>();
  }

  StoreAccess access_;
  bool force_ = false;
  bool json_ = false;
  Session* session_ = nullptr;
};

}  // namespace

std::unique_ptr<Verb> make_rb() { return std::make_unique<BucketRemoval>(); }

}  // namespace telpher
