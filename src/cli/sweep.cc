// telpher sweep: open multipart uploads, which cost money until somebody ends them.

#include "transfer/sweep.h"

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/json_event.h"
#include "cli/store_options.h"
#include "cli/verbs.h"
#include "session/exit_code.h"
#include "session/session.h"

#include <cstdio>

namespace telpher {
namespace {

/// An open upload at the store, and what the journal knows about it.
struct OpenUpload {
  UploadInfo info;
  std::optional<JournalEntry> entry;  // empty = not ours
};

class Sweep final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {.name = "BUCKET", .help = "", .min = 1, .max = 1};
    line.details =
        "Lists the multipart uploads that are open in a bucket. With --abort those of telpher that "
        "no running process works on are ended; those of others only with --all, and only when "
        "they are old enough.";
    line.examples =
        "telpher sweep s3://photos\ntelpher sweep s3://photos --abort\n"
        "telpher sweep s3://photos --abort --all --older-than 24h";
    line.group("Sweeping");
    line.flag("--abort", "end them", abort_);
    line.flag("--all", "those that the journal does not know, too", all_);
    line.add({.names = "--older-than",
              .value = "TIME",
              .help = "of --all: only those begun so long ago (default 24h)",
              .set = [this](std::string_view text) -> Result<void> {
                TRY(older_than_, parse_duration(text));
                return {};
              }});
    line.group("Output");
    line.flag("--json", "one JSON object per line", json_);
    add_store_options(line, access_);
  }

  Task<int> run(Command* command) override {
    Session session(command->loop, command->settings, access_);
    Result<int> failed = co_await sweep(&session, command->arguments.front());
    Result<void> closed = co_await session.close();
    if (failed && !closed) failed = closed.error();
    if (!failed && failed.error().kind == ErrorKind::kNotFound) {
      (void)report_error(failed.error());
      co_return kExitSource;  // what is looked through is read, though uploads are ended there
    }
    if (!failed) co_return report_error(failed.error());
    co_return *failed ? kExitSomeFailed : kExitDone;
  }

 private:
  /// Returns how many could not be ended.
  Task<Result<int>> sweep(Session* session, std::string text) {
    CO_TRY(const Address address, parse_address(text));
    if (!address.in_store() || address.object.bucket.empty()) {
      co_return make_error(ErrorKind::kInvalid,
                           "'" + redacted(address) + "' is no bucket: s3://NAME or local://NAME");
    }
    CO_TRY(ObjectStore * store, session->store(address.kind));
    CO_TRY(Journal * journal, co_await session->journal());
    CO_TRY(const std::vector<JournalEntry> entries, co_await journal->unfinished());
    ListUploadsOptions options{.prefix = address.object.key};
    int failed = 0;
    int open = 0;
    do {
      CO_TRY(const UploadsPage page, co_await store->list_uploads(address.object.bucket, options));
      for (const UploadInfo& info : page.uploads) {
        ++open;
        const DestinationName name =
            session->name_of(address.kind, {address.object.bucket, info.key});
        OpenUpload upload = match(info, entries, name);
        Result<std::string> outcome =
            co_await deal_with(store, journal, address.object.bucket, upload);
        if (!outcome) {
          if (outcome.error().kind == ErrorKind::kCancelled) co_return outcome.error();
          ++failed;
        }
        print(upload, address.object.bucket, outcome, session->loop().wall_now());
      }
      options.key_marker = page.key_marker;
      options.upload_id_marker = page.upload_id_marker;
    } while (!options.key_marker.empty());
    if (open == 0 && !json_) std::puts("no upload is open");
    if (abort_) {
      // Transfers that died before they had an upload.
      CO_TRY_VOID(
          co_await sweep_journal(*journal, *store, session->name_of(address.kind, address.object)));
    }
    co_return failed;
  }

  static OpenUpload match(const UploadInfo& info, const std::vector<JournalEntry>& entries,
                          const DestinationName& name) {
    for (const JournalEntry& entry : entries) {
      if (entry.destination == name && is_upload_of(entry, info)) return {info, entry};
    }
    return {info, std::nullopt};
  }

  /// What is said of an upload that the journal does not know when --all was not given.
  std::string not_ours() const {
    if (!abort_ || json_) return "not ours";
    return "left alone: not ours (telpher sweep … --abort --all --older-than TIME ends it)";
  }

  /// Ends the upload when that was asked for and is right. Returns a word for people.
  Task<Result<std::string>> deal_with(ObjectStore* store, Journal* journal, std::string bucket,
                                      OpenUpload upload) {
    const ObjectAddress object{bucket, upload.info.key};
    Loop& loop = co_await current_loop();
    if (!upload.entry) {
      if (!all_) co_return not_ours();
      if (loop.wall_now() - upload.info.initiated < older_than_) co_return std::string("too young");
      if (!abort_) co_return std::string("would be ended by --abort");
      CO_TRY_VOID(co_await store->abort(object, upload.info.upload_id));
      co_return std::string("ended");
    }
    Result<std::unique_ptr<Journal::Lease>> lease =
        co_await journal->acquire(upload.entry->destination, loop.now());
    if (!lease && lease.error().kind == ErrorKind::kConflict) co_return std::string("in use");
    if (!lease) co_return std::move(lease).error();
    if (!abort_) co_return std::string("ours, unfinished");
    CO_TRY_VOID(co_await discard_transfer(*journal, *store, *upload.entry));
    co_return std::string("ended");
  }

  void print(const OpenUpload& upload, const std::string& bucket,
             const Result<std::string>& outcome, WallTime now) const {
    const std::string word = outcome ? *outcome : "failed";
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - upload.info.initiated);
    if (json_) {
      std::printf(
          "{\"bucket\":%s,\"key\":%s,\"upload_id\":%s,\"age_seconds\":%lld,\"outcome\":%s}\n",
          json_string(bucket).c_str(), json_string(upload.info.key).c_str(),
          json_string(upload.info.upload_id).c_str(), static_cast<long long>(age.count() / 1000),
          json_string(word).c_str());
    } else {
      std::printf("%s/%s  %s, begun %s ago, upload %s\n", bucket.c_str(),
                  printable(upload.info.key).c_str(), word.c_str(), format_duration(age).c_str(),
                  printable(upload.info.upload_id).c_str());
    }
    if (!outcome) report_error(outcome.error());
  }

  StoreAccess access_;
  bool abort_ = false;
  bool all_ = false;
  bool json_ = false;
  std::chrono::milliseconds older_than_ = std::chrono::hours(24);
};

}  // namespace

std::unique_ptr<Verb> make_sweep() { return std::make_unique<Sweep>(); }

}  // namespace telpher
