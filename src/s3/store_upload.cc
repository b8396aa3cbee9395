// PutObject and UploadPart: what the store keeps is proven to be the caller's bytes. The store
// repeats their checksum, or has been given their Content-MD5, or its ETag is their MD5.

#include "codec/checksum.h"
#include "runtime/offload.h"
#include "runtime/task_group.h"
#include "s3/client_store.h"
#include "s3/response.h"
#include "store/rules.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>
#include <vector>

namespace telpher {
namespace {

bool is_sendable(const std::optional<Digest>& checksum) {
  return checksum && !checksum->empty() && checksum->algorithm() != ChecksumAlgorithm::kMd5;
}

Result<Digest> md5_of_file(const Body& body) {
  Checksum md5(ChecksumAlgorithm::kMd5);
  std::vector<std::byte> buffer(256 * 1024);
  for (ByteCount done = 0; done < body.size;) {
    const std::size_t wanted = std::min<ByteCount>(buffer.size(), body.size - done);
    const ssize_t count =
        ::pread(body.fd, buffer.data(), wanted, static_cast<off_t>(body.file_offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return make_errno_error(errno, "read");
    if (count == 0) {
      return make_error(ErrorKind::kSourceChanged, "The file became shorter while it was read");
    }
    md5.update(Bytes(buffer).first(static_cast<std::size_t>(count)));
    done += static_cast<ByteCount>(count);
  }
  return md5.finish();
}

/// Large bodies are hashed off the loop: MD5 takes 1.6 ms a MiB.
Task<Result<Digest>> md5_of(Body body) {
  constexpr ByteCount kInlineMax = 64 * 1024;
  if (body.fd >= 0) co_return co_await offload([body] { return md5_of_file(body); });
  if (body.size <= kInlineMax) co_return checksum_of(ChecksumAlgorithm::kMd5, body.memory);
  co_return co_await offload(
      [body]() -> Result<Digest> { return checksum_of(ChecksumAlgorithm::kMd5, body.memory); });
}

/// A request may have to be sent again: to another address, with other headers.
Result<void> check_sendable(const Body& body) {
  if (!body.stream) return {};
  return make_error(ErrorKind::kUnsupported, "A stream cannot be sent to an S3 service");
}

Error bytes_differ(const S3Target& target) {
  return make_temporary_error(ErrorKind::kCorrupt, "The store received other bytes for s3://" +
                                                       std::string(target.bucket) + "/" +
                                                       std::string(target.key) + " than were sent");
}

}  // namespace

Error S3Store::unsupported(std::string_view what) const {
  return make_error(ErrorKind::kUnsupported, "This store (" + std::string(provider_->name) +
                                                 ") cannot " + std::string(what));
}

Result<void> S3Store::check_condition(const WriteCondition& condition, bool supported) const {
  if (supported || !condition.on_object()) return {};
  return unsupported("write under a condition");
}

/// Before something depends on what the store can do, it is asked who it is.
Task<void> S3Store::settle(Place* at) {
  if (!provider_learned_) (void)co_await exchange_empty(s3_request::head_bucket(at->route), at);
}

/// Tags that the store would drop in silence are refused.
Task<Result<void>> S3Store::check_tags_taken(const Tags& tags, Place* at) {
  if (tags.empty()) co_return Result<void>();
  co_await settle(at);
  if (capabilities_.tagging) co_return Result<void>();
  co_return unsupported("keep tags");
}

Task<Result<std::string>> S3Store::content_md5(Body body, std::optional<Digest> checksum,
                                               std::string given) {
  if (!given.empty() || capabilities_.checksums || !is_sendable(checksum)) co_return given;
  CO_TRY(const Digest md5, co_await md5_of(body));
  co_return md5.to_base64();
}

/// After a success: does the answer repeat the checksum? Else it may have been ignored, whatever
/// the store calls itself, and the ETag has to be the MD5.
Task<Result<void>> S3Store::prove(const S3Target target, Body body, const PutResult* result,
                                  std::optional<Digest> checksum) {
  if (result->checksum && result->checksum->digest.algorithm() == checksum->algorithm()) {
    checksums_proven_ = true;
    if (result->checksum->digest != *checksum) co_return bytes_differ(target);
    co_return Result<void>();
  }
  if (!checksums_proven_) give_up_checksums("ignores");
  CO_TRY(const Digest md5, co_await md5_of(body));
  if (result->etag == "\"" + md5.to_hex() + "\"") co_return Result<void>();
  // Where ETags are something else, the repeat carries a Content-MD5.
  give_up_checksums("ignores");
  co_return bytes_differ(target);
}

/// Removes an object that the store took, but took wrong. When another has been put there meanwhile
/// (its ETag differs) it stays.
Task<Result<void>> S3Store::take_away(ObjectAddress object, std::string etag) {
  CO_TRY(const ObjectInfo there, co_await head(object));
  if (there.etag == etag) CO_TRY_VOID(co_await remove(std::move(object)));
  co_return Result<void>();
}

/// The store was given the MD5 and should have refused other bytes. Where ETags are MD5s it can be
/// seen whether it has.
Result<void> S3Store::check_md5(const S3Target& target, const Headers& headers,
                                const PutResult& result, std::string_view content_md5) const {
  const std::string_view encryption = headers.find("x-amz-server-side-encryption").value_or("");
  const bool encrypted = encryption.starts_with("aws:kms") ||
                         headers.find("x-amz-server-side-encryption-customer-algorithm");
  if (encrypted || !capabilities_.etag_is_md5 || !is_md5_etag(result.etag)) return {};
  TRY(const Digest sent, Digest::from_base64(ChecksumAlgorithm::kMd5, content_md5));
  TRY(const Digest kept, Digest::from_hex(ChecksumAlgorithm::kMd5, bare_etag(result.etag)));
  if (kept == sent) return {};
  return bytes_differ(target);
}

Task<Result<PutResult>> S3Store::exchange_upload(S3Request request, Place* at, Body body,
                                                 std::optional<Digest> checksum, std::string md5) {
  const S3Target target = request.target;
  request.sends_checksum = capabilities_.checksums && is_sendable(checksum);
  const bool to_prove = request.sends_checksum;
  CO_TRY(const Response response, co_await exchange(std::move(request), at, body));
  PutResult result = s3_response::parse_put_headers(response->headers);
  if (response->length != 0u) {
    CO_TRY_VOID(co_await response->read_all(s3_response::kErrorBytesMax));
  }
  if (!to_prove && md5.empty()) co_return result;
  auto proven = to_prove ? co_await prove(target, body, &result, checksum)
                         : check_md5(target, response->headers, result, md5);
  if (proven) co_return result;
  // A wrong part is replaced or given up with its upload; a wrong object would be found and read.
  if (target.operation == "PutObject" && proven.error().kind != ErrorKind::kCancelled) {
    constexpr std::chrono::seconds kTakeAwayLimit{10};
    ObjectAddress object{std::string(target.bucket), std::string(target.key)};
    (void)co_await shielded(take_away(std::move(object), result.etag), kTakeAwayLimit);
  }
  co_return std::move(proven).error();
}

Task<Result<PutResult>> S3Store::put(ObjectAddress object, Body body, const PutOptions& options) {
  CO_TRY_VOID(check_bucket_name(object.bucket));
  CO_TRY_VOID(check_key(object.key));
  CO_TRY_VOID(check_sendable(body));
  Place& at = place(object.bucket);
  if (options.condition.on_object()) {
    co_await settle(&at);
    CO_TRY_VOID(check_condition(options.condition, capabilities_.conditional_writes));
  }
  CO_TRY_VOID(co_await check_tags_taken(options.tags, &at));
  std::optional<PutOptions> with_md5;  // for a store that takes no checksum headers
  for (;;) {
    const bool with_checksum = capabilities_.checksums && is_sendable(options.checksum);
    if (!capabilities_.checksums) {
      with_md5 = options;
      CO_TRY(with_md5->content_md5,
             co_await content_md5(body, options.checksum, options.content_md5));
    }
    CO_TRY(S3Request request,
           s3_request::put_object(at.route, object.key, with_md5 ? *with_md5 : options, dialect()));
    auto result = co_await exchange_upload(std::move(request), &at, body, options.checksum,
                                           with_md5 ? with_md5->content_md5 : options.content_md5);
    // The store turned out not to take checksum headers: once more with Content-MD5.
    const bool again = !result && with_checksum && !capabilities_.checksums &&
                       result.error().kind != ErrorKind::kCorrupt;
    if (!again) co_return result;
  }
}

Task<Result<PartInfo>> S3Store::put_part(ObjectAddress object, std::string upload_id,
                                         PartNumber number, Body body, PutPartOptions options) {
  CO_TRY_VOID(check_bucket_name(object.bucket));
  CO_TRY_VOID(check_key(object.key));
  CO_TRY_VOID(check_sendable(body));
  if (number < 1 || number > capabilities_.parts_max) {
    co_return make_error(ErrorKind::kInvalid,
                         "Part numbers go from 1 to " + std::to_string(capabilities_.parts_max));
  }
  Place& at = place(object.bucket);
  for (;;) {
    const bool with_checksum = capabilities_.checksums && is_sendable(options.checksum);
    if (!capabilities_.checksums) {
      CO_TRY(options.content_md5,
             co_await content_md5(body, options.checksum, std::move(options.content_md5)));
    }
    auto result = co_await exchange_upload(
        s3_request::put_part(at.route, object.key, upload_id, number, options, dialect()), &at,
        body, options.checksum, options.content_md5);
    if (result) {
      PartInfo part{number, body.size, std::move(result->etag), {}};
      if (result->checksum) part.checksum = result->checksum->digest;
      co_return part;
    }
    const bool again =
        with_checksum && !capabilities_.checksums && result.error().kind != ErrorKind::kCorrupt;
    if (!again) co_return std::move(result).error();
  }
}

}  // namespace telpher
