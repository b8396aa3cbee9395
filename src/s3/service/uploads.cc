// S3Service: multipart uploads.

#include "codec/byte_range.h"
#include "codec/percent.h"
#include "codec/text.h"
#include "s3/service/exchange.h"
#include "s3/service/refusals.h"
#include "s3/service/request_options.h"
#include "s3/service/xml_answer.h"
#include "s3/service/xml_request.h"
#include "store/rules.h"

#include <algorithm>

namespace telpher {
namespace {

/// What `key` rolls up to; "" for none.
std::string common_prefix(const UploadsQuestion& question, const std::string& key) {
  const std::string& start = question.options.prefix;
  if (question.delimiter.empty() || !key.starts_with(start)) return {};
  const std::size_t cut = key.find(question.delimiter, start.size());
  return cut == std::string::npos ? "" : key.substr(0, cut + question.delimiter.size());
}

std::string upload_id_of(const S3Call& call) { return std::string(call.parameter("uploadId")); }

/// An upload begun for a composite checksum wants that of each part, as S3 does.
/// @param type  x-amz-checksum-type: must be what the upload was begun with
Result<void> check_parts_are_proven(const PartsPage& upload, const std::vector<PartInfo>& parts,
                                    std::optional<std::string_view> type) {
  const std::string_view mode = upload.composite ? "COMPOSITE" : "FULL_OBJECT";
  if (type && *type != "COMPOSITE" && *type != "FULL_OBJECT") {
    return invalid_request("Value for x-amz-checksum-type header is invalid.");
  }
  if (type && *type != mode) {
    return invalid_request("The upload was created using the " + std::string(mode) +
                           " checksum mode. The complete request must use the same checksum "
                           "mode.");
  }
  const auto bare =
      std::ranges::find_if(parts, [](const PartInfo& part) { return !part.checksum; });
  if (bare == parts.end() || !upload.composite) return {};
  return invalid_request("The upload was created using a " +
                         to_lower(checksum_s3_name(upload.checksum)) +
                         " checksum. The complete request must include the checksum for each "
                         "part. It was missing for part " +
                         std::to_string(bare->number) + " in the request.");
}

}  // namespace

Task<Result<void>> S3Service::create_upload(Exchange* exchange) {
  CO_TRY(CreateUploadOptions options, parse_create_options(exchange->headers()));
  if (!offers_checksums()) options.checksum = ChecksumAlgorithm::kNone;
  const std::string_view algorithm = checksum_s3_name(options.checksum);
  const bool composite = options.composite;
  const ObjectAddress& object = exchange->call.object;
  CO_TRY(const std::string id, co_await store_.create_upload(object, std::move(options)));
  if (!algorithm.empty()) {
    Headers& headers = exchange->response.headers;
    headers.add("x-amz-checksum-algorithm", algorithm);
    headers.add("x-amz-checksum-type", composite ? "COMPOSITE" : "FULL_OBJECT");
  }
  co_return co_await send(exchange, 200, create_upload_document(object, id));
}

/// How an upload was begun.
Task<Result<PartsPage>> S3Service::look_up(ObjectAddress object, std::string upload_id) {
  constexpr PartNumber kBehindAll = 10'000;
  return base_.list_parts(std::move(object), std::move(upload_id), kBehindAll);
}

Task<Result<void>> S3Service::put_part(Exchange* exchange) {
  const S3Call& call = exchange->call;
  CO_TRY_VOID(check_length_is_said(exchange->headers()));
  CO_TRY(const PartNumber number, part_number_of(call, exchange->details));
  CO_TRY(PutPartOptions options, parse_part_options(exchange->headers()));
  CO_TRY(RequestBody * body, co_await open_body(exchange));
  const std::optional<Digest> announced = options.checksum;
  const bool bare = !announced && options.algorithm == ChecksumAlgorithm::kNone;
  PartsPage upload;
  if (bare && offers_checksums()) {
    Result<PartsPage> found = co_await look_up(call.object, upload_id_of(call));
    if (!found) co_return co_await fail(exchange, std::move(found).error());
    upload = *std::move(found);
  }
  if (upload.composite) {
    co_return invalid_request("Checksum Type mismatch occurred, expected checksum Type: " +
                              to_lower(checksum_s3_name(upload.checksum)) +
                              ", actual checksum Type: null");
  }
  expect_checksums(options, *body);
  CO_TRY(const PartInfo part, co_await store_.put_part(call.object, upload_id_of(call), number,
                                                       body->as_body(), std::move(options)));
  Headers& headers = exchange->response.headers;
  headers.add("ETag", part.etag);
  // What was sent is shown, proven by now.
  std::optional<Digest> proven = announced ? announced : body->trailer();
  if (upload.checksum != ChecksumAlgorithm::kNone) proven = part.checksum;
  if (offers_checksums() && proven) {
    headers.add(checksum_header(proven->algorithm()), proven->to_base64());
  }
  co_return co_await send(exchange, 200, "");
}

Task<Result<void>> S3Service::copy_part(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const Headers& headers = exchange->headers();
  CO_TRY(const PartNumber number, part_number_of(call, exchange->details));
  CO_TRY_VOID(check_headers_are_spoken(headers));
  CO_TRY(const ObjectAddress from,
         parse_copy_source(headers.find("x-amz-copy-source").value_or("")));
  const Result<ObjectInfo> found = co_await check_copy_source(exchange, from);
  if (!found) co_return co_await fail(exchange, found.error());
  const ObjectInfo& source = *found;
  ByteRange range{0, source.size};
  if (const auto text = headers.find("x-amz-copy-source-range")) {
    const auto wanted = parse_range_request(*text);
    if (!wanted || !wanted->first || !wanted->last || *wanted->last < *wanted->first) {
      co_return invalid_argument(
          "The x-amz-copy-source-range value must be of the form bytes=first-last where first and "
          "last are the zero-based offsets of the first and last bytes to copy");
    }
    if (*wanted->last >= source.size) {
      co_return store_error(
          ErrorKind::kInvalid, "InvalidRange", 416,
          "Range specified is not valid for source object of size: " + std::to_string(source.size));
    }
    range = {*wanted->first, *wanted->last - *wanted->first + 1};
  }
  CO_TRY(const PartInfo part, co_await store_.copy_part(from, range, call.object,
                                                        upload_id_of(call), number, source.etag));
  std::optional<StoredChecksum> checksum;
  if (part.checksum && !part.checksum->empty()) checksum = StoredChecksum{*part.checksum, 0};
  co_return co_await send(
      exchange, 200, copy_document("CopyPartResult", part.etag, loop_.wall_now(), shown(checksum)));
}

Task<Result<void>> S3Service::complete(Exchange* exchange) {
  const ObjectAddress& object = exchange->call.object;
  CO_TRY(CompleteOptions options, parse_complete_options(exchange->headers()));
  // A checksum among the headers is the object's, not this body's.
  CO_TRY(RequestBody * body, co_await open_body(exchange));
  CO_TRY(const std::string xml, co_await body->read_text(kCompleteBytesMax));
  CO_TRY(std::vector<PartInfo> parts, parse_complete_body(xml));
  if (!offers_checksums()) {
    options.checksum.reset();
    for (PartInfo& part : parts) part.checksum.reset();
  }
  options.condition.bucket_owner = exchange->bucket_owner;
  const std::string id = upload_id_of(exchange->call);
  const auto type = exchange->headers().find("x-amz-checksum-type");
  const bool all_proven =
      std::ranges::all_of(parts, [](const PartInfo& part) { return part.checksum.has_value(); });
  if (offers_checksums() && (type || !all_proven)) {
    const Result<PartsPage> upload = co_await look_up(object, id);
    if (upload) CO_TRY_VOID(check_parts_are_proven(*upload, parts, type));
  }
  CO_TRY(PutResult result,
         co_await store_.complete(object, id, std::move(parts), std::move(options)));
  result.checksum = shown(result.checksum);
  const std::string location = (exchange->request.is_secure() ? "https://" : "http://") +
                               std::string(exchange->headers().find("host").value_or("")) + "/" +
                               object.bucket + "/" +
                               percent_encode(object.key, SlashEncoding::kKeep);
  co_return co_await send(exchange, 200, complete_document(object, location, result));
}

Task<Result<void>> S3Service::abort(Exchange* exchange) {
  const S3Call& call = exchange->call;
  // S3 tells what a store need not: that there is no such upload (any more).
  const Result<PartsPage> there = co_await base_.list_parts(call.object, upload_id_of(call), 0);
  if (!there) co_return co_await fail(exchange, there.error());
  CO_TRY_VOID(co_await store_.abort(call.object, upload_id_of(call)));
  co_return co_await send(exchange, 204, "");
}

Task<Result<void>> S3Service::list_parts(Exchange* exchange) {
  const S3Call& call = exchange->call;
  CO_TRY(const int marker, number_of(call, "part-number-marker", 0, exchange->details));
  CO_TRY(int max_parts, number_of(call, "max-parts", 1000, exchange->details));
  max_parts = std::min(max_parts, options_.page_size);
  CO_TRY(PartsPage page, co_await store_.list_parts(call.object, upload_id_of(call), marker));
  if (page.parts.size() > static_cast<std::size_t>(max_parts)) {
    page.parts.resize(static_cast<std::size_t>(max_parts));
    page.continuation = max_parts == 0 ? marker : page.parts.back().number;
  }
  if (!offers_checksums()) {
    for (PartInfo& part : page.parts) part.checksum.reset();
  }
  co_return co_await send(exchange, 200,
                          parts_document(call, marker, max_parts, page, owner_of(*exchange)));
}

/// One page for S3 of as many of the store's as it takes: uploads below a common prefix are one
/// entry, on one page only.
Task<Result<UploadsAnswer>> S3Service::collect_uploads(std::string bucket,
                                                       const UploadsQuestion* question) {
  const auto most = static_cast<std::size_t>(question->options.max_uploads);
  UploadsAnswer answer;
  ListUploadsOptions next = question->options;
  // The prefix that is done with: at first the one that the marker lies in.
  std::string rolled = common_prefix(*question, next.key_marker);
  std::size_t count = 0;
  ObjectStore* store = &store_;  // one request is disturbed once
  for (;;) {
    if (!rolled.empty() && next.key_marker.starts_with(rolled)) {
      next.key_marker = rolled + "\xff";  // behind all keys below it: they are UTF-8
      next.upload_id_marker.clear();
    }
    next.max_uploads = static_cast<int>(most - count) + 1;  // one more tells whether there is more
    CO_TRY(UploadsPage page, co_await store->list_uploads(bucket, next));
    store = &base_;
    for (UploadInfo& upload : page.uploads) {
      std::string prefix = common_prefix(*question, upload.key);
      if (!prefix.empty() && prefix == rolled) continue;
      if (count == most) {
        answer.truncated = most > 0;
        co_return answer;
      }
      ++count;
      if (prefix.empty()) {
        answer.key_marker = upload.key;
        answer.upload_id_marker = upload.upload_id;
        answer.uploads.push_back(std::move(upload));
      } else {
        answer.key_marker = rolled = prefix;
        answer.upload_id_marker.clear();
        answer.prefixes.push_back(std::move(prefix));
      }
    }
    if (page.key_marker.empty()) co_return answer;
    next.key_marker = page.key_marker;
    next.upload_id_marker = page.upload_id_marker;
  }
}

Task<Result<void>> S3Service::list_uploads(Exchange* exchange) {
  const S3Call& call = exchange->call;
  UploadsQuestion question;
  CO_TRY(question.encode_url, wants_url_encoding(call, exchange->details));
  CO_TRY(const int max_uploads, number_of(call, "max-uploads", 1000, exchange->details));
  question.delimiter = call.parameter("delimiter");
  ListUploadsOptions& options = question.options;
  options.prefix = call.parameter("prefix");
  options.key_marker = call.parameter("key-marker");
  if (!options.key_marker.empty()) options.upload_id_marker = call.parameter("upload-id-marker");
  options.max_uploads = std::min(max_uploads, options_.page_size);
  const Result<UploadsAnswer> answer = co_await collect_uploads(call.object.bucket, &question);
  if (!answer) {
    if (answer.error().kind == ErrorKind::kInvalid && !options.upload_id_marker.empty()) {
      exchange->details = {{"ArgumentName", "upload-id-marker"},
                           {"ArgumentValue", options.upload_id_marker}};
    }
    co_return answer.error();
  }
  co_return co_await send(
      exchange, 200, uploads_document(call.object.bucket, question, *answer, owner_of(*exchange)));
}

}  // namespace telpher
