#include "s3/sigv4.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct SuiteCase {
  const char* name;
  const char* method;
  const char* target;
  std::vector<Header> headers;
  const char* signature;
};

// Source: AWS Signature Version 4 test suite (aws-sig-v4-test-suite); targets encoded as sent.
TEST(SigV4, AgreesWithTheTestSuiteOfAws) {
  const SuiteCase cases[] = {
      {"get-vanilla",
       "GET",
       "/",
       {},
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-utf8",
       "GET",
       "/%E1%88%B4",
       {},
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-unreserved",
       "GET",
       "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-space",
       "GET",
       "/example%20space/",
       {},
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?%E1%88%B4=bar",
       {},
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"post-header-key-sort",
       "POST",
       "/",
       {{"My-Header1", "value1"}},
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
  };
  SigV4Signer signer("us-east-1", "service");
  for (const SuiteCase& test : cases) {
    std::vector<Header> headers = {{"X-Amz-Date", "20150830T123600Z"},
                                   {"Host", "example.amazonaws.com"}};
    headers.insert(headers.end(), test.headers.begin(), test.headers.end());
    EXPECT_EQ(signer.signature("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                               *parse_amz_date("20150830T123600Z"),
                               {test.method, test.target, headers, kEmptyHash}),
              test.signature)
        << test.name << "\n"
        << signer.canonical_request();
  }
}

Credentials example_credentials() {
  return {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
}

constexpr std::string_view kHost = "examplebucket.s3.amazonaws.com";

// Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header".
TEST(SigV4, AgreesWithTheExamplesOfTheS3Reference) {
  const auto now = *parse_amz_date("20130524T000000Z");
  SigV4Signer signer("us-east-1");
  const auto authorization = [&](std::string_view method, std::string_view target,
                                 std::string_view hash, Headers headers) {
    signer.sign(example_credentials(), now, method, kHost, target, hash, headers);
    return std::string(*headers.find("authorization"));
  };

  Headers range;
  range.add("range", "bytes=0-9");
  EXPECT_EQ(authorization("GET", "/test.txt", kEmptyHash, range),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

  Headers put;
  put.add("Date", "Fri, 24 May 2013 00:00:00 GMT");
  put.add("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_TRUE(authorization("PUT", "/test%24file.text",
                            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", put)
                  .ends_with("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));

  EXPECT_TRUE(authorization("GET", "/?lifecycle", kEmptyHash, {})
                  .ends_with("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_TRUE(authorization("GET", "/?max-keys=2&prefix=J", kEmptyHash, {})
                  .ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

// Source: Amazon S3 API reference, "Authenticating Requests: Using Query Parameters".
TEST(SigV4, PresignsAsInTheS3Reference) {
  SigV4Signer signer("us-east-1");
  EXPECT_EQ(signer.presign(example_credentials(), *parse_amz_date("20130524T000000Z"), 86400s,
                           "GET", kHost, "/test.txt"),
            "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F"
            "20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
            "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, TakesNewKeysWhenTheDayOrTheSecretChanges) {
  SigV4Signer signer("us-east-1");
  const std::vector<Header> headers = {{"host", kHost}};
  const SignatureInput input{"GET", "/", headers, kUnsignedPayload};
  const auto day = *parse_amz_date("20130524T235959Z");
  const std::string first(signer.signature("secret", day, input));
  const std::string next_day(signer.signature("secret", day + 1s, input));
  const std::string other_secret(signer.signature("Secret", day, input));
  EXPECT_NE(first, next_day);
  EXPECT_NE(first, other_secret);
  EXPECT_EQ(first, signer.signature("secret", day, input));
  EXPECT_EQ(next_day, SigV4Signer("us-east-1").signature("secret", day + 1s, input));
}

TEST(SigV4, SignsTheSessionTokenAndLeavesOutWhatProxiesChange) {
  SigV4Signer signer("us-east-1");
  Credentials credentials = example_credentials();
  credentials.session_token = "token";
  Headers headers;
  headers.add("User-Agent", "telpher");
  headers.add("Accept-Encoding", "identity");
  headers.add("expect", "100-continue");
  signer.sign(credentials, *parse_amz_date("20130524T000000Z"), "PUT", kHost, "/k",
              kUnsignedPayload, headers);
  EXPECT_EQ(signer.signed_headers(), "host;x-amz-content-sha256;x-amz-date;x-amz-security-token");
  EXPECT_EQ(headers.find("x-amz-security-token"), "token");
}

TEST(SigV4, FoldsSpacesAndRepeatedFields) {
  SigV4Signer signer("us-east-1");
  const std::vector<Header> headers = {{"x-amz-meta-b", "  a \t  b  "},
                                       {"host", kHost},
                                       {"X-Amz-Meta-A", "1"},
                                       {"x-amz-meta-a", "2"}};
  (void)signer.signature("s", *parse_amz_date("20130524T000000Z"), {"GET", "", headers, "h"});
  EXPECT_EQ(signer.canonical_request(),
            "GET\n/\n\nhost:examplebucket.s3.amazonaws.com\nx-amz-meta-a:1,2\nx-amz-meta-b:a b\n\n"
            "host;x-amz-meta-a;x-amz-meta-b\nh");
}

TEST(AmzDate, RoundTripsAndRefusesWhatIsNoDate) {
  for (const char* text : {"20130524T000000Z", "20240229T235959Z", "19991231T120000Z"}) {
    EXPECT_EQ(format_amz_date(*parse_amz_date(text)), text);
  }
  for (const char* text : {"", "20130524", "20130524T000000", "20230229T000000Z",
                           "20130524T240000Z", "2013-524T000000Z", "20130524 000000Z"}) {
    EXPECT_FALSE(parse_amz_date(text)) << text;
  }
}

}  // namespace
}  // namespace telpher
