#pragma once
// One libcurl transfer at a time, driven by the loop: libcurl's sockets sit in an epoll set of
// their own, which the loop watches. No thread, and nothing is read from the network unless
// somebody reads: what libcurl hands over beyond the reader's buffer is at most a few of its own.
// One loop; outlives no loop.

#include "base/result.h"
#include "base/unique_fd.h"
#include "runtime/body.h"
#include "runtime/loop.h"

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

class CurlTransfer {
 public:
  /// @param idle  no byte moved in either direction: kTimeout
  CurlTransfer(Loop& loop, std::chrono::milliseconds idle);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  /// Options of the next transfer are set here, between prepare() and start().
  CURL* easy() const { return easy_; }
  /// Ends the transfer under way, forgets all options; connections are kept.
  void prepare();
  void start();

  /// Waits until body bytes are there or the transfer has ended: what is known about it before its
  /// body (length, time, headers) can be asked for then. Errors: those of the transfer, kTimeout,
  /// kCancelled.
  Task<Result<void>> wait_for_body();
  /// The same to the very end; what comes as a body is thrown away.
  Task<Result<void>> wait_for_end();
  /// As ByteReader::read_some().
  Task<Result<std::size_t>> read_some(MutableBytes buffer);
  /// It has ended well and all of its body has been read: the connection can be used again.
  bool finished() const { return ended_ && result_ == CURLE_OK && rest_begin_ == rest_.size(); }
  /// The protocol's own code: 226, 550, 404 …; 0 = none yet.
  long response_code() const;

 private:
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* known);
  static int on_timer(CURLM* multi, long timeout_ms, void* self);
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);

  bool has_bytes() const { return filled_ > 0 || rest_begin_ < rest_.size(); }
  Task<Result<void>> run();
  bool drive();
  void nudge();
  void note_end();

  Loop& loop_;
  const Duration idle_;
  UniqueFd epoll_;
  const int open_error_;          // why there is no epoll_; 0 = there is
  std::optional<FdWatch> watch_;  // of epoll_
  CURLM* multi_;
  CURL* easy_;
  TimePoint timer_ = kNever;
  TimePoint active_{};
  bool added_ = false;
  bool paused_ = false;
  bool ended_ = false;
  CURLcode result_ = CURLE_OK;
  char message_[CURL_ERROR_SIZE] = {};
  MutableBytes target_;          // of the read under way
  std::size_t filled_ = 0;       // of target_
  std::vector<std::byte> rest_;  // what did not fit
  std::size_t rest_begin_ = 0;
};

/// What libcurl's and the protocol's codes mean. `message` is libcurl's own text.
Error make_curl_error(CURLcode code, long response_code, std::string_view message);

}  // namespace telpher
