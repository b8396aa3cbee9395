#include "s3/client_store.h"

#include "codec/byte_range.h"
#include "s3/response.h"

#include <algorithm>

namespace telpher {
namespace {

Result<void> check_address(const ObjectAddress& object) {
  TRY_VOID(check_bucket_name(object.bucket));
  return check_key(object.key);
}

bool has_code(const Error& error, std::string_view code) { return error.context.code == code; }

/// The body of a GET: neither shorter nor longer than announced.
class ObjectReader final : public ByteReader {
 public:
  ObjectReader(std::unique_ptr<HttpResponse> response, ByteCount length)
      : response_(std::move(response)), remaining_(length) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    CO_TRY(const std::size_t count, co_await response_->read_some(buffer));
    if (count > remaining_ || (count == 0 && remaining_ > 0)) {
      co_return make_temporary_error(ErrorKind::kNetwork,
                                     count == 0 ? "The store's answer ended early"
                                                : "The store's answer is longer than announced");
    }
    remaining_ -= count;
    co_return count;
  }

 private:
  std::unique_ptr<HttpResponse> response_;
  ByteCount remaining_;
};

Result<void> check_part_list(const std::vector<PartInfo>& parts) {
  if (parts.empty()) return make_error(ErrorKind::kInvalid, "An upload needs a part to complete");
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].number <= parts[i - 1].number) {
      return make_error(ErrorKind::kInvalid, "Parts must be named in ascending order");
    }
  }
  return {};
}

Error protocol_error(std::string message) {
  return make_error(ErrorKind::kProtocol, std::move(message));
}

/// Where the bytes of an answer to GET lie in the object.
Result<ContentRange> range_of_answer(const HttpResponse& response,
                                     const std::optional<ByteRange>& asked) {
  if (!asked) {
    if (!response.length) return protocol_error("The store does not say how long the object is");
    return ContentRange{ByteRange{0, *response.length}, *response.length};
  }
  if (response.status != 206) return protocol_error("The store ignored the range asked for");
  TRY(const ContentRange got,
      parse_content_range(response.headers.find("content-range").value_or("")));
  if (!got.range || !got.total || got.range->offset != asked->offset ||
      got.range->length != std::min(asked->length, *got.total - asked->offset)) {
    return protocol_error("The store sent another range than asked for");
  }
  if (response.length && *response.length != got.range->length) {
    // A body that was cut on its way, as truncated ones are: asked for again.
    return make_temporary_error(ErrorKind::kProtocol,
                                "The store's Content-Length and Content-Range differ");
  }
  return got;
}

}  // namespace

Task<Result<ObjectInfo>> S3Store::head(ObjectAddress object) {
  CO_TRY_VOID(check_address(object));
  Place& at = place(object.bucket);
  const bool asked = capabilities_.checksums;
  auto response = co_await exchange(s3_request::head_object(at.route, object, dialect()), &at, {});
  if (!response && asked && !capabilities_.checksums) {
    response = co_await exchange(s3_request::head_object(at.route, object, dialect()), &at, {});
  }
  if (!response) {
    if (has_code(response.error(), "NoSuchKey")) CO_TRY_VOID(co_await explain_missing(&at));
    co_return std::move(response).error();
  }
  ObjectInfo info = s3_response::parse_object_info((*response)->headers);
  // The length of a body that a HEAD does not have.
  CO_TRY(const auto length, content_length((*response)->headers));
  if (!length) co_return protocol_error("The store does not say how long the object is");
  info.size = *length;
  co_return info;
}

Task<Result<GetResult>> S3Store::get(ObjectAddress object, GetOptions options) {
  CO_TRY_VOID(check_address(object));
  if (options.range && options.range->length == 0) {
    co_return make_error(ErrorKind::kInvalid, "An empty range was asked for");
  }
  Place& at = place(object.bucket);
  const bool asked = capabilities_.checksums;
  auto answer =
      co_await exchange(s3_request::get_object(at.route, object, options, dialect()), &at, {});
  if (!answer && asked && !capabilities_.checksums) {
    // It was the question for checksums that the store did not like.
    answer =
        co_await exchange(s3_request::get_object(at.route, object, options, dialect()), &at, {});
  }
  CO_TRY(Response response, std::move(answer));
  Result<ContentRange> range = range_of_answer(*response, options.range);
  if (!range) {
    range.error().context.operation = "GetObject";
    co_return std::move(range).error();
  }
  GetResult result;
  result.info = s3_response::parse_object_info(response->headers);
  result.info.size = *range->total;
  result.length = range->range->length;
  result.body = std::make_unique<ObjectReader>(std::move(response), result.length);
  co_return result;
}

Task<Result<void>> S3Store::remove(ObjectAddress object, std::string if_match) {
  CO_TRY_VOID(check_address(object));
  Place& at = place(object.bucket);
  if (!if_match.empty()) {
    co_await settle(&at);
    if (!capabilities_.conditional_removes) co_return unsupported("remove under a condition");
  }
  auto done = co_await exchange_empty(s3_request::delete_object(at.route, object, if_match), &at);
  if (!done && has_code(done.error(), "NoSuchKey")) {
    CO_TRY_VOID(co_await explain_missing(&at));
    if (if_match.empty()) co_return Result<void>();
  }
  co_return done;
}

Task<Result<std::vector<RemoveFailure>>> S3Store::remove_many(std::string bucket,
                                                              std::vector<std::string> keys) {
  CO_TRY_VOID(check_bucket_name(bucket));
  std::vector<RemoveFailure> failures;
  std::vector<std::string> good;
  for (std::string& key : keys) {
    Result<void> checked = check_key(key);
    if (checked) {
      good.push_back(std::move(key));
    } else {
      failures.push_back({std::move(key), std::move(checked).error()});
    }
  }
  if (good.empty()) co_return failures;
  Place& at = place(bucket);
  CO_TRY(const Document answer,
         co_await exchange_document(s3_request::delete_objects(at.route, good), &at));
  CO_TRY(std::vector<RemoveFailure> refused, s3_response::parse_delete_result(answer.body, bucket));
  std::ranges::move(refused, std::back_inserter(failures));
  co_return failures;
}

Task<Result<PutResult>> S3Store::copy(ObjectAddress from, ObjectAddress to, CopyOptions options) {
  CO_TRY_VOID(check_address(from));
  CO_TRY_VOID(check_address(to));
  Place& at = place(to.bucket);
  if (options.condition.on_object()) {
    co_await settle(&at);
    CO_TRY_VOID(check_condition(options.condition, capabilities_.conditional_writes));
  }
  if (options.tags) CO_TRY_VOID(co_await check_tags_taken(*options.tags, &at));
  CO_TRY(S3Request request, s3_request::copy_object(from, at.route, to.key, options, dialect()));
  CO_TRY(const Document answer, co_await exchange_document(std::move(request), &at));
  CO_TRY(PutResult result,
         s3_response::parse_write_document("CopyObject", answer.body, answer.headers));
  // The ETag of the source shows that it was found and read.
  const bool plausible = !result.etag.empty() && result.etag == options.source_if_match;
  if (!plausible) {
    CO_TRY_VOID(co_await check_stored(to, result.etag, options.source_if_match));
  }
  if (options.tags && !provider_->copy_takes_tags) {
    CO_TRY_VOID(co_await set_tags(std::move(to), *options.tags));
  }
  co_return result;
}

/// Is the object there that a success spoke of, under the ETag of the answer or of its source?
/// Where we may not look, it is believed.
Task<Result<void>> S3Store::check_stored(ObjectAddress object, std::string etag,
                                         std::string source_etag) {
  const auto bare = [](std::string_view text) {
    const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
    return quoted ? text.substr(1, text.size() - 2) : text;
  };
  const auto there = co_await head(object);
  if (!there && there.error().kind != ErrorKind::kNotFound) co_return Result<void>();
  const bool right = there && (etag.empty() || bare(there->etag) == bare(etag) ||
                               bare(there->etag) == bare(source_etag));
  if (right) co_return Result<void>();
  co_return make_temporary_error(
      ErrorKind::kServer, "The store answered success but does not have s3://" + object.bucket +
                              "/" + object.key + " as it said");
}

Task<Result<ListPage>> S3Store::list(std::string bucket, ListOptions options) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Place& at = place(bucket);
  if (options.versions) {
    CO_TRY(const Document answer,
           co_await exchange_document(s3_request::list_versions(at.route, options), &at));
    co_return s3_response::parse_versions(answer.body);
  }
  CO_TRY(const Document answer,
         co_await exchange_document(s3_request::list_objects(at.route, options, dialect()), &at));
  CO_TRY(s3_response::ListAnswer list, s3_response::parse_list(answer.body));
  if (list.version1) list_version_ = 1;
  co_return std::move(list.page);
}

Task<Result<std::string>> S3Store::create_upload(ObjectAddress object,
                                                 CreateUploadOptions options) {
  CO_TRY_VOID(check_address(object));
  Place& at = place(object.bucket);
  CO_TRY_VOID(co_await check_tags_taken(options.tags, &at));
  if (!options.tags.empty() && !provider_->create_upload_takes_tags) {
    co_return unsupported("keep the tags of a multipart upload");
  }
  for (;;) {
    const bool asked = capabilities_.checksums && options.checksum != ChecksumAlgorithm::kNone;
    CO_TRY(S3Request request, s3_request::create_upload(at.route, object.key, options, dialect()));
    request.sends_checksum = asked;
    auto answer = co_await exchange_document(std::move(request), &at);
    if (answer) co_return s3_response::parse_create_upload(answer->body);
    // The store has been found out not to take checksums: once more without.
    if (!asked || capabilities_.checksums) co_return std::move(answer).error();
  }
}

Task<Result<PartInfo>> S3Store::copy_part(ObjectAddress from, ByteRange range, ObjectAddress object,
                                          std::string upload_id, PartNumber number,
                                          std::string source_if_match) {
  CO_TRY_VOID(check_address(from));
  CO_TRY_VOID(check_address(object));
  if (range.length == 0) co_return make_error(ErrorKind::kInvalid, "An empty range was asked for");
  if (!provider_->copy_part_from_percent_keys && from.key.find('%') != std::string::npos) {
    co_return make_error(ErrorKind::kUnsupported, std::string(provider_->name) +
                                                      " cannot copy parts of '" + from.key +
                                                      "': keys with '%' crash it");
  }
  Place& at = place(object.bucket);
  CO_TRY(
      const Document answer,
      co_await exchange_document(s3_request::copy_part(from, range, at.route, object.key, upload_id,
                                                       number, source_if_match, dialect()),
                                 &at));
  CO_TRY(PartInfo part, s3_response::parse_copy_part(answer.body));
  if (!provider_->copy_part_checks)
    CO_TRY_VOID(co_await check_copied(from, range, source_if_match));
  part.number = number;
  part.size = range.length;
  co_return part;
}

/// For stores that copy whatever is there: afterwards the source must still be the one meant.
Task<Result<void>> S3Store::check_copied(ObjectAddress from, ByteRange range,
                                         std::string if_match) {
  CO_TRY(const ObjectInfo source, co_await head(from));
  if (!if_match.empty() && source.etag != if_match) {
    co_return make_error(ErrorKind::kPrecondition,
                         "s3://" + from.bucket + "/" + from.key + " has changed");
  }
  if (range.offset >= source.size || range.length > source.size - range.offset) {
    co_return make_error(ErrorKind::kInvalid, "The range to copy lies beyond the end of s3://" +
                                                  from.bucket + "/" + from.key);
  }
  co_return Result<void>();
}

Task<Result<PutResult>> S3Store::complete(ObjectAddress object, std::string upload_id,
                                          std::vector<PartInfo> parts, CompleteOptions options) {
  CO_TRY_VOID(check_address(object));
  CO_TRY_VOID(check_condition(options.condition, capabilities_.conditional_complete));
  CO_TRY_VOID(check_part_list(parts));
  Place& at = place(object.bucket);
  auto answer = co_await exchange_document(
      s3_request::complete_upload(at.route, object.key, upload_id, parts, options, dialect()), &at);
  if (!answer) {
    if (!provider_->complete_tells_missing && answer.error().kind == ErrorKind::kServer) {
      auto listed = co_await list_parts(object, upload_id, 0);
      if (!listed && has_code(listed.error(), "NoSuchUpload")) co_return listed.error();
    }
    co_return std::move(answer).error();
  }
  CO_TRY(PutResult result, s3_response::parse_write_document("CompleteMultipartUpload",
                                                             answer->body, answer->headers));
  if (result.etag.empty()) {
    // The RADOS gateway 16 leaves it out at the first time.
    CO_TRY(const ObjectInfo info, co_await head(object));
    result.etag = info.etag;
  }
  if (options.checksum && result.checksum && result.checksum->parts == 0 &&
      result.checksum->digest.algorithm() == options.checksum->algorithm() &&
      result.checksum->digest != *options.checksum) {
    co_return make_error(ErrorKind::kCorrupt, "The store's checksum of s3://" + object.bucket +
                                                  "/" + object.key + " differs from ours");
  }
  co_return result;
}

Task<Result<void>> S3Store::abort(ObjectAddress object, std::string upload_id) {
  CO_TRY_VOID(check_address(object));
  Place& at = place(object.bucket);
  auto done =
      co_await exchange_empty(s3_request::abort_upload(at.route, object.key, upload_id), &at);
  if (!done && has_code(done.error(), "NoSuchUpload")) co_return Result<void>();
  co_return done;
}

Task<Result<PartsPage>> S3Store::list_parts(ObjectAddress object, std::string upload_id,
                                            PartNumber part_number_marker) {
  CO_TRY_VOID(check_address(object));
  Place& at = place(object.bucket);
  CO_TRY(const Document answer,
         co_await exchange_document(
             s3_request::list_parts(at.route, object.key, upload_id, part_number_marker), &at));
  co_return s3_response::parse_parts(answer.body);
}

Task<Result<UploadsPage>> S3Store::list_uploads(std::string bucket, ListUploadsOptions options) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Place& at = place(bucket);
  CO_TRY(const Document answer,
         co_await exchange_document(s3_request::list_uploads(at.route, options), &at));
  co_return s3_response::parse_uploads(answer.body);
}

Task<Result<std::vector<BucketInfo>>> S3Store::list_buckets() {
  Place& service = place("");
  CO_TRY(const Document answer,
         co_await exchange_document(s3_request::list_buckets(service.route), &service));
  co_return s3_response::parse_buckets(answer.body);
}

Task<Result<void>> S3Store::create_bucket(std::string bucket, std::string) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Place& at = place(bucket);
  const bool named = provider_->location_constraint && region_ != "us-east-1";
  auto done =
      co_await exchange_empty(s3_request::create_bucket(at.route, named ? region_ : ""), &at);
  if (done || has_code(done.error(), "BucketAlreadyOwnedByYou")) co_return Result<void>();
  if (has_code(done.error(), "BucketAlreadyExists")) {
    // Some stores say this of one's own buckets too.
    auto own = co_await list_buckets();
    if (own && std::any_of(own->begin(), own->end(),
                           [&](const BucketInfo& info) { return info.name == bucket; })) {
      co_return Result<void>();
    }
  }
  co_return done;
}

Task<Result<BucketInfo>> S3Store::head_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Place& at = place(bucket);
  CO_TRY_VOID(co_await exchange_empty(s3_request::head_bucket(at.route), &at));
  co_return BucketInfo{.name = std::move(bucket)};
}

Task<Result<void>> S3Store::remove_bucket(std::string bucket) {
  CO_TRY_VOID(check_bucket_name(bucket));
  Place& at = place(bucket);
  auto done = co_await exchange_empty(s3_request::delete_bucket(at.route), &at);
  at.settled = false;
  co_return done;
}

Task<Result<Tags>> S3Store::tags(ObjectAddress object) {
  CO_TRY_VOID(check_address(object));
  Place& at = place(object.bucket);
  auto answer = co_await exchange_document(s3_request::get_tags(at.route, object), &at);
  if (!answer) {
    if (has_code(answer.error(), "NoSuchTagSet")) co_return Tags();
    co_return std::move(answer).error();
  }
  co_return s3_response::parse_tags(answer->body);
}

Task<Result<void>> S3Store::set_tags(ObjectAddress object, Tags tags) {
  CO_TRY_VOID(check_address(object));
  Place& at = place(object.bucket);
  co_return co_await exchange_empty(s3_request::put_tags(at.route, object, tags), &at);
}

Task<Result<std::string>> S3Store::presign(ObjectAddress object, std::string method,
                                           std::chrono::seconds expires) {
  CO_TRY_VOID(check_address(object));
  if (expires < std::chrono::seconds(1) || expires > std::chrono::days(7)) {
    co_return make_error(ErrorKind::kInvalid, "A link can be valid for 1 second to 7 days");
  }
  CO_TRY(const CredentialsCache::Pointer keys, co_await credentials_.refresh());
  if (keys->anonymous()) {
    co_return make_error(ErrorKind::kInvalid, "A link cannot be signed without credentials");
  }
  Place& at = place(object.bucket);
  const S3Request request = s3_request::get_object(at.route, object, {}, {});
  const std::string target =
      at.signer->presign(*keys, now(), expires, method, at.route.host, request.http.target);
  co_return (at.route.origin.tls ? "https://" : "http://") + at.route.host + target;
}

}  // namespace telpher
