#pragma once
// Log-ins made by `aws sso login`: the token it keeps is exchanged for a role's credentials, and
// renewed where it can be. Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center
// credential provider"; Portal and OIDC API references.

#include "s3/credentials/plan.h"
#include "s3/credentials/service.h"

namespace telpher {

/// The file's name in ~/.aws/sso/cache, by session or start URL.
std::string sso_cache_name(const SsoLogin& login);

/// A renewed token is written back, as the AWS CLI does: the old one is of no use then. Errors:
/// kDenied (not signed in, expired: the message says how to sign in), kNetwork, kTimeout,
/// kProtocol, kIo, kCancelled.
Task<Result<Credentials>> use_sso_login(CredentialsAccess access, SsoLogin login);

}  // namespace telpher
