#include "s3/credentials/chain.h"

#include "s3/credentials/machine.h"
#include "s3/credentials/process.h"
#include "s3/credentials/sso.h"
#include "s3/credentials/sts.h"

namespace telpher {
namespace {

std::string variable(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

/// Nobody has thought of this source: nothing needs to be said about it.
Result<Credentials> not_set_up() { return make_error(ErrorKind::kNotFound, ""); }

/// Errors: kNotFound; kDenied when half of the keys is set: whoever set it means them.
Result<Credentials> keys_of_environment(const Environment& environment) {
  Credentials keys;
  keys.access_key = variable(environment, "AWS_ACCESS_KEY_ID");
  keys.secret_key = variable(environment, "AWS_SECRET_ACCESS_KEY");
  keys.session_token = variable(environment, "AWS_SESSION_TOKEN");
  if (keys.session_token.empty()) {
    keys.session_token = variable(environment, "AWS_SECURITY_TOKEN");
  }
  keys.source = "environment";
  if (keys.access_key.empty() && keys.secret_key.empty()) {
    return make_error(ErrorKind::kNotFound, "AWS_ACCESS_KEY_ID is not set");
  }
  if (keys.access_key.empty() || keys.secret_key.empty()) {
    const bool no_id = keys.access_key.empty();
    const std::string id = "AWS_ACCESS_KEY_ID";
    const std::string secret = "AWS_SECRET_ACCESS_KEY";
    return make_error(ErrorKind::kDenied,
                      (no_id ? secret : id) + " is set and " + (no_id ? id : secret) +
                          " is not: set both, or neither to use what else there is");
  }
  return keys;
}

class EnvironmentCredentials final : public CredentialsSource {
 public:
  explicit EnvironmentCredentials(CredentialsAccess access) : access_(std::move(access)) {}
  Task<Result<Credentials>> fetch() override { co_return keys_of_environment(access_.environment); }

 private:
  const CredentialsAccess access_;
};

/// Reads the files anew each time, so that what another program has renewed is seen. They are
/// small and local: they are read where we stand.
class ProfileCredentials final : public CredentialsSource {
 public:
  explicit ProfileCredentials(CredentialsAccess access) : access_(std::move(access)) {}

  Task<Result<Credentials>> fetch() override {
    CO_TRY(const ProfileFiles files,
           read_profile_files(access_.credentials_path, access_.config_path));
    CO_TRY(CredentialsPlan plan, plan_credentials(files, access_.profile));
    CO_TRY(Credentials credentials, co_await begin(plan));
    for (RoleStep& role : plan.roles) {
      CO_TRY(credentials, co_await assume_role(access_, std::move(credentials), std::move(role)));
    }
    co_return credentials;
  }

 private:
  Task<Result<Credentials>> begin(CredentialsPlan plan) {
    if (auto* keys = std::get_if<Credentials>(&plan.origin)) co_return std::move(*keys);
    if (auto* process = std::get_if<CredentialProcess>(&plan.origin)) {
      co_return co_await run_credential_process(std::move(*process));
    }
    if (auto* identity = std::get_if<WebIdentity>(&plan.origin)) {
      co_return co_await assume_role_with_web_identity(access_, std::move(*identity));
    }
    if (auto* login = std::get_if<SsoLogin>(&plan.origin)) {
      co_return co_await use_sso_login(access_, std::move(*login), &unsaved_);
    }
    auto credentials = co_await ask_named(std::get<NamedSource>(plan.origin));
    if (credentials) co_return credentials;
    const std::string profile = plan.roles.empty() ? access_.profile : plan.roles[0].profile;
    co_return meant("credential_source of profile '" + profile + "'",
                    std::move(credentials).error());
  }

  Task<Result<Credentials>> ask_named(NamedSource source) {
    switch (source) {
      case NamedSource::kContainer: co_return co_await ask_container(access_);
      case NamedSource::kInstance: co_return co_await ask_instance(access_);
      case NamedSource::kEnvironment: break;
    }
    co_return keys_of_environment(access_.environment);
  }

  const CredentialsAccess access_;
  UnsavedSsoToken unsaved_;
};

class WebIdentityCredentials final : public CredentialsSource {
 public:
  explicit WebIdentityCredentials(CredentialsAccess access) : access_(std::move(access)) {}

  Task<Result<Credentials>> fetch() override {
    WebIdentity identity{variable(access_.environment, "AWS_WEB_IDENTITY_TOKEN_FILE"),
                         variable(access_.environment, "AWS_ROLE_ARN"),
                         variable(access_.environment, "AWS_ROLE_SESSION_NAME"),
                         "AWS_WEB_IDENTITY_TOKEN_FILE"};
    if (identity.token_file.empty()) co_return not_set_up();
    if (identity.role_arn.empty()) {
      co_return make_error(ErrorKind::kInvalid,
                           "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not: which "
                           "role is to be taken?");
    }
    co_return co_await assume_role_with_web_identity(access_, std::move(identity));
  }

 private:
  const CredentialsAccess access_;
};

class ContainerCredentials final : public CredentialsSource {
 public:
  explicit ContainerCredentials(CredentialsAccess access) : access_(std::move(access)) {}
  Task<Result<Credentials>> fetch() override {
    auto credentials = co_await ask_container(access_);
    if (!credentials && credentials.error().kind == ErrorKind::kNotFound) co_return not_set_up();
    co_return credentials;
  }

 private:
  const CredentialsAccess access_;
};

class InstanceCredentials final : public CredentialsSource {
 public:
  explicit InstanceCredentials(CredentialsAccess access) : access_(std::move(access)) {}
  Task<Result<Credentials>> fetch() override { co_return co_await ask_instance(access_); }

 private:
  const CredentialsAccess access_;
};

}  // namespace

std::vector<std::unique_ptr<CredentialsSource>> make_credentials_chain(CredentialsAccess access,
                                                                       bool profile_typed) {
  std::vector<std::unique_ptr<CredentialsSource>> chain;
  // A profile that was typed is meant; one from the environment stands behind the keys there.
  if (!profile_typed) chain.push_back(std::make_unique<EnvironmentCredentials>(access));
  chain.push_back(std::make_unique<ProfileCredentials>(access));
  if (!profile_typed) chain.push_back(std::make_unique<WebIdentityCredentials>(access));
  chain.push_back(std::make_unique<ContainerCredentials>(access));
  chain.push_back(std::make_unique<InstanceCredentials>(access));
  return chain;
}

}  // namespace telpher
