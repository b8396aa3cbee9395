// The contract over the wire: on the imposter, and on a real S3 service named by the environment:
//   TELPHER_TEST_S3_ENDPOINT=http://127.0.0.1:7480 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
// The latter is skipped, saying so, when it is not set.

#include "s3/client_store.h"
#include "s3/profile.h"
#include "tests/contract/object_store_contract.h"
#include "tests/support/s3_imposter_thread.h"

#include <cstdio>
#include <cstdlib>

namespace telpher {
namespace {

class S3Subject : public ContractSubject {
 public:
  explicit S3Subject(S3Config config)
      : http_(make_http_client(loop_, {})),
        store_(std::make_unique<S3Store>(
            loop_, *http_,
            S3StoreOptions{std::move(config.endpoint), config.provider, std::move(config.region),
                           std::move(config.credentials), [](std::string_view text) {
                             std::printf("notice: %.*s\n", int(text.size()), text.data());
                           }})) {
    // Who it is and what it can is known after its first answers.
    PutOptions options;
    options.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("probe"));
    (void)loop_.run(store_->create_bucket("contract-probe"));
    (void)loop_.run(store_->put({"contract-probe", "probe"}, Body::of(as_bytes("probe")), options));
  }
  Loop& loop() override { return loop_; }
  ObjectStore& store() override { return *store_; }

 private:
  Loop loop_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<S3Store> store_;
};

S3Config imposter_config(const std::string& url) {
  S3Flags flags;
  flags.endpoint_url = url;
  flags.access_key = S3ImposterOptions().access_key;
  flags.secret_key = S3ImposterOptions().secret_key;
  auto config = resolve_s3_config(flags, [](std::string_view) { return std::nullopt; });
  CHECK(config.has_value());
  return *std::move(config);
}

/// One imposter of each kind for all tests, as a real service would be. Ended before the program.
class Imposters final : public ::testing::Environment {
 public:
  S3ImposterThread& get(S3ImposterOptions::Checksums checksums) {
    std::unique_ptr<S3ImposterThread>& imposter = imposters_[checksums];
    if (!imposter) {
      S3ImposterOptions options;
      options.capabilities.part_size_min = 64 * 1024;
      options.checksums = checksums;
      if (checksums != S3ImposterOptions::Checksums::kFull) options.server = "";
      imposter = std::make_unique<S3ImposterThread>(std::move(options));
    }
    return *imposter;
  }
  void TearDown() override { imposters_.clear(); }

 private:
  std::map<S3ImposterOptions::Checksums, std::unique_ptr<S3ImposterThread>> imposters_;
};

Imposters& imposters() {
  static auto* environment = new Imposters;  // owned by GoogleTest
  [[maybe_unused]] static const auto* added = ::testing::AddGlobalTestEnvironment(environment);
  return *environment;
}
[[maybe_unused]] const Imposters& kRegistered = imposters();

template <S3ImposterOptions::Checksums kChecksums>
std::unique_ptr<ContractSubject> open_imposter() {
  return std::make_unique<S3Subject>(imposter_config(imposters().get(kChecksums).url()));
}

class RealServerSubject final : public S3Subject {
 public:
  using S3Subject::S3Subject;
  bool lists_uploads_by_age() override { return false; }
};

std::unique_ptr<ContractSubject> open_real_server() {
  const char* endpoint = std::getenv("TELPHER_TEST_S3_ENDPOINT");
  if (!endpoint || !*endpoint) {
    std::puts(
        "no S3 service: set TELPHER_TEST_S3_ENDPOINT and AWS_* (tests/interop/real_servers.sh)");
    return nullptr;
  }
  S3Flags flags;
  flags.endpoint_url = endpoint;
  auto config = resolve_s3_config(flags, process_environment());
  if (!config) {
    ADD_FAILURE() << config.error().message;
    return nullptr;
  }
  return std::make_unique<RealServerSubject>(*std::move(config));
}

INSTANTIATE_TEST_SUITE_P(
    Imposter, ObjectStoreContract,
    ::testing::Values(&open_imposter<S3ImposterOptions::Checksums::kFull>,
                      &open_imposter<S3ImposterOptions::Checksums::kIgnored>,
                      &open_imposter<S3ImposterOptions::Checksums::kRejected>));
INSTANTIATE_TEST_SUITE_P(RealServer, ObjectStoreContract, ::testing::Values(&open_real_server));

}  // namespace
}  // namespace telpher
