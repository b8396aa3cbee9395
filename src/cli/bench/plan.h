#pragma once
// What a load run does, decided beforehand: which operation comes when, on which object, how large
// it is and what is in it. A seed fixes all of it. Pure.

#include "base/bytes.h"
#include "base/result.h"
#include "runtime/loop.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

enum class LoadOperation { kPut, kGet, kHead, kList, kDelete };
constexpr std::size_t kLoadOperations = 5;
/// "put", "get", "head", "list", "delete".
std::string_view to_string(LoadOperation operation);

/// Shares of operations, by LoadOperation.
struct OperationMix {
  std::array<std::uint32_t, kLoadOperations> weights{};
  bool has(LoadOperation operation) const {
    return weights[static_cast<std::size_t>(operation)] > 0;
  }
  /// Whether it needs objects that stay, and objects that may go.
  bool reads() const { return has(LoadOperation::kGet) || has(LoadOperation::kHead); }
};
/// "put=50,get=40,list=5,delete=5", or one name. Errors: kInvalid.
Result<OperationMix> parse_mix(std::string_view text);

struct SizeRange {
  ByteCount min = 0;
  ByteCount max = 0;
};
/// "10KiB", "1KiB..1MiB". Errors: kInvalid.
Result<SizeRange> parse_size_range(std::string_view text);

/// Objects are known by their number.
class LoadPlan {
 public:
  LoadPlan(std::uint64_t seed, OperationMix mix, SizeRange sizes, const std::string& prefix);

  /// The operation with this number.
  LoadOperation operation(std::uint64_t index) const;
  /// Which of `count` objects (> 0) it is about: any of them with the same chance.
  std::uint64_t pick(std::uint64_t index, std::uint64_t count) const;
  /// Of a range, sizes are drawn evenly on a logarithmic scale.
  ByteCount size(std::uint64_t object) const;
  /// Keys follow each other in the order of their numbers.
  std::string key(std::uint64_t object) const;
  /// What all keys begin with; tells one run's objects from another's.
  const std::string& folder() const { return folder_; }

 private:
  std::uint64_t seed_;
  OperationMix mix_;
  SizeRange sizes_;
  std::string folder_;
  std::uint64_t weights_total_ = 0;
};

/// What is in the objects: each has other bytes than the next four million. They lie in memory
/// once, side by side and overlapping; an object is cut into pieces of at most `piece_size`.
class LoadPayload {
 public:
  LoadPayload(std::uint64_t seed, ByteCount piece_size);

  /// `size` ≤ the size of pieces.
  Bytes piece(std::uint64_t object, std::uint64_t piece, ByteCount size) const {
    return Bytes(bytes_).subspan(offset(object, piece), size);
  }
  /// Whether `bytes` are those of the object from `position` on.
  bool matches(std::uint64_t object, ByteCount position, Bytes bytes) const;

 private:
  static std::size_t offset(std::uint64_t object, std::uint64_t piece);
  ByteCount piece_size_;
  std::vector<std::byte> bytes_;
};

/// When operations start. Closed model: at once, as often as somebody asks. Open model: at a fixed
/// rate, whoever is late; what is late is measured from when it should have started.
class Pace {
 public:
  struct Limits {
    double rate = 0;  // a second; 0 = closed model
    TimePoint end = kNever;
    std::uint64_t count_max = UINT64_MAX;
  };
  Pace(TimePoint begin, Limits limits) : begin_(begin), limits_(limits) {}

  struct Start {
    std::uint64_t index = 0;
    TimePoint at;
  };
  /// The next operation and when it is to start (open model: also before now); nullopt at the end.
  std::optional<Start> next(TimePoint now);
  /// When operation `index` is to start, in the open model.
  TimePoint intended(std::uint64_t index) const;
  std::uint64_t started() const { return started_; }
  /// Open model: how many should have started by now and have not.
  std::uint64_t overdue(TimePoint now) const;

 private:
  TimePoint begin_;
  Limits limits_;
  std::uint64_t started_ = 0;
};

}  // namespace telpher
