#pragma once
// Roles: credentials, or a token in a file, exchanged for a role's at the Security Token Service.
// Source: STS API reference, AssumeRole, AssumeRoleWithWebIdentity.

#include "s3/credentials/plan.h"
#include "s3/credentials/service.h"

namespace telpher {

/// Errors: kDenied (refused; the message has the service's words), kInvalid (endpoint), kNetwork,
/// kTimeout, kProtocol, kCancelled.
Task<Result<Credentials>> assume_role(CredentialsAccess access, Credentials with, RoleStep role);

/// Reads the token anew each time. Errors: as assume_role(), kIo (the token's file).
Task<Result<Credentials>> assume_role_with_web_identity(CredentialsAccess access,
                                                        WebIdentity identity);

/// Where STS is asked, and in whose name requests are signed: the endpoint of the settings, else
/// AWS's in this region, else its global one. Errors: kInvalid.
struct StsPlace {
  S3Endpoint endpoint;
  std::string region;
};
Result<StsPlace> find_sts(const CredentialsAccess& access, const ProfileFiles& files);

}  // namespace telpher
