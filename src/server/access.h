#pragma once
// Who calls, and what they may do. Pure.

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Each may do what those before it may.
enum class Role {
  kReader,    // looks: buckets, objects, its own transfers, the monitor
  kUploader,  // brings: uploads, transfers of its own
  kOperator,  // tends: everybody's transfers, deletes objects, changes and clears the monitor
  kAdmin,     // hands out keys
};

std::string_view to_string(Role role);
/// Errors: kInvalid, naming the roles there are.
Result<Role> parse_role(std::string_view text);

/// Where a key may be used: a bucket, or the keys of a bucket that begin with a prefix.
struct Scope {
  std::string bucket;
  std::string prefix;  // empty = all of the bucket
};
/// "photos", "logs/2026/". Errors: kInvalid.
Result<Scope> parse_scope(std::string_view text);
std::string to_string(const Scope& scope);

/// Whose request it is.
struct Caller {
  std::string id;    // of the key: what belongs to it is found by this
  std::string name;  // for people
  Role role = Role::kReader;
  std::vector<Scope> scopes;  // empty = everywhere
  enum class Way { kOpen, kKey, kCookie, kToken } way = Way::kOpen;

  bool may(Role needed) const { return role >= needed; }
  /// Whether it may read or write this object.
  bool reaches(std::string_view bucket, std::string_view key) const;
  /// Whether all keys below `prefix` are within its reach, so that they may be listed.
  bool reaches_all_below(std::string_view bucket, std::string_view prefix) const {
    return reaches(bucket, prefix);
  }
  /// Whether any of the bucket is.
  bool reaches_some_of(std::string_view bucket) const;
};

std::string_view to_string(Caller::Way way);

}  // namespace telpher
