#include "s3/profile.h"

#include "runtime/loop.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <map>

namespace telpher {
namespace {

using namespace std::chrono_literals;

class ProfileTest : public ::testing::Test {
 protected:
  ProfileTest() {
    variables_["HOME"] = home_.path();
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  }

  void write(const std::string& name, const std::string& text) {
    home_.write(".aws/" + name, text);
  }
  Result<S3Config> resolve(const S3Flags& flags = {}) {
    return resolve_s3_config(flags, [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables_.find(std::string(name));
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    });
  }
  /// "access/secret/token", or the error.
  std::string credentials(const S3Flags& flags = {}) {
    auto config = resolve(flags);
    if (!config) return config.error().message;
    Loop loop;
    CredentialsCache cache(std::move(config->credentials));
    const auto got = loop.run(cache.refresh());
    if (!got) return got.error().message;
    return (*got)->access_key + "/" + (*got)->secret_key + "/" + (*got)->session_token;
  }

  TemporaryDirectory home_;
  std::map<std::string, std::string> variables_;
};

TEST_F(ProfileTest, CredentialsComeFromEnvironmentThenProfile) {
  EXPECT_NE(credentials().find("No S3 credentials found"), std::string::npos);

  write("credentials",
        "[default]\naws_access_key_id = file\naws_secret_access_key = fs\n"
        "[dev]\naws_access_key_id = dev\naws_secret_access_key = ds\naws_session_token = dt\n");
  EXPECT_EQ(credentials(), "file/fs/");
  variables_["AWS_PROFILE"] = "dev";
  EXPECT_EQ(credentials(), "dev/ds/dt");

  variables_["AWS_ACCESS_KEY_ID"] = "env";
  variables_["AWS_SECRET_ACCESS_KEY"] = "es";
  variables_["AWS_SESSION_TOKEN"] = "et";
  EXPECT_EQ(credentials(), "env/es/et");
  // What is typed is meant.
  EXPECT_EQ(credentials({.profile = "dev"}), "dev/ds/dt");
  EXPECT_EQ(credentials({.access_key = "flag", .secret_key = "s"}), "flag/s/");
  EXPECT_EQ(credentials({.no_sign_request = true}), "//");
}

TEST_F(ProfileTest, KeysMayStandInTheConfigFile) {
  write("config", "[profile dev]\naws_access_key_id = c\naws_secret_access_key = s\n");
  EXPECT_EQ(credentials({.profile = "dev"}), "c/s/");
}

TEST_F(ProfileTest, WhatIsWrongIsSaidWithoutSecrets) {
  write("credentials", "[half]\naws_secret_access_key = hunter2\n");
  write("config", "[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n");
  const std::string half = credentials({.profile = "half"});
  EXPECT_NE(half.find("only one of"), std::string::npos) << half;
  EXPECT_EQ(half.find("hunter2"), std::string::npos);
  EXPECT_NE(credentials({.profile = "role"}).find("'default'"), std::string::npos);
  EXPECT_NE(credentials({.profile = "absent"}).find("'absent'"), std::string::npos);
  write("credentials", "[default]\nnonsense hunter2\n");
  const std::string broken = credentials();
  EXPECT_NE(broken.find("credentials: "), std::string::npos) << broken;
  EXPECT_EQ(broken.find("hunter2"), std::string::npos);
}

TEST_F(ProfileTest, CredentialProcess) {
  write("config",
        "[profile good]\ncredential_process = printf "
        "'{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"%s\"}' \"b c\"\n"
        "[profile fails]\ncredential_process = sh -c 'echo not today >&2; echo hunter2; exit 3' "
        "hunter3\n"
        "[profile wrong]\ncredential_process = echo hunter2\n"
        "[profile absent]\ncredential_process = /no/such/program hunter2\n");
  EXPECT_EQ(credentials({.profile = "good"}), "a/b c/");
  EXPECT_EQ(credentials({.profile = "fails"}),
            "credential_process of profile 'fails': 'sh' failed with exit code 3: not today");
  const std::string wrong = credentials({.profile = "wrong"});
  EXPECT_NE(wrong.find("'echo' printed something else"), std::string::npos) << wrong;
  const std::string absent = credentials({.profile = "absent"});
  EXPECT_NE(absent.find("/no/such/program"), std::string::npos) << absent;
  EXPECT_EQ((wrong + absent).find("hunter2"), std::string::npos);
}

TEST_F(ProfileTest, EndpointOrder) {
  write("config",
        "[default]\nendpoint_url = http://profile:1\nregion = eu-west-3\n"
        "[profile s]\nservices = mine\nendpoint_url = http://general:1\n"
        "[services mine]\ns3 =\n  endpoint_url = http://special:1\n");
  const auto host = [this](const S3Flags& flags = {}) {
    return resolve(flags)->endpoint.origin.host;
  };
  EXPECT_EQ(host(), "profile");
  EXPECT_EQ(host({.profile = "s"}), "special");
  variables_["AWS_ENDPOINT_URL"] = "http://general-env:1";
  EXPECT_EQ(host(), "general-env");
  variables_["AWS_ENDPOINT_URL_S3"] = "http://s3-env:1";
  EXPECT_EQ(host(), "s3-env");
  EXPECT_EQ(host({.endpoint_url = "http://flag:1"}), "flag");
  variables_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  EXPECT_EQ(host(), "s3.eu-west-3.amazonaws.com");
  EXPECT_EQ(resolve()->endpoint.addressing, Addressing::kVirtualHost);
}

TEST_F(ProfileTest, RegionOrder) {
  EXPECT_EQ(resolve()->region, "us-east-1");
  EXPECT_FALSE(resolve()->region_given);
  EXPECT_EQ(resolve({.endpoint_url = "https://s3.nl-ams.scw.cloud"})->region, "nl-ams");
  write("config", "[default]\nregion = from-file\n");
  EXPECT_EQ(resolve()->region, "from-file");
  variables_["AWS_DEFAULT_REGION"] = "from-default";
  EXPECT_EQ(resolve()->region, "from-default");
  variables_["AWS_REGION"] = "from-region";
  EXPECT_EQ(resolve()->region, "from-region");
  EXPECT_EQ(resolve({.region = "flag"})->region, "flag");
}

TEST_F(ProfileTest, AddressingStyleOfAProfile) {
  write("config", "[default]\ns3 =\n  addressing_style = virtual\n");
  EXPECT_EQ(resolve({.endpoint_url = "http://store.local:9000"})->endpoint.addressing,
            Addressing::kVirtualHost);
}

/// Gives out credentials that expire, a new set each time.
class Expiring final : public CredentialsSource {
 public:
  explicit Expiring(int* fetches) : fetches_(fetches) {}
  Task<Result<Credentials>> fetch() override {
    const Loop& loop = co_await current_loop();
    ++*fetches_;
    co_return Credentials{"key" + std::to_string(*fetches_), "s", "", loop.wall_now() + 60min, ""};
  }

 private:
  int* fetches_;
};

Task<Result<void>> use_for_hours(CredentialsCache* cache, int* fetches) {
  const Loop& loop = co_await current_loop();
  CO_TRY_VOID(co_await cache->refresh());
  CO_TRY_VOID(co_await sleep_for(54min));
  EXPECT_TRUE(cache->ready(loop.wall_now()));
  CO_TRY_VOID(co_await sleep_for(2min));
  EXPECT_FALSE(cache->ready(loop.wall_now())) << "five minutes before they expire";
  CO_TRY(const auto second, co_await cache->refresh());
  EXPECT_EQ(second->access_key, "key2");
  // The store refuses them early: others are fetched once, however many requests were hit.
  CO_TRY(const bool replaced, co_await cache->replace(second));
  EXPECT_TRUE(replaced);
  CO_TRY(const bool again, co_await cache->replace(second));
  EXPECT_TRUE(again);
  EXPECT_EQ(*fetches, 3);
  co_return Result<void>();
}

TEST(CredentialsCacheTest, RefreshesEarlyAndOnce) {
  Loop loop(Loop::Mode::kVirtual, 1);
  int fetches = 0;
  std::vector<std::unique_ptr<CredentialsSource>> sources;
  sources.push_back(std::make_unique<Expiring>(&fetches));
  CredentialsCache cache(std::move(sources));
  const auto done = loop.run(use_for_hours(&cache, &fetches));
  EXPECT_TRUE(done) << done.error().message;
}

/// Gives out credentials that are good for so long from now, or fails.
class Changing final : public CredentialsSource {
 public:
  Duration lifetime = 1h;
  bool fails = false;
  int fetches = 0;
  Task<Result<Credentials>> fetch() override {
    const Loop& loop = co_await current_loop();
    ++fetches;
    if (fails) co_return make_error(ErrorKind::kNetwork, "nobody there");
    co_return Credentials{"key" + std::to_string(fetches), "s", "", loop.wall_now() + lifetime, ""};
  }
};

Task<Result<void>> use_what_ends_soon(CredentialsCache* cache, Changing* source) {
  const Loop& loop = co_await current_loop();
  source->lifetime = 4min;
  CO_TRY_VOID(co_await cache->refresh());
  EXPECT_TRUE(cache->ready(loop.wall_now())) << "not asked at each request";
  CO_TRY_VOID(co_await sleep_for(3min));
  EXPECT_FALSE(cache->ready(loop.wall_now()));
  // Better than none until they end; and the source is asked again meanwhile.
  source->fails = true;
  CO_TRY(const auto old, co_await cache->refresh());
  EXPECT_EQ(old->access_key, "key1");
  CO_TRY_VOID(co_await sleep_for(30s));
  EXPECT_TRUE(cache->ready(loop.wall_now()));
  CO_TRY_VOID(co_await sleep_for(40s));
  EXPECT_FALSE(cache->ready(loop.wall_now()));
  EXPECT_FALSE(co_await cache->refresh());
  source->fails = false;
  CO_TRY(const auto fresh, co_await cache->refresh());
  EXPECT_EQ(fresh->access_key, "key" + std::to_string(source->fetches));
  co_return Result<void>();
}

TEST(CredentialsCacheTest, ShortLivedOnesAndAFailingSource) {
  Loop loop(Loop::Mode::kVirtual, 1);
  auto owned = std::make_unique<Changing>();
  Changing* source = owned.get();
  std::vector<std::unique_ptr<CredentialsSource>> sources;
  sources.push_back(std::move(owned));
  CredentialsCache cache(std::move(sources));
  const auto done = loop.run(use_what_ends_soon(&cache, source));
  EXPECT_TRUE(done) << done.error().message;
}

TEST(CredentialsCacheTest, FixedOnesCannotBeReplaced) {
  Loop loop(Loop::Mode::kVirtual, 1);
  std::vector<std::unique_ptr<CredentialsSource>> sources;
  sources.push_back(make_fixed_credentials({"k", "s", "t", {}, ""}));
  CredentialsCache cache(std::move(sources));
  const auto keys = loop.run(cache.refresh());
  ASSERT_TRUE(keys);
  EXPECT_EQ(loop.run(cache.replace(*keys)).value(), false);
}

}  // namespace
}  // namespace telpher
