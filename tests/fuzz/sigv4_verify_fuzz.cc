// Requests to an S3 service: nobody gets in without the secret, whatever the target and the header
// say. Input: target, line break, Authorization header.

#include "s3/service/call.h"
#include "s3/sigv4_verify.h"
#include "tests/fuzz/fuzz.h"

FUZZ(std::string_view input) {
  using namespace telpher;
  static SigV4Verifier verifier([](std::string_view key) -> std::optional<std::string> {
    if (key != "AKIA") return std::nullopt;
    return "a secret that no input contains: 8f1c0e6b";
  });
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view target = input.substr(0, end);
  const std::string_view authorization = input.substr(std::min(end + 1, input.size()));
  Headers headers;
  headers.add("host", "localhost");
  headers.add("x-amz-date", "20260101T000000Z");
  headers.add("x-amz-content-sha256", kUnsignedPayload);
  if (!authorization.empty()) headers.add("authorization", authorization);
  const auto signatory =
      verifier.verify({"GET", target, headers}, *parse_amz_date("20260101T000000Z"));
  CHECK(!signatory.has_value());
  CHECK(signatory.error().kind == ErrorKind::kDenied && !signatory.error().context.code.empty());

  const auto call = parse_s3_call("GET", target, headers, {});
  if (call && call->object.bucket.empty()) CHECK(call->operation == Operation::kListBuckets);
}
