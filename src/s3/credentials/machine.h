#pragma once
// Roles of where the program runs: of its container (ECS, EKS) or its virtual machine (EC2).
// Source: AWS SDKs and Tools Reference Guide, "Container credential provider", "IMDS credential
// provider".

#include "s3/credentials/service.h"

#include <optional>

namespace telpher {

/// Where a container's credentials are asked for; nullopt when the environment names no such place.
/// Plain http goes to this machine and the addresses of ECS and EKS only. Errors: kInvalid.
struct ContainerPlace {
  Origin origin;
  std::string target;
};
Result<std::optional<ContainerPlace>> find_container_service(const Environment& environment);

/// Errors: kNotFound (not in such a container), kInvalid, kDenied, kNetwork, kTimeout, kProtocol,
/// kIo (the token's file), kCancelled.
Task<Result<Credentials>> ask_container(CredentialsAccess access);

/// The instance metadata service, version 2, or 1 where that is not spoken; within two seconds when
/// there is none. Errors: kNotFound (not on an instance with a role, or switched off), kDenied,
/// kProtocol, kInvalid (its address), kCancelled.
Task<Result<Credentials>> ask_instance(CredentialsAccess access);

}  // namespace telpher
