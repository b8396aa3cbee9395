// telpher stat: all that a store, a server or the file system tells of one thing.

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/item_report.h"
#include "cli/json_event.h"
#include "cli/json_line.h"
#include "cli/object_walk.h"
#include "cli/progress_view.h"
#include "cli/store_options.h"
#include "cli/time_text.h"
#include "cli/verbs.h"
#include "store/rules.h"

#include <cstdio>
#include <utility>

namespace telpher {
namespace {

/// A fact in its two forms.
struct Fact {
  std::string label;  // for people: "Content type"
  std::string name;   // in JSON: "content_type"
  std::string value;
  std::string json = {};  // when it is no text
};

class Facts {
 public:
  void text(std::string label, std::string name, std::string value) {
    if (!value.empty()) facts_.push_back({std::move(label), std::move(name), std::move(value)});
  }
  void number(std::string label, std::string name, std::uint64_t number) {
    const std::string text = std::to_string(number);
    facts_.push_back({std::move(label), std::move(name), text, text});
  }
  void size(ByteCount bytes) {
    std::string text = std::to_string(bytes);
    std::string shown = bytes < kKiB ? text : text + " (" + format_size(bytes) + ")";
    facts_.push_back({"Size", "size", std::move(shown), std::move(text)});
  }
  void raw(Fact fact) { facts_.push_back(std::move(fact)); }

  void print(const std::string& address, bool json) const {
    if (json) {
      JsonLine line;
      line.text("address", address);
      for (const Fact& fact : facts_) {
        if (fact.name.empty()) continue;
        if (fact.json.empty()) {
          line.text(fact.name, fact.value);
        } else {
          line.raw(fact.name, fact.json);
        }
      }
      line.print();
      return;
    }
    std::puts(printable(address).c_str());
    for (const Fact& fact : facts_) {
      if (fact.label.empty()) continue;
      std::printf("  %-14s %s\n", fact.label.c_str(), printable(fact.value).c_str());
    }
  }

 private:
  std::vector<Fact> facts_;
};

std::string checksum_text(const StoredChecksum& checksum) {
  std::string text =
      std::string(to_string(checksum.digest.algorithm())) + ':' + checksum.digest.to_hex();
  if (checksum.parts > 0)
    text += " over the checksums of " + std::to_string(checksum.parts) + " parts";
  return text;
}

void add_metadata(Facts& facts, const ObjectMetadata& metadata) {
  facts.text("Content type", "content_type", metadata.content_type);
  facts.text("Encoding", "content_encoding", metadata.content_encoding);
  facts.text("Language", "content_language", metadata.content_language);
  facts.text("Disposition", "content_disposition", metadata.content_disposition);
  facts.text("Cache control", "cache_control", metadata.cache_control);
  facts.text("Expires", "expires", metadata.expires);
  if (metadata.user.empty()) return;
  JsonLine object;
  for (const auto& [name, value] : metadata.user) {
    facts.raw({"Metadata", "", name + ": " + value, ""});
    object.text(name, value);
  }
  facts.raw({"", "metadata", "", object.str()});
}

class Statement final : public Verb {
 public:
  void describe(CommandLine& line, const Settings& settings) override;

  Task<int> run(Command* command) override {
    std::vector<Address> addresses;
    for (const std::string& text : command->arguments) {
      Result<Address> address = parse_address(text);
      if (address && address->kind == Address::Kind::kStdio) {
        address = make_error(ErrorKind::kInvalid, "nothing is known of standard input beforehand");
      }
      if (!address) co_return report_error(address.error());
      addresses.push_back(*std::move(address));
    }
    Result<void> chosen = choose_version(addresses, version_id_);
    if (!chosen) co_return report_error(chosen.error());
    Session session(command->loop, command->settings, access_);
    session_ = &session;
    ItemReport report(kReads, json_);
    for (const Address& address : addresses) {
      Result<void> told = co_await tell(address);
      if (told) {
        report.done();
      } else {
        report.failed(redacted(address), told.error());
      }
    }
    co_return report.exit_code();
  }

 private:
  Task<Result<void>> tell(Address address) {
    if (!address.in_store()) co_return co_await tell_source(std::move(address));
    if (address.object.bucket.empty()) {
      co_return make_error(ErrorKind::kInvalid, "'" + address.text + "' names no bucket");
    }
    CO_TRY(ObjectStore * store, session_->store(address.kind));
    if (address.object.key.empty()) co_return co_await tell_bucket(store, std::move(address));
    co_return co_await for_each_object(session_, std::move(address), [&](Address object) {
      return tell_object(store, std::move(object));
    });
  }

  Task<Result<void>> tell_bucket(ObjectStore* store, Address address) {
    CO_TRY(const BucketInfo bucket, co_await store->head_bucket(address.object.bucket));
    Facts facts;
    facts.text("Kind", "kind", "bucket");
    if (bucket.created.time_since_epoch().count() > 0) {
      facts.text("Created", "created", time_text(bucket.created));
    }
    facts.text("Owner", "owner", bucket.owner);
    facts.print(destination_text(address.kind, {address.object.bucket, ""}), json_);
    co_return Result<void>();
  }

  Task<Result<void>> tell_object(ObjectStore* store, Address address) {
    CO_TRY(const ObjectInfo info, co_await store->head(address.object));
    Facts facts;
    facts.text("Kind", "kind", "object");
    facts.size(info.size);
    facts.text("Modified", "last_modified", time_text(info.last_modified));
    facts.raw({"ETag", "etag", std::string(bare_etag(info.etag)), json_string(info.etag)});
    add_metadata(facts, info.metadata);
    facts.text("Storage class", "storage_class", info.storage_class);
    facts.text("Version", "version_id", info.version_id);
    if (info.checksum) add_checksum(facts, *info.checksum);
    if (info.parts) facts.number("Parts", "parts", info.parts->size());
    if (info.tag_count > 0) CO_TRY_VOID(co_await add_tags(&facts, store, address.object));
    facts.print(destination_text(address.kind, address.object), json_);
    co_return stdout_is_open();
  }

  static void add_checksum(Facts& facts, const StoredChecksum& checksum) {
    facts.raw({"Checksum", "", checksum_text(checksum), ""});
    facts.raw({"", "checksum", "",
               json_string(std::string(to_string(checksum.digest.algorithm())) + ':' +
                           checksum.digest.to_hex())});
    if (checksum.parts > 0) {
      facts.raw({"", "checksum_parts", "", std::to_string(checksum.parts)});
    }
  }

  /// Who may read an object need not be allowed to read its tags: then their number is all.
  static Task<Result<void>> add_tags(Facts* facts, ObjectStore* store, ObjectAddress object) {
    const Result<Tags> tags = co_await store->tags(object);
    if (!tags && tags.error().kind == ErrorKind::kCancelled) co_return tags.error();
    if (!tags) co_return Result<void>();
    JsonLine line;
    for (const auto& [key, value] : *tags) {
      facts->raw({"Tag", "", key + ": " + value, ""});
      line.text(key, value);
    }
    facts->raw({"", "tags", "", line.str()});
    co_return Result<void>();
  }

  Task<Result<void>> tell_source(Address address) {
    CO_TRY(std::unique_ptr<Source> source, co_await session_->open_source(address, headers_));
    CO_TRY(const SourceInfo info, co_await source->probe());
    Facts facts;
    const bool file = address.kind == Address::Kind::kPath;
    facts.text("Kind", "kind", file ? "file" : "url");
    facts.text("Name", "name", info.name);
    if (info.size) facts.size(*info.size);
    if (info.last_modified) {
      facts.text("Modified", "last_modified", time_text(*info.last_modified));
    }
    if (!file) facts.text("ETag", "validator", info.validator);
    add_metadata(facts, info.metadata);
    if (info.digest) add_checksum(facts, {*info.digest, 0});
    if (!file) {
      facts.raw({"Ranges", "ranges", info.ranges ? "yes, read in parallel" : "no, read in one go",
                 info.ranges ? "true" : "false"});
    }
    facts.print(redacted(address), json_);
    co_return Result<void>();
  }

  StoreAccess access_;
  std::string version_id_;
  std::vector<std::string> headers_;
  bool json_ = false;
  Session* session_ = nullptr;
};

void Statement::describe(CommandLine& line, const Settings&) {
  line.positionals = {.name = "SOURCE…", .help = "", .min = 1, .max = -1};
  line.details =
      "Of an object: size, ETag, time, type, metadata, checksum, version, storage class, parts, "
      "tags. Of a bucket: that it is there. Of a URL or file: what a copy would find. Patterns (*, "
      "**, ?, […], quoted) mean each object that matches. What is not there ends with exit code 3.";
  line.examples =
      "telpher stat s3://bucket/big.iso\ntelpher stat --json 's3://bucket/2026/*' | jq .size\n"
      "telpher stat https://example.com/big.iso";
  line.group("What to tell of");
  add_version_option(line, version_id_);
  line.list("--header", "'NAME: VALUE'", "sent to http(s) servers; repeatable", headers_);
  line.group("Output");
  line.flag("--json", "one JSON object per line", json_);
  add_store_options(line, access_);
}

}  // namespace

std::unique_ptr<Verb> make_stat() { return std::make_unique<Statement>(); }

}  // namespace telpher
