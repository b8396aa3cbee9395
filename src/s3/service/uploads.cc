// S3Service: multipart uploads.

#include "codec/byte_range.h"
#include "codec/percent.h"
#include "codec/text.h"
#include "s3/service/exchange.h"
#include "s3/service/request_options.h"
#include "s3/service/xml_answer.h"
#include "s3/service/xml_request.h"
#include "store/rules.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::size_t kCompletedRemembered = 256;

Error invalid_argument(std::string message) {
  return store_error(ErrorKind::kInvalid, "InvalidArgument", 400, std::move(message));
}

Result<PartNumber> part_number_of(const S3Call& call) {
  const auto number = parse_decimal<unsigned>(call.parameter("partNumber"));
  if (number && *number >= 1 && *number <= 10'000) return static_cast<PartNumber>(*number);
  return invalid_argument("Part number must be an integer between 1 and 10000, inclusive");
}

/// A number in the query, `otherwise` when it is not there.
Result<int> number_of(const S3Call& call, std::string_view name, int otherwise) {
  if (!call.has_parameter(name) || call.parameter(name).empty()) return otherwise;
  const auto number = parse_decimal<unsigned>(call.parameter(name));
  if (!number || *number > 0x7fffffff) {
    return invalid_argument("Argument " + std::string(name) +
                            " must be an integer between 0 and 2147483647");
  }
  return static_cast<int>(*number);
}

Result<bool> wants_url_encoding(const S3Call& call) {
  const std::string_view type = call.parameter("encoding-type");
  if (type.empty() || type == "url") return type == "url";
  return invalid_argument("Invalid Encoding Method specified in Request");
}

std::string upload_id_of(const S3Call& call) { return std::string(call.parameter("uploadId")); }

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

Task<Result<void>> S3Service::put_part(Exchange* exchange) {
  const S3Call& call = exchange->call;
  CO_TRY_VOID(check_length_is_said(exchange->headers()));
  CO_TRY(const PartNumber number, part_number_of(call));
  CO_TRY(PutPartOptions options, parse_part_options(exchange->headers()));
  CO_TRY(RequestBody * body, co_await open_body(exchange));
  const std::optional<Digest> announced = options.checksum;
  if (offers_checksums()) {
    options.trailer = &body->trailer();
  } else {
    options.checksum.reset();
    options.algorithm = ChecksumAlgorithm::kNone;
  }
  CO_TRY(const PartInfo part, co_await store_.put_part(call.object, upload_id_of(call), number,
                                                       body->as_body(), std::move(options)));
  Headers& headers = exchange->response.headers;
  headers.add("ETag", part.etag);
  // What was sent is shown, proven by now.
  const std::optional<Digest>& proven = announced ? announced : body->trailer();
  if (offers_checksums() && proven) {
    headers.add(checksum_header(proven->algorithm()), proven->to_base64());
  }
  co_return co_await send(exchange, 200, "");
}

Task<Result<void>> S3Service::copy_part(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const Headers& headers = exchange->headers();
  CO_TRY(const PartNumber number, part_number_of(call));
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
  Result<PutResult> done =
      co_await store_.complete(object, id, std::move(parts), std::move(options));
  if (done) {
    completed_.push_back({object, id, *done});
    if (completed_.size() > kCompletedRemembered) completed_.pop_front();
  } else if (done.error().context.code == "NoSuchUpload") {
    done = co_await complete_again(object, id, std::move(done).error());
  }
  CO_TRY(PutResult result, std::move(done));
  result.checksum = shown(result.checksum);
  const std::string location =
      "http://" + std::string(exchange->headers().find("host").value_or("")) + "/" + object.bucket +
      "/" + percent_encode(object.key, SlashEncoding::kKeep);
  co_return co_await send(exchange, 200, complete_document(object, location, result));
}

Task<Result<PutResult>> S3Service::complete_again(ObjectAddress object, std::string upload_id,
                                                  Error error) {
  const auto found = std::ranges::find_if(completed_, [&](const Completed& completed) {
    return completed.upload_id == upload_id && completed.object == object;
  });
  if (found == completed_.end()) co_return error;
  const PutResult result = found->result;
  const Result<ObjectInfo> info = co_await base_.head(object);
  if (!info || info->etag != result.etag) co_return error;
  co_return result;
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
  CO_TRY(const int marker, number_of(call, "part-number-marker", 0));
  CO_TRY(int max_parts, number_of(call, "max-parts", 1000));
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

Task<Result<void>> S3Service::list_uploads(Exchange* exchange) {
  const S3Call& call = exchange->call;
  UploadsQuestion question;
  CO_TRY(question.encode_url, wants_url_encoding(call));
  CO_TRY(const int max_uploads, number_of(call, "max-uploads", 1000));
  question.delimiter = call.parameter("delimiter");
  ListUploadsOptions& options = question.options;
  options.prefix = call.parameter("prefix");
  options.key_marker = call.parameter("key-marker");
  if (!options.key_marker.empty()) options.upload_id_marker = call.parameter("upload-id-marker");
  options.max_uploads = std::min(std::max(max_uploads, 1), options_.page_size);

  // Uploads below a common prefix are one entry, and may fill many pages of the store.
  UploadsPage answer;
  std::vector<std::string> prefixes;
  ListUploadsOptions next = options;
  for (bool more = true; more;) {
    CO_TRY(UploadsPage page, co_await store_.list_uploads(call.object.bucket, next));
    for (UploadInfo& upload : page.uploads) {
      const std::size_t cut = question.delimiter.empty()
                                  ? std::string::npos
                                  : upload.key.find(question.delimiter, options.prefix.size());
      if (cut == std::string::npos) {
        answer.uploads.push_back(std::move(upload));
        continue;
      }
      std::string prefix = upload.key.substr(0, cut + question.delimiter.size());
      if (prefixes.empty() || prefixes.back() != prefix) prefixes.push_back(std::move(prefix));
    }
    answer.key_marker = page.key_marker;
    answer.upload_id_marker = page.upload_id_marker;
    next.key_marker = page.key_marker;
    next.upload_id_marker = page.upload_id_marker;
    const std::size_t count = answer.uploads.size() + prefixes.size();
    more = !page.key_marker.empty() && count < static_cast<std::size_t>(options.max_uploads);
    next.max_uploads = options.max_uploads - static_cast<int>(count);
  }
  co_return co_await send(
      exchange, 200,
      uploads_document(call.object.bucket, question, answer, prefixes, owner_of(*exchange)));
}

}  // namespace telpher
