#include "cli/bench/plan.h"

#include "base/check.h"
#include "base/random.h"
#include "base/units.h"
#include "codec/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace telpher {
namespace {

constexpr std::array<std::string_view, kLoadOperations> kNames = {"put", "get", "head", "list",
                                                                  "delete"};
constexpr std::size_t kWindow = std::size_t{1} << 22;  // places where a piece may begin
/// Behind the end of the run, for what should have begun before it.
constexpr std::chrono::seconds kLateStartsMax{1};

/// SplitMix64's finisher: each bit of the input moves half of the output's.
constexpr std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

enum class Draw : std::uint64_t { kOperation = 1, kObject = 2, kSize = 3 };

std::uint64_t draw(std::uint64_t seed, Draw what, std::uint64_t number) {
  return mixed(mixed(seed + static_cast<std::uint64_t>(what) * 0x9e3779b97f4a7c15) + number);
}

/// Evenly in [0, limit).
std::uint64_t scaled(std::uint64_t random, std::uint64_t limit) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(random) * limit) >> 64);
}

Error bad_mix(const std::string& why) {
  return make_error(ErrorKind::kInvalid,
                    why +
                        "; as in put=50,get=40,list=5,delete=5, or one of put, get, head, list, "
                        "delete");
}

}  // namespace

std::string_view to_string(LoadOperation operation) {
  return kNames[static_cast<std::size_t>(operation)];
}

Result<OperationMix> parse_mix(std::string_view text) {
  OperationMix mix;
  std::uint64_t total = 0;
  for (bool last = false; !last;) {
    const std::size_t comma = text.find(',');
    last = comma == std::string_view::npos;
    const std::string_view item = text.substr(0, comma);
    if (!last) text.remove_prefix(comma + 1);
    const std::size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) return bad_mix("no such operation: '" + std::string(name) + "'");
    std::optional<std::uint32_t> weight = 1;
    if (equals != std::string_view::npos)
      weight = parse_decimal<std::uint32_t>(item.substr(equals + 1));
    if (!weight || *weight > 1'000'000) {
      return bad_mix("'" + std::string(item) + "': a share is a number up to 1000000");
    }
    std::uint32_t& place = mix.weights[static_cast<std::size_t>(found - kNames.begin())];
    if (place > 0) return bad_mix("'" + std::string(name) + "' is named twice");
    place = *weight;
    total += *weight;
  }
  if (total == 0) return bad_mix("all shares are 0");
  return mix;
}

Result<SizeRange> parse_size_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  SizeRange range;
  TRY(range.min, parse_size(text.substr(0, dots)));
  range.max = range.min;
  if (dots != std::string_view::npos) {
    TRY(range.max, parse_size(text.substr(dots + 2)));
  }
  if (range.max < range.min) {
    return make_error(ErrorKind::kInvalid, "the smaller size comes first, as in 1KiB..1MiB");
  }
  return range;
}

LoadPlan::LoadPlan(std::uint64_t seed, OperationMix mix, SizeRange sizes, const std::string& prefix)
    : seed_(seed), mix_(mix), sizes_(sizes) {
  char name[40];
  std::snprintf(name, sizeof name, "bench-%llx/", static_cast<unsigned long long>(seed));
  folder_ = prefix + name;
  for (const std::uint32_t weight : mix.weights) weights_total_ += weight;
  CHECK(weights_total_ > 0);
}

LoadOperation LoadPlan::operation(std::uint64_t index) const {
  std::uint64_t at = scaled(draw(seed_, Draw::kOperation, index), weights_total_);
  std::size_t operation = 0;
  while (at >= mix_.weights[operation]) at -= mix_.weights[operation++];
  return static_cast<LoadOperation>(operation);
}

std::uint64_t LoadPlan::pick(std::uint64_t index, std::uint64_t count) const {
  return scaled(draw(seed_, Draw::kObject, index), count);
}

ByteCount LoadPlan::size(std::uint64_t object) const {
  if (sizes_.min == sizes_.max) return sizes_.min;
  const double share = static_cast<double>(draw(seed_, Draw::kSize, object) >> 11) * 0x1.0p-53;
  const double from = std::log1p(static_cast<double>(sizes_.min));
  const double to = std::log1p(static_cast<double>(sizes_.max));
  const auto size = static_cast<ByteCount>(std::llround(std::expm1(from + share * (to - from))));
  return std::clamp(size, sizes_.min, sizes_.max);
}

std::string LoadPlan::key(std::uint64_t object) const {
  char digits[24];
  const int length =
      std::snprintf(digits, sizeof digits, "%010llu", static_cast<unsigned long long>(object));
  std::string key;
  key.reserve(folder_.size() + static_cast<std::size_t>(length));
  return key.append(folder_).append(digits, static_cast<std::size_t>(length));
}

LoadPayload::LoadPayload(std::uint64_t seed, ByteCount piece_size)
    : piece_size_(std::max<ByteCount>(piece_size, 1)), bytes_(kWindow + piece_size) {
  Random random(seed);
  for (std::size_t at = 0; at < bytes_.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(bytes_.data() + at, &word, std::min(sizeof word, bytes_.size() - at));
  }
}

std::size_t LoadPayload::offset(std::uint64_t object, std::uint64_t piece) {
  // Odd factors: no two of kWindow neighbours begin at the same place.
  return (object * 2'654'435'761 + piece * 40'503) % kWindow;
}

bool LoadPayload::matches(std::uint64_t object, ByteCount position, Bytes bytes) const {
  while (!bytes.empty()) {
    const ByteCount within = position % piece_size_;
    const std::size_t count = std::min<ByteCount>(bytes.size(), piece_size_ - within);
    const std::byte* want = bytes_.data() + offset(object, position / piece_size_) + within;
    if (std::memcmp(want, bytes.data(), count) != 0) return false;
    position += count;
    bytes = bytes.subspan(count);
  }
  return true;
}

TimePoint Pace::intended(std::uint64_t index) const {
  const std::chrono::duration<double> after(static_cast<double>(index) / limits_.rate);
  return begin_ + std::chrono::duration_cast<Duration>(after);
}

std::optional<Pace::Start> Pace::next(TimePoint now) {
  if (started_ >= limits_.count_max) return std::nullopt;
  if (limits_.rate == 0) {
    if (now >= limits_.end) return std::nullopt;
    return Start{started_++, now};
  }
  const TimePoint at = intended(started_);
  if (at >= limits_.end) return std::nullopt;
  if (limits_.end != kNever && now >= limits_.end + kLateStartsMax) return std::nullopt;
  return Start{started_++, at};
}

std::uint64_t Pace::overdue(TimePoint now) const {
  if (limits_.rate == 0) return 0;
  const TimePoint last = std::min(now, limits_.end);
  std::uint64_t due = 0;
  if (last > begin_) {
    const double seconds = std::chrono::duration<double>(last - begin_).count();
    due = static_cast<std::uint64_t>(std::ceil(seconds * limits_.rate));
  }
  due = std::min(due, limits_.count_max);
  return due - std::min(due, started_);
}

}  // namespace telpher
