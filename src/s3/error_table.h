#pragma once
// What an S3 error means: one table from S3's code to kind and persistence, with the HTTP status
// for codes that are not in it, and the words people see. Pure.
// Source: Amazon S3 API reference, "Error responses".

#include "base/error.h"

#include <string>
#include <string_view>

namespace telpher {

/// An <Error> document, or what is known of an answer without one.
struct S3ErrorAnswer {
  int status = 0;       // 200 when the error came inside a success
  std::string code;     // "" = none was given
  std::string message;  // the server's
  std::string region;   // <Region>, or x-amz-bucket-region
  std::string request_id;
  std::optional<std::chrono::seconds> retry_after;
};

/// What was being done, for the message.
struct S3Target {
  std::string_view operation;  // S3's name: "PutObject"
  std::string_view bucket;     // may be empty
  std::string_view key;        // may be empty
  bool is_write = false;
};

struct ErrorMeaning {
  ErrorKind kind;
  Persistence persistence;
};

/// By code, else by status.
ErrorMeaning meaning_of(std::string_view code, int status);

/// An answer without a body (HEAD) is given the code its status stands for.
Error make_s3_error(const S3Target& target, const S3ErrorAnswer& answer);

/// Whether the answer says that the store does not take x-amz-checksum-* headers.
bool rejects_checksum_headers(const S3ErrorAnswer& answer);

}  // namespace telpher
