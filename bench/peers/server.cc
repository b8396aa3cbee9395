#include "peers/server.h"

#include "base/units.h"
#include "codec/text.h"
#include "peers/arguments.h"
#include "peers/chunked.h"
#include "peers/socket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_set>

namespace telpher::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRecvBytes = 256 * kKiB;
constexpr std::size_t kHeadMax = 64 * kKiB;
constexpr ByteCount kSendTurn = 4 * kMiB;  // then the other connections have their turn
constexpr ByteCount kThrottledPiece = 64 * kKiB;
constexpr ByteCount kTlsPiece = 128 * kKiB;

volatile std::sig_atomic_t stopping = 0;

std::string_view reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 412: return "Precondition Failed";
    case 416: return "Range Not Satisfiable";
  }
  return "Error";
}

/// Buffers shared by all connections of the loop: what is in them is consumed before the next call.
struct Shared {
  explicit Shared(const ServerOptions& server_options) : options(server_options) {}
  const ServerOptions& options;
  std::vector<std::byte> wire = std::vector<std::byte>(kRecvBytes);
  std::vector<std::byte> plain = std::vector<std::byte>(kRecvBytes);
};

class Connection {
 public:
  Connection(int fd, const TlsContext& tls, Shared& shared)
      : fd_(fd), shared_(shared), service_(shared.options.make_service()) {
    if (tls) tls_ = std::make_unique<TlsStream>(tls, "");
  }
  ~Connection() {
    if (state_ == State::kBody) service_->cut();
    close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  bool is_dead() const { return dead_; }
  void fail() { dead_ = true; }
  bool wants_output() const { return blocked_; }
  /// Set while the rate limit holds the answer back.
  std::optional<Clock::time_point> wakes_at() const { return wakes_at_; }

  void on_readable();
  void on_writable();

 private:
  enum class State { kHead, kBody, kRespond };

  void take(Bytes bytes);
  Bytes take_head(Bytes bytes);
  Bytes take_body(Bytes bytes);
  void start_request();
  void respond();
  bool flush();
  bool send_piece(Bytes piece, bool more, std::size_t& taken);
  bool flush_tls();

  int fd_;
  Shared& shared_;
  std::unique_ptr<TlsStream> tls_;
  std::unique_ptr<Service> service_;
  State state_ = State::kHead;
  bool dead_ = false;
  bool close_after_ = false;
  bool blocked_ = false;

  std::string input_;  // bytes of a head that is not complete, or of requests not yet looked at
  Head head_;
  ByteCount body_left_ = 0;
  std::optional<ChunkedDecoder> chunked_;

  std::string out_;
  std::size_t out_sent_ = 0;
  ByteRange pattern_{};
  std::optional<Clock::time_point> wakes_at_;
  Clock::time_point credit_at_{};  // when the rate limit allows the next piece
};

void Connection::on_readable() {
  for (int turn = 0; turn < 4 && !dead_ && state_ != State::kRespond; ++turn) {
    ssize_t got = recv(fd_, shared_.wire.data(), shared_.wire.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      dead_ = true;
      return;
    }
    Bytes bytes(shared_.wire.data(), static_cast<std::size_t>(got));
    if (!tls_) {
      take(bytes);
    } else {
      tls_->feed(bytes);
      std::ptrdiff_t plain = 0;
      while ((plain = tls_->read(shared_.plain)) > 0) {
        take(Bytes(shared_.plain.data(), static_cast<std::size_t>(plain)));
      }
      if (plain < 0) dead_ = true;
      if (state_ != State::kRespond) flush();
    }
    if (static_cast<std::size_t>(got) < shared_.wire.size()) return;
  }
}

void Connection::on_writable() {
  if (!flush() || dead_) return;
  if (state_ != State::kRespond) return;
  state_ = State::kHead;
  dead_ = dead_ || close_after_;
  std::string waiting = std::move(input_);
  input_.clear();
  if (!waiting.empty()) take(as_bytes(waiting));
}

void Connection::take(Bytes bytes) {
  while (!dead_) {
    if (state_ == State::kRespond) {
      input_.append(as_text(bytes));
      return;
    }
    if (bytes.empty()) return;
    bytes = state_ == State::kHead ? take_head(bytes) : take_body(bytes);
  }
}

Bytes Connection::take_head(Bytes bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::string_view text = as_text(bytes);
  std::size_t used = 0;  // of `bytes`
  bool parsed = false;
  if (input_.empty()) {
    std::size_t end = text.find(kEnd);
    if (end != std::string_view::npos) {
      used = end + kEnd.size();
      parsed = head_.parse(text.substr(0, used));
    }
  } else {
    std::size_t before = input_.size();
    input_.append(text);
    std::size_t end = input_.find(kEnd, before > 3 ? before - 3 : 0);
    if (end != std::string::npos) {
      used = end + kEnd.size() - before;
      parsed = head_.parse(std::string_view(input_).substr(0, end + kEnd.size()));
      input_.clear();
    } else {
      dead_ = input_.size() > kHeadMax;
      return {};
    }
  }
  if (used == 0) {
    input_.assign(text);
    dead_ = input_.size() > kHeadMax;
    return {};
  }
  if (!parsed) {
    dead_ = true;
    return {};
  }
  start_request();
  return bytes.subspan(used);
}

void Connection::start_request() {
  state_ = State::kBody;
  close_after_ = iequals(head_.header("connection"), "close");
  chunked_.reset();
  body_left_ = 0;
  if (iequals(head_.header("transfer-encoding"), "chunked")) {
    chunked_.emplace();
  } else {
    std::string_view length = head_.header("content-length");
    std::from_chars(length.data(), length.data() + length.size(), body_left_);
  }
  service_->start(head_);
  if (!chunked_ && body_left_ == 0) {
    respond();
  } else if (iequals(head_.header("expect"), "100-continue")) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    flush();
  }
}

Bytes Connection::take_body(Bytes bytes) {
  if (!chunked_) {
    std::size_t piece = std::min<ByteCount>(body_left_, bytes.size());
    service_->body(bytes.first(piece));
    body_left_ -= piece;
    if (body_left_ == 0) respond();
    return bytes.subspan(piece);
  }
  std::size_t used = chunked_->feed(bytes, [this](Bytes decoded) { service_->body(decoded); });
  if (chunked_->is_broken()) dead_ = true;
  if (chunked_->is_done()) respond();
  return bytes.subspan(used);
}

void Connection::respond() {
  Response response = service_->finish();
  ByteCount length = response.pattern ? response.pattern->length : response.body.size();
  out_ += "HTTP/1.1 " + std::to_string(response.status) + " ";
  out_ += reason(response.status);
  out_ += "\r\n";
  if (response.status != 204 && response.status != 304) {
    out_ += "Content-Length: " + std::to_string(length) + "\r\n";
  }
  out_ += response.headers;
  close_after_ = close_after_ || response.close;
  if (close_after_) out_ += "Connection: close\r\n";
  out_ += "\r\n";
  if (!response.head_only) {
    out_ += response.body;
    pattern_ = response.pattern.value_or(ByteRange{});
  }
  state_ = State::kRespond;
  if (flush()) {
    state_ = State::kHead;
    dead_ = dead_ || close_after_;
  }
}

/// True when `piece` (or some of it) went out; false when the socket is full or broken.
bool Connection::send_piece(Bytes piece, bool more, std::size_t& taken) {
  if (tls_) {
    piece = piece.first(std::min<std::size_t>(piece.size(), kTlsPiece));
    taken = piece.size();
    if (!tls_->write(piece)) dead_ = true;
    return !dead_;
  }
  ssize_t sent = send(fd_, piece.data(), piece.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0));
  if (sent < 0) {
    blocked_ = errno == EAGAIN || errno == EINTR;
    dead_ = dead_ || !blocked_;
    return false;
  }
  taken = static_cast<std::size_t>(sent);
  return true;
}

bool Connection::flush_tls() {
  while (!tls_->out().empty()) {
    ssize_t sent = send(fd_, tls_->out().data(), tls_->out().size(), MSG_NOSIGNAL);
    if (sent < 0) {
      blocked_ = errno == EAGAIN || errno == EINTR;
      dead_ = dead_ || !blocked_;
      return false;
    }
    tls_->mark_sent(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Sends what there is. True when nothing is left to send.
bool Connection::flush() {
  blocked_ = false;
  wakes_at_.reset();
  ByteCount turn = 0;
  ByteCount rate = shared_.options.rate_per_connection;
  for (;;) {
    if (tls_ && !flush_tls()) return false;
    std::size_t taken = 0;
    if (out_sent_ < out_.size()) {
      Bytes piece = as_bytes(out_).subspan(out_sent_);
      if (!send_piece(piece, pattern_.length > 0, taken)) return false;
      out_sent_ += taken;
      continue;
    }
    out_.clear();
    out_sent_ = 0;
    if (pattern_.length == 0) return true;
    if (turn >= kSendTurn) {
      blocked_ = true;
      return false;
    }
    ByteCount limit = pattern_.length;
    if (rate != 0) {
      Clock::time_point now = Clock::now();
      if (credit_at_ > now) {
        wakes_at_ = credit_at_;
        return false;
      }
      // What a late wake-up lost may be made up for, at most 20 ms of it.
      credit_at_ = std::max(credit_at_, now - std::chrono::milliseconds(20));
      limit = std::min(limit, kThrottledPiece);
    }
    Bytes piece = shared_.options.pattern->at(pattern_.offset, std::min(limit, kSendTurn));
    if (!send_piece(piece, false, taken)) return false;
    if (rate != 0) credit_at_ += std::chrono::nanoseconds(taken * 1'000'000'000 / rate);
    turn += taken;
    pattern_.offset += taken;
    pattern_.length -= taken;
  }
}

class Loop {
 public:
  explicit Loop(ServerOptions options)
      : options_(std::move(options)), shared_(options_), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (auto& listener : options_.listeners) add(listener.fd, &listener, EPOLLIN);
  }

  void run() {
    std::vector<epoll_event> events(256);
    while (stopping == 0) {
      int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout());
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
      wake_throttled();
    }
  }

 private:
  void add(int fd, void* what, std::uint32_t interest) {
    epoll_event event{.events = interest, .data = {.ptr = what}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void handle(const epoll_event& event) {
    for (auto& listener : options_.listeners) {
      if (event.data.ptr == &listener) return accept_all(listener);
    }
    auto* connection = static_cast<Connection*>(event.data.ptr);
    bool had_output = connection->wants_output() || connection->wakes_at();
    if (had_output && (event.events & (EPOLLHUP | EPOLLERR)) != 0) {
      connection->fail();
    } else if (had_output) {
      connection->on_writable();
    } else {
      connection->on_readable();
    }
    settle(connection, had_output);
  }

  void settle(Connection* connection, bool had_output) {
    if (connection->is_dead()) {
      throttled_.erase(connection);
      delete connection;
      return;
    }
    if (connection->wakes_at()) throttled_.insert(connection);
    bool has_output = connection->wants_output() || connection->wakes_at();
    if (!has_output && !had_output) return;
    std::uint32_t interest = EPOLLIN;
    if (connection->wakes_at()) interest = 0;  // neither: the clock wakes it (HUP always comes)
    if (connection->wants_output()) interest = EPOLLOUT;
    epoll_event event{.events = interest, .data = {.ptr = connection}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection->fd(), &event);
  }

  void accept_all(const ServerOptions::Listener& listener) {
    int fd = -1;
    while ((fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      set_nodelay(fd);
      add(fd, new Connection(fd, listener.tls, shared_), EPOLLIN);
    }
  }

  int timeout() const {
    if (throttled_.empty()) return -1;
    auto first = Clock::time_point::max();
    for (Connection* connection : throttled_) first = std::min(first, *connection->wakes_at());
    auto wait = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now()).count();
    return static_cast<int>(std::clamp<long>(wait, 0, 1000));
  }

  void wake_throttled() {
    if (throttled_.empty()) return;
    Clock::time_point now = Clock::now();
    std::vector<Connection*> due;
    for (Connection* connection : throttled_) {
      if (*connection->wakes_at() <= now) due.push_back(connection);
    }
    for (Connection* connection : due) {
      throttled_.erase(connection);
      connection->on_writable();
      settle(connection, true);
    }
  }

  ServerOptions options_;
  Shared shared_;
  int epoll_;
  std::unordered_set<Connection*> throttled_;
};

}  // namespace

void add_listeners(ServerOptions& options, const Arguments& arguments) {
  for (const std::string& text : arguments.all("--listen")) {
    Endpoint endpoint = parse_endpoint(text);
    options.listeners.push_back({listen_on(endpoint), nullptr});
    std::printf("http %s:%d\n", endpoint.host.c_str(), endpoint.port);
  }
  std::vector<std::string> secure = arguments.all("--listen-tls");
  if (!secure.empty()) {
    TlsContext tls = make_server_context(arguments.text("--tls-cert"), arguments.text("--tls-key"));
    for (const std::string& text : secure) {
      Endpoint endpoint = parse_endpoint(text);
      options.listeners.push_back({listen_on(endpoint), tls});
      std::printf("https %s:%d\n", endpoint.host.c_str(), endpoint.port);
    }
  }
  errno = 0;
  if (options.listeners.empty()) die("--listen or --listen-tls is missing");
  std::fflush(stdout);
}

void serve(ServerOptions options) {
  struct sigaction action{};
  action.sa_handler = [](int) { stopping = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  Loop(std::move(options)).run();
}

}  // namespace telpher::bench
