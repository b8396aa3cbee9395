// The contract on a real S3 service, named by the environment:
//   TELPHER_TEST_S3_ENDPOINT=http://127.0.0.1:7480 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
// Skipped, saying so, when it is not set.

#include "s3/client_store.h"
#include "s3/profile.h"
#include "tests/contract/object_store_contract.h"

#include <cstdio>
#include <cstdlib>

namespace telpher {
namespace {

class S3Subject final : public ContractSubject {
 public:
  explicit S3Subject(S3Config config)
      : http_(make_http_client(loop_, {})),
        store_(std::make_unique<S3Store>(
            loop_, *http_,
            S3StoreOptions{std::move(config.endpoint), config.provider, std::move(config.region),
                           std::move(config.credentials), [](std::string_view text) {
                             std::printf("notice: %.*s\n", int(text.size()), text.data());
                           }})) {
    // Who it is and what it can is known after its first answer.
    (void)loop_.run(store_->list_buckets());
  }
  Loop& loop() override { return loop_; }
  ObjectStore& store() override { return *store_; }

 private:
  Loop loop_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<S3Store> store_;
};

std::unique_ptr<ContractSubject> open_real_server() {
  const char* endpoint = std::getenv("TELPHER_TEST_S3_ENDPOINT");
  if (!endpoint || !*endpoint) {
    std::puts("no S3 service: set TELPHER_TEST_S3_ENDPOINT and AWS_* (tests/interop/real_servers.sh)");
    return nullptr;
  }
  S3Flags flags;
  flags.endpoint_url = endpoint;
  auto config = resolve_s3_config(flags, process_environment());
  if (!config) {
    ADD_FAILURE() << config.error().message;
    return nullptr;
  }
  return std::make_unique<S3Subject>(*std::move(config));
}

INSTANTIATE_TEST_SUITE_P(RealServer, ObjectStoreContract, ::testing::Values(&open_real_server));

}  // namespace
}  // namespace telpher
