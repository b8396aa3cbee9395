#include "cli/copy_options.h"

#include "base/units.h"
#include "cli/command_line.h"
#include "cli/name_rules.h"
#include "codec/text.h"
#include "source/http_facts.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

Result<void> set_part_size(PartSizePolicy& policy, std::string_view text) {
  if (text == "auto") {
    policy = {PartSizePolicy::Kind::kAuto, 0};
  } else if (text == "tiered") {
    policy = {PartSizePolicy::Kind::kTiered, 0};
  } else {
    TRY(const ByteCount size, parse_size(text));
    if (size < 5 * kMiB || size > 5 * kGiB) {
      return make_error(ErrorKind::kInvalid, "must be auto, tiered or a size from 5MiB to 5GiB");
    }
    policy = {PartSizePolicy::Kind::kFixed, size};
  }
  return {};
}

Result<void> set_overwrite(OverwritePolicy& policy, std::string_view text) {
  if (text == "always") {
    policy = OverwritePolicy::kAlways;
  } else if (text == "never") {
    policy = OverwritePolicy::kNever;
  } else if (text == "if-different") {
    policy = OverwritePolicy::kIfDifferent;
  } else {
    return make_error(ErrorKind::kInvalid, "must be always, never or if-different");
  }
  return {};
}

Result<void> set_metadata(ObjectMetadata& metadata, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return make_error(ErrorKind::kInvalid, "must be NAME=VALUE, not '" + std::string(text) + "'");
  }
  metadata.user[to_lower(text.substr(0, equals))] = text.substr(equals + 1);
  return {};
}

/// "1MiB/s" or "1MiB".
Result<ByteCount> parse_rate(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  TRY(const ByteCount rate, parse_size(text));
  if (rate == 0) return make_error(ErrorKind::kInvalid, "must be above 0");
  return rate;
}

template <class T>
std::function<Result<void>(std::string_view)> size_setter(T& target) {
  return [&target](std::string_view text) -> Result<void> {
    TRY(target, parse_size(text));
    return {};
  };
}

void add_speed_options(CommandLine& line, CopySettings& copy) {
  line.group("Speed and memory");
  line.number("--concurrency", "parts in flight (default 10)", {1, 256}, copy.transfer.concurrency);
  line.number("--source-connections", "connections to one source, at most (default 8)", {1, 64},
              copy.transfer.source_connections);
  line.add({.names = "--part-size",
            .value = "auto|tiered|SIZE",
            .help = "5MiB to 5GiB; auto: 16MiB, less for small files or budgets, more above "
                    "156GiB or from pipes",
            .set = [&copy](std::string_view text) {
              return set_part_size(copy.transfer.part_size, text);
            }});
  line.add({.names = "--memory",
            .value = "SIZE",
            .help = "budget of part buffers (default 256MiB, at most a quarter of RAM)",
            .set = size_setter(copy.memory)});
  line.add({.names = "--rate",
            .value = "SIZE/s",
            .help = "at most so many bytes a second, all together",
            .set = [&copy](std::string_view text) -> Result<void> {
              TRY(copy.rate, parse_rate(text));
              return {};
            }});
}

void add_proof_options(CommandLine& line, CopySettings& copy) {
  line.group("What to copy, and proof");
  add_filter_options(line, copy.filters);
  add_link_option(line, copy.follow_links);
  line.add({.names = "--overwrite",
            .value = "always|never|if-different",
            .help = "what to do when the destination exists (default always)",
            .set = [&copy](std::string_view text) {
              copy.overwrite_given = true;
              return set_overwrite(copy.transfer.overwrite, text);
            }});
  line.flag("--if-none-match", "refuse to write when the object or file exists",
            copy.transfer.if_none_match);
  line.add({.names = "--checksum",
            .value = "crc64nvme|crc32c|sha256|md5|none",
            .help = "of each part and of the whole (default crc64nvme)",
            .set = [&copy](std::string_view text) -> Result<void> {
              TRY(copy.transfer.checksum, parse_checksum_algorithm(text));
              return {};
            }});
  line.flag("--no-resume", "end unfinished work of before instead of continuing it",
            copy.transfer.resume, false);
  line.flag("-n,--dryrun,--dry-run", "say what would be done, and do nothing", copy.dry_run);
}

void add_object_options(CommandLine& line, CopySettings& copy) {
  ObjectMetadata& metadata = copy.transfer.metadata;
  StorageOptions& storage = copy.transfer.storage;
  line.group("The object");
  line.text("--content-type", "TYPE", "default: as the source says, else by the name",
            metadata.content_type);
  line.text("--content-encoding", "CODING", "gzip, br, …: how the bytes are coded",
            metadata.content_encoding);
  line.text("--content-language", "TAG", "de, en-GB, …", metadata.content_language);
  line.text("--content-disposition", "TEXT", "what browsers call it: attachment; filename=…",
            metadata.content_disposition);
  line.text("--cache-control", "TEXT", "how long caches may keep it: max-age=3600",
            metadata.cache_control);
  line.add({.names = "--metadata",
            .value = "NAME=VALUE",
            .help = "kept with the object; repeatable",
            .repeatable = true,
            .set = [&metadata](std::string_view text) { return set_metadata(metadata, text); }});
  line.text("--storage-class", "NAME", "STANDARD, STANDARD_IA, …", storage.storage_class);
  line.text("--sse", "NAME", "encryption by the store: AES256 or aws:kms",
            storage.server_side_encryption);
  line.text("--sse-kms-key-id", "ID", "key for aws:kms", storage.sse_kms_key_id);
  line.text("--acl", "NAME", "canned access list: private, public-read, …", storage.acl);
}

}  // namespace

void add_copy_options(CommandLine& line, CopySettings& copy, const Settings& settings) {
  copy.transfer.concurrency = settings.concurrency;
  copy.memory = settings.memory;
  add_proof_options(line, copy);
  add_speed_options(line, copy);
  add_object_options(line, copy);
  line.group("Sources");
  line.add({.names = "--header",
            .value = "'NAME: VALUE'",
            .help = "sent to http(s) sources; repeatable",
            .repeatable = true,
            .set = [&copy](std::string_view text) -> Result<void> {
              std::string header(text);
              TRY_VOID(parse_user_headers({header}));
              copy.source_headers.push_back(std::move(header));
              return {};
            }});
}

void add_expect_option(CommandLine& line, CopySettings& copy) {
  line.add({.names = "--expect",
            .value = "ALGORITHM:HEX",
            .help = "digest of the whole; with any other nothing appears",
            .set = [&copy](std::string_view text) -> Result<void> {
              TRY(copy.transfer.expect, parse_digest(text));
              return {};
            }});
}

}  // namespace telpher
