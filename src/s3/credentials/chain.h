#pragma once
// The order in which credentials are looked for.

#include "s3/credentials/service.h"

#include <memory>
#include <vector>

namespace telpher {

/// Keys of the environment (unless `profile_typed`), the profile, web identity, container,
/// instance. The sources make their connections when they are asked.
/// Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers".
std::vector<std::unique_ptr<CredentialsSource>> make_credentials_chain(CredentialsAccess access,
                                                                       bool profile_typed);

}  // namespace telpher
