#include "source/curl_http_client.h"

#include "codec/text.h"
#include "source/curl_transfer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <unistd.h>
#include <utility>
#include <vector>

namespace telpher {
namespace {

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using FieldList = std::unique_ptr<curl_slist, FreeList>;

/// Transfers at rest, with their connections, and what all requests count into.
struct Shared {
  std::map<Origin, std::vector<std::unique_ptr<CurlTransfer>>> idle;
  HttpClient::Stats stats;
};

void add_field(FieldList& list, const std::string& line) {
  curl_slist* grown = curl_slist_append(list.get(), line.c_str());
  CHECK(grown);
  (void)list.release();
  list.reset(grown);
}

/// One exchange: libcurl calls back into it, so it stays where it is.
class CurlResponse : public HttpResponse {
 public:
  CurlResponse(std::unique_ptr<CurlTransfer> transfer, Origin origin, HttpRequest request,
               std::shared_ptr<Shared> shared)
      : transfer_(std::move(transfer)),
        origin_(std::move(origin)),
        request_(std::move(request)),
        shared_(std::move(shared)) {}

  ~CurlResponse() override {
    if (!transfer_->finished()) return;
    transfer_->prepare();  // libcurl forgets this object
    shared_->idle[origin_].push_back(std::move(transfer_));
  }

  Task<Result<void>> exchange();

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    CO_TRY(const std::size_t count, co_await transfer_->read_some(buffer));
    shared_->stats.bytes_received += count;
    co_return count;
  }

  Task<Result<std::string>> read_all(std::size_t size_max) override {
    std::string text;
    char chunk[16 * 1024];
    for (;;) {
      CO_TRY(const std::size_t count, co_await read_some(std::as_writable_bytes(std::span(chunk))));
      if (count == 0) co_return text;
      if (count > size_max - text.size()) {
        co_return make_error(ErrorKind::kLimit,
                             "the answer is larger than " + std::to_string(size_max) + " bytes");
      }
      text.append(chunk, count);
    }
  }

  CURL* easy() const { return transfer_->easy(); }

 private:
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_send(char* buffer, std::size_t size, std::size_t count, void* self);
  static int on_rewind(void* self, curl_off_t offset, int origin);
  void set_body();

  FieldList fields_;  // outlives the transfer that uses it
  std::unique_ptr<CurlTransfer> transfer_;
  const Origin origin_;
  const HttpRequest request_;
  ByteCount sent_ = 0;
  std::shared_ptr<Shared> shared_;
};

std::size_t CurlResponse::on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& response = *static_cast<CurlResponse*>(self);
  std::string_view line(bytes, size * count);
  line = trim(line);
  if (line.starts_with("HTTP/")) {  // of an interim answer or of the final one: the last counts
    response.headers.clear();
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    const std::string_view value = trim_blanks(line.substr(colon + 1));
    if (is_valid_field(line.substr(0, colon), value)) {
      response.headers.add(line.substr(0, colon), value);
    }
  }
  return size * count;
}

std::size_t CurlResponse::on_send(char* buffer, std::size_t size, std::size_t count, void* self) {
  auto& response = *static_cast<CurlResponse*>(self);
  const Body& body = response.request_.body;
  const std::size_t wanted = std::min<ByteCount>(size * count, body.size - response.sent_);
  if (wanted == 0) return 0;
  ssize_t taken = static_cast<ssize_t>(wanted);
  if (body.fd >= 0) {
    taken = pread(body.fd, buffer, wanted, static_cast<off_t>(body.file_offset + response.sent_));
    if (taken <= 0) return CURL_READFUNC_ABORT;
  } else {
    std::memcpy(buffer, body.memory.data() + response.sent_, wanted);
  }
  response.sent_ += static_cast<ByteCount>(taken);
  if (body.count) body.count->set(response.sent_);
  response.shared_->stats.bytes_sent += static_cast<ByteCount>(taken);
  return static_cast<std::size_t>(taken);
}

int CurlResponse::on_rewind(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  static_cast<CurlResponse*>(self)->sent_ = static_cast<ByteCount>(offset);
  return CURL_SEEKFUNC_OK;
}

void CurlResponse::set_body() {
  if (request_.method == "HEAD") curl_easy_setopt(easy(), CURLOPT_NOBODY, 1L);
  if (request_.body.size > 0 || request_.method == "PUT" || request_.method == "POST") {
    curl_easy_setopt(easy(), CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy(), CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body.size));
    curl_easy_setopt(easy(), CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(easy(), CURLOPT_READDATA, this);
    curl_easy_setopt(easy(), CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(easy(), CURLOPT_SEEKDATA, this);
  }
  if (request_.method != "HEAD") {
    curl_easy_setopt(easy(), CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

Task<Result<void>> CurlResponse::exchange() {
  for (const Header field : request_.headers) {
    // "Name;" is how libcurl is told of an empty value.
    add_field(fields_, field.value.empty()
                           ? std::string(field.name) + ";"
                           : std::string(field.name) + ": " + std::string(field.value));
  }
  for (const char* own : {"Accept", "Expect", "Content-Type"}) {
    if (!request_.headers.contains(own)) add_field(fields_, std::string(own) + ":");
  }
  curl_easy_setopt(easy(), CURLOPT_HTTPHEADER, fields_.get());
  curl_easy_setopt(easy(), CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy(), CURLOPT_HEADERDATA, this);
  set_body();
  transfer_->start();
  Result<void> begun = co_await transfer_->wait_for_body();
  long connections = 0;
  curl_easy_getinfo(easy(), CURLINFO_NUM_CONNECTS, &connections);
  shared_->stats.connections_opened += static_cast<std::uint64_t>(connections);
  if (connections == 0) ++shared_->stats.connections_reused;
  long proxy_status = 0;
  curl_easy_getinfo(easy(), CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (!begun && proxy_status >= 400) {
    co_return make_error(ErrorKind::kDenied,
                         "the proxy refuses: HTTP " + std::to_string(proxy_status));
  }
  if (!begun && sent_ < request_.body.size && request_.body.fd >= 0 &&
      begun.error().context.code == std::to_string(CURLE_ABORTED_BY_CALLBACK)) {
    co_return make_error(ErrorKind::kSourceChanged,
                         "the source changed while it was being copied: the file is shorter now");
  }
  if (!begun) co_return std::move(begun).error();
  status = static_cast<int>(transfer_->response_code());
  if (request_.method == "HEAD") co_return Result<void>();
  CO_TRY(length, content_length(headers));
  co_return Result<void>();
}

class CurlHttpClient : public HttpClient {
 public:
  CurlHttpClient(Loop& loop, HttpClientOptions options, std::string proxy)
      : loop_(loop), options_(std::move(options)), proxy_(std::move(proxy)) {}

  Task<Result<std::unique_ptr<HttpResponse>>> send(Origin origin, HttpRequest request) override {
    auto response = std::make_unique<CurlResponse>(prepare(origin, request.target), origin,
                                                   std::move(request), shared_);
    CO_TRY_VOID(co_await response->exchange());
    co_return response;
  }
  const Stats& stats() const override { return shared_->stats; }

 private:
  std::unique_ptr<CurlTransfer> prepare(const Origin& origin, const std::string& target);

  Loop& loop_;
  const HttpClientOptions options_;
  const std::string proxy_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

std::unique_ptr<CurlTransfer> CurlHttpClient::prepare(const Origin& origin,
                                                      const std::string& target) {
  std::unique_ptr<CurlTransfer> transfer;
  auto& idle = shared_->idle[origin];
  if (idle.empty()) {
    transfer = std::make_unique<CurlTransfer>(loop_, options_.idle_timeout);
  } else {
    transfer = std::move(idle.back());
    idle.pop_back();
  }
  transfer->prepare();
  CURL* easy = transfer->easy();
  const bool ipv6 = origin.host.find(':') != std::string::npos;
  const std::string url = std::string(origin.tls ? "https://" : "http://") +
                          (ipv6 ? "[" + origin.host + "]" : origin.host) + ":" +
                          std::to_string(origin.port) + target;
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
  if (!proxy_.empty()) curl_easy_setopt(easy, CURLOPT_PROXY, proxy_.c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout.count()));
  if (!options_.ca_bundle.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_bundle.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options_.verify_tls ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options_.verify_tls ? 2L : 0L);
  return transfer;
}

}  // namespace

std::unique_ptr<HttpClient> make_curl_http_client(Loop& loop, HttpClientOptions options,
                                                  std::string proxy) {
  return std::make_unique<CurlHttpClient>(loop, std::move(options), std::move(proxy));
}

}  // namespace telpher
