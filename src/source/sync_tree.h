#pragma once
// SyncTree: what of one tree is missing or different in another, by walking both side by side.
// Memory does not depend on their sizes. One loop.

#include "source/tree_pairs.h"

#include <cstdint>
#include <functional>

namespace telpher {

/// What makes two things of one size and name the same.
enum class Compare {
  kTime,     // the destination is younger; where times are too close or the other way: content
  kSize,     // that is enough
  kContent,  // only their content
};

struct SyncOptions {
  Compare compare = Compare::kTime;
  /// Called for each name that only the destination has; empty = they are left alone. Not called
  /// when the source is empty (a disk that is not mounted), nor once it has shown an error: what
  /// could not be read is not known to be gone.
  std::function<Task<Result<void>>(TreeEntry entry)> extra;
};

class SyncTree final : public Tree {
 public:
  /// @param source, destination  sorted; they must outlive this
  SyncTree(Tree& source, Tree& destination, SyncOptions options)
      : source_(source), pairs_(source, destination), options_(std::move(options)) {}

  /// What is to be copied. Errors also: those of `extra`.
  Task<Result<std::optional<TreeEntry>>> next() override;
  std::string current() const override { return pairs_.current(); }
  std::string_view base() const override { return source_.base(); }

  /// Which tree the last error was about.
  bool failed_at_destination() const { return pairs_.failed_at_second(); }

  /// Found the same at both ends, so far.
  std::uint64_t same() const { return same_; }
  /// Whether all of the source could be read, so far.
  bool source_is_whole() const { return pairs_.first_is_whole(); }
  /// Names that only the destination has and that `extra` was not told: the source is empty, or
  /// could not be read.
  std::uint64_t withheld() const { return withheld_; }
  /// Whether the source has had an entry at all.
  bool source_is_empty() const { return pairs_.first_is_empty(); }

 private:
  Tree& source_;
  TreePairs pairs_;
  const SyncOptions options_;
  std::uint64_t same_ = 0;
  std::uint64_t withheld_ = 0;
};

}  // namespace telpher
