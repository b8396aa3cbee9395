// S3Service: operations on one object, or on many by their keys.

#include "codec/base64.h"
#include "codec/byte_range.h"
#include "codec/http_date.h"
#include "codec/percent.h"
#include "codec/text.h"
#include "codec/utf8.h"
#include "s3/service/exchange.h"
#include "s3/service/refusals.h"
#include "s3/service/request_options.h"
#include "s3/service/xml_answer.h"
#include "s3/service/xml_request.h"
#include "store/rules.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

Error not_modified() {
  return store_error(ErrorKind::kPrecondition, "NotModified", 304, "Not Modified");
}

/// This service keeps no versions: each object's only one is "null".
Result<void> check_version(const S3Call& call) {
  if (!call.has_parameter("versionId")) return {};
  const std::string_view version = call.parameter("versionId");
  if (version == "null") return {};
  return invalid_argument(version.empty() ? "Version id cannot be the empty string"
                                          : "Invalid version id specified");
}

/// As S3 answers text beyond ASCII (RFC 2047); what is no text goes as it came.
std::string as_header_text(const std::string& value) {
  const bool ascii = std::ranges::all_of(value, [](char c) { return (c & 0x80) == 0; });
  if (ascii || !is_utf8(value)) return value;
  return "=?UTF-8?B?" + base64_encode(as_bytes(value)) + "?=";
}

void add_object_headers(Headers& headers, const ObjectInfo& info) {
  headers.add("ETag", info.etag);
  headers.add("Last-Modified",
              format_http_date(std::chrono::floor<std::chrono::seconds>(info.last_modified)));
  headers.add("Accept-Ranges", "bytes");
  const ObjectMetadata& metadata = info.metadata;
  headers.add("Content-Type",
              metadata.content_type.empty() ? "binary/octet-stream" : metadata.content_type);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) headers.add(name, value);
  };
  add("Content-Encoding", metadata.content_encoding);
  add("Content-Language", metadata.content_language);
  add("Content-Disposition", metadata.content_disposition);
  add("Cache-Control", metadata.cache_control);
  add("Expires", metadata.expires);
  for (const auto& [name, value] : metadata.user) {
    headers.add("x-amz-meta-" + name, as_header_text(value));
  }
  if (!info.storage_class.empty()) headers.add("x-amz-storage-class", info.storage_class);
  if (info.tag_count > 0) headers.add("x-amz-tagging-count", std::to_string(info.tag_count));
}

/// response-content-type=… and its like, for signed requests.
Result<void> override_headers(Headers& headers, const S3Call& call, bool is_signed) {
  constexpr std::pair<std::string_view, std::string_view> kOverrides[] = {
      {"response-content-type", "Content-Type"},
      {"response-content-language", "Content-Language"},
      {"response-expires", "Expires"},
      {"response-cache-control", "Cache-Control"},
      {"response-content-disposition", "Content-Disposition"},
      {"response-content-encoding", "Content-Encoding"}};
  for (const auto& [parameter, header] : kOverrides) {
    if (!call.has_parameter(parameter)) continue;
    if (!is_signed) {
      return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                         "Request specific response headers cannot be used for anonymous GET "
                         "requests.");
    }
    if (!is_valid_field(header, call.parameter(parameter))) {
      return invalid_argument("The value of " + std::string(parameter) + " is no header's.");
    }
    headers.set(header, call.parameter(parameter));
  }
  return {};
}

Result<void> check_conditions(const Headers& headers, const ObjectInfo& info,
                              std::chrono::sys_seconds now) {
  switch (evaluate(parse_read_conditions(headers, now), info)) {
    case ConditionOutcome::kFails: return precondition_failed();
    case ConditionOutcome::kNotModified: return not_modified();
    default: return {};
  }
}

/// What lies in an archive is read only once it has been restored, which nothing here does.
Result<void> check_is_at_hand(const ObjectInfo& info, ErrorDetails& details) {
  if (info.storage_class != "GLACIER" && info.storage_class != "DEEP_ARCHIVE") return {};
  details = {{"StorageClass", info.storage_class}};
  return store_error(ErrorKind::kDenied, "InvalidObjectState", 403,
                     "The operation is not valid for the object's storage class");
}

/// What a read asks for of an object.
struct Wanted {
  std::optional<ByteRange> range;          // empty = all of it
  int parts_count = 0;                     // > 0: a part was asked for of an object of so many
  std::optional<StoredChecksum> checksum;  // of these bytes, as far as S3 tells it
};

/// "?partNumber=N".
Result<Wanted> part_wanted(const S3Call& call, const ObjectInfo& info, ErrorDetails& details) {
  TRY(const PartNumber number, part_number_of(call, details));
  if (!info.parts) {
    if (number == 1) return Wanted{ByteRange{0, info.size}, 0, info.checksum};
  } else {
    const bool composite = info.checksum && info.checksum->parts > 0;
    ByteCount offset = 0;
    PartNumber position = 0;
    for (const PartInfo& part : *info.parts) {
      if (++position == number) {
        Wanted wanted{ByteRange{offset, part.size}, static_cast<int>(info.parts->size()), {}};
        if (composite && part.checksum) wanted.checksum = StoredChecksum{*part.checksum, 0};
        return wanted;
      }
      offset += part.size;
    }
  }
  return store_error(ErrorKind::kInvalid, "InvalidPartNumber", 416,
                     "The requested partnumber is not satisfiable");
}

std::optional<RangeRequest> range_of(const Headers& headers) {
  const auto text = headers.find("range");
  if (!text) return std::nullopt;
  return parse_range_request(*text);
}

Error invalid_range(const Headers& headers, const ObjectInfo& info, ErrorDetails& details) {
  details = {{"RangeRequested", std::string(headers.find("range").value_or(""))},
             {"ActualObjectSize", std::to_string(info.size)}};
  return store_error(ErrorKind::kInvalid, "InvalidRange", 416,
                     "The requested range is not satisfiable");
}

Result<Wanted> wanted_of(const S3Call& call, const Headers& headers, const ObjectInfo& info,
                         ErrorDetails& details) {
  const std::optional<RangeRequest> range = range_of(headers);
  if (call.has_parameter("partNumber")) {
    if (range)
      return store_error(ErrorKind::kInvalid, "InvalidRequest", 400,
                         "Cannot specify both Range header and partNumber query "
                         "parameter");
    return part_wanted(call, info, details);
  }
  if (!range || !range_is_wanted(headers, info)) return Wanted{{}, 0, info.checksum};
  Wanted wanted{resolve_range(*range, info.size), 0, {}};
  if (!wanted.range) return invalid_range(headers, info, details);
  return wanted;
}

/// The same, provided that the conditions hold.
Result<Wanted> wanted_if(const S3Call& call, const Headers& headers, const ObjectInfo& info,
                         std::chrono::sys_seconds now, ErrorDetails& details) {
  TRY_VOID(check_conditions(headers, info, now));
  return wanted_of(call, headers, info, details);
}

int add_range_headers(Headers& headers, const Wanted& wanted, ByteCount size) {
  if (wanted.parts_count > 0) {
    headers.add("x-amz-mp-parts-count", std::to_string(wanted.parts_count));
  }
  if (!wanted.range || wanted.range->length == 0) return 200;
  headers.add("Content-Range", make_content_range({*wanted.range, size}));
  return 206;
}

}  // namespace

Task<Result<void>> S3Service::get_object(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const Headers& asked = exchange->headers();
  Headers& headers = exchange->response.headers;
  CO_TRY_VOID(check_version(call));
  CO_TRY_VOID(check_read_is_plain(asked));
  GetOptions options;
  Wanted wanted;
  // Where the bytes depend on what the object is, it is looked up first and held to its ETag.
  const bool look_first = range_of(asked) || call.has_parameter("partNumber");
  if (look_first) {
    const Result<ObjectInfo> info = co_await base_.head(call.object);
    if (!info) co_return co_await fail(exchange, info.error());
    Result<Wanted> found = wanted_if(call, asked, *info, now(), exchange->details);
    if (!found) {
      add_object_headers(headers, *info);  // a 304 keeps its validators
      co_return co_await fail(exchange, std::move(found).error());
    }
    wanted = *std::move(found);
    options.range = wanted.range && wanted.range->length > 0 ? wanted.range : std::nullopt;
    options.if_match = info->etag;
  }
  Result<GetResult> content = co_await store_.get(call.object, std::move(options));
  if (!content) {
    // It was replaced between the two looks: the client repeats.
    if (look_first && content.error().kind == ErrorKind::kPrecondition &&
        !asked.contains("if-match")) {
      co_return make_fault_error(503, "SlowDown", "The object was replaced meanwhile");
    }
    co_return std::move(content).error();
  }
  CO_TRY_VOID(check_is_at_hand(content->info, exchange->details));
  add_object_headers(headers, content->info);
  if (!look_first) CO_TRY_VOID(check_conditions(asked, content->info, now()));
  CO_TRY_VOID(override_headers(headers, call, exchange->signatory.has_value()));
  const int status = add_range_headers(headers, wanted, content->info.size);
  if (iequals(asked.find("x-amz-checksum-mode").value_or(""), "ENABLED")) {
    add_checksum_headers(headers, shown(look_first ? wanted.checksum : content->info.checksum));
  }
  co_return co_await send_content(exchange, status, &*content);
}

Task<Result<void>> S3Service::head_object(Exchange* exchange) {
  const S3Call& call = exchange->call;
  const Headers& asked = exchange->headers();
  CO_TRY_VOID(check_version(call));
  CO_TRY_VOID(check_read_is_plain(asked));
  CO_TRY(const ObjectInfo info, co_await store_.head(call.object));
  Headers& headers = exchange->response.headers;
  add_object_headers(headers, info);
  CO_TRY_VOID(check_conditions(asked, info, now()));
  CO_TRY_VOID(override_headers(headers, call, exchange->signatory.has_value()));
  CO_TRY(const Wanted wanted, wanted_of(call, asked, info, exchange->details));
  exchange->response.status = add_range_headers(headers, wanted, info.size);
  if (iequals(asked.find("x-amz-checksum-mode").value_or(""), "ENABLED")) {
    add_checksum_headers(headers, shown(wanted.checksum));
  }
  headers.set("Content-Length", std::to_string(wanted.range ? wanted.range->length : info.size));
  co_return co_await exchange->response.send();
}

Task<Result<void>> S3Service::put_object(Exchange* exchange) {
  CO_TRY_VOID(check_length_is_said(exchange->headers()));
  CO_TRY(PutOptions options, parse_put_options(exchange->headers()));
  CO_TRY(RequestBody * body, co_await open_body(exchange));
  expect_checksums(options, *body);
  options.condition.bucket_owner = exchange->bucket_owner;
  CO_TRY(const PutResult result,
         co_await store_.put(exchange->call.object, body->as_body(), options));
  Headers& headers = exchange->response.headers;
  headers.add("ETag", result.etag);
  add_checksum_headers(headers, shown(result.checksum));
  co_return co_await send(exchange, 200, "");
}

namespace {

/// Which of the conditions it was.
std::string failed_one(const ReadConditions& conditions, const ObjectInfo& info) {
  const auto fails = [&](ReadConditions one) {
    return evaluate(one, info) != ConditionOutcome::kHolds;
  };
  if (fails({.match = conditions.match})) return "If-Match";
  if (fails({.none_match = conditions.none_match})) return "If-None-Match";
  const bool unmodified = !conditions.match && conditions.unmodified_since;
  if (unmodified && fails({.unmodified_since = conditions.unmodified_since})) {
    return "If-Unmodified-Since";
  }
  return "If-Modified-Since";
}

}  // namespace

/// Whether the source may be copied by this user and under these conditions. Returns what it is.
Task<Result<ObjectInfo>> S3Service::check_copy_source(Exchange* exchange, ObjectAddress from) {
  CO_TRY_VOID(co_await check_owner(exchange, from.bucket));
  const auto expected_owner = exchange->headers().find("x-amz-source-expected-bucket-owner");
  if (expected_owner && *expected_owner != owner_of(*exchange).id) {
    co_return access_denied();
  }
  CO_TRY(ObjectInfo source, co_await base_.head(from));
  const auto conditions = parse_read_conditions(exchange->headers(), now(), "x-amz-copy-source-");
  if (evaluate(conditions, source) != ConditionOutcome::kHolds) {
    exchange->details = {{"Condition", "x-amz-copy-source-" + failed_one(conditions, source)}};
    co_return precondition_failed();
  }
  co_return source;
}

Task<Result<void>> S3Service::copy_object(Exchange* exchange) {
  const ObjectAddress& to = exchange->call.object;
  const Headers& headers = exchange->headers();
  CO_TRY(const ObjectAddress from,
         parse_copy_source(headers.find("x-amz-copy-source").value_or("")));
  CO_TRY(CopyOptions options, parse_copy_options(headers));
  const Result<ObjectInfo> source = co_await check_copy_source(exchange, from);
  if (!source) co_return co_await fail(exchange, source.error());
  options.source_if_match = source->etag;
  options.condition.bucket_owner = exchange->bucket_owner;
  // To name a class is to change it, even if it is the same one.
  if (from == to && !options.metadata && headers.contains("x-amz-storage-class")) {
    options.metadata = source->metadata;
  }
  CO_TRY(const PutResult result, co_await store_.copy(from, to, std::move(options)));
  co_return co_await send(
      exchange, 200,
      copy_document("CopyObjectResult", result.etag, loop_.wall_now(), shown(result.checksum)));
}

Task<Result<void>> S3Service::delete_object(Exchange* exchange) {
  CO_TRY_VOID(check_version(exchange->call));
  // Those of directory buckets, and what S3 has not, must not be ignored.
  const Headers& headers = exchange->headers();
  for (const std::string_view name :
       {"if-none-match", "x-amz-if-match-last-modified-time", "x-amz-if-match-size"}) {
    if (headers.contains(name)) co_return not_implemented(name);
  }
  CO_TRY(const WriteCondition condition, parse_write_condition(headers));
  CO_TRY_VOID(co_await store_.remove(exchange->call.object, condition.if_match));
  co_return co_await send(exchange, 204, "");
}

namespace {

bool is_plain(const DeleteTarget& target) {
  const bool newest = target.version_id.empty() || target.version_id == "null";
  return newest && target.if_match.empty() && target.unspoken.empty();
}

}  // namespace

/// In their order, as far as they are many at once. An error for each that has one; an empty list
/// stands for none.
Task<Result<S3Service::EachError>> S3Service::remove_each(std::string bucket,
                                                          std::vector<DeleteTarget> targets) {
  EachError errors(targets.size());
  for (std::size_t i = 0; i < targets.size();) {
    const DeleteTarget& target = targets[i];
    if (!is_plain(target)) {
      Result<void> removed;
      if (!target.unspoken.empty()) {
        removed = not_implemented(target.unspoken);
      } else if (!target.version_id.empty() && target.version_id != "null") {
        removed = invalid_argument("Invalid version id specified");
      } else {
        removed = co_await base_.remove({bucket, target.key}, target.if_match);
      }
      if (!removed) errors[i] = std::move(removed).error();
      ++i;
      continue;
    }
    const std::size_t first = i;
    std::vector<std::string> keys;
    for (; i < targets.size() && is_plain(targets[i]); ++i) keys.push_back(targets[i].key);
    CO_TRY(const std::vector<RemoveFailure> failures,
           co_await base_.remove_many(bucket, std::move(keys)));
    for (const RemoveFailure& failure : failures) {
      for (std::size_t of = first; of < i; ++of) {
        if (targets[of].key == failure.key) errors[of] = failure.error;
      }
    }
  }
  co_return errors;
}

Task<Result<void>> S3Service::delete_objects(Exchange* exchange) {
  CO_TRY(const std::string xml, co_await read_xml(exchange, kDeleteBytesMax, Proof::kRequired));
  CO_TRY(DeleteBody request, parse_delete_body(xml));
  const std::string& bucket = exchange->call.object.bucket;
  CO_TRY(EachError errors,
         co_await store_.disturb<EachError>(Operation::kDeleteObjects, "",
                                            remove_each(bucket, request.objects)));
  errors.resize(request.objects.size());
  std::vector<std::string> deleted;
  std::vector<RemoveFailure> failed;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    std::string& key = request.objects[i].key;
    if (errors[i]) {
      failed.push_back({std::move(key), *std::move(errors[i])});
    } else if (!request.quiet) {
      deleted.push_back(std::move(key));
    }
  }
  co_return co_await send(exchange, 200, delete_document(deleted, failed));
}

Task<Result<void>> S3Service::get_attributes(Exchange* exchange) {
  const Headers& headers = exchange->headers();
  CO_TRY_VOID(check_version(exchange->call));
  CO_TRY_VOID(check_read_is_plain(headers));
  AttributesQuestion question;
  bool known = true;
  bool any = false;
  for_each_list_item(
      headers.joined("x-amz-object-attributes").value_or(""), [&](std::string_view name) {
        constexpr std::pair<std::string_view, bool AttributesQuestion::*> kNames[] = {
            {"ETag", &AttributesQuestion::etag},
            {"Checksum", &AttributesQuestion::checksum},
            {"ObjectParts", &AttributesQuestion::parts},
            {"StorageClass", &AttributesQuestion::storage_class},
            {"ObjectSize", &AttributesQuestion::size}};
        const auto found = std::ranges::find(
            kNames, name, &std::pair<std::string_view, bool AttributesQuestion::*>::first);
        known = known && found != std::end(kNames);
        any = true;
        if (found != std::end(kNames)) question.*(found->second) = true;
      });
  if (!known || !any) {
    co_return invalid_argument("Invalid attribute name specified.");
  }
  if (const auto text = headers.find("x-amz-max-parts")) {
    const auto count = parse_decimal<unsigned>(*text);
    if (!count) co_return invalid_argument("Argument max-parts must be an integer");
    question.max_parts = static_cast<int>(std::min(*count, 1000u));
  }
  if (const auto text = headers.find("x-amz-part-number-marker")) {
    const auto marker = parse_decimal<unsigned>(*text);
    if (!marker) co_return invalid_argument("Argument part-number-marker must be an integer");
    question.marker = static_cast<int>(std::min(*marker, 10'000u));
  }
  CO_TRY(ObjectInfo info,
         co_await store_.disturb<ObjectInfo>(Operation::kGetAttributes, exchange->call.object.key,
                                             base_.head(exchange->call.object)));
  info.checksum = shown(info.checksum);
  exchange->response.headers.add(
      "Last-Modified",
      format_http_date(std::chrono::floor<std::chrono::seconds>(info.last_modified)));
  co_return co_await send(exchange, 200, attributes_document(question, info));
}

Task<Result<void>> S3Service::run_tags(Exchange* exchange) {
  const S3Call& call = exchange->call;
  CO_TRY_VOID(check_version(call));
  if (call.operation == Operation::kGetTags) {
    CO_TRY(const auto tags, co_await store_.tags(call.object));
    co_return co_await send(exchange, 200, tagging_document(tags));
  }
  if (call.operation == Operation::kDeleteTags) {
    CO_TRY_VOID(co_await store_.disturb<void>(Operation::kDeleteTags, call.object.key,
                                              base_.set_tags(call.object, {})));
    co_return co_await send(exchange, 204, "");
  }
  CO_TRY(const std::string xml, co_await read_xml(exchange, kSmallDocumentBytesMax));
  CO_TRY(auto tags, parse_tagging_body(xml));
  CO_TRY_VOID(co_await store_.set_tags(call.object, std::move(tags)));
  co_return co_await send(exchange, 200, "");
}

}  // namespace telpher
