#include "library/translate.h"

#include "base/units.h"

#include <algorithm>

namespace telpher {
namespace {

FailureSide side_of(const Error& error, CopyEnds ends) {
  switch (exit_code_for(error, ends)) {
    case kExitSource: return FailureSide::kSource;
    case kExitDestination: return FailureSide::kDestination;
    case kExitGaveUp: return FailureSide::kGaveUp;
    case kExitIntegrity: return FailureSide::kIntegrity;
    case kExitInterrupted: return FailureSide::kCancelled;
    // A limit is one of the options: its message names the value that would do.
    case kExitDone:
    case kExitSomeFailed:
    case kExitUsage: break;
  }
  return FailureSide::kUsage;
}

Error usage(std::string message) { return make_error(ErrorKind::kInvalid, std::move(message)); }

std::string addressing_of(Client::Options::Addressing addressing) {
  using Addressing = Client::Options::Addressing;
  switch (addressing) {
    case Addressing::kPath: return "path";
    case Addressing::kVirtual: return "virtual";
    case Addressing::kAuto: break;
  }
  return {};  // as the profile says
}

OverwritePolicy policy_of(Client::CopyOptions::Overwrite overwrite) {
  using Overwrite = Client::CopyOptions::Overwrite;
  switch (overwrite) {
    case Overwrite::kNever: return OverwritePolicy::kNever;
    case Overwrite::kIfDifferent: return OverwritePolicy::kIfDifferent;
    case Overwrite::kAlways: break;
  }
  return OverwritePolicy::kAlways;
}

Result<Digest> digest_of(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  TRY(const ChecksumAlgorithm algorithm, parse_checksum_algorithm(text.substr(0, colon)));
  if (colon == text.size() || algorithm == ChecksumAlgorithm::kNone) {
    return usage("expect: must be ALGORITHM:HEX, as in sha256:9f86d0…");
  }
  return Digest::from_hex(algorithm, text.substr(colon + 1));
}

void set_object_options(const Client::CopyOptions& options, TransferOptions& transfer) {
  ObjectMetadata& metadata = transfer.metadata;
  metadata.content_type = options.content_type;
  metadata.content_encoding = options.content_encoding;
  metadata.content_language = options.content_language;
  metadata.content_disposition = options.content_disposition;
  metadata.cache_control = options.cache_control;
  metadata.user = options.metadata;
  transfer.storage = {.storage_class = options.storage_class,
                      .server_side_encryption = options.sse,
                      .sse_kms_key_id = options.sse_kms_key_id,
                      .acl = options.acl};
}

}  // namespace

Failure failure_of(const Error& error, CopyEnds ends) {
  return {.side = side_of(error, ends),
          .kind = std::string(to_string(error.kind)),
          .message = error.message,
          .code = error.context.code,
          .http_status = error.context.http_status};
}

Result<Settings> settings_of(const Client::Options& options) {
  Environment environment = [home = options.home](std::string_view name) {
    if (name == "TELPHER_HOME" && !home.empty()) return std::optional<std::string>(home);
    return process_environment()(name);
  };
  TRY(Settings settings, read_settings(std::move(environment), machine_memory()));
  if (options.memory_bytes > 0) settings.memory = options.memory_bytes;
  if (settings.memory < 10 * kMiB) return usage("memory_bytes: two parts of 5 MiB must fit");
  return settings;
}

Result<StoreAccess> access_of(const Client::Options& options) {
  if (options.attempts < 1 || options.attempts > 100) return usage("attempts: must be 1 to 100");
  if (options.connect_timeout.count() <= 0 || options.idle_timeout.count() <= 0) {
    return usage("connect_timeout and idle_timeout must be above 0");
  }
  if (options.access_key_id.empty() != options.secret_access_key.empty()) {
    return usage("access_key_id and secret_access_key belong together");
  }
  StoreAccess access;
  access.s3.endpoint_url = options.endpoint_url;
  access.s3.region = options.region;
  access.s3.profile = options.profile;
  access.s3.ca_bundle = options.ca_bundle;
  access.s3.no_sign_request = options.no_sign_request;
  access.s3.no_verify_tls = !options.verify_tls;
  access.s3.access_key = options.access_key_id;
  access.s3.secret_key = options.secret_access_key;
  access.s3.session_token = options.session_token;
  access.s3.addressing = addressing_of(options.addressing);
  access.proxy = options.proxy;
  access.attempts = options.attempts;
  access.connect_timeout = options.connect_timeout;
  access.idle_timeout = options.idle_timeout;
  return access;
}

Result<TransferOptions> transfer_options(const Client::CopyOptions& options, int concurrency) {
  if (options.concurrency < 0 || options.concurrency > 256) {
    return usage("concurrency: must be 1 to 256");
  }
  const ByteCount part = options.part_size_bytes;
  if (part != 0 && (part < 5 * kMiB || part > 5 * kGiB)) {
    return usage("part_size_bytes: must be 5 MiB to 5 GiB");
  }
  TransferOptions transfer;
  transfer.concurrency = options.concurrency > 0 ? options.concurrency : concurrency;
  if (part != 0) transfer.part_size = {PartSizePolicy::Kind::kFixed, part};
  if (!options.checksum.empty()) {
    TRY(transfer.checksum, parse_checksum_algorithm(options.checksum));
  }
  if (!options.expect.empty()) {
    TRY(transfer.expect, digest_of(options.expect));
  }
  transfer.if_none_match = options.if_none_match;
  transfer.overwrite = policy_of(options.overwrite);
  transfer.resume = options.resume;
  set_object_options(options, transfer);
  return transfer;
}

Client::Copied copied_from(const TransferResult& result, std::string destination) {
  std::string digest;
  if (!result.digest.empty()) {
    digest = std::string(to_string(result.digest.algorithm())) + ':' + result.digest.to_hex();
  }
  return {.destination = std::move(destination),
          .size_bytes = result.size,
          .resumed_parts = static_cast<std::uint64_t>(result.parts_resumed),
          .skipped = result.mode == TransferMode::kSkipped,
          .etag = result.etag,
          .version_id = result.version_id,
          .digest = std::move(digest),
          .verified_by = result.verified_by};
}

Client::Entry entry_of(const std::string& bucket, const ListEntry& entry) {
  return {.bucket = bucket,
          .key = entry.key,
          .size_bytes = entry.size,
          .etag = entry.etag,
          .storage_class = entry.storage_class,
          .last_modified = entry.last_modified,
          .content_type = {},
          .metadata = {}};
}

}  // namespace telpher
