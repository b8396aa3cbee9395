#pragma once
// The shared config and credentials files of AWS tools, and the order in which flags, environment
// and files decide. Reads files once, when asked; the environment is handed in.
// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "Settings".

#include "codec/ini.h"
#include "net/http_client.h"
#include "s3/credentials.h"
#include "s3/endpoint.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

struct ProfileFiles {
  IniFile credentials;
  IniFile config;
  std::string credentials_path;  // for messages
  std::string config_path;
};

/// A file that does not exist is an empty one. Errors: kIo, kDenied, kInvalid (malformed: the
/// message names file and line, never a value).
Result<ProfileFiles> read_profile_files(const std::string& credentials_path,
                                        const std::string& config_path);

/// A small file's text; empty when there is no such file. Errors: kIo, kDenied.
Result<std::string> read_small_file(const std::string& path);

/// A setting of a profile, not empty: the credentials file comes before the config file. nullptr
/// when there is none.
const std::string* find_setting(const ProfileFiles& files, std::string_view profile,
                                std::string_view name);
bool has_profile(const ProfileFiles& files, std::string_view profile);

/// Makes a client for the services that give credentials.
using HttpClientFactory = std::function<std::unique_ptr<HttpClient>(Loop&, HttpClientOptions)>;

/// What the user typed. Empty = not given.
struct S3Flags {
  std::string endpoint_url;
  std::string region;
  std::string profile;
  std::string addressing;  // "path", "virtual"; "auto" or empty = as the profile or provider says
  std::string ca_bundle;
  bool no_sign_request = false;
  bool no_verify_tls = false;
  std::string access_key;  // for programs that hand them in; never from argv
  std::string secret_key;
  std::string session_token;
  bool operator==(const S3Flags&) const = default;
};

/// Reads one variable; nullopt or "" = unset.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
/// The process's own.
Environment process_environment();

/// How a service is called in AWS_ENDPOINT_URL_… and in a [services …] section.
struct ServiceName {
  std::string_view variable;  // "S3", "SSO_OIDC"
  std::string_view setting;   // "s3", "sso_oidc"
};
/// A value, and who said so: "--region", "AWS_REGION", "profile 'x'".
struct Setting {
  std::string value;
  std::string from;
};
/// The service's variable, AWS_ENDPOINT_URL, the profile's [services …] section, its endpoint_url;
/// empty when none is set, or AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is.
/// Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
Setting configured_endpoint(const Environment& environment, const ProfileFiles& files,
                            std::string_view profile, ServiceName service);

struct S3Config {
  S3Endpoint endpoint;
  std::string endpoint_from;  // "--endpoint-url", "AWS_ENDPOINT_URL" …; empty = AWS, by default
  const Provider* provider = nullptr;
  std::string region;
  bool region_given = false;  // else it is a default, which the store may correct
  std::string region_from;    // as endpoint_from; empty = a default
  std::string profile;        // its name: "default" when none is asked for
  std::string credentials_path;
  std::string config_path;
  std::string ca_bundle;
  bool verify_tls = true;
  std::vector<std::unique_ptr<CredentialsSource>> credentials;
};

/// The code of what is wrong about a profile that was asked for and is nowhere.
constexpr std::string_view kUnknownProfileError = "UnknownProfile";

/// Flags before environment before profile. Errors: kInvalid (endpoint URL: kEndpointUrlError,
/// unknown profile that was asked for: kUnknownProfileError), and those of read_profile_files().
/// @param make_client  how services that give credentials are reached; kept by the sources of
///                     credentials
/// @param notice       told what the sources of credentials have to tell people; may be empty
Result<S3Config> resolve_s3_config(const S3Flags& flags, const Environment& environment,
                                   HttpClientFactory make_client = make_http_client,
                                   std::function<void(std::string_view)> notice = {});

}  // namespace telpher
