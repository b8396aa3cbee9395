// The role of a container.

#include "codec/text.h"
#include "codec/uri.h"
#include "s3/credentials/answers.h"
#include "s3/credentials/machine.h"

#include <array>

namespace telpher {
namespace {

constexpr int kAttempts = 3;
constexpr const char* kFullUri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr const char* kTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

bool may_be_asked_plainly(std::string_view host) {
  constexpr std::array<std::string_view, 5> kHosts = {"169.254.170.2", "169.254.170.23",
                                                      "fd00:ec2::23", "localhost", "::1"};
  for (const std::string_view allowed : kHosts) {
    if (host == allowed) return true;
  }
  // 127.0.0.0/8, and no name that begins so.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
}

/// The token to show, read anew each time: it is short-lived. Empty = none.
Result<std::string> authorization(const Environment& environment) {
  std::string token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  const std::string file = environment(kTokenFile).value_or("");
  if (!file.empty()) {
    TRY(const std::string text, read_small_file(file));
    token = trim(text);
    if (token.empty()) {
      return make_error(ErrorKind::kDenied,
                        std::string(kTokenFile) + ": '" + file + "' is missing or empty");
    }
  }
  if (token.find_first_of("\r\n") != token.npos) {
    return make_error(ErrorKind::kInvalid, "The container's authorization token has line breaks");
  }
  return token;
}

}  // namespace

Result<std::optional<ContainerPlace>> find_container_service(const Environment& environment) {
  const std::string relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").value_or("");
  const std::string full = environment(kFullUri).value_or("");
  if (relative.empty() && full.empty()) return std::optional<ContainerPlace>();
  const auto uri = parse_uri(relative.empty() ? full : "http://169.254.170.2" + relative);
  if (!uri || (uri->scheme != "http" && uri->scheme != "https") || !uri->user.empty()) {
    return make_error(
        ErrorKind::kInvalid,
        std::string(relative.empty() ? kFullUri : "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") +
            " is no http or https address");
  }
  if (uri->scheme == "http" && !may_be_asked_plainly(uri->host)) {
    return make_error(ErrorKind::kInvalid,
                      std::string(kFullUri) + ": '" + uri->host +
                          "' must be asked by https; http is for this machine, 169.254.170.2 and "
                          "169.254.170.23");
  }
  return std::optional(
      ContainerPlace{{uri->scheme == "https", uri->host, uri->port}, uri->target()});
}

Task<Result<Credentials>> ask_container(CredentialsAccess access) {
  using namespace std::chrono_literals;
  CO_TRY(const std::optional<ContainerPlace> place, find_container_service(access.environment));
  if (!place) {
    co_return make_error(ErrorKind::kNotFound, "AWS_CONTAINER_CREDENTIALS_* is not set");
  }
  const std::string what = "The container's credentials at " + authority_of(place->origin);
  HttpRequest request;
  request.method = "GET";
  request.target = place->target;
  request.headers.add("accept", "application/json");
  auto token = authorization(access.environment);
  if (!token) co_return meant(what, std::move(token).error());
  if (!token->empty()) request.headers.add("authorization", *token);
  HttpClientOptions options = access.http;
  options.connect_timeout = options.idle_timeout = 2s;
  Loop& loop = co_await current_loop();
  const auto http = make_http_client(loop, std::move(options));
  auto answer = co_await ask_service(http.get(), place->origin, std::move(request), "", kAttempts);
  if (!answer) co_return meant(what, std::move(answer).error());
  if (answer->status != 200) {
    co_return make_error(ErrorKind::kDenied, what + " were refused (" + reason_of(*answer) + ")");
  }
  auto credentials = parse_role_credentials(answer->body);
  if (!credentials) co_return meant(what, std::move(credentials).error());
  credentials->source = "container role at " + authority_of(place->origin);
  co_return credentials;
}

}  // namespace telpher
