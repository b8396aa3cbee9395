#pragma once
// How the small services are asked that hand out credentials: a request, an answer read whole.

#include "net/http_client.h"
#include "s3/profile.h"

#include <functional>
#include <string>
#include <string_view>

namespace telpher {

/// How a source of credentials reaches what it asks, and what it may look at.
struct CredentialsAccess {
  Environment environment;
  std::string credentials_path;
  std::string config_path;
  std::string profile;
  std::string region;  // as the user said; empty = not said
  bool use_fips = false;
  HttpClientOptions http;  // for services on the network; what is on this machine has its own
  HttpClientFactory make_client = make_http_client;
  /// Told to people, once: what is worth knowing and no failure. May be empty.
  std::function<void(std::string_view)> notice = {};
};

struct ServiceAnswer {
  int status = 0;
  Headers headers;
  std::string body;
};

/// Asks up to `attempts` times while failures are temporary: no connection, 429, 5xx. Waits a
/// little longer each time. Errors: as HttpClient::send(), kLimit (an answer over 1 MiB).
Task<Result<ServiceAnswer>> ask_service(HttpClient* http, Origin origin, HttpRequest request,
                                        std::string body, int attempts);

/// "AccessDenied: …" or "HTTP 403" of a refusal.
std::string reason_of(const ServiceAnswer& answer);

/// The error of a source that was named: no other one is to be asked, and what has been tried
/// several times is not to be tried again.
Error meant(std::string_view by_whom, Error error);

/// The first letters of what others wrote, on one line, for messages.
std::string one_line(std::string_view text);

}  // namespace telpher
