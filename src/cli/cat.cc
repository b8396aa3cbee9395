// telpher cat: the bytes of objects on standard output, one after the other.

#include "cli/command_line.h"
#include "cli/item_report.h"
#include "cli/object_walk.h"
#include "cli/reading.h"
#include "cli/signals.h"
#include "cli/sliced_source.h"
#include "cli/store_options.h"
#include "cli/verbs.h"

#include <unistd.h>

namespace telpher {
namespace {

class Concatenation final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;

  Task<int> run(Command* command) override {
    std::vector<Address> addresses;
    for (const std::string& text : command->arguments) {
      Result<Address> address = parse_address(text);
      if (address) address = check(*std::move(address));
      if (!address) co_return report_error(address.error());
      addresses.push_back(*std::move(address));
    }
    Result<void> chosen = choose_version(addresses, version_id_);
    if (!chosen) co_return report_error(chosen.error());
    Session session(command->loop, command->settings, access_);
    Reading reading(command->settings.memory);
    session_ = &session;
    engine_ = &reading.engine;
    ItemReport report(kReads, false);
    for (const Address& address : addresses) {
      Result<void> written = co_await write(address);
      if (written) {
        report.done();
        continue;
      }
      if (written.error().context.code == "EPIPE") {
        (void)co_await session.close();
        end_by_broken_pipe();
      }
      report.failed(redacted(address), written.error());
      // An output that takes no more takes nothing of the others.
      if (written.error().context.operation == "write") break;
    }
    co_return report.exit_code();
  }

 private:
  static Result<Address> check(Address address) {
    const bool named =
        !address.is_prefix() || (!address.object.key.empty() && !is_glob(address.object.key));
    if (!address.in_store() || (named && !address.object.bucket.empty())) return address;
    return no_object(address);
  }

  static Error no_object(const Address& address) {
    return make_error(ErrorKind::kInvalid,
                      "'" + address.text + "' is no object. To read all below it: telpher cat '" +
                          address.text + (address.text.ends_with('/') ? "**'" : "/**'"));
  }

  /// An object whose key ends in "/", as consoles make them for folders.
  Task<Result<void>> write_marker(Address address) {
    CO_TRY(ObjectStore * store, session_->store(address.kind));
    const Result<ObjectInfo> marker = co_await store->head(address.object);
    if (!marker && marker.error().kind == ErrorKind::kNotFound) co_return no_object(address);
    co_return co_await write_one(std::move(address));
  }

  Task<Result<void>> write(Address address) {
    if (!address.in_store()) return write_one(std::move(address));
    const bool marker = address.is_prefix() && address.object.version_id.empty();
    if (marker) return write_marker(std::move(address));
    return for_each_object(session_, std::move(address),
                           [this](Address object) { return write_one(std::move(object)); });
  }

  Task<Result<void>> write_one(Address address) {
    CO_TRY(std::unique_ptr<Source> source, co_await session_->open_source(address, {}));
    if (range_) source = std::make_unique<SlicedSource>(std::move(source), *range_);
    TransferProgress progress;
    TransferOptions options;
    CO_TRY_VOID(co_await download_stream(*engine_, *source, STDOUT_FILENO, options, progress));
    co_return Result<void>();
  }

  StoreAccess access_;
  std::string version_id_;
  std::optional<RangeRequest> range_;
  Session* session_ = nullptr;
  Engine* engine_ = nullptr;
};

void Concatenation::describe(CommandLine& line, const Settings&) {
  line.positionals = {.name = "SOURCE…", .help = "", .min = 1, .max = -1};
  line.details =
      "Writes what the addresses name to standard output, in order: objects, patterns of objects "
      "(*, **, ?, […], quoted), URLs, files. A connection that breaks is continued where it broke. "
      "What does not fit its checksum ends with exit code 6: then do not use it.";
  line.examples =
      "telpher cat s3://bucket/notes.txt\ntelpher cat 's3://logs/2026-11/*.gz' | zcat | grep -c "
      "error\ntelpher cat --range 0-1023 s3://bucket/big.iso | xxd | head";
  line.group("What to read");
  add_version_option(line, version_id_);
  line.add({.names = "--range",
            .value = "FIRST-LAST",
            .help = "of each only these bytes, counted from 0; 100- is all from the 101st on, "
                    "-100 the last 100",
            .set = [this](std::string_view text) -> Result<void> {
              range_ = parse_range_request("bytes=" + std::string(text));
              if (range_) return {};
              return make_error(ErrorKind::kInvalid, "must be FIRST-LAST, FIRST- or -COUNT, not '" +
                                                         std::string(text) + "'");
            }});
  add_store_options(line, access_);
}

}  // namespace

std::unique_ptr<Verb> make_cat() { return std::make_unique<Concatenation>(); }

}  // namespace telpher
