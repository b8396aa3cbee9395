#include "s3/error_table.h"

#include "codec/text.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

using enum ErrorKind;
constexpr Persistence kNever = Persistence::kPermanent;
constexpr Persistence kAgain = Persistence::kTemporary;

struct Row {
  std::string_view code;
  ErrorKind kind;
  Persistence persistence;
};

constexpr auto kTable = std::to_array<Row>({
    // What is not there.
    {"NoSuchBucket", kNotFound, kNever},
    {"NoSuchKey", kNotFound, kNever},
    {"NoSuchUpload", kNotFound, kNever},
    {"NoSuchVersion", kNotFound, kNever},
    {"NotFound", kNotFound, kNever},
    // Who may not.
    {"AccessDenied", kDenied, kNever},
    {"AccountProblem", kDenied, kNever},
    {"AllAccessDisabled", kDenied, kNever},
    {"Forbidden", kDenied, kNever},
    {"InvalidAccessKeyId", kDenied, kNever},
    {"InvalidObjectState", kDenied, kNever},  // archived
    {"InvalidToken", kDenied, kNever},
    {"ObjectLocked", kDenied, kNever},
    {"SignatureDoesNotMatch", kDenied, kNever},
    {"UnauthorizedAccess", kDenied, kNever},
    // Mended by new credentials or a corrected clock, which the next attempt has.
    {"ExpiredToken", kDenied, kAgain},
    {"RequestExpired", kDenied, kAgain},
    {"RequestTimeTooSkewed", kDenied, kAgain},
    {"TokenRefreshRequired", kDenied, kAgain},
    // Conditions and other writers: 412 is an answer, 409 is not.
    {"PreconditionFailed", kPrecondition, kNever},
    {"NotModified", kPrecondition, kNever},
    {"ConditionalRequestConflict", kConflict, kAgain},
    {"OperationAborted", kConflict, kAgain},
    {"BucketAlreadyExists", kConflict, kNever},
    {"BucketAlreadyOwnedByYou", kConflict, kNever},
    {"BucketNotEmpty", kConflict, kNever},
    // Slower, please.
    {"BandwidthLimitExceeded", kThrottled, kAgain},
    {"EC2ThrottledException", kThrottled, kAgain},
    {"RequestLimitExceeded", kThrottled, kAgain},
    {"RequestThrottled", kThrottled, kAgain},
    {"RequestThrottledException", kThrottled, kAgain},
    {"ServiceUnavailable", kThrottled, kAgain},
    {"SlowDown", kThrottled, kAgain},
    {"SlowDownRead", kThrottled, kAgain},
    {"SlowDownWrite", kThrottled, kAgain},
    {"Throttling", kThrottled, kAgain},
    {"ThrottlingException", kThrottled, kAgain},
    {"TooManyRequests", kThrottled, kAgain},
    // The server's own trouble.
    {"InternalError", kServer, kAgain},
    {"InternalFailure", kServer, kAgain},
    {"XMinioServerNotInitialized", kServer, kAgain},
    {"RequestTimeout", kTimeout, kAgain},
    {"IncompleteBody", kNetwork, kAgain},
    // Bytes that changed on the way.
    {"BadDigest", kCorrupt, kAgain},
    {"ChecksumMismatch", kCorrupt, kAgain},
    {"XAmzContentChecksumMismatch", kCorrupt, kAgain},
    {"XAmzContentSHA256Mismatch", kCorrupt, kAgain},
    // Room.
    {"EntityTooLarge", kLimit, kNever},
    {"InsufficientCapacity", kLimit, kNever},
    {"QuotaExceeded", kLimit, kNever},
    {"TooManyBuckets", kLimit, kNever},
    {"XMinioStorageFull", kLimit, kNever},
    // What the store cannot do.
    {"MethodNotAllowed", kUnsupported, kNever},
    {"NotImplemented", kUnsupported, kNever},
    {"XNotImplemented", kUnsupported, kNever},
    // What nobody should have asked.
    {"AuthorizationHeaderMalformed", kInvalid, kNever},
    {"AuthorizationQueryParametersError", kInvalid, kNever},
    {"EntityTooSmall", kInvalid, kNever},
    {"IllegalLocationConstraintException", kInvalid, kNever},
    {"InvalidArgument", kInvalid, kNever},
    {"InvalidBucketName", kInvalid, kNever},
    {"InvalidDigest", kInvalid, kNever},
    {"InvalidLocationConstraint", kInvalid, kNever},
    {"InvalidPart", kInvalid, kNever},
    {"InvalidPartOrder", kInvalid, kNever},
    {"InvalidRange", kInvalid, kNever},
    {"InvalidRequest", kInvalid, kNever},
    {"InvalidStorageClass", kInvalid, kNever},
    {"InvalidTag", kInvalid, kNever},
    {"KeyTooLongError", kInvalid, kNever},
    {"MalformedXML", kInvalid, kNever},
    {"MetadataTooLarge", kInvalid, kNever},
    {"MissingContentLength", kInvalid, kNever},
    {"PermanentRedirect", kInvalid, kNever},
    {"TemporaryRedirect", kServer, kAgain},
});

std::string_view code_of_status(const S3Target& target, int status) {
  switch (status) {
    case 304: return "NotModified";
    case 403: return "AccessDenied";
    case 404: return target.key.empty() && !target.bucket.empty() ? "NoSuchBucket" : "NoSuchKey";
    case 405: return "MethodNotAllowed";
    case 412: return "PreconditionFailed";
    case 416: return "InvalidRange";
    case 501: return "NotImplemented";
    case 503: return "ServiceUnavailable";
    default: return "";
  }
}

bool works_on_upload(std::string_view operation) {
  return operation == "UploadPart" || operation == "ListParts" ||
         operation == "CompleteMultipartUpload" || operation == "AbortMultipartUpload";
}

std::string address_of(const S3Target& target) {
  if (target.bucket.empty()) return "the account";
  std::string address = "s3://" + std::string(target.bucket);
  if (!target.key.empty()) address += "/" + std::string(target.key);
  return address;
}

/// The server's own words: one line, not endless.
std::string quotable(std::string_view text) {
  std::string line(trim(text.substr(0, 300)));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  while (line.ends_with('.')) line.pop_back();
  return line;
}

/// Where we know more than the store says; "" elsewhere.
std::string message_for_code(const S3Target& target, std::string_view code) {
  const std::string bucket(target.bucket);
  if (code == "NoSuchBucket") {
    return "S3 bucket '" + bucket + "' does not exist (NoSuchBucket). Create it: telpher mb s3://" +
           bucket;
  }
  if (code == "NoSuchKey") return address_of(target) + " does not exist (NoSuchKey)";
  if (code == "NoSuchUpload") {
    return "The multipart upload of " + address_of(target) +
           " is gone (NoSuchUpload): completed, aborted or expired";
  }
  if (code == "BucketAlreadyExists") {
    return "S3 bucket '" + bucket +
           "' belongs to someone else (BucketAlreadyExists). Choose another name";
  }
  if (code == "BucketNotEmpty") {
    return "S3 bucket '" + bucket + "' is not empty (BucketNotEmpty). Empty it first";
  }
  if (code == "InvalidAccessKeyId") {
    return "The store does not know this access key (InvalidAccessKeyId). Check AWS_ACCESS_KEY_ID "
           "or the profile, and that they belong to this endpoint";
  }
  if (code == "SignatureDoesNotMatch") {
    return "The store refuses the signature (SignatureDoesNotMatch). Check AWS_SECRET_ACCESS_KEY "
           "or the profile, and the region";
  }
  if (code == "ExpiredToken" || code == "TokenRefreshRequired") {
    return "The session token has expired (" + std::string(code) +
           "). Sign in again, then repeat the command: it resumes";
  }
  if (code == "RequestTimeTooSkewed") {
    return "The clock of this machine differs too much from the store's (RequestTimeTooSkewed). "
           "Set the clock";
  }
  if (code == "InvalidObjectState") {
    return address_of(target) + " is archived (InvalidObjectState). Restore it first";
  }
  return "";
}

std::string message_for(const S3Target& target, const S3ErrorAnswer& answer, ErrorKind kind,
                        std::string_view code) {
  std::string message = message_for_code(target, code);
  if (!message.empty()) return message;
  if (kind != kDenied) {
    message = std::string(target.operation) + " of " + address_of(target) + " failed";
  } else if (target.bucket.empty()) {
    message = "Insufficient permissions to list buckets";
  } else {
    message = "Insufficient permissions to ";
    message += target.is_write ? "write to" : "read from";
    message += " bucket '" + std::string(target.bucket) + "'";
  }
  const std::string words = quotable(answer.message);
  if (!words.empty()) message += ": " + words;
  message += " (";
  if (!code.empty()) message += std::string(code) + ", ";
  message += "HTTP " + std::to_string(answer.status) + ")";
  return message;
}

ErrorMeaning meaning_of_status(int status) {
  switch (status) {
    case 304:
    case 412: return {kPrecondition, kNever};
    case 401:
    case 403: return {kDenied, kNever};
    case 404: return {kNotFound, kNever};
    case 405:
    case 501: return {kUnsupported, kNever};
    case 408:
    case 504: return {kTimeout, kAgain};
    case 409: return {kConflict, kAgain};
    case 413:
    case 507: return {kLimit, kNever};
    case 429:
    case 503: return {kThrottled, kAgain};
    default: break;
  }
  if (status >= 500) return {kServer, kAgain};
  if (status >= 400) return {kInvalid, kNever};
  if (status >= 300) return {kProtocol, kNever};
  // An error inside a success: S3 asks to repeat (CompleteMultipartUpload, CopyObject).
  return {kServer, kAgain};
}

}  // namespace

ErrorMeaning meaning_of(std::string_view code, int status) {
  const auto row = std::find_if(kTable.begin(), kTable.end(),
                                [code](const Row& candidate) { return candidate.code == code; });
  if (row != kTable.end()) return {row->kind, row->persistence};
  return meaning_of_status(status);
}

Error make_s3_error(const S3Target& target, const S3ErrorAnswer& answer) {
  std::string_view code =
      answer.code.empty() ? code_of_status(target, answer.status) : std::string_view(answer.code);
  // Some stores keep uploads as objects, and say so.
  if (code == "NoSuchKey" && works_on_upload(target.operation)) code = "NoSuchUpload";
  const ErrorMeaning meaning = meaning_of(code, answer.status);
  Error error;
  error.kind = meaning.kind;
  error.persistence = meaning.persistence;
  error.message = message_for(target, answer, meaning.kind, code);
  error.context.operation = target.operation;
  error.context.code = code;
  error.context.request_id = answer.request_id;
  error.context.http_status = answer.status;
  if (answer.retry_after) error.context.retry_after = *answer.retry_after;
  return error;
}

bool rejects_checksum_headers(const S3ErrorAnswer& answer) {
  if (answer.status != 400 && answer.status != 403 && answer.status != 501) return false;
  constexpr std::array<std::string_view, 7> kCodes = {
      "NotImplemented", "XNotImplemented",      "InvalidArgument",      "InvalidRequest",
      "BadRequest",     "UnsupportedParameter", "SignatureDoesNotMatch"};
  const bool fits =
      answer.code.empty() || std::find(kCodes.begin(), kCodes.end(), answer.code) != kCodes.end();
  if (!fits) return false;
  if (answer.status == 501 || answer.code == "NotImplemented") return true;
  const std::string words = to_lower(answer.message);
  return words.find("checksum") != std::string::npos ||
         words.find("unsupported header") != std::string::npos ||
         words.find("crc64") != std::string::npos;
}

}  // namespace telpher
