#pragma once
// --include and --exclude: which names of a directory or prefix are meant. Pure.

#include "source/glob.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// An --include or an --exclude.
struct NameRule {
  bool include = false;
  std::string pattern;
};

/// Which names of a directory or prefix are meant: of the rules that match the last one decides,
/// as in the AWS CLI. What none matches is meant, unless the first rule is an include: who begins
/// with what he wants, wants only that. A pattern without "/" is about the last segment, at any
/// depth.
class NameFilter {
 public:
  /// @param rules  in the order given
  /// Errors: kInvalid.
  static Result<NameFilter> make(const std::vector<NameRule>& rules);
  bool accepts(std::string_view name) const;

 private:
  struct Pattern {
    bool include;
    std::string base;  // literal folders before the first wildcard
    Glob glob;
    bool matches(std::string_view name) const;
  };

  std::vector<Pattern> patterns_;
};

}  // namespace telpher
