#pragma once
// What the queue keeps of a transfer: its spec and its progress as text. Pure. What is read comes
// from our own file, but that may be damaged: errors, never crashes.

#include "metrics/trace.h"
#include "transfers/transfer.h"
#include "transfers/transfer_request.h"

#include <string>
#include <string_view>

namespace telpher {

/// What was accepted. Priority and not_before stand in the job.
struct TransferSpec {
  TransferRequest request;
  TraceContext trace;  // the one it belongs to
};
std::string encode_spec(const TransferSpec& spec);
/// Errors: kCorrupt.
Result<TransferSpec> decode_spec(std::string_view text);
/// Without what a source may ask for: credentials, query values, headers. For transfers that are
/// done.
TransferSpec without_secrets(TransferSpec spec);

/// How far it has come.
struct TransferState {
  std::string key;  // decided when it first ran, and kept: its open upload hangs on it
  TransferNumbers numbers;
  std::string checksum;
  std::string etag;
  std::string note;
  int failures = 0;  // attempts that failed by themselves; kills do not count
};
std::string encode_state(const TransferState& state);
/// What cannot be read is as if it had not begun.
TransferState decode_state(std::string_view text);

/// What a request is, for Idempotency: the same for the same request.
std::string fingerprint_of(const TransferRequest& request);

/// The queue's words joined: what watchers see of a job.
Transfer make_transfer(const Job& job);

}  // namespace telpher
