#include "s3/credentials/plan.h"

#include "codec/text.h"

#include <algorithm>

namespace telpher {
namespace {

std::string named(std::string_view profile) { return "profile '" + std::string(profile) + "'"; }

/// What to do where telpher cannot: another program can hand the credentials over.
std::string export_hint(std::string_view profile) {
  return "Let the AWS CLI hand them over: eval \"$(aws configure export-credentials --profile " +
         std::string(profile) + " --format env)\"";
}

/// The keys that stand in one of the two files, if any.
Result<std::optional<Credentials>> keys_in(const ProfileFiles& files, std::string_view profile,
                                           AwsFileKind kind) {
  const IniFile& file = kind == AwsFileKind::kConfig ? files.config : files.credentials;
  const std::string section = aws_profile_section(profile, kind);
  const auto value = [&](std::string_view name) {
    const std::string* found = file.find(section, name);
    return found ? *found : std::string();
  };
  Credentials keys;
  keys.access_key = value("aws_access_key_id");
  keys.secret_key = value("aws_secret_access_key");
  keys.session_token = value("aws_session_token");
  keys.source = named(profile);
  if (keys.access_key.empty() && keys.secret_key.empty()) return std::optional<Credentials>();
  if (keys.access_key.empty() || keys.secret_key.empty()) {
    return make_error(ErrorKind::kInvalid,
                      keys.source + " has only one of aws_access_key_id and aws_secret_access_key");
  }
  return std::optional(std::move(keys));
}

class Planner {
 public:
  explicit Planner(const ProfileFiles& files) : files_(files) {}

  Result<CredentialsPlan> plan(const std::string& profile) {
    TRY_VOID(follow(profile));
    std::reverse(plan_.roles.begin(), plan_.roles.end());
    return std::move(plan_);
  }

 private:
  std::string setting(std::string_view profile, std::string_view name) const {
    const std::string* found = find_setting(files_, profile, name);
    return found ? *found : std::string();
  }

  /// Roles are met from the top down.
  Result<void> follow(const std::string& profile) {
    visited_.push_back(profile);
    const std::string role_arn = setting(profile, "role_arn");
    if (role_arn.empty()) return begin(profile);
    if (!setting(profile, "web_identity_token_file").empty()) {
      plan_.origin = WebIdentity{setting(profile, "web_identity_token_file"), role_arn,
                                 setting(profile, "role_session_name"), named(profile)};
      return {};
    }
    // As the AWS CLI has it: keys of a profile that another one builds on come before its role.
    if (visited_.size() > 1) {
      TRY(const bool found, take_keys(profile));
      if (found) return {};
    }
    return follow_role(profile, role_arn);
  }

  Result<void> follow_role(const std::string& profile, const std::string& role_arn) {
    if (!setting(profile, "mfa_serial").empty()) {
      return make_error(ErrorKind::kUnsupported, named(profile) +
                                                     " wants a one-time code (mfa_serial), which "
                                                     "telpher does not ask for. " +
                                                     export_hint(profile));
    }
    plan_.roles.push_back({profile, role_arn, setting(profile, "role_session_name"),
                           setting(profile, "external_id"), setting(profile, "duration_seconds")});
    TRY_VOID(check_duration(plan_.roles.back()));
    const std::string source_profile = setting(profile, "source_profile");
    const std::string credential_source = setting(profile, "credential_source");
    if (source_profile.empty() == credential_source.empty()) {
      return make_error(ErrorKind::kInvalid,
                        named(profile) + " has role_arn, and needs " +
                            (source_profile.empty() ? "" : "only ") +
                            "one of source_profile, credential_source and web_identity_token_file: "
                            "whose credentials may take the role?");
    }
    if (!credential_source.empty()) return begin_at(profile, credential_source);
    return follow_source(profile, source_profile);
  }

  static Result<void> check_duration(const RoleStep& role) {
    if (role.duration_seconds.empty()) return {};
    const auto seconds = parse_decimal<unsigned>(role.duration_seconds);
    if (seconds && *seconds >= 900 && *seconds <= 43'200) return {};
    return make_error(ErrorKind::kInvalid, named(role.profile) +
                                               ": duration_seconds must be a number from 900 to "
                                               "43200, not '" +
                                               role.duration_seconds + "'");
  }

  Result<void> follow_source(const std::string& profile, const std::string& source) {
    if (!has_profile(files_, source)) {
      return make_error(ErrorKind::kInvalid, named(source) + ", the source_profile of " +
                                                 named(profile) + ", stands neither in " +
                                                 files_.credentials_path + " nor in " +
                                                 files_.config_path);
    }
    if (source == profile) {
      TRY(const bool found, take_keys(profile));
      if (found) return {};
      return make_error(ErrorKind::kInvalid, named(profile) +
                                                 " is its own source_profile, and has no "
                                                 "aws_access_key_id");
    }
    if (std::find(visited_.begin(), visited_.end(), source) != visited_.end()) {
      std::string circle;
      for (const std::string& name : visited_) circle += name + " -> ";
      return make_error(ErrorKind::kInvalid,
                        "The source_profiles go in a circle: " + circle + source);
    }
    Result<void> followed = follow(source);
    if (!followed && followed.error().kind == ErrorKind::kNotFound) {
      // That one was meant: nothing else is to be tried.
      return make_error(
          ErrorKind::kInvalid,
          followed.error().message + ", and is the source_profile of " + named(profile));
    }
    return followed;
  }

  Result<void> begin_at(const std::string& profile, const std::string& credential_source) {
    if (credential_source == "Environment") {
      plan_.origin = NamedSource::kEnvironment;
    } else if (credential_source == "EcsContainer") {
      plan_.origin = NamedSource::kContainer;
    } else if (credential_source == "Ec2InstanceMetadata") {
      plan_.origin = NamedSource::kInstance;
    } else {
      return make_error(ErrorKind::kInvalid,
                        named(profile) +
                            ": credential_source must be Environment, Ec2InstanceMetadata or "
                            "EcsContainer, not '" +
                            credential_source + "'");
    }
    return {};
  }

  Result<bool> take_keys(const std::string& profile) {
    for (const AwsFileKind kind : {AwsFileKind::kCredentials, AwsFileKind::kConfig}) {
      TRY(auto keys, keys_in(files_, profile, kind));
      if (!keys) continue;
      plan_.origin = *std::move(keys);
      return true;
    }
    return false;
  }

  /// Without a role: in the order of the AWS CLI.
  Result<void> begin(const std::string& profile) {
    TRY(const bool signed_in, begin_with_sso(profile));
    if (signed_in) return {};
    TRY(auto keys, keys_in(files_, profile, AwsFileKind::kCredentials));
    if (keys) {
      plan_.origin = *std::move(keys);
      return {};
    }
    if (std::string command = setting(profile, "credential_process"); !command.empty()) {
      plan_.origin = CredentialProcess{profile, std::move(command)};
      return {};
    }
    TRY(const bool found, take_keys(profile));
    if (found) return {};
    if (!setting(profile, "login_session").empty()) {
      return make_error(ErrorKind::kUnsupported,
                        named(profile) +
                            " is signed in by `aws login`, which telpher cannot use itself. " +
                            export_hint(profile));
    }
    return make_error(ErrorKind::kNotFound, named(profile) + " has no credentials");
  }

  Result<bool> begin_with_sso(const std::string& profile) {
    SsoLogin login{.profile = profile,
                   .session = setting(profile, "sso_session"),
                   .start_url = setting(profile, "sso_start_url"),
                   .region = setting(profile, "sso_region"),
                   .account_id = setting(profile, "sso_account_id"),
                   .role_name = setting(profile, "sso_role_name")};
    if (login.account_id.empty() && login.role_name.empty()) return false;
    if (!login.session.empty()) {
      const std::string section = "sso-session " + login.session;
      if (!files_.config.sections.contains(section)) {
        return make_error(ErrorKind::kInvalid, named(profile) + ": there is no [" + section +
                                                   "] in " + files_.config_path);
      }
      const auto shared = [&](std::string_view name) {
        const std::string* found = files_.config.find(section, name);
        return found ? *found : std::string();
      };
      login.start_url = shared("sso_start_url");
      login.region = shared("sso_region");
    }
    const std::pair<const char*, const std::string&> needed[] = {
        {"sso_start_url", login.start_url},
        {"sso_region", login.region},
        {"sso_account_id", login.account_id},
        {"sso_role_name", login.role_name}};
    for (const auto& [name, value] : needed) {
      if (!value.empty()) continue;
      return make_error(ErrorKind::kInvalid,
                        named(profile) + " lacks " + name + ". Set it up: aws configure sso");
    }
    plan_.origin = std::move(login);
    return true;
  }

  const ProfileFiles& files_;
  CredentialsPlan plan_;
  std::vector<std::string> visited_;
};

}  // namespace

Result<CredentialsPlan> plan_credentials(const ProfileFiles& files, std::string_view profile) {
  return Planner(files).plan(std::string(profile));
}

}  // namespace telpher
