#include "cli/store_options.h"

#include "base/units.h"
#include "cli/command_line.h"

namespace telpher {
namespace {

std::function<Result<void>(std::string_view)> time_setter(std::chrono::milliseconds& target) {
  return [&target](std::string_view text) -> Result<void> {
    TRY(const std::chrono::milliseconds time, parse_duration(text));
    if (time <= std::chrono::milliseconds(0)) {
      return make_error(ErrorKind::kInvalid, "must be above 0");
    }
    target = time;
    return {};
  };
}

std::string with_default(std::string help, std::chrono::milliseconds time) {
  return std::move(help) + " (default " + std::to_string(time.count() / 1000) + "s)";
}

}  // namespace

void add_store_options(CommandLine& line, StoreAccess& access) {
  line.group("Stores and network");
  line.text("--endpoint-url", "URL", "the S3 service (else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL)",
            access.s3.endpoint_url);
  line.text("--region", "NAME", "else AWS_REGION, AWS_DEFAULT_REGION, the profile",
            access.s3.region);
  line.text("--profile", "NAME", "of ~/.aws/config and ~/.aws/credentials", access.s3.profile);
  line.flag("--no-sign-request", "without credentials, for public buckets",
            access.s3.no_sign_request);
  line.add({.names = "--addressing",
            .value = "auto|path|virtual",
            .help = "HOST/BUCKET or BUCKET.HOST (default: virtual at AWS, else path)",
            .set = [&access](std::string_view text) -> Result<void> {
              if (text != "auto" && text != "path" && text != "virtual") {
                return make_error(ErrorKind::kInvalid, "auto, path or virtual is expected, not '" +
                                                           std::string(text) + "'");
              }
              access.s3.addressing = text;
              return {};
            }});
  line.text("--proxy", "URL",
            "http://HOST:PORT, socks5h://HOST:PORT or none (else HTTPS_PROXY, HTTP_PROXY)",
            access.proxy);
  line.text("--ca-bundle", "FILE", "certificates to trust (else AWS_CA_BUNDLE, the system's)",
            access.s3.ca_bundle);
  line.flag("--no-verify-ssl", "do not check certificates: anyone may listen",
            access.s3.no_verify_tls);
  line.number("--retries", "attempts of each request (default 8)", {1, 100}, access.attempts);
  line.add({.names = "--connect-timeout",
            .value = "TIME",
            .help = with_default("for name, connection and TLS together", access.connect_timeout),
            .set = time_setter(access.connect_timeout)});
  line.add({.names = "--idle-timeout",
            .value = "TIME",
            .help = with_default("without a byte moved in either direction", access.idle_timeout),
            .set = time_setter(access.idle_timeout)});
}

StoreAccess access_in(std::span<const std::string> arguments) {
  StoreAccess access;
  CommandLine line;
  add_store_options(line, access);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const Option* option = line.find(argument.substr(0, equals));
    if (!option) continue;
    if (option->value.empty()) {
      (void)option->set("");
    } else if (equals != std::string_view::npos) {
      (void)option->set(argument.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      (void)option->set(arguments[++i]);
    }
  }
  return access;
}

}  // namespace telpher
