#pragma once
// The store as one transfer uses it: failures are noted, and what is sent is recorded, a span and a
// "part" for each part or whole object.

#include "metrics/operation_metrics.h"
#include "metrics/trace.h"
#include "runtime/loop.h"
#include "store/layers/forwarding_store.h"
#include "transfers/failure.h"

namespace telpher {

class WatchedStore final : public AroundStore<WatchedStore> {
 public:
  /// What it tells; outlives it. `spans` may be null.
  struct Watch {
    FailureTrail& trail;
    OperationMetrics& parts;
    SpanBuffer* spans;
    TraceContext trace;  // of the transfer: parent of the parts' spans
  };
  WatchedStore(ObjectStore& inner, Watch watch) : AroundStore(inner), watch_(watch) {}

  template <class T>
  Task<Result<T>> around(Call call, Task<Result<T>> task) {
    const bool sends =
        call.operation == Operation::kPutPart || call.operation == Operation::kPutObject;
    Loop& loop = co_await current_loop();
    const TimePoint start = loop.now();
    const WallTime wall_start = loop.wall_now();
    if (sends) watch_.parts.in_flight.add(1);
    Result<T> result = co_await std::move(task);
    if (!result) watch_.trail.note(FailedSide::kStore, result.error());
    if (sends) {
      watch_.parts.in_flight.add(-1);
      std::optional<ErrorKind> error;
      if (!result) error = result.error().kind;
      record(loop, call, start, wall_start, error);
    }
    co_return std::move(result);
  }

 private:
  void record(Loop& loop, const Call& call, TimePoint start, WallTime wall_start,
              std::optional<ErrorKind> error) {
    const TimePoint end = loop.now();
    watch_.parts.record({.ended = end,
                         .duration = end - start,
                         .bytes = error ? 0 : call.bytes_sent,
                         .error = error});
    if (!watch_.spans || !watch_.trace.sampled) return;
    watch_.spans->add({.context = begin_span(watch_.trace, loop.random()),
                       .parent = watch_.trace.span,
                       .name = "part",
                       .start = wall_start,
                       .duration = end - start,
                       .error = error,
                       .attributes = {{"bytes", std::to_string(call.bytes_sent)}}});
  }

  const Watch watch_;
};

}  // namespace telpher
