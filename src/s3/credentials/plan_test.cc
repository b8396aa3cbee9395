#include "s3/credentials/plan.h"

#include "s3/credentials/machine.h"
#include "s3/credentials/process.h"
#include "s3/credentials/sso.h"
#include "s3/credentials/sts.h"
#include "tests/support/environment.h"

#include <gtest/gtest.h>

#include <map>

namespace telpher {
namespace {

ProfileFiles files(std::string_view config, std::string_view credentials = "") {
  return {parse_ini(credentials).value(), parse_ini(config).value(), "credentials", "config"};
}

/// The message of a plan that must fail.
std::string refusal(const ProfileFiles& files, std::string_view profile, ErrorKind kind) {
  const auto plan = plan_credentials(files, profile);
  if (plan) return "(it did not fail)";
  EXPECT_EQ(plan.error().kind, kind) << plan.error().message;
  return plan.error().message;
}

TEST(CredentialsPlanTest, RolesAreTakenFromTheBottomUp) {
  const auto plan =
      plan_credentials(files("[profile top]\nrole_arn = arn:top\nsource_profile = middle\n"
                             "external_id = e\nrole_session_name = me\nduration_seconds = 3600\n"
                             "[profile middle]\nrole_arn = arn:middle\nsource_profile = base\n",
                             "[base]\naws_access_key_id = a\naws_secret_access_key = s\n"),
                       "top");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(std::get<Credentials>(plan->origin).access_key, "a");
  ASSERT_EQ(plan->roles.size(), 2u);
  EXPECT_EQ(plan->roles[0].role_arn, "arn:middle");
  EXPECT_EQ(plan->roles[1].role_arn, "arn:top");
  EXPECT_EQ(plan->roles[1].external_id, "e");
  EXPECT_EQ(plan->roles[1].session_name, "me");
  EXPECT_EQ(plan->roles[1].duration_seconds, "3600");
}

TEST(CredentialsPlanTest, AProfileMayBeItsOwnSource) {
  const auto plan =
      plan_credentials(files("[default]\nrole_arn = arn:r\nsource_profile = default\n",
                             "[default]\naws_access_key_id = a\naws_secret_access_key = s\n"),
                       "default");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->roles.size(), 1u);
  EXPECT_NE(refusal(files("[default]\nrole_arn = r\nsource_profile = default\n"), "default",
                    ErrorKind::kInvalid)
                .find("its own source_profile"),
            std::string::npos);
}

TEST(CredentialsPlanTest, CirclesAreNamed) {
  const ProfileFiles circle = files(
      "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = "
      "c\n[profile c]\nrole_arn = r\nsource_profile = a\n");
  EXPECT_EQ(refusal(circle, "a", ErrorKind::kInvalid),
            "The source_profiles go in a circle: a -> b -> c -> a");
}

TEST(CredentialsPlanTest, WhatIsHalfSetIsRefusedInWords) {
  const auto says = [](std::string_view config, std::string_view words,
                       ErrorKind kind = ErrorKind::kInvalid) {
    const std::string message = refusal(files(config), "x", kind);
    EXPECT_NE(message.find(words), std::string::npos) << message;
  };
  says("[profile x]\nrole_arn = r\n", "source_profile");
  says("[profile x]\nrole_arn = r\nsource_profile = y\ncredential_source = Environment\n",
       "only one of");
  says("[profile x]\nrole_arn = r\nsource_profile = y\n", "'y', the source_profile of");
  says("[profile x]\nrole_arn = r\nsource_profile = y\n[profile y]\nregion = z\n",
       "profile 'y' has no credentials, and is the source_profile of profile 'x'");
  says("[profile x]\nrole_arn = r\ncredential_source = Moon\n", "'Moon'");
  says("[profile x]\nrole_arn = r\nduration_seconds = 60\ncredential_source = Environment\n",
       "900 to 43200");
  says("[profile x]\nrole_arn = r\nmfa_serial = m\nsource_profile = y\n", "export-credentials",
       ErrorKind::kUnsupported);
  says("[profile x]\nlogin_session = l\n", "export-credentials", ErrorKind::kUnsupported);
  says("[profile x]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n", "[sso-session s]");
  says("[profile x]\nsso_start_url = u\nsso_account_id = 1\nsso_role_name = r\n", "sso_region");
  says("[profile x]\nsso_start_url = u\nsso_region = r\nsso_account_id = 1\n", "sso_role_name");
  says("[profile x]\nregion = y\n", "has no credentials", ErrorKind::kNotFound);
}

TEST(CredentialsPlanTest, EachWayIsFound) {
  const ProfileFiles all = files(
      "[profile named]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n"
      "[profile web]\nrole_arn = r\nweb_identity_token_file = /t\nrole_session_name = n\n"
      "[profile process]\ncredential_process = p 'a b'\naws_access_key_id = a\n"
      "aws_secret_access_key = s\n"
      "[profile sso]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
      "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://u\n"
      "[profile legacy]\nsso_start_url = https://u\nsso_region = eu-west-2\nsso_account_id = 1\n"
      "sso_role_name = r\n"
      "[profile token-only]\nsso_session = s\n");
  EXPECT_EQ(std::get<NamedSource>(plan_credentials(all, "named")->origin), NamedSource::kInstance);
  EXPECT_EQ(std::get<WebIdentity>(plan_credentials(all, "web")->origin).session_name, "n");
  EXPECT_EQ(std::get<CredentialProcess>(plan_credentials(all, "process")->origin).command,
            "p 'a b'");
  const auto sso = std::get<SsoLogin>(plan_credentials(all, "sso")->origin);
  EXPECT_EQ(sso.region, "eu-west-1");
  const auto legacy = std::get<SsoLogin>(plan_credentials(all, "legacy")->origin);
  EXPECT_EQ(legacy.region, "eu-west-2");
  refusal(all, "token-only", ErrorKind::kNotFound);
  // As botocore names the files: by session, or by start URL.
  EXPECT_EQ(sso_cache_name(sso), "a0f1490a20d0211c997b44bc357e1972deab8ae3.json");
  EXPECT_EQ(sso_cache_name(legacy), "a6a4e888f2f8adaf8b6777eb45b88929e5e949c1.json");
}

TEST(SplitCommandTest, AsTheAwsCliDoes) {
  const auto words = [](std::string_view text) {
    const auto split = split_command(text);
    std::string joined;
    if (!split) return "refused: " + split.error().message;
    for (const std::string& word : *split) joined += word + "|";
    return joined;
  };
  EXPECT_EQ(words("/opt/bin/awscreds-custom --username helen"),
            "/opt/bin/awscreds-custom|--username|helen|");
  EXPECT_EQ(words("\"/my path/creds\"  'a b'\t\"c \\\" \\\\ \\n\""),
            "/my path/creds|a b|c \" \\ \\n|");
  EXPECT_EQ(words("a\\ b 'c\\' d'e'f \"\" ''"), "a b|c\\|def|||");
  EXPECT_EQ(words("echo $HOME ~ * | cat"), "echo|$HOME|~|*|||cat|");
  EXPECT_EQ(words("say 'hello"), "refused: a ' is not closed");
  EXPECT_EQ(words("  "), "refused: no program is named");
}

TEST(ContainerPlaceTest, PlainHttpStaysNear) {
  const auto place = [](const char* full) {
    const auto found =
        find_container_service(environment_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", full}}));
    if (!found) return std::string("refused");
    return authority_of((*found)->origin) + (*found)->target;
  };
  EXPECT_EQ(place("http://169.254.170.23/v1/credentials"), "169.254.170.23/v1/credentials");
  EXPECT_EQ(place("http://localhost:8080/x?y=z"), "localhost:8080/x?y=z");
  EXPECT_EQ(place("http://127.1.2.3/x"), "127.1.2.3/x");
  EXPECT_EQ(place("http://[::1]:80/x"), "[::1]/x");
  EXPECT_EQ(place("http://[fd00:ec2::23]/x"), "[fd00:ec2::23]/x");
  EXPECT_EQ(place("https://anywhere.example/x"), "anywhere.example/x");
  EXPECT_EQ(place("http://anywhere.example/x"), "refused");
  EXPECT_EQ(place("http://127.0.0.1.evil.example/x"), "refused");
  EXPECT_EQ(place("http://169.254.170.2.evil.example/x"), "refused");
  EXPECT_EQ(place("ftp://127.0.0.1/x"), "refused");
  EXPECT_EQ(place("nonsense"), "refused");
  const auto relative = find_container_service(
      environment_of({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/uuid"},
                      {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/x"}}));
  EXPECT_EQ((*relative)->origin.host, "169.254.170.2");
  EXPECT_EQ((*relative)->target, "/v2/credentials/uuid");
  EXPECT_FALSE(find_container_service(
      environment_of({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/"}})));
  EXPECT_FALSE(*find_container_service(environment_of({})));
}

TEST(StsPlaceTest, EndpointAndRegion) {
  const auto place = [](std::string region, std::map<std::string, std::string> environment,
                        std::string_view config) {
    CredentialsAccess access;
    access.environment = environment_of(std::move(environment));
    access.profile = "x";
    access.region = std::move(region);
    const auto found = find_sts(access, files(config));
    return found ? authority_of(found->endpoint.origin) + " " + found->region
                 : found.error().message;
  };
  EXPECT_EQ(place("eu-west-1", {}, ""), "sts.eu-west-1.amazonaws.com eu-west-1");
  EXPECT_EQ(place("cn-north-1", {}, ""), "sts.cn-north-1.amazonaws.com.cn cn-north-1");
  EXPECT_EQ(place("", {}, ""), "sts.amazonaws.com us-east-1");
  EXPECT_EQ(place("auto", {}, ""), "sts.amazonaws.com us-east-1");
  const std::string_view config =
      "[profile x]\nservices = s\nendpoint_url = http://general:1\n[services s]\nsts =\n "
      "endpoint_url = http://own:1\n";
  EXPECT_EQ(place("r", {}, config), "own:1 r");
  EXPECT_EQ(place("r", {{"AWS_ENDPOINT_URL", "http://env:1"}}, config), "env:1 r");
  EXPECT_EQ(
      place("r", {{"AWS_ENDPOINT_URL", "http://env:1"}, {"AWS_ENDPOINT_URL_STS", "http://s:1"}},
            config),
      "s:1 r");
}

}  // namespace
}  // namespace telpher
