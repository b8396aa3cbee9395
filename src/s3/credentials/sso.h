#pragma once
// Log-ins made by `aws sso login`: the token it keeps is exchanged for a role's credentials, and
// renewed where it can be. Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center
// credential provider"; Portal and OIDC API references.

#include "s3/credentials/plan.h"
#include "s3/credentials/service.h"

namespace telpher {

/// The file's name in ~/.aws/sso/cache, by session or start URL.
std::string sso_cache_name(const SsoLogin& login);

/// A renewed token that could not be written back: it serves while the file stays as it was.
struct UnsavedSsoToken {
  std::string instead_of;  // what the file holds
  std::string text;        // empty = none
};

/// A renewed token is written back, as the AWS CLI does: the old one is of no use then. Where that
/// fails it is used all the same, kept in `unsaved` for later calls, and access.notice is told the
/// first time. Errors: kDenied (not signed in, expired: the message says how to sign in), kNetwork,
/// kTimeout, kProtocol, kIo, kCancelled.
Task<Result<Credentials>> use_sso_login(CredentialsAccess access, SsoLogin login,
                                        UnsavedSsoToken* unsaved);

}  // namespace telpher
