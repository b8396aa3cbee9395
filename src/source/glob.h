#pragma once
// Shell patterns over paths and object keys: `*` and `?` stay within a segment, `**` as a whole
// segment is any number of segments (none, too), `[a-z]` `[!a-z]` are classes, `\` takes the next
// character as it is. Names that begin with a dot are matched like others: keys know no hidden
// files. Pure.

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Whether `text` holds an unescaped `*`, `?` or `[`.
bool is_glob(std::string_view text);

class Glob {
 public:
  /// Errors: kInvalid (a `[` that is not closed, a trailing `\`).
  static Result<Glob> parse(std::string_view pattern);

  /// The directory all matches lie below, unescaped, with its "/"; "" when the first segment is a
  /// pattern already. The rest of the pattern is what matches() compares.
  const std::string& base() const { return base_; }

  /// What every matching path begins with, base() included: "logs/2026-" of "logs/2026-*/x".
  const std::string& prefix() const { return prefix_; }

  /// Whether matches lie in base() itself and not deeper.
  bool is_one_level() const;

  /// `path` is relative to base(). Takes O(pattern × path) at worst.
  bool matches(std::string_view path) const;

  /// Whether something below `directory` (relative to base(), without a trailing "/") may match.
  bool may_match_below(std::string_view directory) const;

 private:
  std::string base_;
  std::string prefix_;
  std::vector<std::string> segments_;
};

}  // namespace telpher
