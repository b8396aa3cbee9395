#include "transfer/plan.h"

#include "base/units.h"

#include <algorithm>
#include <limits>

namespace telpher {
namespace {

constexpr ByteCount kPutBelow = 16 * kMiB;
constexpr ByteCount kPartSizeUsual = 16 * kMiB;
constexpr ByteCount kPartSizeSmall = 8 * kMiB;
constexpr ByteCount kPage = 4096;     // buffers come in whole pages
constexpr int kBuffersLeast = 2;      // one is read into while the other is sent
constexpr int kBuffersOfLargest = 4;  // streams grow their parts to a quarter of the budget
constexpr int kGrowthSteps = 20;      // parts double after each twentieth of the store's number
constexpr int kReaderAheadHigh = 3;
constexpr int kReaderAheadLow = 1;

ByteCount divide_up(ByteCount a, ByteCount b) { return a / b + (a % b != 0); }
ByteCount unit_of(ByteCount size) { return size >= kMiB ? kMiB : kPage; }
ByteCount round_down(ByteCount size) { return size / unit_of(size) * unit_of(size); }
ByteCount round_up(ByteCount size) { return divide_up(size, unit_of(size)) * unit_of(size); }
ByteCount buffer_size(ByteCount part_size) {
  return divide_up(std::max<ByteCount>(part_size, 1), kPage) * kPage;
}

/// "16MiB", as the options take it: exact, unlike format_size().
std::string option_size(ByteCount size) {
  for (auto [unit, name] : {std::pair(kGiB, "GiB"), {kMiB, "MiB"}, {kKiB, "KiB"}}) {
    if (size >= unit && size % unit == 0) return std::to_string(size / unit) + name;
  }
  return std::to_string(size);
}

int clamp_to_int(ByteCount count) {
  return static_cast<int>(std::min<ByteCount>(count, std::numeric_limits<int>::max()));
}

ByteCount tier_of(ByteCount size) {
  if (size < 10 * kGiB) return 100 * kMiB;
  return size < 100 * kGiB ? 250 * kMiB : 500 * kMiB;
}

ByteCount auto_part_size(const PlanInput& input) {
  ByteCount side_by_side = divide_up(*input.size, kPartSizeUsual);
  if (!input.local_file) {
    side_by_side = std::min(side_by_side, input.memory_budget / kPartSizeUsual);
  }
  const bool idle = side_by_side < static_cast<ByteCount>(input.concurrency);
  return idle ? kPartSizeSmall : kPartSizeUsual;
}

ByteCount wished_part_size(const PlanInput& input) {
  switch (input.part_size.kind) {
    case PartSizePolicy::Kind::kAuto: return auto_part_size(input);
    case PartSizePolicy::Kind::kTiered: return tier_of(*input.size);
    case PartSizePolicy::Kind::kFixed: break;
  }
  return input.part_size.fixed_size;
}

bool is_auto(const PlanInput& input) { return input.part_size.kind == PartSizePolicy::Kind::kAuto; }
bool is_fixed(const PlanInput& input) {
  return input.part_size.kind == PartSizePolicy::Kind::kFixed;
}

Error needs_memory(const PlanInput& input, ByteCount part_size) {
  return make_error(ErrorKind::kLimit, "A memory budget of " + format_size(input.memory_budget) +
                                           " cannot hold a part of " + format_size(part_size) +
                                           ", the smallest that this copy can use. Use --memory " +
                                           option_size(round_up(part_size * kBuffersLeast)) +
                                           " or more");
}

Result<void> check_fixed(const PlanInput& input) {
  const Capabilities& store = input.capabilities;
  const ByteCount size = input.part_size.fixed_size;
  if (size >= store.part_size_min && size <= store.part_size_max) return {};
  return make_error(ErrorKind::kInvalid, "A part size of " + format_size(size) +
                                             " is not possible: use " +
                                             option_size(store.part_size_min) + " to " +
                                             option_size(store.part_size_max));
}

/// The part size of a source whose size is known.
Result<ByteCount> choose_part_size(const PlanInput& input, std::string& note) {
  const Capabilities& store = input.capabilities;
  const ByteCount needed = divide_up(*input.size, static_cast<ByteCount>(store.parts_max));
  if (needed > store.part_size_max) {
    return make_error(
        ErrorKind::kLimit,
        "The source has " + format_size(*input.size) + ", the store takes at most " +
            format_size(store.part_size_max * static_cast<ByteCount>(store.parts_max)));
  }
  ByteCount size = std::clamp(wished_part_size(input), store.part_size_min, store.part_size_max);
  const ByteCount least = std::max(store.part_size_min, needed);
  if (size < least) {
    size = std::min(round_up(least), store.part_size_max);
    if (!is_auto(input))
      note = "parts made larger to stay within " + std::to_string(store.parts_max);
  }
  if (input.local_file || buffer_size(size) * kBuffersLeast <= input.memory_budget) return size;

  size = std::max(round_down(input.memory_budget / kBuffersLeast), least);
  if (buffer_size(size) > input.memory_budget) return needs_memory(input, size);
  if (!is_auto(input)) {
    note = "parts made smaller to fit a memory budget of " + format_size(input.memory_budget);
  }
  return size;
}

/// Whether one PUT does it.
bool fits_one_put(const PlanInput& input) {
  const ByteCount size = *input.size;
  if (size == 0) return true;
  if (size > input.capabilities.put_size_max) return false;
  // One byte more than the size is read, to find out sources that have grown.
  if (!input.local_file && buffer_size(size + 1) > input.memory_budget) return false;
  if (is_fixed(input)) return size <= input.part_size.fixed_size;
  if (size < kPutBelow) return true;
  return !is_auto(input) && size <= tier_of(size);
}

UploadPlan common_plan(const PlanInput& input) {
  UploadPlan plan;
  plan.size = input.size;
  plan.parts_max = input.capabilities.parts_max;
  plan.buffered = !input.local_file;
  plan.concurrency = std::max(input.concurrency, 1);
  plan.memory_budget = input.memory_budget;
  return plan;
}

Result<UploadPlan> plan_known_length(const PlanInput& input) {
  UploadPlan plan = common_plan(input);
  if (fits_one_put(input)) {
    plan.mode = TransferMode::kPut;
    plan.part_size = plan.part_size_max = *input.size;
    return plan;
  }
  plan.mode = input.ranges ? TransferMode::kRanged : TransferMode::kSingleStream;
  TRY(plan.part_size, choose_part_size(input, plan.note));
  plan.part_size_max = plan.part_size;
  plan.parts = clamp_to_int(divide_up(*input.size, plan.part_size));
  plan.parts_in_flight = std::min({plan.concurrency, plan.buffers_at(1), plan.parts});
  return plan;
}

Result<UploadPlan> plan_unknown_length(const PlanInput& input) {
  const Capabilities& store = input.capabilities;
  UploadPlan plan = common_plan(input);
  plan.mode = TransferMode::kUnknownLength;
  plan.buffered = true;
  plan.parts = 0;
  const ByteCount largest = std::clamp(round_down(input.memory_budget / kBuffersOfLargest),
                                       store.part_size_min, store.part_size_max);
  if (is_fixed(input)) {
    const ByteCount held =
        std::max(round_down(input.memory_budget / kBuffersLeast), store.part_size_min);
    plan.part_size = std::min(input.part_size.fixed_size, held);
    if (plan.part_size < input.part_size.fixed_size) {
      plan.note =
          "parts made smaller to fit a memory budget of " + format_size(input.memory_budget);
    }
    plan.part_size_max = plan.part_size;
  } else {
    const ByteCount first = is_auto(input) ? kPartSizeUsual : tier_of(0);
    plan.part_size = store.equal_parts ? largest : std::clamp(first, store.part_size_min, largest);
    plan.part_size_max = largest;
    if (plan.part_size < largest) plan.parts_per_step = std::max(store.parts_max / kGrowthSteps, 1);
  }
  if (buffer_size(plan.part_size) > input.memory_budget) return needs_memory(input, plan.part_size);
  plan.parts_in_flight = std::min(plan.concurrency, plan.buffers_at(1));
  return plan;
}

std::string counted(int count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

PlanInput make_plan_input(const SourceInfo& source, bool local_file,
                          const Capabilities& capabilities, const TransferOptions& options,
                          ByteCount memory_budget) {
  return {source.size,       source.ranges,       local_file,   capabilities,
          options.part_size, options.concurrency, memory_budget};
}

ByteCount UploadPlan::part_size_of(PartNumber number) const {
  ByteCount size_now = part_size;
  if (parts_per_step == 0) return size_now;
  for (int step = (number - 1) / parts_per_step; step > 0 && size_now < part_size_max; --step) {
    size_now = std::min(size_now * 2, part_size_max);
  }
  return size_now;
}

ByteRange UploadPlan::part(PartNumber number) const {
  ByteRange range{0, part_size_of(number)};
  if (parts_per_step == 0) {
    range.offset = part_size * static_cast<ByteCount>(number - 1);
  } else {
    for (PartNumber before = 1; before < number; ++before) range.offset += part_size_of(before);
  }
  if (size) range.length = std::min(range.length, *size - std::min(*size, range.offset));
  return range;
}

int UploadPlan::buffers_at(PartNumber number) const {
  if (!buffered) return std::numeric_limits<int>::max();
  return std::max(clamp_to_int(memory_budget / buffer_size(part_size_of(number))), 1);
}

WaterMarks UploadPlan::water_marks_at(PartNumber number) const {
  const int high = std::min(concurrency + kReaderAheadHigh, buffers_at(number));
  return {high, std::min(concurrency + kReaderAheadLow, high - 1)};
}

ByteCount UploadPlan::reach() const {
  if (parts_per_step == 0) return part_size * static_cast<ByteCount>(parts_max);
  ByteCount total = 0;
  for (PartNumber first = 1; first <= parts_max; first += parts_per_step) {
    const int count = std::min(parts_per_step, parts_max - first + 1);
    total += part_size_of(first) * static_cast<ByteCount>(count);
  }
  return total;
}

Error UploadPlan::passed_reach() const {
  std::string message = "The source is longer than " + format_size(reach()) + ", all that " +
                        std::to_string(parts_max) + " parts ";
  const bool limited_by_memory = part_size_max >= round_down(memory_budget / kBuffersOfLargest);
  if (limited_by_memory) {
    const ByteCount memory = memory_budget * 4;
    message += "can hold with a memory budget of " + format_size(memory_budget) +
               ". Use --memory " + option_size(round_up(memory)) + " (reaches about " +
               format_size(reach() * 4) + ") or more";
  } else {
    message += "of " + format_size(part_size_max) + " can hold. Use --part-size " +
               option_size(round_up(part_size_max * 4)) + " or more, or auto";
  }
  return make_error(ErrorKind::kLimit, std::move(message));
}

Result<UploadPlan> make_plan(const PlanInput& input) {
  if (is_fixed(input)) TRY_VOID(check_fixed(input));
  return input.size ? plan_known_length(input) : plan_unknown_length(input);
}

std::string describe(const UploadPlan& plan) {
  std::string text;
  switch (plan.mode) {
    case TransferMode::kRanged: text = "ranged: "; break;
    case TransferMode::kSingleStream: text = "single stream: "; break;
    case TransferMode::kUnknownLength: text = "length not known: "; break;
    default: return "one PUT of " + format_size(plan.part_size);
  }
  if (plan.mode == TransferMode::kUnknownLength) {
    text += "parts of " + format_size(plan.part_size);
    if (plan.parts_per_step) text += " growing to " + format_size(plan.part_size_max);
  } else {
    text += counted(plan.parts, "part") + " of " + format_size(plan.part_size);
  }
  text += ", " + std::to_string(plan.parts_in_flight) + " at once";
  if (plan.buffered && plan.mode != TransferMode::kRanged) {
    text += ", " + counted(plan.water_marks_at(1).high, "buffer");
  }
  if (plan.mode == TransferMode::kUnknownLength) text += ", at most " + format_size(plan.reach());
  if (!plan.note.empty()) text += " (" + plan.note + ")";
  return text;
}

}  // namespace telpher
