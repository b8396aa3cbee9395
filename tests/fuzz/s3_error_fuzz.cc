// Error answers of an S3 service: whatever it says becomes one error of bounded length on one line.
// The first two bytes are the status.

#include "s3/response.h"
#include "tests/fuzz/fuzz.h"

FUZZ(std::string_view input) {
  using namespace telpher;
  if (input.size() < 2) return;
  const int status =
      100 +
      (static_cast<unsigned char>(input[0]) * 256 + static_cast<unsigned char>(input[1])) % 900;
  const S3ErrorAnswer answer = s3_response::parse_error(status, {}, input.substr(2), {});
  for (const bool is_write : {false, true}) {
    const Error error = make_s3_error({"PutObject", "bucket", "key", is_write}, answer);
    CHECK(!error.message.empty() && error.message.size() < 1000);
    for (const char c : error.message) CHECK(static_cast<unsigned char>(c) >= 0x20);
    CHECK(error.context.http_status == status);
    if (status == 503 && answer.code.empty()) CHECK(error.kind == ErrorKind::kThrottled);
  }
  (void)rejects_checksum_headers(answer);
}
