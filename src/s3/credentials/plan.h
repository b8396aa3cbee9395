#pragma once
// How a profile gets its credentials: from what it says to what is to be done. Pure.
// Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider", "Process
// credential provider", "IAM Identity Center credential provider".

#include "s3/profile.h"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace telpher {

/// A program that prints credentials.
struct CredentialProcess {
  std::string profile;
  std::string command;
};

/// A token in a file, exchanged for a role's credentials.
struct WebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;  // empty = made up
  std::string where;         // "profile 'x'", "AWS_WEB_IDENTITY_TOKEN_FILE"
};

/// A log-in made by `aws sso login`, exchanged for a role's credentials.
struct SsoLogin {
  std::string profile;
  std::string session;  // of [sso-session …]; empty = the older form, known by its start URL
  std::string start_url;
  std::string region;
  std::string account_id;
  std::string role_name;
};

/// What credential_source names.
enum class NamedSource { kEnvironment, kContainer, kInstance };

/// A role to be assumed with the credentials one step below.
struct RoleStep {
  std::string profile;  // that says so
  std::string role_arn;
  std::string session_name;  // empty = made up
  std::string external_id;
  std::string duration_seconds;  // empty = the service's default
};

struct CredentialsPlan {
  /// Where it begins: keys that stand there, or one of the ways to get some.
  std::variant<Credentials, CredentialProcess, WebIdentity, SsoLogin, NamedSource> origin;
  /// Assumed one after the other.
  std::vector<RoleStep> roles;
};

/// Errors: kNotFound (the profile has no credentials), kInvalid (half a setting, a circle of
/// source_profiles, a name that is nowhere), kUnsupported (mfa_serial and the like).
Result<CredentialsPlan> plan_credentials(const ProfileFiles& files, std::string_view profile);

}  // namespace telpher
