#pragma once
// An S3Imposter that serves on a thread of its own, on a free port, until destroyed: the client
// under test keeps its loop for itself.

#include "tests/support/s3_imposter.h"

#include <functional>
#include <future>
#include <thread>

namespace telpher {

class S3ImposterThread {
 public:
  explicit S3ImposterThread(S3ImposterOptions options = {}, FaultScript faults = {},
                            HttpServerOptions server = {}) {
    std::promise<std::uint16_t> listening;
    std::future<std::uint16_t> port = listening.get_future();
    thread_ = std::thread([this, &listening, options = std::move(options),
                           faults = std::move(faults), server = std::move(server)]() mutable {
      run(std::move(options), std::move(faults), std::move(server), listening);
    });
    port_ = port.get();
  }
  ~S3ImposterThread() {
    loop_->post([this] { cancel_.cancel(); });
    thread_.join();
  }
  S3ImposterThread(const S3ImposterThread&) = delete;
  S3ImposterThread& operator=(const S3ImposterThread&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// Runs `ask` on the imposter's thread and returns what it returns.
  template <class F>
  auto ask(F function) {
    std::promise<std::invoke_result_t<F, S3Imposter&>> answer;
    loop_->post([&] { answer.set_value(function(*imposter_)); });
    return answer.get_future().get();
  }
  std::uint64_t requests(std::string operation) {
    return ask([operation](S3Imposter& imposter) { return imposter.requests(operation); });
  }
  bool all_faults_met() {
    return ask([](S3Imposter& imposter) { return imposter.faults().all_met(); });
  }
  /// Bytes of an object as they are stored; nullopt if there is none.
  std::optional<std::string> content(std::string bucket, std::string key) {
    return ask([=](S3Imposter& imposter) { return imposter.store().content(bucket, key); });
  }

 private:
  void run(S3ImposterOptions options, FaultScript faults, HttpServerOptions server_options,
           std::promise<std::uint16_t>& listening) {
    Loop loop;
    S3Imposter imposter(loop, std::move(options), std::move(faults));
    auto server = HttpServer::open(loop, imposter, std::move(server_options));
    CHECK(server.has_value());
    loop_ = &loop;
    imposter_ = &imposter;
    listening.set_value((*server)->port());
    (void)loop.run((*server)->serve(), cancel_);
  }

  Loop* loop_ = nullptr;
  S3Imposter* imposter_ = nullptr;
  CancelSource cancel_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace telpher
