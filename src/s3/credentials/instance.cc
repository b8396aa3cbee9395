// The role of a virtual machine, by the instance metadata service.

#include "codec/percent.h"
#include "codec/text.h"
#include "s3/credentials/answers.h"
#include "s3/credentials/machine.h"

namespace telpher {
namespace {

constexpr std::string_view kRoles = "/latest/meta-data/iam/security-credentials/";

bool is_set(const Environment& environment, std::string_view name) {
  return iequals(environment(name).value_or(""), "true");
}

/// A number of the environment, else what is usual.
unsigned number_or(const Environment& environment, std::string_view name, unsigned max,
                   unsigned usual) {
  const auto number = parse_decimal<unsigned>(environment(name).value_or(""));
  return number && *number >= 1 && *number <= max ? *number : usual;
}

Result<S3Endpoint> find_service(const Environment& environment) {
  std::string url = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("");
  if (url.empty()) {
    const bool v6 =
        iequals(environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or(""), "ipv6");
    url = v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }
  auto endpoint = parse_endpoint(url, Addressing::kPath);
  if (!endpoint) return meant("AWS_EC2_METADATA_SERVICE_ENDPOINT", std::move(endpoint).error());
  return endpoint;
}

/// A name, and not the page of whoever else answers at this address.
bool is_role_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  for (const char c : name) {
    const bool good = is_ascii_alpha(c) || is_ascii_digit(c) ||
                      std::string_view("+=,.@-_").find(c) != std::string_view::npos;
    if (!good) return false;
  }
  return true;
}

/// One visit to the service.
class Visit {
 public:
  Visit(Loop& loop, const Environment& environment, S3Endpoint service)
      : service_(std::move(service)),
        attempts_(
            static_cast<int>(number_or(environment, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 10, 2))),
        may_use_v1_(!is_set(environment, "AWS_EC2_METADATA_V1_DISABLED")) {
    const std::chrono::seconds patience(
        number_or(environment, "AWS_METADATA_SERVICE_TIMEOUT", 60, 1));
    // On this machine's own network: no proxy stands in between.
    http_ = make_http_client(loop, {.connect_timeout = patience, .idle_timeout = patience});
  }

  Task<Result<Credentials>> fetch() {
    CO_TRY_VOID(co_await fetch_token());
    auto roles = co_await get(std::string(kRoles));
    if (!roles) co_return nobody(roles.error());
    const std::string role(trim(roles->body.substr(0, roles->body.find('\n'))));
    if (roles->status != 200 || !is_role_name(role)) {
      co_return make_error(ErrorKind::kNotFound, "the machine has no role (instance metadata at " +
                                                     name() + " answered HTTP " +
                                                     std::to_string(roles->status) + ")");
    }
    const std::string version = token_.empty() ? "IMDSv1" : "IMDSv2";
    const std::string what = version + " role '" + role + "'";
    auto answer = co_await get(std::string(kRoles) + percent_encode(role));
    if (!answer) co_return meant(what, std::move(answer).error());
    if (answer->status != 200) {
      co_return make_error(ErrorKind::kDenied, what + " was refused (" + reason_of(*answer) + ")");
    }
    auto credentials = parse_role_credentials(answer->body);
    if (!credentials) co_return meant(what, std::move(credentials).error());
    credentials->source = what;
    co_return credentials;
  }

 private:
  std::string name() const { return authority_of(service_.origin); }

  Error nobody(const Error& why) const {
    if (why.kind == ErrorKind::kCancelled) return why;
    return make_error(ErrorKind::kNotFound, "no instance metadata at " + name());
  }

  Task<Result<ServiceAnswer>> get(std::string path) {
    HttpRequest request;
    request.method = "GET";
    request.target = service_.path + path;
    if (!token_.empty()) request.headers.add("x-aws-ec2-metadata-token", token_);
    co_return co_await ask_service(http_.get(), service_.origin, std::move(request), "", attempts_);
  }

  /// Version 2 begins with a token. Who does not know that, or whose answer cannot come this far
  /// (it is made not to cross a container's bridge), may be asked without.
  Task<Result<void>> fetch_token() {
    HttpRequest request;
    request.method = "PUT";
    request.target = service_.path + "/latest/api/token";
    request.headers.add("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    auto answer =
        co_await ask_service(http_.get(), service_.origin, std::move(request), "", attempts_);
    if (answer && answer->status == 200) {
      token_ = trim(answer->body);
      co_return Result<void>();
    }
    if (!answer && http_->stats().connections_opened == 0) co_return nobody(answer.error());
    const int status = answer ? answer->status : 0;
    // Who has let us wait twice is asked once more, in the old way.
    if (!answer) attempts_ = 1;
    if (may_use_v1_ && (!answer || status == 403 || status == 404 || status == 405)) {
      co_return Result<void>();
    }
    co_return make_error(ErrorKind::kNotFound,
                         "instance metadata at " + name() + " gives no token" +
                             (answer ? " (HTTP " + std::to_string(status) + ")" : ""));
  }

  const S3Endpoint service_;
  int attempts_;
  const bool may_use_v1_;
  std::unique_ptr<HttpClient> http_;
  std::string token_;
};

}  // namespace

Task<Result<Credentials>> ask_instance(CredentialsAccess access) {
  if (is_set(access.environment, "AWS_EC2_METADATA_DISABLED")) {
    co_return make_error(ErrorKind::kNotFound,
                         "instance metadata is switched off by AWS_EC2_METADATA_DISABLED");
  }
  CO_TRY(S3Endpoint service, find_service(access.environment));
  Loop& loop = co_await current_loop();
  Visit visit(loop, access.environment, std::move(service));
  co_return co_await visit.fetch();
}

}  // namespace telpher
