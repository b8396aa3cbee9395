#include "transfers/webhooks.h"

#include "codec/hmac.h"
#include "codec/uri.h"
#include "runtime/task_group.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAnswerMax = 16 * 1024;  // read, so that the connection can be kept
constexpr Duration kQueueTrouble = 5s;

/// What no later attempt will mend.
bool is_hopeless(const Error& error) {
  return error.kind == ErrorKind::kInvalid || error.context.code == "FORBIDDEN_ADDRESS" ||
         error.context.http_status == 410;
}

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view timestamp,
                              std::string_view body) {
  std::string text(timestamp);
  text.append(".").append(body);
  return "sha256=" + hmac_sha256(secret, text).to_hex();
}

void Webhooks::wake() {
  ++wakes_;
  woken_.wake_all();
}

Task<Result<void>> Webhooks::send(NewDelivery message) {
  CO_TRY_VOID(co_await queue_.enqueue(std::move(message)));
  wake();
  co_return Result<void>();
}

Task<Result<void>> Webhooks::run() {
  for (;;) {
    const std::uint64_t seen = wakes_;
    Result<std::vector<Delivery>> due = co_await queue_.due_deliveries(options_.at_once);
    if (due && !due->empty()) {
      TaskGroup group(co_await current_context());
      for (Delivery& delivery : *due) group.spawn(deliver(std::move(delivery)));
      (void)co_await group.join();
      if (co_await is_cancelled()) co_return Result<void>();
      continue;
    }
    TimePoint next = loop_.now() + kQueueTrouble;
    if (due) {
      const auto first = co_await queue_.next_delivery();
      if (first && !*first) next = kNever;
      if (first && *first) {
        const auto wait = std::chrono::duration_cast<Duration>(**first - loop_.wall_now());
        next = loop_.now() + std::clamp<Duration>(wait + 1ms, 1ms, 1h);
      }
    }
    if (wakes_ != seen) continue;
    const Result<void> woken = co_await woken_.wait(next);
    if (!woken && woken.error().kind == ErrorKind::kCancelled) co_return Result<void>();
  }
}

Task<Result<void>> Webhooks::deliver(Delivery delivery) {
  Result<void> taken = co_await with_deadline(post(&delivery), loop_.now() + options_.time_limit);
  if (co_await is_cancelled()) co_return Result<void>();  // it stays due
  std::optional<WallTime> again;
  const int attempts = delivery.attempts + 1;
  if (!taken) {
    if (!is_hopeless(taken.error()) && attempts < options_.attempts_max) {
      std::chrono::milliseconds wait = options_.retry_first;
      for (int i = 1; i < attempts && wait < options_.retry_max; ++i) wait *= 3;
      wait = std::min<std::chrono::milliseconds>(wait, options_.retry_max);
      const auto jitter = static_cast<std::uint64_t>(wait.count() / 4 + 1);
      again = loop_.wall_now() + wait + std::chrono::milliseconds(loop_.random().below(jitter));
    } else if (on_problem) {
      const Result<Uri> uri = parse_uri(delivery.message.url);
      on_problem("a webhook was given up after " + std::to_string(attempts) + " attempts: " +
                 (uri ? uri->redacted() : "(a URL)") + ": " + taken.error().message);
    }
  }
  // Where this fails it is delivered once more: that is what its id is for.
  while (!co_await queue_.delivered(delivery.id, again)) {
    if (!co_await SleepUntil(loop_.now() + kQueueTrouble)) break;  // cancelled
  }
  co_return Result<void>();
}

Task<Result<void>> Webhooks::post(const Delivery* delivery) {
  CO_TRY(const Uri uri, parse_uri(delivery->message.url));
  if (uri.scheme != "http" && uri.scheme != "https") {
    co_return make_error(ErrorKind::kInvalid, "a webhook's address is http or https");
  }
  const std::string& body = delivery->message.body;
  const std::string timestamp = std::to_string(
      std::chrono::floor<std::chrono::seconds>(loop_.wall_now()).time_since_epoch().count());
  HttpRequest request;
  request.method = "POST";
  request.target = uri.target();
  request.headers.add("User-Agent", "telpher");
  request.headers.add("Content-Type", "application/json");
  request.headers.add("X-Telpher-Event", delivery->message.event);
  request.headers.add("X-Telpher-Delivery", std::to_string(delivery->id));
  request.headers.add("X-Telpher-Timestamp", timestamp);
  request.headers.add("X-Telpher-Signature", webhook_signature(options_.secret, timestamp, body));
  request.body = Body::of(as_bytes(body));
  CO_TRY(const std::unique_ptr<HttpResponse> answer,
         co_await client_.send({uri.scheme == "https", uri.host, uri.port}, std::move(request)));
  const int status = answer->status;
  (void)co_await answer->read_all(kAnswerMax);  // what it says does not matter
  if (status >= 200 && status < 300) co_return Result<void>();
  Error error = make_error(ErrorKind::kServer, "it answered HTTP " + std::to_string(status));
  error.context.http_status = status;
  co_return error;
}

}  // namespace telpher
