#include "server/event_stream.h"

#include "codec/text.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSilenceMax = 15s;  // proxies close what is silent for longer

std::string to_text(const Event& event) {
  return "id: " + std::to_string(event.id) + "\nevent: " + event.type + "\ndata: " + event.data +
         "\n\n";
}

class Listening {
 public:
  explicit Listening(std::size_t& count) : count_(count) { ++count_; }
  ~Listening() { --count_; }
  Listening(const Listening&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

void EventStream::tell(Event event) {
  event.id = next_id_++;
  kept_.push_back(std::move(event));
  if (kept_.size() > kKept) kept_.pop_front();
  waiting_.wake_all();
}

void EventStream::close() {
  closed_ = true;
  waiting_.wake_all();
}

std::string EventStream::text_since(std::uint64_t& seen, const Wanted& wanted) const {
  std::string text;
  const std::uint64_t oldest = next_id_ - kept_.size();
  if (seen + 1 < oldest || seen >= next_id_) {
    text = "id: " + std::to_string(next_id_ - 1) + "\nevent: reset\ndata: {}\n\n";
    seen = next_id_ - 1;
    return text;
  }
  for (std::size_t index = seen + 1 - oldest; index < kept_.size(); ++index) {
    if (wanted(kept_[index])) text += to_text(kept_[index]);
  }
  seen = next_id_ - 1;
  return text;
}

Task<Result<void>> EventStream::serve(ApiCall& call, Wanted wanted) {
  if (closed_ || listeners_ >= kListenersMax) {
    co_return api_error(503, "UNAVAILABLE", "too many listen already");
  }
  const Listening listening(listeners_);
  std::uint64_t seen = next_id_ - 1;
  if (const auto last = call.request.headers().find("last-event-id")) {
    seen = parse_decimal<std::uint64_t>(*last).value_or(0);
  }
  call.response.headers.set("Content-Type", "text/event-stream");
  call.response.headers.set("Cache-Control", "no-store");
  call.response.headers.set("X-Accel-Buffering", "no");
  CO_TRY_VOID(co_await call.response.begin(std::nullopt));
  Loop& loop = co_await current_loop();
  std::string text = "retry: 2000\n\n";
  for (;;) {
    text += text_since(seen, wanted);
    if (!text.empty()) CO_TRY_VOID(co_await call.response.write(as_bytes(text)));
    if (closed_) break;
    text.clear();
    if (seen + 1 < next_id_) continue;  // something came while it was sent
    const Result<void> more = co_await waiting_.wait(loop.now() + kSilenceMax);
    if (!more && more.error().kind != ErrorKind::kTimeout) co_return more;
    if (!more) text = ": still here\n\n";
  }
  co_return co_await call.response.finish();
}

}  // namespace telpher
