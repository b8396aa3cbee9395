#pragma once
// What LocalStore::scrub() is asked and what it tells.

#include "store/types.h"

#include <functional>

namespace telpher {

/// Bytes that are not what was stored.
struct ScrubDamage {
  ObjectAddress object;
  std::string upload_id;  // set: of a part of an upload that is not complete
  PartNumber part = 0;
  std::string what;  // for people: "its bytes fail their crc64nvme"
};

struct ScrubReport {
  std::uint64_t objects = 0;
  std::uint64_t parts = 0;  // of uploads that are not complete
  ByteCount bytes = 0;
  std::uint64_t damaged = 0;
  std::uint64_t unproven = 0;  // could be read, but have no checksum to compare with
  ObjectAddress reached;       // the last object that was looked at: where to resume
};

struct ScrubOptions {
  ByteCount bytes_per_second = 0;  // 0 = as fast as it goes
  ObjectAddress after;             // objects up to this one are left out
  /// Instead: begins where the last one of this kind was when it was stopped, and the store keeps
  /// where it has got to.
  bool goes_on = false;
  std::function<void(const ScrubDamage&)> on_damage;
  std::function<void(const ScrubReport&)> on_progress;  // every now and then
};

}  // namespace telpher
