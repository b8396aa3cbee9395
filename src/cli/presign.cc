// telpher presign: links that let anyone read or write an object for a while.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/item_report.h"
#include "cli/json_line.h"
#include "cli/object_walk.h"
#include "cli/store_options.h"
#include "cli/time_text.h"
#include "cli/verbs.h"
#include "codec/text.h"

#include <cstdio>

namespace telpher {
namespace {

constexpr std::chrono::hours kLongest{7 * 24};  // more S3 does not accept

class Presigning final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;

  Task<int> run(Command* command) override {
    Result<std::vector<Address>> addresses = parse_store_addresses(command->arguments, "presign");
    if (!addresses) co_return report_error(addresses.error());
    for (const Address& address : *addresses) {
      Result<void> checked = check(address);
      if (!checked) co_return report_error(checked.error());
    }
    Session session(command->loop, command->settings, access_);
    ItemReport report(kWrites, json_);
    for (const Address& address : *addresses) {
      Result<std::string> link = co_await sign(&session, address);
      if (!link) {
        report.failed(address.text, link.error());
        continue;
      }
      report.done();
      print(address, *link, command->loop.wall_now() + expires_);
    }
    co_return report.exit_code();
  }

 private:
  static Result<void> check(const Address& address) {
    if (address.kind == Address::Kind::kLocal) {
      return make_error(ErrorKind::kInvalid,
                        "'" + address.text +
                            "' lies in the embedded store, which no link leads to. Serve it "
                            "(telpher s3) and presign its s3:// address");
    }
    if (!address.object.key.empty()) return {};
    return make_error(ErrorKind::kInvalid, "'" + address.text + "' names no object");
  }

  Task<Result<std::string>> sign(Session* session, Address address) {
    CO_TRY(S3Store * store, session->s3_store());
    co_return co_await store->presign(address.object, method_, expires_);
  }

  void print(const Address& address, const std::string& link, WallTime end) const {
    if (!json_) {
      std::puts(link.c_str());
      return;
    }
    JsonLine line;
    line.text("address", address.text).text("method", method_).text("url", link);
    line.text("expires", time_text(end)).print();
  }

  StoreAccess access_;
  std::string method_ = "GET";
  std::chrono::seconds expires_ = std::chrono::hours(1);
  bool json_ = false;
};

void Presigning::describe(CommandLine& line, const Settings&) {
  line.positionals = {.name = "ADDRESS…", .help = "", .min = 1, .max = -1};
  line.details =
      "Prints a link for each object, and nothing else. Whoever has the link may read (or with "
      "--method PUT write) the object until it expires or its credentials do. Nothing is asked of "
      "the store: that the object is there is not checked.";
  line.examples =
      "telpher presign s3://bucket/big.iso\ncurl -O $(telpher presign --expires 10m "
      "s3://bucket/f)\n"
      "curl -T f \"$(telpher presign --method PUT s3://bucket/f)\"";
  line.group("The link");
  line.add({.names = "--method",
            .value = "GET|PUT",
            .help = "what it allows (default GET)",
            .set = [this](std::string_view text) -> Result<void> {
              const std::string lower = to_lower(text);
              if (lower != "get" && lower != "put") {
                return make_error(ErrorKind::kInvalid, "must be GET or PUT");
              }
              method_ = lower == "put" ? "PUT" : "GET";
              return {};
            }});
  line.add({.names = "--expires-in,--expire,--expires",
            .value = "TIME",
            .help = "how long it is good: 10m, 12h, seconds; at most 7d (default 1h)",
            .set = [this](std::string_view text) -> Result<void> {
              TRY(const std::chrono::milliseconds time, parse_duration(text));
              if (time < std::chrono::seconds(1) || time > kLongest) {
                return make_error(ErrorKind::kInvalid, "must be from 1s to 7d");
              }
              expires_ = std::chrono::duration_cast<std::chrono::seconds>(time);
              return {};
            }});
  line.group("Output");
  line.flag("--json", "one JSON object per line", json_);
  add_store_options(line, access_);
}

}  // namespace

std::unique_ptr<Verb> make_presign() { return std::make_unique<Presigning>(); }

}  // namespace telpher
