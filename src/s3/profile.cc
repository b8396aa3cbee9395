#include "s3/profile.h"

#include "codec/text.h"
#include "s3/credentials/chain.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;
constexpr std::chrono::seconds kServiceConnectTimeout{10};  // of those that give credentials

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

std::string setting_or(const ProfileFiles& files, std::string_view profile, std::string_view name,
                       std::string otherwise) {
  const std::string* found = find_setting(files, profile, name);
  return found ? *found : std::move(otherwise);
}

std::string profile_called(std::string_view name) { return "profile '" + std::string(name) + "'"; }

Setting setting_of(const ProfileFiles& files, std::string_view profile, std::string_view name) {
  const std::string* found = find_setting(files, profile, name);
  return found ? Setting{*found, profile_called(profile)} : Setting();
}

/// Looks up the environment by several names, in order.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}
  Setting find_first_of(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      auto value = environment_(name);
      if (value && !value->empty()) return {*std::move(value), std::string(name)};
    }
    return {};
  }
  std::string first_of(std::initializer_list<std::string_view> names) const {
    return find_first_of(names).value;
  }

 private:
  const Environment& environment_;
};

Addressing addressing_of(const Provider& provider, const std::string& style) {
  if (style == "path") return Addressing::kPath;
  if (style == "virtual") return Addressing::kVirtualHost;
  return provider.addressing;
}

Result<void> choose_endpoint(S3Config& config, std::string url, const std::string& style,
                             AwsVariant variant) {
  if (url.empty()) {
    config.provider = provider_named("AWS");
    if (config.region.empty()) config.region = "us-east-1";
    config.endpoint = aws_endpoint(config.region, variant);
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

void choose_credentials(S3Config& config, const S3Flags& flags, CredentialsAccess access) {
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
  config.credentials = make_credentials_chain(std::move(access), !flags.profile.empty());
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (!value) return std::nullopt;
    return std::string(value);
  };
}

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

Result<ProfileFiles> read_profile_files(const std::string& credentials_path,
                                        const std::string& config_path) {
  ProfileFiles files;
  files.credentials_path = credentials_path;
  files.config_path = config_path;
  TRY(files.credentials, read_ini(credentials_path));
  TRY(files.config, read_ini(config_path));
  return files;
}

Setting configured_endpoint(const Environment& environment, const ProfileFiles& files,
                            std::string_view profile, ServiceName service) {
  const Variables variables(environment);
  if (iequals(variables.first_of({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}), "true") ||
      iequals(setting_or(files, profile, "ignore_configured_endpoint_urls", ""), "true")) {
    return {};
  }
  const std::string own = "AWS_ENDPOINT_URL_" + std::string(service.variable);
  Setting found = variables.find_first_of({own, "AWS_ENDPOINT_URL"});
  if (!found.value.empty()) return found;
  if (const std::string* services = find_setting(files, profile, "services")) {
    const std::string* url =
        files.config.find("services " + *services, std::string(service.setting) + ".endpoint_url");
    if (url && !url->empty()) return {*url, profile_called(profile) + ", services " + *services};
  }
  return setting_of(files, profile, "endpoint_url");
}

Result<S3Config> resolve_s3_config(const S3Flags& flags, const Environment& environment,
                                   HttpClientFactory make_client,
                                   std::function<void(std::string_view)> notice) {
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
    Error error = make_error(ErrorKind::kInvalid, "Profile '" + profile + "' stands neither in " +
                                                      credentials_path + " nor in " + config_path);
    error.context.code = kUnknownProfileError;
    return error;
  }
  if (profile.empty()) profile = "default";

  S3Config config;
  config.profile = profile;
  config.credentials_path = credentials_path;
  config.config_path = config_path;
  Setting region{flags.region, "--region"};
  if (region.value.empty()) region = variables.find_first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (region.value.empty()) region = setting_of(files, profile, "region");
  config.region_given = !region.value.empty();
  config.region = std::move(region.value);
  config.region_from = std::move(region.from);

  Setting url{flags.endpoint_url, "--endpoint-url"};
  if (url.value.empty()) url = configured_endpoint(environment, files, profile, {"S3", "s3"});
  config.endpoint_from = std::move(url.from);
  const auto is_on = [&](std::string_view variable, std::string_view setting) {
    const std::string value = variables.first_of({variable});
    return iequals(value.empty() ? setting_or(files, profile, setting, "") : value, "true");
  };
  const AwsVariant variant{
      is_on("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
      is_on("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint") ||
          iequals(setting_or(files, profile, "s3.use_dualstack_endpoint", ""), "true")};
  const std::string style = flags.addressing.empty()
                                ? setting_or(files, profile, "s3.addressing_style", "")
                                : flags.addressing;
  TRY_VOID(choose_endpoint(config, std::move(url.value), style, variant));

  CredentialsAccess access;
  access.environment = environment;
  access.credentials_path = credentials_path;
  access.config_path = config_path;
  access.profile = profile;
  if (config.region_given) access.region = config.region;
  access.use_fips = variant.fips;
  access.make_client = std::move(make_client);
  access.notice = std::move(notice);
  access.http.connect_timeout = kServiceConnectTimeout;
  access.http.ca_bundle = variables.first_of({"AWS_CA_BUNDLE"});
  if (access.http.ca_bundle.empty()) {
    access.http.ca_bundle = setting_or(files, profile, "ca_bundle", "");
  }
  // Flags are about the store: whoever gives one its own certificate still believes AWS's.
  config.ca_bundle = flags.ca_bundle.empty() ? access.http.ca_bundle : flags.ca_bundle;
  config.verify_tls = !flags.no_verify_tls;
  choose_credentials(config, flags, std::move(access));
  return config;
}

}  // namespace telpher
