#pragma once
// What programs and services that hand out credentials answer, read. Pure. Bytes from outside:
// malformed ones are kProtocol, and no message repeats a value, for any may be a secret.

#include "base/result.h"
#include "s3/credentials.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

/// "2026-01-31T10:00:00Z", with a fraction, "+01:00" or "UTC" at the end; nullopt when malformed.
std::optional<WallTime> parse_iso_time(std::string_view text);
/// "2026-01-31T10:00:00Z".
std::string format_iso_time(WallTime time);

/// {"Version": 1, "AccessKeyId": …, "SecretAccessKey": …, "SessionToken": …, "Expiration": …}; the
/// last two may be left out. Source: AWS SDKs and Tools Reference Guide, "Process credential
/// provider".
Result<Credentials> parse_process_credentials(std::string_view json);

/// {"AccessKeyId": …, "SecretAccessKey": …, "Token": …, "Expiration": …}: of a container's or an
/// instance's role; "Code" other than "Success" is kDenied. Source: Amazon EC2 User Guide,
/// "Instance metadata".
Result<Credentials> parse_role_credentials(std::string_view json);

/// {"roleCredentials": {"accessKeyId": …, "expiration": milliseconds …}}. Source: IAM Identity
/// Center portal API, GetRoleCredentials.
Result<Credentials> parse_portal_credentials(std::string_view json);

/// <Credentials> in the answer to an STS operation. Source: STS API, AssumeRole.
Result<Credentials> parse_sts_credentials(std::string_view xml);

/// Why a service refused, in its own words: code and message, either may be empty. Reads the XML of
/// STS and the JSON of the others.
struct ServiceRefusal {
  std::string code;
  std::string message;
};
ServiceRefusal parse_service_refusal(std::string_view body);

/// A log-in as `aws sso login` leaves it in ~/.aws/sso/cache.
struct SsoToken {
  std::string access_token;
  std::optional<WallTime> expires;
  // To get another one; empty when the log-in is of the old kind.
  std::string refresh_token;
  std::string client_id;
  std::string client_secret;
  std::optional<WallTime> registration_expires;
};
Result<SsoToken> parse_sso_token(std::string_view json);
/// The file `json` with the token that CreateToken answered at `now` in place of the old one.
/// Source: SSO OIDC API, CreateToken.
Result<std::string> renew_sso_token(std::string_view json, std::string_view answer, WallTime now);

}  // namespace telpher
