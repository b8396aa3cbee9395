#include "server/access.h"

#include "store/rules.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"reader", "uploader", "operator", "admin"};

}  // namespace

std::string_view to_string(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

Result<Role> parse_role(std::string_view text) {
  const auto found = std::ranges::find(kRoles, text);
  if (found != kRoles.end()) return static_cast<Role>(found - kRoles.begin());
  return make_error(ErrorKind::kInvalid,
                    "'" + std::string(text) + "' is no role: admin, operator, uploader or reader");
}

Result<Scope> parse_scope(std::string_view text) {
  const std::size_t slash = text.find('/');
  Scope scope{.bucket = std::string(text.substr(0, slash)), .prefix = {}};
  if (slash != std::string_view::npos) scope.prefix = text.substr(slash + 1);
  TRY_VOID(check_bucket_name(scope.bucket));
  return scope;
}

std::string to_string(const Scope& scope) {
  return scope.prefix.empty() ? scope.bucket : scope.bucket + "/" + scope.prefix;
}

bool Caller::reaches(std::string_view bucket, std::string_view key) const {
  return scopes.empty() || std::ranges::any_of(scopes, [&](const Scope& scope) {
           return scope.bucket == bucket && key.starts_with(scope.prefix);
         });
}

bool Caller::reaches_some_of(std::string_view bucket) const {
  return scopes.empty() ||
         std::ranges::any_of(scopes, [&](const Scope& scope) { return scope.bucket == bucket; });
}

std::string_view to_string(Caller::Way way) {
  switch (way) {
    case Caller::Way::kOpen: return "open";
    case Caller::Way::kKey: return "key";
    case Caller::Way::kCookie: return "cookie";
    case Caller::Way::kToken: return "jwt";
  }
  return "";
}

}  // namespace telpher
