#pragma once
// --include and --exclude: which names of a directory or prefix are meant. Pure.

#include "source/glob.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Which names of a directory or prefix are meant: any of `include` (all when there is none), none
/// of `exclude`. A pattern without "/" is about the last segment, at any depth.
class NameFilter {
 public:
  /// Errors: kInvalid.
  static Result<NameFilter> make(const std::vector<std::string>& include,
                                 const std::vector<std::string>& exclude);
  bool accepts(std::string_view name) const;

 private:
  struct Pattern {
    std::string base;  // literal folders before the first wildcard
    Glob glob;
    bool matches(std::string_view name) const;
  };
  static Result<std::vector<Pattern>> parse(const std::vector<std::string>& patterns);

  std::vector<Pattern> include_;
  std::vector<Pattern> exclude_;
};

}  // namespace telpher
