#include "s3/credentials/sts.h"

#include "codec/checksum.h"
#include "codec/http_date.h"
#include "codec/percent.h"
#include "codec/text.h"
#include "s3/credentials/answers.h"
#include "s3/sigv4.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr int kAttempts = 3;

/// "us-east-1", "us-gov-west-1"; not "auto", "fr-par" and the like of other services.
bool is_aws_region(std::string_view region) {
  return std::count(region.begin(), region.end(), '-') >= 2 && is_ascii_digit(region.back());
}

/// A form: what the operations of STS take.
class Form {
 public:
  explicit Form(std::string_view operation) : text_("Action=" + std::string(operation)) {
    add("Version", "2011-06-15");
  }
  void add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text_.append("&").append(name).append("=");
    percent_encode_to(text_, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string session_name_or_made(const std::string& name, WallTime now) {
  if (!name.empty()) return name;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  return "telpher-" + std::to_string(seconds);
}

HttpRequest make_form_request(const StsPlace& sts) {
  HttpRequest request;
  request.method = "POST";
  request.target = sts.endpoint.path + "/";
  request.headers.add("content-type", "application/x-www-form-urlencoded; charset=utf-8");
  return request;
}

std::string sha256_hex(std::string_view text) {
  Checksum checksum(ChecksumAlgorithm::kSha256);
  checksum.update(as_bytes(text));
  return checksum.finish().to_hex();
}

/// Signed with our clock; when that turns out wrong, with theirs.
Task<Result<ServiceAnswer>> ask_signed(HttpClient* http, StsPlace sts, Credentials with,
                                       std::string form) {
  using namespace std::chrono_literals;
  Loop& loop = co_await current_loop();
  SigV4Signer signer(sts.region, "sts");
  std::chrono::seconds offset{0};
  for (bool corrected = false;; corrected = true) {
    HttpRequest request = make_form_request(sts);
    const auto now = std::chrono::floor<std::chrono::seconds>(loop.wall_now()) + offset;
    signer.sign(with, now, request.method, authority_of(sts.endpoint.origin), request.target,
                sha256_hex(form), request.headers);
    CO_TRY(ServiceAnswer answer,
           co_await ask_service(http, sts.endpoint.origin, std::move(request), form, kAttempts));
    const auto date = answer.headers.find("date");
    const auto theirs = date ? parse_http_date(*date) : std::nullopt;
    const bool refused = answer.status == 400 || answer.status == 403;
    if (!refused || corrected || !theirs || std::chrono::abs(*theirs - now) < 4min) {
      co_return answer;
    }
    offset = *theirs - now;
  }
}

Result<Credentials> read_answer(const ServiceAnswer& answer, const std::string& what) {
  if (answer.status != 200) {
    return make_error(ErrorKind::kDenied, what + " was refused (" + reason_of(answer) + ")");
  }
  auto credentials = parse_sts_credentials(answer.body);
  if (!credentials) return meant(what, std::move(credentials).error());
  return credentials;
}

}  // namespace

Result<StsPlace> find_sts(const CredentialsAccess& access, const ProfileFiles& files) {
  StsPlace place;
  const std::string url =
      configured_endpoint(access.environment, files, access.profile, {"STS", "sts"}).value;
  if (!url.empty()) {
    auto endpoint = parse_endpoint(url, Addressing::kPath);
    if (!endpoint) return meant("Endpoint of STS", std::move(endpoint).error());
    place.endpoint = *std::move(endpoint);
    place.region = access.region.empty() ? "us-east-1" : access.region;
    return place;
  }
  std::string host = "sts.amazonaws.com";
  place.region = "us-east-1";
  if (is_aws_region(access.region)) {
    place.region = access.region;
    host = (access.use_fips ? "sts-fips." : "sts.") + access.region + ".amazonaws.com";
    if (access.region.starts_with("cn-")) host += ".cn";
  }
  place.endpoint.origin = {true, std::move(host), 443};
  return place;
}

Task<Result<Credentials>> assume_role(CredentialsAccess access, Credentials with, RoleStep role) {
  Loop& loop = co_await current_loop();
  const std::string what =
      "Taking role " + role.role_arn + " of profile '" + role.profile + "' with " + with.source;
  CO_TRY(const ProfileFiles files, read_profile_files(access.credentials_path, access.config_path));
  CO_TRY(StsPlace sts, find_sts(access, files));
  Form form("AssumeRole");
  form.add("RoleArn", role.role_arn);
  form.add("RoleSessionName", session_name_or_made(role.session_name, loop.wall_now()));
  form.add("ExternalId", role.external_id);
  form.add("DurationSeconds", role.duration_seconds);
  const auto http = access.make_client(loop, access.http);
  auto answer = co_await ask_signed(http.get(), std::move(sts), std::move(with), form.take());
  if (!answer) co_return meant(what, std::move(answer).error());
  CO_TRY(Credentials credentials, read_answer(*answer, what));
  credentials.source = "role " + role.role_arn + " by profile '" + role.profile + "'";
  co_return credentials;
}

Task<Result<Credentials>> assume_role_with_web_identity(CredentialsAccess access,
                                                        WebIdentity identity) {
  Loop& loop = co_await current_loop();
  const std::string what = "Taking role " + identity.role_arn + " with the token in '" +
                           identity.token_file + "' (" + identity.where + ")";
  CO_TRY(const ProfileFiles files, read_profile_files(access.credentials_path, access.config_path));
  CO_TRY(const StsPlace sts, find_sts(access, files));
  auto token = read_small_file(identity.token_file);
  if (!token) co_return meant(what, std::move(token).error());
  if (trim(*token).empty()) {
    co_return make_error(ErrorKind::kDenied, what + ": the file is missing or empty");
  }
  Form form("AssumeRoleWithWebIdentity");
  form.add("RoleArn", identity.role_arn);
  form.add("RoleSessionName", session_name_or_made(identity.session_name, loop.wall_now()));
  form.add("WebIdentityToken", trim(*token));
  const auto http = access.make_client(loop, access.http);
  auto answer = co_await ask_service(http.get(), sts.endpoint.origin, make_form_request(sts),
                                     form.take(), kAttempts);
  if (!answer) co_return meant(what, std::move(answer).error());
  CO_TRY(Credentials credentials, read_answer(*answer, what));
  credentials.source = "role " + identity.role_arn + " by web identity (" + identity.where + ")";
  co_return credentials;
}

}  // namespace telpher
