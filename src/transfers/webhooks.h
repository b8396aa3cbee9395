#pragma once
// Webhooks: messages to addresses that callers gave, kept in the queue until they are taken, so
// that a restart loses none. Each may arrive twice; X-Telpher-Delivery tells. One loop.
//
//   POST url
//   X-Telpher-Event: transfer.completed
//   X-Telpher-Delivery: 42
//   X-Telpher-Timestamp: 1795338000
//   X-Telpher-Signature: sha256=HMAC-SHA256(secret, timestamp + "." + body)
//
// Of a transfer's end the body is {"event": "transfer.completed", "transfer": {…}}, the transfer as
// the API shows it (transfer.h).

#include "jobs/job_queue.h"
#include "net/http_client.h"
#include "runtime/semaphore.h"

#include <functional>
#include <string>
#include <string_view>

namespace telpher {

struct WebhookOptions {
  std::string secret;                    // of the service; whoever listens knows it
  int attempts_max = 10;                 // over some eight hours
  std::size_t at_once = 4;               // deliveries
  std::chrono::seconds retry_first{10};  // tripled each time
  std::chrono::seconds retry_max{2 * 60 * 60};
  std::chrono::seconds time_limit{30};  // of one attempt
};

class Webhooks {
 public:
  /// `client` has the guard against forbidden addresses. Both outlive this.
  Webhooks(Loop& loop, JobQueue& queue, HttpClient& client, WebhookOptions options)
      : loop_(loop), queue_(queue), client_(client), options_(std::move(options)) {}

  /// Delivers what is due until it is cancelled. Redirects are not followed: an address that moved
  /// is a failure.
  Task<Result<void>> run();
  /// A message may have been put into the queue.
  void wake();
  /// Puts one there. Errors: kIo.
  Task<Result<void>> send(NewDelivery message);

  std::function<void(std::string_view)> on_problem;  // one was given up

 private:
  Task<Result<void>> deliver(Delivery delivery);
  Task<Result<void>> post(const Delivery* delivery);

  Loop& loop_;
  JobQueue& queue_;
  HttpClient& client_;
  const WebhookOptions options_;
  std::uint64_t wakes_ = 0;
  WaitQueue woken_;
};

/// "sha256=HEX".
std::string webhook_signature(std::string_view secret, std::string_view timestamp,
                              std::string_view body);

}  // namespace telpher
