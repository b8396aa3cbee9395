#pragma once
// KeyList: keys that stand in a file or on standard input, one a line, read as they are needed.

#include "base/result.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

class KeyList {
 public:
  /// @param path  "-" is standard input
  /// @param place  "s3://bucket/prefix", which lines may begin with, too
  /// Errors: kNotFound, kDenied, kIo.
  static Result<KeyList> open(const std::string& path, std::string place);

  /// `prefix` and the next line that is not empty; nullopt at the end. A line may be a whole
  /// address instead. Errors: kInvalid (an address of another place, no key), kIo.
  Result<std::optional<std::string>> next(std::string_view prefix);

 private:
  struct Close {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::string name_;
  std::string place_;
  std::string line_;
  std::uint64_t number_ = 0;
};

}  // namespace telpher
