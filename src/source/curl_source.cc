#include "source/curl_source.h"

#include "codec/content_disposition.h"
#include "source/curl_transfer.h"
#include "source/source_error.h"

#include <pwd.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace telpher {
namespace {

constexpr std::chrono::seconds kModifiedAgeMin{60};

/// Transfers at rest, with their connections. Readers may outlive the source.
using IdleTransfers = std::vector<std::unique_ptr<CurlTransfer>>;

std::string home_file(std::string_view name) {
  const char* home = getenv("HOME");
  return (home ? std::string(home) : "") + "/" + std::string(name);
}

std::string login_name() {
  const passwd* user = getpwuid(geteuid());
  return user ? user->pw_name : "";
}

std::string validator_of(std::optional<ByteCount> size, curl_off_t modified) {
  if (!size || modified < 0) return "";
  return std::to_string(*size) + " bytes of " + std::to_string(modified);
}

/// Gives its transfer back when it has read all of it.
class CurlReader : public ByteReader {
 public:
  CurlReader(std::unique_ptr<CurlTransfer> transfer, std::optional<ByteCount> left,
             std::shared_ptr<IdleTransfers> idle)
      : transfer_(std::move(transfer)), left_(left), idle_(std::move(idle)) {}
  ~CurlReader() override {
    if (transfer_->finished()) idle_->push_back(std::move(transfer_));
  }

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    CO_TRY(const std::size_t count, co_await transfer_->read_some(buffer));
    if (!left_) co_return count;
    if (count > *left_) co_return make_source_changed_error("it is longer than announced");
    if (count == 0 && *left_ > 0) {
      co_return make_temporary_error(ErrorKind::kNetwork, "the connection was closed early");
    }
    *left_ -= count;
    co_return count;
  }

 private:
  std::unique_ptr<CurlTransfer> transfer_;
  std::optional<ByteCount> left_;
  std::shared_ptr<IdleTransfers> idle_;
};

class CurlSource : public Source {
 public:
  CurlSource(Uri uri, CurlOptions options)
      : uri_(std::move(uri)), ssh_(uri_.scheme == "sftp"), options_(std::move(options)) {
    if (options_.ssh_known_hosts.empty()) options_.ssh_known_hosts = home_file(".ssh/known_hosts");
    if (options_.ssh_key.empty()) {
      for (const char* name : {".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_rsa"}) {
        if (options_.ssh_key.empty() && access(home_file(name).c_str(), R_OK) == 0) {
          options_.ssh_key = home_file(name);
        }
      }
    }
  }

  Task<Result<SourceInfo>> probe() override;
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override;
  Task<Result<void>> check_unchanged(SourceInfo seen) override;
  std::string redacted_address() const override { return uri_.redacted(); }
  std::string identity() const override { return uri_.to_string(); }

 private:
  struct Facts {
    std::optional<ByteCount> size;
    curl_off_t modified = -1;
  };
  std::unique_ptr<CurlTransfer> prepare(Loop& loop);
  void set_login(CURL* easy) const;
  Task<Result<Facts>> look();
  Error named(Error error) const;

  const Uri uri_;
  const bool ssh_;
  CurlOptions options_;
  std::shared_ptr<IdleTransfers> idle_ = std::make_shared<IdleTransfers>();
};

std::unique_ptr<CurlTransfer> CurlSource::prepare(Loop& loop) {
  std::unique_ptr<CurlTransfer> transfer;
  if (idle_->empty()) {
    transfer = std::make_unique<CurlTransfer>(loop, options_.idle_timeout);
  } else {
    transfer = std::move(idle_->back());
    idle_->pop_back();
  }
  transfer->prepare();
  CURL* easy = transfer->easy();
  curl_easy_setopt(easy, CURLOPT_URL, uri_.to_string().c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, uri_.scheme.c_str());
  curl_easy_setopt(easy, CURLOPT_FILETIME, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                   static_cast<long>(options_.idle_timeout.count() / 1000 + 1));
  if (options_.direct) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  if (!options_.proxy.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);  // FTP "over HTTP" would be another file
  }
  if (!options_.ca_bundle.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_bundle.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options_.verify_tls ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options_.verify_tls ? 2L : 0L);
  set_login(easy);
  return transfer;
}

void CurlSource::set_login(CURL* easy) const {
  const std::string user = uri_.user.empty() && ssh_ ? login_name() : uri_.user;
  if (!user.empty()) {
    curl_easy_setopt(easy, CURLOPT_USERNAME, user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, uri_.password.c_str());
  }
  if (!ssh_) return;
  // Without this libcurl would take any host for the right one.
  curl_easy_setopt(easy, CURLOPT_SSH_KNOWNHOSTS, options_.ssh_known_hosts.c_str());
  long methods = CURLSSH_AUTH_AGENT | CURLSSH_AUTH_PUBLICKEY;
  if (!uri_.password.empty()) methods = CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD;
  curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES, methods);
  if (!options_.ssh_key.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSH_PRIVATE_KEYFILE, options_.ssh_key.c_str());
  }
}

/// Size and time. SFTP in libcurl knows no way but to begin reading.
Task<Result<CurlSource::Facts>> CurlSource::look() {
  std::unique_ptr<CurlTransfer> transfer = prepare(co_await current_loop());
  CURL* easy = transfer->easy();
  if (!ssh_) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  transfer->start();
  // FTP tells one fact after the other, and as lines of text besides.
  Result<void> looked =
      ssh_ ? co_await transfer->wait_for_body() : co_await transfer->wait_for_end();
  if (!looked) co_return named(std::move(looked).error());
  Facts facts;
  curl_off_t size = -1;
  curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
  curl_easy_getinfo(easy, CURLINFO_FILETIME_T, &facts.modified);
  if (size >= 0) facts.size = static_cast<ByteCount>(size);
  if (ssh_ && size < 0 && transfer->finished()) facts.size = 0;  // libcurl gives no length then
  if (transfer->finished()) idle_->push_back(std::move(transfer));
  co_return facts;
}

Error CurlSource::named(Error error) const {
  if (ssh_ && error.context.code == std::to_string(CURLE_PEER_FAILED_VERIFICATION)) {
    error.message = "the host key of " + uri_.host +
                    " is not known or has changed. When you trust it: ssh-keyscan -p " +
                    std::to_string(uri_.port) + " " + uri_.host + " >> " + options_.ssh_known_hosts;
  }
  error.message += " (" + redacted_address() + ")";
  return error;
}

Task<Result<SourceInfo>> CurlSource::probe() {
  CO_TRY(const Facts facts, co_await look());
  SourceInfo info;
  info.size = facts.size;
  info.rereadable = true;
  info.name = safe_file_name(uri_.last_segment());
  if (info.name.empty()) info.name = "download";
  if (facts.modified >= 0) {
    const std::chrono::system_clock::time_point modified{std::chrono::seconds(facts.modified)};
    info.last_modified = modified;
    const Loop& loop = co_await current_loop();
    if (loop.wall_now() - modified >= kModifiedAgeMin) {
      info.validator = validator_of(facts.size, facts.modified);
    }
  }
  info.ranges = !info.validator.empty();
  co_return info;
}

Task<Result<std::unique_ptr<ByteReader>>> CurlSource::open(std::optional<ByteRange> range,
                                                           SourceInfo seen) {
  if (range && (!seen.ranges || range->length == 0)) {
    co_return make_error(ErrorKind::kUnsupported, "no ranges of " + redacted_address());
  }
  std::unique_ptr<CurlTransfer> transfer = prepare(co_await current_loop());
  if (range) {
    const std::string text = std::to_string(range->offset) + "-" + std::to_string(range->end() - 1);
    curl_easy_setopt(transfer->easy(), CURLOPT_RANGE, text.c_str());
  }
  transfer->start();
  Result<void> started = co_await transfer->wait_for_body();
  if (!started) co_return named(std::move(started).error());
  curl_off_t modified = -1;
  curl_easy_getinfo(transfer->easy(), CURLINFO_FILETIME_T, &modified);
  if (!seen.validator.empty() && validator_of(seen.size, modified) != seen.validator) {
    co_return make_source_changed_error("its time of modification is another one");
  }
  co_return std::make_unique<CurlReader>(std::move(transfer),
                                         range ? std::optional(range->length) : seen.size, idle_);
}

Task<Result<void>> CurlSource::check_unchanged(SourceInfo seen) {
  CO_TRY(const Facts facts, co_await look());
  const bool same_time =
      !seen.last_modified || *seen.last_modified == std::chrono::system_clock::time_point(
                                                        std::chrono::seconds(facts.modified));
  if (facts.size == seen.size && same_time) co_return Result<void>();
  co_return make_source_changed_error("its size or time of modification is another one");
}

}  // namespace

std::unique_ptr<Source> make_curl_source(Uri uri, CurlOptions options) {
  return std::make_unique<CurlSource>(std::move(uri), std::move(options));
}

}  // namespace telpher
