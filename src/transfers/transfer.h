#pragma once
// A transfer as its watchers see it, and as the API writes it. Pure.

#include "base/bytes.h"
#include "jobs/job_queue.h"

#include <optional>
#include <string>

namespace telpher {

/// How far it has come.
struct TransferNumbers {
  ByteCount bytes = 0;  // of the whole: what earlier runs did included
  std::optional<ByteCount> size;
  double bytes_per_second = 0;  // smoothed; 0 when it does not run
  int parts_done = 0;
  int parts = 0;  // 0 = not known
  int parts_in_flight = 0;
  /// At most 200 characters, each for one part or an equal share of them: '.' waits, 'a' is under
  /// way (or a share partly done), 'd' done.
  std::string strip;
  bool operator==(const TransferNumbers&) const = default;
};

struct Transfer {
  std::string id;
  std::string owner;
  std::string batch;
  JobState state = JobState::kPending;
  TransferNumbers numbers;
  std::optional<JobError> error;

  std::string source_url;  // redacted
  std::string bucket;
  std::string key_prefix;
  std::string key;       // empty until it is known
  std::string location;  // "s3://bucket/key"; empty likewise
  std::string checksum;  // "crc64nvme:HEX" of the whole, when it is known
  std::string etag;
  std::string note;  // why nothing was copied, what was done otherwise than wished
  int priority = 0;
  int attempt = 0;
  std::optional<WallTime> not_before;
  WallTime created{};
  WallTime updated{};
  std::optional<WallTime> started;
  std::optional<WallTime> ended;
};

/// `parts` is of any length.
std::string strip_of(std::string_view parts);

/// The members of the API's transfer object, without "success".
std::string transfer_json(const Transfer& transfer);
/// {"transferId", "progress"}.
std::string progress_json(const Transfer& transfer);

}  // namespace telpher
