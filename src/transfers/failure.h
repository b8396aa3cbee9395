#pragma once
// What a failed transfer is told as: a code of the API, and whether a later try can mend it. Pure.

#include "jobs/job_queue.h"

#include <deque>
#include <optional>
#include <string>

namespace telpher {

/// Whose call failed.
enum class FailedSide { kFetch, kStream, kStore };  // finding the source; reading it; the store

/// The last failures of one transfer's calls, so that the one it ended with can be laid at a door.
class FailureTrail {
 public:
  void note(FailedSide side, const Error& error);
  /// The side whose failure `error` is, or was made of.
  std::optional<FailedSide> side_of(const Error& error) const;

 private:
  static constexpr std::size_t kKept = 16;
  struct Noted {
    FailedSide side;
    ErrorKind kind;
    std::string message;
  };
  std::deque<Noted> noted_;
};

/// URL_FETCH_ERROR, S3_ERROR, STREAMING_ERROR, VALIDATION_ERROR, UNKNOWN_ERROR, FORBIDDEN_ADDRESS,
/// PRECONDITION_FAILED, CANCELLED. Retryable exactly when a later try may succeed.
JobError describe_failure(const Error& error, const FailureTrail& trail);

/// Whether the same is tried again without being asked: what a source did not give. What a store
/// refused has been repeated by the retry layer already.
bool is_tried_again(const Error& error, const FailureTrail& trail);

/// Of a transfer that somebody ended.
JobError cancelled_error();

}  // namespace telpher
