#pragma once
// How an upload will go: decided once, from facts, before a byte is read. Pure: no I/O, no clock.

#include "base/units.h"
#include "source/source.h"
#include "store/types.h"
#include "transfer/transfer.h"

#include <optional>
#include <string>

namespace telpher {

struct PlanInput {
  std::optional<ByteCount> size;  // of the source; empty = not known until the end
  bool ranges = false;            // the source can be read by ranges
  bool local_file = false;        // parts are sent from a descriptor and need no buffer
  Capabilities capabilities;
  PartSizePolicy part_size;
  int concurrency = 10;
  ByteCount memory_budget = 256 * kMiB;
};

/// The input for a probed source; `local_file` is whether it has a descriptor.
PlanInput make_plan_input(const SourceInfo& source, bool local_file,
                          const Capabilities& capabilities, const TransferOptions& options,
                          ByteCount memory_budget);

/// The reader of a single stream pauses when `high` buffers hold bytes and goes on when no more
/// than `low` do.
struct WaterMarks {
  int high = 1;
  int low = 0;
};

struct UploadPlan {
  TransferMode mode = TransferMode::kPut;  // kPut, kRanged, kSingleStream or kUnknownLength
  std::optional<ByteCount> size;
  ByteCount part_size = 0;      // of all parts but the last; of the first when they grow
  ByteCount part_size_max = 0;  // what they grow to; else part_size
  int parts = 1;                // 0 = not known
  int parts_max = 10'000;       // the store's limit
  int parts_per_step = 0;       // after so many parts they double; 0 = they do not grow
  int parts_in_flight = 1;      // sent side by side
  bool buffered = true;         // parts pass through buffers of the budget
  int concurrency = 10;
  ByteCount memory_budget = 0;
  std::string note;  // what was changed against the wish, for people; may be empty

  /// @param number  1..parts_max
  ByteCount part_size_of(PartNumber number) const;
  /// The bytes of a part; the last one ends with the source when its size is known.
  ByteRange part(PartNumber number) const;
  /// Buffers that fit in the budget while part `number` is read; at least one.
  int buffers_at(PartNumber number) const;
  /// concurrency + 3 / + 1, within the budget.
  WaterMarks water_marks_at(PartNumber number) const;
  /// Bytes that fit in parts_max parts.
  ByteCount reach() const;
  /// kLimit: a stream of unknown length has passed reach(); names the --memory or --part-size that
  /// would have done.
  Error passed_reach() const;
};

/// Part size. auto: 16 MiB; 8 MiB where 16 would leave connections idle; larger only so that the
/// parts stay within the store's number. tiered: below 10 GiB 100 MiB, below 100 GiB 250 MiB, above
/// 500 MiB. Parts that pass through buffers are made smaller (with a note) so that two fit in the
/// budget. Below 16 MiB, or the fixed size when one was asked for, it is one PUT.
/// Errors: kInvalid (fixed size that the store does not take), kLimit (the budget cannot hold the
/// smallest part that would do, or the source is larger than the store takes; says what would do).
Result<UploadPlan> make_plan(const PlanInput& input);

/// One line for people: "ranged: 128 parts of 16.0 MiB, 10 at once".
std::string describe(const UploadPlan& plan);

}  // namespace telpher
