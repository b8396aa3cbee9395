#include "transfers/transfer_request.h"

#include <gtest/gtest.h>

#include <string>

namespace telpher {
namespace {

TransferRequest good() {
  return {.source_url = "https://example.org/a/b.iso", .bucket = "photos", .key_prefix = "in/"};
}

std::string code_of(const TransferRequest& request, const TransferRules& rules = {}) {
  return check_request(request, rules).code;
}

std::string code_of_url(std::string url, const TransferRules& rules = {}) {
  TransferRequest request = good();
  request.source_url = std::move(url);
  return code_of(request, rules);
}

TEST(TransferRequest, AGoodOneIsAccepted) {
  EXPECT_EQ(code_of(good()), "");
  EXPECT_EQ(code_of_url("http://user:pw@example.org:80/?q=1#x"), "");
  EXPECT_EQ(code_of_url("https://8.8.8.8/x"), "");
}

TEST(TransferRequest, OnlyUrlsOfTheWebAreTaken) {
  for (const char* url : {"", "x", "example.org/x", "ftp://example.org/x", "file:///etc/passwd",
                          "s3://bucket/key", "https://", "http://example.org:0/", "/etc/passwd",
                          "gopher://example.org/", "http://exa mple.org/", "javascript:alert(1)"}) {
    EXPECT_EQ(code_of_url(url), "INVALID_URL") << url;
  }
  EXPECT_EQ(code_of_url("https://example.org/" + std::string(9000, 'a')), "INVALID_URL");
}

TEST(TransferRequest, AddressesThatAreForbiddenAreRefusedAtOnceHoweverTheyAreWritten) {
  for (const char* url :
       {"http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
        "http://127.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data/", "http://0.0.0.0/", "http://[fe80::1]/",
        "http://[64:ff9b::7f00:1]/", "http://100.64.0.1/", "http://user@127.0.0.1/",
        "http://example.org@127.0.0.1/", "http://127.0.0.1./", "https://example.org:22/",
        "http://example.org:8080/"}) {
    EXPECT_EQ(code_of_url(url), "FORBIDDEN_ADDRESS") << url;
  }
  TransferRules open;
  open.guard = {.allow_private = true, .ports = {}};
  EXPECT_EQ(code_of_url("http://127.0.0.1:9000/", open), "");
  EXPECT_EQ(code_of_url("http://169.254.169.254/", open), "FORBIDDEN_ADDRESS");
}

TEST(TransferRequest, WebhooksAreHeldToTheSame) {
  TransferRequest request = good();
  request.webhook = "http://127.0.0.1/hook";
  const Refusal refusal = check_request(request, {});
  EXPECT_EQ(refusal.code, "FORBIDDEN_ADDRESS");
  EXPECT_TRUE(refusal.fields.contains("webhook"));
  request.webhook = "https://hooks.example/x";
  EXPECT_EQ(code_of(request), "");
}

TEST(TransferRequest, EachFieldThatIsWrongIsNamed) {
  TransferRequest request = good();
  request.source_url = "nonsense";
  request.bucket = "No_Bucket";
  request.key_prefix = std::string(1025, 'a');
  request.headers = {"Range: bytes=0-1"};
  request.content_type = "text/plain\r\nX: y";
  request.priority = 101;
  const Refusal refusal = check_request(request, {});
  EXPECT_EQ(refusal.code, "VALIDATION_ERROR");
  EXPECT_EQ(refusal.fields.size(), 6u);
  for (const char* field :
       {"sourceUrl", "bucketName", "keyPrefix", "headers", "contentType", "priority"}) {
    EXPECT_TRUE(refusal.fields.contains(field)) << field;
  }
}

TEST(TransferRequest, HeadersHaveTheirLimits) {
  TransferRequest request = good();
  request.headers = {"X-Api: 1", "no colon"};
  EXPECT_EQ(code_of(request), "VALIDATION_ERROR");
  request.headers = std::vector<std::string>(51, "X: 1");
  EXPECT_EQ(code_of(request), "VALIDATION_ERROR");
  request.headers = {"X: " + std::string(17'000, 'a')};
  EXPECT_EQ(code_of(request), "VALIDATION_ERROR");
}

TEST(TransferRequest, ListsAreAnchored) {
  TransferRules rules;
  rules.hosts = {"example.org", "*.cdn.example"};
  rules.buckets = {"photos", "team-*"};
  EXPECT_EQ(code_of_url("https://example.org/x", rules), "");
  EXPECT_EQ(code_of_url("https://EXAMPLE.org./x", rules), "");
  EXPECT_EQ(code_of_url("https://a.b.cdn.example/x", rules), "");
  for (const char* url :
       {"https://example.org.evil.net/", "https://notexample.org/", "https://cdn.example/",
        "https://evilcdn.example/", "https://example.org@evil.net/", "https://sub.example.org/"}) {
    EXPECT_EQ(code_of_url(url, rules), "FORBIDDEN") << url;
  }
  TransferRequest request = good();
  for (const char* bucket : {"photos", "team-a"}) {
    request.bucket = bucket;
    EXPECT_EQ(code_of(request, rules), "") << bucket;
  }
  for (const char* bucket : {"photos2", "my-photos", "xteam-a"}) {
    request.bucket = bucket;
    EXPECT_EQ(code_of(request, rules), "FORBIDDEN") << bucket;
  }
}

TEST(TransferRequest, WhatIsMalformedIsSaidBeforeWhatIsForbidden) {
  TransferRequest request = good();
  request.source_url = "http://127.0.0.1/";
  request.bucket = "x";
  EXPECT_EQ(code_of(request), "VALIDATION_ERROR");
}

TEST(TransferRequest, KeysLieBelowThePrefix) {
  TransferRequest request = good();
  EXPECT_EQ(key_begins_with(request), "in/");
  request.key_prefix = "in";
  EXPECT_EQ(key_begins_with(request), "in/");
  request.key = "a.iso";
  EXPECT_EQ(key_begins_with(request), "in/a.iso");
  request.key_prefix = "";
  EXPECT_EQ(key_begins_with(request), "a.iso");
}

}  // namespace
}  // namespace telpher
