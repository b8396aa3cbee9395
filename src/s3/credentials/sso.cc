#include "s3/credentials/sso.h"

#include "base/unique_fd.h"
#include "codec/checksum.h"
#include "codec/percent.h"
#include "s3/credentials/answers.h"

#include <boost/json.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace telpher {
namespace {

constexpr int kAttempts = 3;
constexpr std::chrono::minutes kRenewEarly{5};

std::string name_of(const SsoLogin& login) { return "profile '" + login.profile + "'"; }

std::string sign_in_hint(const SsoLogin& login) {
  return "Sign in: aws sso login --profile " + login.profile;
}

Result<S3Endpoint> find_service(const CredentialsAccess& access, const ProfileFiles& files,
                                ServiceName service, const std::string& host) {
  const std::string url =
      configured_endpoint(access.environment, files, access.profile, service).value;
  return parse_endpoint(url.empty() ? "https://" + host : url, Addressing::kPath);
}

/// Whole or not at all, and for its owner's eyes only.
Result<void> replace_file(const std::string& path, const std::string& text) {
  const std::string draft = path + ".telpher-" + std::to_string(::getpid());
  ::unlink(draft.c_str());
  const UniqueFd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return make_errno_error(errno, "create '" + draft + "'");
  const bool written =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::rename(draft.c_str(), path.c_str()) == 0;
  if (written) return {};
  const int problem = errno;
  ::unlink(draft.c_str());
  return make_errno_error(problem, "write '" + path + "'");
}

/// One log-in being used.
class Login {
 public:
  Login(Loop& loop, CredentialsAccess access, SsoLogin login, UnsavedSsoToken& unsaved)
      : loop_(loop),
        access_(std::move(access)),
        login_(std::move(login)),
        unsaved_(unsaved),
        http_(access_.make_client(loop, access_.http)) {}

  Task<Result<Credentials>> use() {
    CO_TRY(files_, read_profile_files(access_.credentials_path, access_.config_path));
    path_ = access_.environment("HOME").value_or("") + "/.aws/sso/cache/" + sso_cache_name(login_);
    CO_TRY(file_, read_small_file(path_));
    if (file_.empty()) {
      co_return make_error(ErrorKind::kDenied,
                           name_of(login_) + " is not signed in. " + sign_in_hint(login_));
    }
    if (file_ == unsaved_.instead_of && !unsaved_.text.empty()) file_ = unsaved_.text;
    auto token = parse_sso_token(file_);
    if (!token) {
      co_return make_error(ErrorKind::kDenied, "The log-in of " + name_of(login_) + " kept in " +
                                                   path_ + " is malformed (" +
                                                   token.error().message + "). " +
                                                   sign_in_hint(login_));
    }
    CO_TRY_VOID(co_await renew_if_due(&*token));
    if (loop_.wall_now() >= *token->expires) co_return expired();
    co_return co_await fetch_role(token->access_token);
  }

 private:
  Error expired() const {
    return make_error(ErrorKind::kDenied,
                      "The log-in of " + name_of(login_) + " has expired. " + sign_in_hint(login_));
  }

  /// A token that is still good is used when it cannot be renewed.
  Task<Result<void>> renew_if_due(SsoToken* token) {
    const WallTime now = loop_.wall_now();
    if (now < *token->expires - kRenewEarly) co_return Result<void>();
    const bool possible = !token->refresh_token.empty() && !token->client_id.empty() &&
                          !token->client_secret.empty() &&
                          (!token->registration_expires || now < *token->registration_expires);
    if (!possible) co_return Result<void>();
    CO_TRY(const S3Endpoint oidc, find_service(access_, files_, {"SSO_OIDC", "sso_oidc"},
                                               "oidc." + login_.region + ".amazonaws.com"));
    const boost::json::object body{{"clientId", token->client_id},
                                   {"clientSecret", token->client_secret},
                                   {"grantType", "refresh_token"},
                                   {"refreshToken", token->refresh_token}};
    HttpRequest request;
    request.method = "POST";
    request.target = oidc.path + "/token";
    request.headers.add("content-type", "application/json");
    // Once: the token that is sent may be good for one answer only.
    auto answer = co_await ask_service(http_.get(), oidc.origin, std::move(request),
                                       boost::json::serialize(body), 1);
    const bool needed = now >= *token->expires;
    if (!answer || answer->status != 200) {
      if (!needed) co_return Result<void>();
      const std::string why = answer ? reason_of(*answer) : answer.error().message;
      co_return make_error(ErrorKind::kDenied, "The log-in of " + name_of(login_) +
                                                   " has expired and could not be renewed (" + why +
                                                   "). " + sign_in_hint(login_));
    }
    const std::string old = file_;
    CO_TRY(file_, renew_sso_token(file_, answer->body, now));
    CO_TRY(*token, parse_sso_token(file_));
    keep(old, file_);
    co_return Result<void>();
  }

  void keep(const std::string& old, const std::string& renewed) {
    const Result<void> written = replace_file(path_, renewed);
    const bool known = !unsaved_.text.empty();
    if (written) {
      unsaved_ = {};
      return;
    }
    if (!known) unsaved_.instead_of = old;
    unsaved_.text = renewed;
    if (known || !access_.notice) return;
    access_.notice("the log-in of " + name_of(login_) + " was renewed and could not be kept (" +
                   written.error().message + "): the next command will ask to sign in");
  }

  Task<Result<Credentials>> fetch_role(std::string access_token) {
    CO_TRY(const S3Endpoint portal, find_service(access_, files_, {"SSO", "sso"},
                                                 "portal.sso." + login_.region + ".amazonaws.com"));
    HttpRequest request;
    request.method = "GET";
    request.target = portal.path +
                     "/federation/credentials?account_id=" + percent_encode(login_.account_id) +
                     "&role_name=" + percent_encode(login_.role_name);
    request.headers.add("x-amz-sso_bearer_token", access_token);
    const std::string what = "Role '" + login_.role_name + "' in account " + login_.account_id +
                             " by the log-in of " + name_of(login_);
    auto answer =
        co_await ask_service(http_.get(), portal.origin, std::move(request), "", kAttempts);
    if (!answer) co_return meant(what, std::move(answer).error());
    if (answer->status == 401) co_return expired();
    if (answer->status != 200) {
      co_return make_error(ErrorKind::kDenied, what + " was refused (" + reason_of(*answer) + ")");
    }
    auto credentials = parse_portal_credentials(answer->body);
    if (!credentials) co_return meant(what, std::move(credentials).error());
    credentials->source = "SSO role '" + login_.role_name + "' in account " + login_.account_id +
                          " by " + name_of(login_);
    co_return credentials;
  }

  Loop& loop_;
  const CredentialsAccess access_;
  const SsoLogin login_;
  UnsavedSsoToken& unsaved_;
  const std::unique_ptr<HttpClient> http_;
  ProfileFiles files_;
  std::string path_;
  std::string file_;
};

}  // namespace

std::string sso_cache_name(const SsoLogin& login) {
  Checksum checksum(ChecksumAlgorithm::kSha1);
  checksum.update(as_bytes(login.session.empty() ? login.start_url : login.session));
  return checksum.finish().to_hex() + ".json";
}

Task<Result<Credentials>> use_sso_login(CredentialsAccess access, SsoLogin login,
                                        UnsavedSsoToken* unsaved) {
  Loop& loop = co_await current_loop();
  Login use(loop, std::move(access), std::move(login), *unsaved);
  co_return co_await use.use();
}

}  // namespace telpher
