// telpher doctor: what a store can and cannot do, and how to mend what fails.

#include "cli/command_line.h"
#include "cli/doctor/examination.h"
#include "cli/verbs.h"

namespace telpher {
namespace {

class Doctor final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {.name = "[BUCKET]",
                        .help = "s3://bucket or local://bucket; none: this machine and the service",
                        .min = 0,
                        .max = 1};
    line.details =
        "Tries everything from the store's name to a copy within it, tells what works, and says "
        "how "
        "to mend what does not. A few small objects are written below .telpher-doctor/ and removed "
        "again.";
    line.examples =
        "telpher doctor s3://photos\ntelpher doctor s3://photos --read-only\ntelpher doctor\n"
        "telpher doctor --endpoint-url http://127.0.0.1:9000 --json";
    line.group("Examining");
    line.flag("--read-only", "write nothing", options_.read_only);
    line.group("Output");
    line.flag("--json", "one JSON object per check, then a summary", options_.json);
    // Who asks what is wrong does not want to wait for a minute.
    options_.access.connect_timeout = std::chrono::seconds(5);
    options_.access.idle_timeout = std::chrono::seconds(10);
    add_store_options(line, options_.access);
  }

  Task<int> run(Command* command) override {
    std::optional<Address> address;
    if (!command->arguments.empty()) {
      Result<Address> parsed = parse_address(command->arguments.front());
      if (parsed && !is_bucket(*parsed)) {
        parsed = make_error(ErrorKind::kInvalid,
                            "'" + redacted(*parsed) + "' is no bucket: s3://NAME or local://NAME");
      }
      if (!parsed) co_return report_error(parsed.error());
      // "s3://" alone is the service.
      if (!parsed->object.bucket.empty()) address = *std::move(parsed);
    }
    Examination examination(command->loop, command->settings, options_, std::move(address));
    co_return co_await examination.run();
  }

 private:
  static bool is_bucket(const Address& address) {
    if (address.kind == Address::Kind::kS3) return address.object.key.empty();
    return address.in_store() && !address.object.bucket.empty() && address.object.key.empty();
  }

  DoctorOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace telpher
