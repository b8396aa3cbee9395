#pragma once
// Addresses as people type them: URLs, s3://bucket/key, local://bucket/key, paths, "-". Pure.

#include "base/result.h"
#include "store/types.h"

#include <string>
#include <string_view>

namespace telpher {

struct Address {
  enum class Kind { kUrl, kS3, kLocal, kPath, kStdio };
  Kind kind = Kind::kPath;
  std::string text;      // as typed
  ObjectAddress object;  // of kS3 and kLocal; the key may be empty or end in "/"
  std::string path;      // of kPath

  bool in_store() const { return kind == Kind::kS3 || kind == Kind::kLocal; }
  /// Names everything below it rather than one object or file: no key, or a trailing "/".
  bool is_prefix() const;
};

/// Errors: kInvalid ("URL is required", "Invalid URL format: …", the bucket rule that is broken).
Result<Address> parse_address(std::string_view text);

/// For messages: userinfo and query values of URLs are hidden.
std::string redacted(const Address& address);

/// "s3://bucket/key".
std::string destination_text(Address::Kind kind, const ObjectAddress& object);

/// Where a thing called `name` (a path with "/" between segments) goes when it is copied to
/// `destination`: below a prefix or directory, else exactly there.
ObjectAddress object_for(const Address& destination, std::string_view name);

/// The file that the object `name` (its key relative to what was asked for) becomes below
/// `directory`. Errors: kInvalid when it would leave the directory or be no file (empty, "." and
/// ".." segments, NUL).
Result<std::string> file_for(std::string_view directory, std::string_view name);

}  // namespace telpher
