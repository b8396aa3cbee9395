#pragma once
// EventStream: what happens, told to whoever listens, as Server-Sent Events
// (html.spec.whatwg.org, 9.2). The latest are kept, so that who was away goes on where it stopped.
// One loop.

#include "runtime/semaphore.h"
#include "server/api_call.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

namespace telpher {

struct Event {
  std::uint64_t id = 0;
  std::string type;
  std::string data;   // JSON, one line
  std::string topic;  // the transfer it is about; empty = none in particular
  std::string owner;  // whose it is; empty = everybody's
  std::string place;  // "bucket/key", where scopes are to be asked; empty = nowhere
};

class EventStream {
 public:
  static constexpr std::size_t kKept = 2'000;
  static constexpr std::size_t kListenersMax = 1'000;

  /// @param first_id  above all that earlier processes gave: the time in microseconds, say
  explicit EventStream(std::uint64_t first_id) : next_id_(first_id) {}

  /// Gives it its id.
  void tell(Event event);

  using Wanted = std::function<bool(const Event&)>;
  /// Sends what is `wanted` until the client goes, or the stream is closed. Who cannot keep up, or
  /// was away for too long, is told `reset`: to load everything anew. Errors: UNAVAILABLE
  /// (kListenersMax), and those of sending.
  Task<Result<void>> serve(ApiCall& call, Wanted wanted);

  /// Ends all that serve(), so that the service can.
  void close();
  std::size_t listeners() const { return listeners_; }

 private:
  /// What is kept and newer than `seen`, as text; sets `seen` to the last.
  std::string text_since(std::uint64_t& seen, const Wanted& wanted) const;

  std::uint64_t next_id_;
  std::deque<Event> kept_;  // ids without gaps
  WaitQueue waiting_;
  std::size_t listeners_ = 0;
  bool closed_ = false;
};

}  // namespace telpher
