#include "s3/credentials/answers.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kMorning = std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) + 10h;

TEST(IsoTimeTest, AllFormsThatAreSeen) {
  for (const char* text :
       {"2026-01-31T10:00:00Z", "2026-01-31T10:00:00.123456Z", "2026-01-31T10:00:00UTC",
        "2026-01-31T11:30:00+01:30", "2026-01-31T05:00:00-0500", " 2026-01-31T10:00:00+00:00\n",
        "2026-01-31 10:00:00Z"}) {
    EXPECT_EQ(parse_iso_time(text), kMorning) << text;
  }
  EXPECT_EQ(format_iso_time(kMorning), "2026-01-31T10:00:00Z");
}

TEST(IsoTimeTest, OthersAreRefused) {
  for (const char* text :
       {"", "tomorrow", "2026-01-31", "2026-01-31T10:00:00", "2026-13-31T10:00:00Z",
        "2026-01-31T10:00:00+1", "2026-01-31T10:00:00.", "9999-01-01T00:00:00Z",
        "1900-01-01T00:00:00Z", "2026-01-31T10:00:00+0a:00"}) {
    EXPECT_FALSE(parse_iso_time(text)) << text;
  }
}

TEST(AnswersTest, OfProcesses) {
  const auto full = parse_process_credentials(
      R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"s","SessionToken":"t",)"
      R"("Expiration":"2026-01-31T10:00:00Z"})");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(*full, (Credentials{"a", "s", "t", kMorning, ""}));
  const auto lasting =
      parse_process_credentials(R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"s"})");
  ASSERT_TRUE(lasting);
  EXPECT_FALSE(lasting->expires);
  for (const char* bad :
       {"", "[]", "{", R"({"AccessKeyId":"hunter2","SecretAccessKey":"hunter2"})",
        R"({"Version":2,"AccessKeyId":"hunter2","SecretAccessKey":"hunter2"})",
        R"({"Version":1,"SecretAccessKey":"hunter2"})", R"({"Version":1,"AccessKeyId":"hunter2"})",
        R"({"Version":1,"AccessKeyId":["hunter2"],"SecretAccessKey":"hunter2"})",
        R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"s","Expiration":"hunter2"})"}) {
    const auto refused = parse_process_credentials(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().message.find("hunter2"), std::string::npos);
  }
}

TEST(AnswersTest, OfRoles) {
  const auto role = parse_role_credentials(
      R"({"Code":"Success","AccessKeyId":"a","SecretAccessKey":"s","Token":"t",)"
      R"("Expiration":"2026-01-31T10:00:00Z"})");
  ASSERT_TRUE(role);
  EXPECT_EQ(role->session_token, "t");
  EXPECT_EQ(role->expires, kMorning);
  const auto refused =
      parse_role_credentials(R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"why"})");
  EXPECT_EQ(refused.error().message, "the answer is AssumeRoleUnauthorizedAccess: why");
}

TEST(AnswersTest, OfThePortal) {
  const auto role = parse_portal_credentials(
      R"({"roleCredentials":{"accessKeyId":"a","secretAccessKey":"s","sessionToken":"t",)"
      R"("expiration":1769853600000}})");
  ASSERT_TRUE(role);
  EXPECT_EQ(role->expires, kMorning);
  EXPECT_FALSE(parse_portal_credentials("{}"));
  EXPECT_TRUE(parse_portal_credentials(R"({"roleCredentials":{"accessKeyId":"a",)"
                                       R"("secretAccessKey":"s","expiration":9e18}})"));
}

TEST(AnswersTest, OfSts) {
  const auto role = parse_sts_credentials(
      R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
  <SessionToken>t</SessionToken><Expiration>2026-01-31T10:00:00Z</Expiration></Credentials>
  </AssumeRoleResult></AssumeRoleResponse>)");
  ASSERT_TRUE(role) << role.error().message;
  EXPECT_EQ(*role, (Credentials{"a", "s", "t", kMorning, ""}));
  EXPECT_FALSE(parse_sts_credentials("<html>"));
  EXPECT_FALSE(parse_sts_credentials("<a/>"));
}

TEST(AnswersTest, Refusals) {
  const auto sts = parse_service_refusal(
      "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User may not"
      "</Message></Error></ErrorResponse>");
  EXPECT_EQ(sts.code, "AccessDenied");
  EXPECT_EQ(sts.message, "User may not");
  const auto oidc =
      parse_service_refusal(R"({"error":"invalid_grant","error_description":"used up"})");
  EXPECT_EQ(oidc.code, "invalid_grant");
  EXPECT_EQ(oidc.message, "used up");
  EXPECT_EQ(parse_service_refusal(R"({"__type":"X","message":"m"})").message, "m");
  EXPECT_EQ(parse_service_refusal("gateway down").code, "");
}

TEST(AnswersTest, RenewingATokenKeepsTheRestOfItsFile) {
  const std::string file =
      R"({"startUrl":"https://x","accessToken":"old","expiresAt":"2026-01-31T09:00:00Z",)"
      R"("refreshToken":"r1","clientId":"c","clientSecret":"cs","region":"eu-west-1"})";
  const auto renewed = renew_sso_token(
      file, R"({"accessToken":"new","expiresIn":3600,"refreshToken":"r2"})", kMorning);
  ASSERT_TRUE(renewed);
  const auto token = parse_sso_token(*renewed);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->access_token, "new");
  EXPECT_EQ(token->expires, kMorning + 1h);
  EXPECT_EQ(token->refresh_token, "r2");
  EXPECT_EQ(token->client_secret, "cs");
  EXPECT_NE(renewed->find(R"("region":"eu-west-1")"), std::string::npos);
  EXPECT_FALSE(renew_sso_token(file, R"({"expiresIn":3600})", kMorning));
}

}  // namespace
}  // namespace telpher
