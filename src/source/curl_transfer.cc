#include "source/curl_transfer.h"

#include "base/check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <sys/epoll.h>

namespace telpher {
namespace {

constexpr long kCurlBuffer = 256 * 1024;
constexpr int kRoundsBeforeYield = 32;  // sockets of others are served in between
constexpr std::chrono::milliseconds kNudge{100};

UniqueFd make_epoll() {
  static std::once_flag initialised;  // libcurl's own global state
  std::call_once(initialised, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
  return UniqueFd(epoll_create1(EPOLL_CLOEXEC));
}

}  // namespace

CurlTransfer::CurlTransfer(Loop& loop, std::chrono::milliseconds idle)
    : loop_(loop),
      idle_(idle),
      epoll_(make_epoll()),
      open_error_(epoll_ ? 0 : errno),
      multi_(curl_multi_init()),
      easy_(curl_easy_init()) {
  CHECK(multi_ && easy_);
  if (epoll_) watch_.emplace(loop, epoll_.get());
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  prepare();
}

CurlTransfer::~CurlTransfer() {
  if (added_) curl_multi_remove_handle(multi_, easy_);
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

void CurlTransfer::prepare() {
  if (added_) curl_multi_remove_handle(multi_, easy_);
  added_ = paused_ = ended_ = false;
  result_ = CURLE_OK;
  message_[0] = '\0';
  filled_ = rest_begin_ = 0;
  rest_.clear();
  curl_easy_reset(easy_);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);  // giving up does not wait for the resolver
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, message_);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kCurlBuffer);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
}

void CurlTransfer::start() {
  CHECK(!added_ && curl_multi_add_handle(multi_, easy_) == CURLM_OK);
  added_ = true;
  active_ = loop_.now();
}

long CurlTransfer::response_code() const {
  long code = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
  return code;
}

// --- libcurl's calls back ---------------------------------------------------------------------

int CurlTransfer::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  const int epoll = static_cast<CurlTransfer*>(self)->epoll_.get();
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);  // fails harmlessly when it is closed already
    return 0;
  }
  epoll_event event{.events = 0, .data = {.fd = fd}};
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  // Numbers of closed sockets come back: whether it is new is for the kernel to say.
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0 || errno != ENOENT) return 0;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

int CurlTransfer::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.timer_ =
      timeout_ms < 0 ? kNever : transfer.loop_.now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

std::size_t CurlTransfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t total = size * count;
  if (transfer.rest_begin_ < transfer.rest_.size()) {
    transfer.paused_ = true;  // libcurl keeps this piece itself
    return CURL_WRITEFUNC_PAUSE;
  }
  const std::size_t fits = std::min(total, transfer.target_.size() - transfer.filled_);
  if (fits > 0) std::memcpy(transfer.target_.data() + transfer.filled_, bytes, fits);
  transfer.filled_ += fits;
  const auto* rest = reinterpret_cast<const std::byte*>(bytes);
  transfer.rest_.assign(rest + fits, rest + total);
  transfer.rest_begin_ = 0;
  return total;
}

// --- driving it -------------------------------------------------------------------------------

/// Does what can be done at once; false when there is nothing.
bool CurlTransfer::drive() {
  epoll_event events[16];
  int running = 0;
  const int ready = epoll_wait(epoll_.get(), events, 16, 0);
  for (int i = 0; i < ready; ++i) {
    int action = 0;
    if (events[i].events & EPOLLIN) action |= CURL_CSELECT_IN;
    if (events[i].events & EPOLLOUT) action |= CURL_CSELECT_OUT;
    if (events[i].events & (EPOLLERR | EPOLLHUP)) action |= CURL_CSELECT_ERR;
    curl_multi_socket_action(multi_, events[i].data.fd, action, &running);
  }
  if (ready > 0) active_ = loop_.now();
  const bool due = timer_ <= loop_.now();
  if (due) {
    timer_ = kNever;
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  note_end();
  return ready > 0 || due;
}

/// FTPS: while its data connection shakes hands libcurl (7.88) asks for that socket's events alone,
/// and the server shakes hands only once it has been told on the other what to send.
void CurlTransfer::nudge() {
  int running = 0;
  curl_multi_perform(multi_, &running);
  note_end();
}

void CurlTransfer::note_end() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    ended_ = true;
    result_ = message->data.result;
  }
}

/// Until there are bytes or the end.
Task<Result<void>> CurlTransfer::run() {
  if (!watch_) co_return make_errno_error(open_error_, "watch connections");
  if (paused_) {
    paused_ = false;
    curl_easy_pause(easy_, CURLPAUSE_CONT);  // may call on_body() at once
    note_end();
  }
  for (int rounds = 1; !has_bytes() && !ended_; ++rounds) {
    if (drive()) {
      if (rounds % kRoundsBeforeYield == 0) co_await Yield{};
      continue;
    }
    const TimePoint idle_end = active_ + idle_;
    const Result<void> waited =
        co_await watch_->wait(FdWatch::kRead, std::min({timer_, idle_end, loop_.now() + kNudge}));
    if (waited) continue;
    if (waited.error().kind != ErrorKind::kTimeout) co_return waited.error();
    if (timer_ <= loop_.now()) continue;
    if (idle_end <= loop_.now()) {
      co_return make_temporary_error(ErrorKind::kTimeout, "the source sends nothing any more");
    }
    nudge();
  }
  // Bytes that came before it broke are delivered; the next read tells that it broke.
  if (!has_bytes() && result_ != CURLE_OK) {
    long system_error = 0;
    curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &system_error);
    if (system_error == EMFILE || system_error == ENFILE) {
      co_return make_errno_error(static_cast<int>(system_error), "connect");
    }
    co_return make_curl_error(result_, response_code(), message_);
  }
  co_return Result<void>();
}

Task<Result<void>> CurlTransfer::wait_for_body() {
  target_ = {};
  filled_ = 0;
  co_return co_await run();
}

Task<Result<void>> CurlTransfer::wait_for_end() {
  std::byte unwanted[4096];
  for (;;) {
    CO_TRY(const std::size_t count, co_await read_some(unwanted));
    if (count == 0) co_return Result<void>();
  }
}

Task<Result<std::size_t>> CurlTransfer::read_some(MutableBytes buffer) {
  if (rest_begin_ < rest_.size()) {
    const std::size_t size = std::min(buffer.size(), rest_.size() - rest_begin_);
    std::memcpy(buffer.data(), rest_.data() + rest_begin_, size);
    rest_begin_ += size;
    co_return size;
  }
  if (ended_ && result_ == CURLE_OK) co_return std::size_t{0};
  active_ = loop_.now();
  target_ = buffer;
  filled_ = 0;
  const Result<void> ran = co_await run();
  target_ = {};
  const std::size_t size = std::exchange(filled_, 0);
  if (!ran && size == 0) co_return ran.error();
  co_return size;
}

Error make_curl_error(CURLcode code, long response_code, std::string_view message) {
  const std::string text(message.empty() ? curl_easy_strerror(code) : message);
  Error error = make_error(ErrorKind::kProtocol, text);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      error = make_temporary_error(ErrorKind::kNetwork,
                                   "Unable to resolve URL: DNS lookup failed: " + text);
      error.context.code = "DNS";
      return error;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_FTP_ACCEPT_FAILED:
    case CURLE_SSH: error = make_temporary_error(ErrorKind::kNetwork, text); break;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_FTP_ACCEPT_TIMEOUT: error = make_temporary_error(ErrorKind::kTimeout, text); break;
    case CURLE_SSL_CONNECT_ERROR: error = make_temporary_error(ErrorKind::kProtocol, text); break;
    case CURLE_REMOTE_FILE_NOT_FOUND:
    case CURLE_FTP_COULDNT_RETR_FILE:
      error = make_error(ErrorKind::kNotFound, "Source file not found: " + text);
      break;
    case CURLE_LOGIN_DENIED:
    case CURLE_REMOTE_ACCESS_DENIED:
      error = make_error(ErrorKind::kDenied, "the source refuses access: " + text);
      break;
    case CURLE_RANGE_ERROR:
    case CURLE_FTP_COULDNT_USE_REST:
    case CURLE_BAD_DOWNLOAD_RESUME:
    case CURLE_UNSUPPORTED_PROTOCOL: error = make_error(ErrorKind::kUnsupported, text); break;
    default: break;
  }
  // FTP: 4yz asks to come again later; 421 is what a server with too many guests says.
  if (response_code >= 400 && response_code < 500 && code != CURLE_REMOTE_FILE_NOT_FOUND) {
    error.persistence = Persistence::kTemporary;
    if (response_code == 421) error.kind = ErrorKind::kThrottled;
  }
  error.context.code = response_code ? std::to_string(response_code) : std::to_string(code);
  return error;
}

}  // namespace telpher
