#include "transfers/failure.h"

namespace telpher {
namespace {

std::string_view code_of(const Error& error, const std::optional<FailedSide>& side) {
  if (error.context.code == "FORBIDDEN_ADDRESS") return "FORBIDDEN_ADDRESS";
  switch (error.kind) {
    case ErrorKind::kCancelled: return "CANCELLED";
    case ErrorKind::kPrecondition: return "PRECONDITION_FAILED";
    case ErrorKind::kSourceChanged: return "STREAMING_ERROR";
    default: break;
  }
  if (side == FailedSide::kStore) return "S3_ERROR";
  switch (error.kind) {
    case ErrorKind::kLimit: return "VALIDATION_ERROR";
    case ErrorKind::kCorrupt: return "STREAMING_ERROR";
    default: break;
  }
  if (side == FailedSide::kFetch) return "URL_FETCH_ERROR";
  if (side == FailedSide::kStream) return "STREAMING_ERROR";
  return error.kind == ErrorKind::kInvalid ? "VALIDATION_ERROR" : "UNKNOWN_ERROR";
}

bool is_passing(const Error& error) {
  if (error.persistence != Persistence::kPermanent) return true;
  if (is_shortage_here(error) || is_disk_full(error)) return true;
  switch (error.kind) {
    case ErrorKind::kSourceChanged:  // it is another now, and can be copied
    case ErrorKind::kCancelled:
    case ErrorKind::kThrottled:
    case ErrorKind::kConflict: return true;
    default: return false;
  }
}

}  // namespace

void FailureTrail::note(FailedSide side, const Error& error) {
  if (error.kind == ErrorKind::kCancelled) return;
  if (noted_.size() == kKept) noted_.pop_front();
  noted_.push_back({side, error.kind, error.message});
}

std::optional<FailedSide> FailureTrail::side_of(const Error& error) const {
  // The engine puts words around what it passes on.
  for (auto noted = noted_.rbegin(); noted != noted_.rend(); ++noted) {
    if (noted->kind == error.kind && error.message.find(noted->message) != std::string::npos) {
      return noted->side;
    }
  }
  return std::nullopt;
}

JobError describe_failure(const Error& error, const FailureTrail& trail) {
  return {std::string(code_of(error, trail.side_of(error))), error.message, is_passing(error)};
}

bool is_tried_again(const Error& error, const FailureTrail& trail) {
  if (error.kind == ErrorKind::kCancelled || !is_passing(error)) return false;
  if (error.kind == ErrorKind::kSourceChanged) return true;
  const std::optional<FailedSide> side = trail.side_of(error);
  return side && *side != FailedSide::kStore;
}

JobError cancelled_error() { return {"CANCELLED", "it was cancelled", true}; }

}  // namespace telpher
