#include "s3/service/request_options.h"

#include "codec/http_date.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

using List = std::initializer_list<std::pair<std::string_view, std::string_view>>;

Headers headers_of(List list) {
  Headers headers;
  for (const auto& [name, value] : list) headers.add(name, value);
  return headers;
}

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : result.error().context.code;
}

TEST(RequestOptions, MetadataIsWithoutTheWayItCame) {
  const auto options = parse_put_options(headers_of({{"Content-Type", "text/plain"},
                                                     {"Content-Encoding", "aws-chunked, gzip"},
                                                     {"X-Amz-Meta-Name", "a"},
                                                     {"x-amz-meta-name", "b"},
                                                     {"x-amz-tagging", "k=v&l="}}));
  ASSERT_TRUE(options);
  EXPECT_EQ(options->metadata.content_type, "text/plain");
  EXPECT_EQ(options->metadata.content_encoding, "gzip");
  EXPECT_EQ(options->metadata.user.at("name"), "a,b");
  EXPECT_EQ(options->tags, (Tags{{"k", "v"}, {"l", ""}}));
}

TEST(RequestOptions, WhatCannotBeDoneIsRefused) {
  const List refused[] = {
      {{"x-amz-server-side-encryption", "AES256"}},
      {{"x-amz-server-side-encryption-customer-algorithm", "AES256"}},
      {{"x-amz-object-lock-mode", "COMPLIANCE"}},
      {{"x-amz-grant-read", "id=x"}},
      {{"x-amz-website-redirect-location", "/x"}},
      {{"if-none-match", "\"abc\""}},
      {{"if-none-match", "*"}, {"if-match", "\"abc\""}},
  };
  for (const List& list : refused) {
    EXPECT_EQ(code_of(parse_put_options(headers_of(list))), "NotImplemented")
        << list.begin()->first;
  }
}

TEST(RequestOptions, ChecksumsAreOneAndTrue) {
  EXPECT_EQ(code_of(parse_put_options(headers_of({{"content-md5", "nonsense"}}))), "InvalidDigest");
  EXPECT_EQ(code_of(parse_put_options(headers_of({{"content-md5", ""}}))), "InvalidDigest");
  EXPECT_EQ(code_of(parse_put_options(headers_of({{"x-amz-checksum-crc32", "AAAA"}}))),
            "InvalidRequest");
  EXPECT_EQ(code_of(parse_put_options(headers_of(
                {{"x-amz-checksum-crc32", "AAAAAA=="}, {"x-amz-checksum-crc32c", "AAAAAA=="}}))),
            "InvalidRequest");
  EXPECT_EQ(code_of(parse_put_options(headers_of({{"x-amz-sdk-checksum-algorithm", "CRC32"}}))),
            "InvalidRequest");
  EXPECT_EQ(code_of(parse_put_options(
                headers_of({{"x-amz-sdk-checksum-algorithm", "CRC32"},
                            {"x-amz-checksum-sha1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}}))),
            "InvalidRequest");
  const auto trailer = parse_put_options(headers_of(
      {{"x-amz-sdk-checksum-algorithm", "CRC32"}, {"x-amz-trailer", "x-amz-checksum-crc32"}}));
  ASSERT_TRUE(trailer);
  EXPECT_EQ(trailer->algorithm, ChecksumAlgorithm::kCrc32);
}

TEST(RequestOptions, TypesOfChecksumsOfUploads) {
  const auto composite = [](std::string_view algorithm, std::string_view type) {
    Headers headers = headers_of({{"x-amz-checksum-algorithm", algorithm}});
    if (!type.empty()) headers.add("x-amz-checksum-type", type);
    return parse_create_options(headers);
  };
  EXPECT_TRUE(composite("CRC32", "")->composite);
  EXPECT_FALSE(composite("CRC32", "FULL_OBJECT")->composite);
  EXPECT_FALSE(composite("CRC64NVME", "")->composite);
  EXPECT_TRUE(composite("SHA256", "")->composite);
  EXPECT_EQ(code_of(composite("SHA256", "FULL_OBJECT")), "InvalidRequest");
  EXPECT_EQ(code_of(composite("CRC64NVME", "COMPOSITE")), "InvalidRequest");
  EXPECT_EQ(code_of(composite("MD4", "")), "InvalidRequest");
}

TEST(RequestOptions, CompositeChecksumsAreToldByTheirCount) {
  const auto options = parse_complete_options(
      headers_of({{"x-amz-checksum-crc32", "AAAAAA==-3"}, {"x-amz-mp-object-size", "12"}}));
  ASSERT_TRUE(options);
  EXPECT_EQ(options->checksum_parts, 3);
  EXPECT_EQ(options->size, ByteCount{12});
  EXPECT_EQ(code_of(parse_complete_options(headers_of({{"x-amz-mp-object-size", "x"}}))),
            "InvalidRequest");
}

TEST(RequestOptions, ConditionsOnReads) {
  ObjectInfo info;
  info.etag = "\"abc\"";
  info.last_modified = std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + 500ms;
  constexpr std::string_view kThen = "Fri, 02 Jan 2026 00:00:00 GMT";
  constexpr std::string_view kNow = "Sat, 03 Jan 2026 00:00:00 GMT";
  constexpr std::string_view kBefore = "Thu, 01 Jan 2026 00:00:00 GMT";
  const auto outcome = [&](List list) {
    const Headers headers = headers_of(list);
    return evaluate(parse_read_conditions(headers, *parse_http_date(kNow)), info);
  };
  using enum ConditionOutcome;
  EXPECT_EQ(outcome({}), kHolds);
  EXPECT_EQ(outcome({{"if-match", "\"abc\""}}), kHolds);
  EXPECT_EQ(outcome({{"if-match", "*"}}), kHolds);
  EXPECT_EQ(outcome({{"if-match", "\"x\", \"abc\""}}), kHolds);
  EXPECT_EQ(outcome({{"if-match", "\"x\""}}), kFails);
  EXPECT_EQ(outcome({{"if-none-match", "\"abc\""}}), kNotModified);
  EXPECT_EQ(outcome({{"if-none-match", "\"x\""}}), kHolds);
  EXPECT_EQ(outcome({{"if-modified-since", kThen}}), kNotModified);
  EXPECT_EQ(outcome({{"if-modified-since", kBefore}}), kHolds);
  EXPECT_EQ(outcome({{"if-modified-since", "yesterday"}}), kHolds);
  EXPECT_EQ(outcome({{"if-modified-since", kNow}}), kNotModified);
  EXPECT_EQ(outcome({{"if-modified-since", "Sat, 03 Jan 2026 00:00:01 GMT"}}), kHolds);
  EXPECT_EQ(outcome({{"if-unmodified-since", kBefore}}), kFails);
  EXPECT_EQ(outcome({{"if-unmodified-since", kThen}}), kHolds);
  // The ETag has the last word.
  EXPECT_EQ(outcome({{"if-match", "\"abc\""}, {"if-unmodified-since", kBefore}}), kHolds);
  EXPECT_EQ(outcome({{"if-none-match", "\"x\""}, {"if-modified-since", kThen}}), kHolds);
}

}  // namespace
}  // namespace telpher
