#pragma once
// What the tests of the failure table share: a service that fails by script, and S3Store alone and
// under the retry layer as its client.

#include "s3/client_store.h"
#include "store/layers/retry.h"
#include "tests/support/s3_imposter_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace telpher {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Checksums = S3ImposterOptions::Checksums;

/// Gives out the sets of credentials in turn.
class Rotating final : public CredentialsSource {
 public:
  explicit Rotating(std::vector<Credentials> sets) : sets_(std::move(sets)) {}
  Task<Result<Credentials>> fetch() override {
    co_return sets_[std::min(next_++, sets_.size() - 1)];
  }

 private:
  std::vector<Credentials> sets_;
  std::size_t next_ = 0;
};

inline Credentials keys(std::string token = "") {
  return {S3ImposterOptions().access_key, S3ImposterOptions().secret_key, std::move(token), {}, ""};
}

class S3Faults : public ::testing::Test {
 protected:
  void open(const std::string& faults, S3ImposterOptions options = {},
            std::vector<Credentials> credentials = {keys()}) {
    auto script = parse_fault_script(faults);
    ASSERT_TRUE(script) << script.error().message;
    options.capabilities.part_size_min = 1;
    imposter_ = std::make_unique<S3ImposterThread>(options, *std::move(script));
    connect(imposter_->url(), std::move(credentials));
    ASSERT_TRUE(imposter_->ask([](S3Imposter& imposter) {
      // Made without a request, so that scripts count only what the test does.
      Loop loop(Loop::Mode::kVirtual, 1);
      return loop.run(imposter.store().create_bucket("bucket")).has_value();
    }));
  }
  void connect(const std::string& url, std::vector<Credentials> credentials) {
    S3StoreOptions options;
    options.endpoint = *parse_endpoint(url, Addressing::kPath);
    options.region = "us-east-1";
    options.credentials.push_back(std::make_unique<Rotating>(std::move(credentials)));
    options.notice = [this](std::string_view text) { notices_.emplace_back(text); };
    http_ = make_http_client(loop_, HttpClientOptions{.idle_timeout = idle_timeout_});
    store_ = std::make_unique<S3Store>(loop_, *http_, std::move(options));
    retry_ = std::make_unique<RetryStore>(*store_, quota_, retry_stats_,
                                          RetryPolicy{.pause_base = 1ms,
                                                      .throttle_pause_base = 1ms,
                                                      .pause_max = 5ms,
                                                      .retry_after_max = 5ms});
  }

  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  PutOptions with_checksum(std::string_view bytes) {
    PutOptions options;
    options.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes(bytes));
    return options;
  }
  Result<PutResult> put(ObjectStore& store, std::string_view bytes, PutOptions options = {}) {
    return run(store.put({"bucket", "key"}, Body::of(as_bytes(bytes)), std::move(options)));
  }
  std::optional<std::string> stored() { return imposter_->content("bucket", "key"); }

  std::chrono::milliseconds idle_timeout_ = 60s;
  Loop loop_;
  std::unique_ptr<S3ImposterThread> imposter_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<S3Store> store_;
  RetryQuota quota_;
  RetryStats retry_stats_;
  std::unique_ptr<RetryStore> retry_;
  std::vector<std::string> notices_;
};

inline std::string text_of_size(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 7;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

inline Task<Result<std::string>> read_all(ObjectStore* store, GetOptions options) {
  CO_TRY(GetResult got, co_await store->get({"bucket", "key"}, std::move(options)));
  std::string content(got.length, '\0');
  CO_TRY(const std::size_t count,
         co_await read_full(*got.body,
                            {reinterpret_cast<std::byte*>(content.data()), content.size()}));
  content.resize(count);
  std::byte end{};
  CO_TRY_VOID(co_await got.body->read_some({&end, 1}));
  co_return content;
}

struct Upload {
  std::string id;
  std::vector<PartInfo> parts;
};

inline Task<Result<Upload>> send_parts(ObjectStore* store, std::vector<std::string> pieces) {
  Upload upload;
  CO_TRY(upload.id, co_await store->create_upload({"bucket", "key"}, {}));
  for (const std::string& piece : pieces) {
    const int number = static_cast<int>(upload.parts.size()) + 1;
    CO_TRY(PartInfo part, co_await store->put_part({"bucket", "key"}, upload.id, number,
                                                   Body::of(as_bytes(piece)), {}));
    upload.parts.push_back(std::move(part));
  }
  co_return upload;
}

}  // namespace telpher
