#pragma once
// Who may use the endpoint.

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct S3User {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // set = requests must carry it; empty = any is taken
  std::string id;             // of the owner in answers
  std::string display_name;
};

/// Reads a credentials file:
///   {"users": [{"access_key": "…", "secret_key": "…", "id": "…", "display_name": "…"}]}
/// id and display_name may be left out; so may session_token. The first user owns the buckets that
/// nobody in particular owns. Errors: kInvalid, naming the user and field.
Result<std::vector<S3User>> parse_users(std::string_view json);

/// A user with random keys of the usual shape (20 and 40 characters).
S3User make_user();

}  // namespace telpher
