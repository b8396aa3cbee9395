// What an error says, in S3's code, status and words.

#include "s3/service/xml_answer.h"

#include <algorithm>

namespace telpher {
namespace {

/// XML has no words for control characters, escaped or not: a document with one is no document.
std::string readable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool control =
        static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    if (control) {
      out += "\uFFFD";
    } else if (is_noncharacter(text.substr(i))) {
      out += "\uFFFD";
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string_view s3_code_of(const Error& error) {
  if (!error.context.code.empty()) return error.context.code;
  switch (error.kind) {
    case ErrorKind::kNotFound: return "NoSuchKey";
    case ErrorKind::kDenied: return "AccessDenied";
    case ErrorKind::kPrecondition: return "PreconditionFailed";
    case ErrorKind::kConflict: return "OperationAborted";
    case ErrorKind::kThrottled: return "SlowDown";
    case ErrorKind::kTimeout: return "RequestTimeout";
    case ErrorKind::kLimit: return "EntityTooLarge";
    case ErrorKind::kUnsupported: return "NotImplemented";
    case ErrorKind::kInvalid: return "InvalidArgument";
    default: return "InternalError";
  }
}

int http_status_of(const Error& error) {
  if (error.context.http_status != 0) return error.context.http_status;
  switch (error.kind) {
    case ErrorKind::kNotFound: return 404;
    case ErrorKind::kDenied: return 403;
    case ErrorKind::kPrecondition: return 412;
    case ErrorKind::kConflict: return 409;
    case ErrorKind::kThrottled: return 503;
    case ErrorKind::kTimeout:
    case ErrorKind::kLimit:
    case ErrorKind::kInvalid: return 400;
    case ErrorKind::kUnsupported: return 501;
    default: return 500;
  }
}

namespace {

struct Message {
  std::string_view code;
  std::string_view text;
};

/// S3's own words, for which some clients and many suites look. The store's tell more, to people.
constexpr Message kMessages[] = {
    {"BucketAlreadyExists",
     "The requested bucket name is not available. The bucket namespace is shared by all users of "
     "the system. Please select a different name and try again."},
    {"BucketNotEmpty", "The bucket you tried to delete is not empty"},
    {"EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"},
    {"EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"},
    {"InvalidBucketName", "The specified bucket is not valid."},
    {"InvalidPart",
     "One or more of the specified parts could not be found.  The part may not have been uploaded, "
     "or the specified entity tag may not match the part's entity tag."},
    {"InvalidPartOrder",
     "The list of parts was not in ascending order. Parts must be ordered by part number."},
    {"InvalidStorageClass", "The storage class you specified is not valid"},
    {"KeyTooLongError", "Your key is too long"},
    {"MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"},
    {"NoSuchBucket", "The specified bucket does not exist"},
    {"NoSuchKey", "The specified key does not exist."},
    {"NoSuchUpload",
     "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
     "been aborted or completed."},
    {"PreconditionFailed", "At least one of the pre-conditions you specified did not hold"},
};

/// Of header_not_implemented(): which; "" of other errors.
std::string_view header_of(const Error& error) {
  const std::string_view message = error.message;
  if (!message.starts_with(kHeaderNotImplemented)) return {};
  return message.substr(std::min(kHeaderNotImplemented.size() + 2, message.size()));
}

}  // namespace

std::string message_of(const Error& error) {
  const std::string_view code = s3_code_of(error);
  const auto known = std::ranges::find(kMessages, code, &Message::code);
  if (known != std::end(kMessages)) return std::string(known->text);
  if (!header_of(error).empty()) return std::string(kHeaderNotImplemented);
  return readable(error.message);
}

std::string error_document(const ErrorAnswer& answer) {
  const std::string_view code = s3_code_of(answer.error);
  Xml xml("Error");
  xml.element("Code", code).element("Message", message_of(answer.error));
  if (code == "NoSuchKey") xml.element("Key", readable(answer.object.key));
  if (code == "NoSuchBucket" || code == "BucketNotEmpty" || code.starts_with("BucketAlready") ||
      code == "InvalidBucketName") {
    xml.element("BucketName", readable(answer.object.bucket));
  }
  if (const std::string_view header = header_of(answer.error); !header.empty()) {
    xml.element("Header", readable(header));
  }
  for (const auto& [name, value] : answer.details) xml.element(name, readable(value));
  if (!answer.region.empty()) xml.element("Region", answer.region);
  return xml.element("Resource", readable(answer.resource))
      .element("RequestId", answer.request_id)
      .element("HostId", answer.request_id)
      .finish();
}

}  // namespace telpher
