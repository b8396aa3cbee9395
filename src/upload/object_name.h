#pragma once
// What an uploaded file is called in the store. Pure but for UniqueKeys, which remembers.

#include "runtime/loop.h"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace telpher {

constexpr std::size_t kObjectNameBytesMax = 255;

/// The last component of a file's name, with ".." and every character but A-Z a-z 0-9 . _ - as "_",
/// without leading dots, at most 255 bytes (what follows the last dot stays). Never empty.
/// @param file_name  UTF-8
std::string safe_object_name(std::string_view file_name);

/// "2026-11-22T09-00-00", UTC.
std::string time_stamp(WallTime now);

/// A prefix of keys as a client may choose it: "" or what ends in "/". Adds that slash. Errors:
/// kInvalid (not UTF-8, control characters, a leading "/", "." or ".." between slashes, above 512
/// bytes).
Result<std::string> parse_key_prefix(std::string_view text);

/// Gives out keys prefix + time stamp + "_" + name, none of them twice: "-2", "-3" … before the
/// extension. One loop. It remembers those of one second only, since the stamp tells them apart.
class UniqueKeys {
 public:
  std::string next(const std::string& bucket, const std::string& prefix, WallTime now,
                   std::string_view name);

 private:
  std::string stamp_;
  std::set<std::string> given_;         // bucket, zero byte, key
  std::map<std::string, int> next_of_;  // the first number to try
};

}  // namespace telpher
