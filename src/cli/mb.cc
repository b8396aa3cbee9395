// telpher mb: make a bucket.

#include "cli/command_line.h"
#include "cli/item_report.h"
#include "cli/json_line.h"
#include "cli/store_options.h"
#include "cli/verbs.h"
#include "session/exit_code.h"
#include "session/session.h"

namespace telpher {
namespace {

class MakeBucket final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {
        .name = "BUCKET…", .help = "s3://bucket or local://bucket", .min = 1, .max = -1};
    line.details = "A bucket that is one's own already is no error.";
    line.examples = "telpher mb s3://photos\ntelpher mb local://demo";
    line.group("Output");
    line.flag("--json", "one JSON object per line", json_);
    add_store_options(line, access_);
  }

  Task<int> run(Command* command) override {
    Session session(command->loop, command->settings, access_);
    ItemReport report(kWrites, json_);
    for (const std::string& text : command->arguments) {
      const Result<std::string> made = co_await make(&session, text);
      if (!made) {
        report.failed(text, made.error());
        continue;
      }
      report.done();
      if (json_) JsonLine().text("event", "done").text("bucket", *made).print();
    }
    co_return report.exit_code();
  }

  bool prints_results() const override { return json_; }

 private:
  /// Returns its name.
  static Task<Result<std::string>> make(Session* session, std::string text) {
    CO_TRY(const Address address, parse_address(text));
    if (!address.in_store() || address.object.bucket.empty() || !address.object.key.empty()) {
      co_return make_error(ErrorKind::kInvalid,
                           "'" + redacted(address) + "' is no bucket: s3://NAME or local://NAME");
    }
    CO_TRY(ObjectStore * store, session->store(address.kind));
    CO_TRY_VOID(co_await store->create_bucket(address.object.bucket));
    co_return address.object.bucket;
  }

  StoreAccess access_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_mb() { return std::make_unique<MakeBucket>(); }

}  // namespace telpher
