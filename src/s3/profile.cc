#include "s3/profile.h"

#include "codec/text.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;

Result<std::string> read_small_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR || path.empty()) return std::string();
    return make_errno_error(errno, "open '" + path + "'");
  }
  std::string text;
  char chunk[8192];
  ssize_t count = 0;
  while (text.size() <= kFileBytesMax && (count = ::read(fd, chunk, sizeof chunk)) > 0) {
    text.append(chunk, static_cast<std::size_t>(count));
  }
  const int failure = count < 0 ? errno : 0;
  ::close(fd);
  if (failure != 0) return make_errno_error(failure, "read '" + path + "'");
  return text;
}

Result<IniFile> read_ini(const std::string& path) {
  TRY(const std::string text, read_small_file(path));
  auto file = parse_ini(text);
  if (!file) {
    Error error = std::move(file).error();
    error.message = path + ": " + error.message;
    return error;
  }
  return file;
}

/// A setting of a profile: the credentials file comes before the config file.
const std::string* find_setting(const ProfileFiles& files, std::string_view profile,
                                std::string_view name) {
  const std::string* found =
      files.credentials.find(aws_profile_section(profile, AwsFileKind::kCredentials), name);
  if (!found) {
    found = files.config.find(aws_profile_section(profile, AwsFileKind::kConfig), name);
  }
  return found && !found->empty() ? found : nullptr;
}

bool has_profile(const ProfileFiles& files, std::string_view profile) {
  return files.credentials.sections.contains(
             aws_profile_section(profile, AwsFileKind::kCredentials)) ||
         files.config.sections.contains(aws_profile_section(profile, AwsFileKind::kConfig));
}

std::string setting_or(const ProfileFiles& files, std::string_view profile, std::string_view name,
                       std::string otherwise) {
  const std::string* found = find_setting(files, profile, name);
  return found ? *found : std::move(otherwise);
}

/// The profile's own endpoint for S3 (in its [services …] section) before its general one.
std::string endpoint_of_profile(const ProfileFiles& files, std::string_view profile) {
  if (const std::string* services = find_setting(files, profile, "services")) {
    const std::string* url = files.config.find("services " + *services, "s3.endpoint_url");
    if (url && !url->empty()) return *url;
  }
  return setting_or(files, profile, "endpoint_url", "");
}

/// Looks up the environment by several names, in order.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}
  std::string first_of(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      if (auto value = environment_(name); value && !value->empty()) return *std::move(value);
    }
    return "";
  }

 private:
  const Environment& environment_;
};

Addressing addressing_of(const Provider& provider, const std::string& style) {
  if (style == "path") return Addressing::kPath;
  if (style == "virtual") return Addressing::kVirtualHost;
  return provider.addressing;
}

Result<void> choose_endpoint(S3Config& config, std::string url, const std::string& style) {
  if (url.empty()) {
    config.provider = provider_named("AWS");
    if (config.region.empty()) config.region = "us-east-1";
    config.endpoint = aws_endpoint(config.region);
    if (style == "path") config.endpoint.addressing = Addressing::kPath;
    return {};
  }
  TRY(config.endpoint, parse_endpoint(url, Addressing::kPath));
  const std::string& host = config.endpoint.origin.host;
  config.provider = &provider_of_host(host);
  config.endpoint.addressing = addressing_of(*config.provider, style);
  if (config.region.empty()) config.region = region_of_host(*config.provider, host);
  return {};
}

void choose_credentials(S3Config& config, const S3Flags& flags, const Variables& variables,
                        const std::string& profile, const std::string& credentials_path,
                        const std::string& config_path) {
  if (flags.no_sign_request) {
    Credentials anonymous;
    anonymous.source = "--no-sign-request";
    config.credentials.push_back(make_fixed_credentials(std::move(anonymous)));
    return;
  }
  if (!flags.access_key.empty()) {
    config.credentials.push_back(make_fixed_credentials(
        {flags.access_key, flags.secret_key, flags.session_token, {}, "the caller"}));
    return;
  }
  Credentials environment{variables.first_of({"AWS_ACCESS_KEY_ID"}),
                          variables.first_of({"AWS_SECRET_ACCESS_KEY"}),
                          variables.first_of({"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}),
                          {},
                          "environment"};
  // A profile that was typed is meant; one from the environment stands behind the keys there.
  if (flags.profile.empty() && !environment.access_key.empty() && !environment.secret_key.empty()) {
    config.credentials.push_back(make_fixed_credentials(std::move(environment)));
  }
  config.credentials.push_back(make_profile_credentials(profile, credentials_path, config_path));
  // Web identity, container and instance roles follow here.
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (!value) return std::nullopt;
    return std::string(value);
  };
}

Result<ProfileFiles> read_profile_files(const std::string& credentials_path,
                                        const std::string& config_path) {
  ProfileFiles files;
  files.credentials_path = credentials_path;
  files.config_path = config_path;
  TRY(files.credentials, read_ini(credentials_path));
  TRY(files.config, read_ini(config_path));
  return files;
}

Result<Credentials> credentials_of_profile(const ProfileFiles& files, std::string_view profile) {
  const std::string* access_key = find_setting(files, profile, "aws_access_key_id");
  const std::string* secret_key = find_setting(files, profile, "aws_secret_access_key");
  const std::string name = "profile '" + std::string(profile) + "'";
  if (access_key && secret_key) {
    Credentials credentials;
    credentials.access_key = *access_key;
    credentials.secret_key = *secret_key;
    credentials.session_token = setting_or(files, profile, "aws_session_token", "");
    credentials.source = name;
    return credentials;
  }
  if (access_key || secret_key) {
    return make_error(ErrorKind::kInvalid,
                      name + " has only one of aws_access_key_id and aws_secret_access_key");
  }
  for (const std::string_view way : {"role_arn", "credential_process", "sso_session",
                                     "sso_account_id", "web_identity_token_file"}) {
    if (find_setting(files, profile, way)) {
      return make_error(ErrorKind::kUnsupported,
                        name + " gets its credentials by " + std::string(way) +
                            ", which is not supported yet. Export them: aws configure "
                            "export-credentials --format env");
    }
  }
  return make_error(ErrorKind::kNotFound, name + " has no credentials");
}

Result<S3Config> resolve_s3_config(const S3Flags& flags, const Environment& environment) {
  const Variables variables(environment);
  const std::string home = variables.first_of({"HOME"});
  const auto path_or = [&](std::string_view variable, const char* otherwise) {
    std::string path = variables.first_of({variable});
    if (path.empty() && !home.empty()) path = home + otherwise;
    return path;
  };
  const std::string credentials_path = path_or("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
  const std::string config_path = path_or("AWS_CONFIG_FILE", "/.aws/config");
  TRY(const ProfileFiles files, read_profile_files(credentials_path, config_path));

  std::string profile = flags.profile;
  if (profile.empty()) profile = variables.first_of({"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
  if (!profile.empty() && profile != "default" && !has_profile(files, profile)) {
    return make_error(ErrorKind::kInvalid, "Profile '" + profile + "' stands neither in " +
                                               credentials_path + " nor in " + config_path);
  }
  if (profile.empty()) profile = "default";

  S3Config config;
  config.region = flags.region;
  if (config.region.empty()) {
    config.region = variables.first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
  }
  if (config.region.empty()) config.region = setting_or(files, profile, "region", "");
  config.region_given = !config.region.empty();

  std::string url = flags.endpoint_url;
  const bool ignored = iequals(variables.first_of({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}), "true");
  if (url.empty() && !ignored) {
    url = variables.first_of({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
    if (url.empty()) url = endpoint_of_profile(files, profile);
  }
  TRY_VOID(choose_endpoint(config, url, setting_or(files, profile, "s3.addressing_style", "")));

  config.ca_bundle = flags.ca_bundle;
  if (config.ca_bundle.empty()) config.ca_bundle = variables.first_of({"AWS_CA_BUNDLE"});
  if (config.ca_bundle.empty()) config.ca_bundle = setting_or(files, profile, "ca_bundle", "");
  config.verify_tls = !flags.no_verify_tls;
  choose_credentials(config, flags, variables, profile, credentials_path, config_path);
  return config;
}

}  // namespace telpher
