#pragma once
// Command-line flags of the bench programs: `--name value`, `--flag` and positional words.
// A mistake ends the program with a message; these programs are driven by run.py.

#include "base/bytes.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace telpher::bench {

/// Prints "NAME: what: strerror(errno)" (errno only when not 0) and exits with status 1.
[[noreturn]] void die(const std::string& what);

class Arguments {
 public:
  /// @param flags  names that take no value, such as "--md5"
  Arguments(int argc, char** argv, std::vector<std::string> flags);

  bool flag(const std::string& name) const { return values_.contains(name); }
  std::string text(const std::string& name, const std::string& fallback = "") const;
  /// "64KiB"; see parse_size() of base/units.h.
  ByteCount size(const std::string& name, const std::string& fallback) const;
  /// Every value of a flag that may be repeated.
  std::vector<std::string> all(const std::string& name) const;
  const std::vector<std::string>& positional() const { return positional_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positional_;
};

}  // namespace telpher::bench
