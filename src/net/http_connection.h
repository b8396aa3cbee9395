#pragma once
// What both ends of HTTP/1.1 share: a stream with the bytes that came too early, reading a body by
// its framing, sending a head with a body. Nothing here waits but write_message(). One owner.

#include "codec/chunked.h"
#include "codec/http_head.h"
#include "net/stream.h"
#include "runtime/body.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace telpher {

/// What a connection needs while a message is under way.
struct HttpBuffers {
  std::unique_ptr<std::byte[]> input;
  std::string head_text;
  std::string file_bytes;
};

/// Buffers that connections at rest have given back, the last used first: they are warm. One loop.
class HttpBufferPool {
 public:
  void give(HttpBuffers buffers) {
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(buffers));
  }
  /// Empty ones when there are none.
  HttpBuffers take() {
    if (idle_.empty()) return {};
    HttpBuffers buffers = std::move(idle_.back());
    idle_.pop_back();
    return buffers;
  }

 private:
  static constexpr std::size_t kIdleMax = 64;
  std::vector<HttpBuffers> idle_;
};

class HttpConnection {
 public:
  /// @param input_bytes  room for input to begin with; the same for all users of a pool
  HttpConnection(std::unique_ptr<Stream> stream, std::size_t input_bytes)
      : stream_(std::move(stream)), input_bytes_(input_bytes) {}

  Stream& stream() { return *stream_; }

  /// Bytes received and not yet consumed.
  Bytes input() const { return {input_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t size);
  /// Receives more input; the room for it doubles when it is full. As Stream::try_read().
  Result<IoStep> fill();
  /// Puts back what was read too far. input() must be empty.
  void unread(Bytes bytes);

  /// Gives the buffers to `pool`, or the pool's to this connection, which waits for a message or is
  /// to read one. input() must be empty.
  void rest(HttpBufferPool& pool);
  void wake(HttpBufferPool& pool);

  /// Kept from message to message, so that a small one costs no allocation.
  std::string head_text;
  std::string file_bytes;

 private:
  void reserve(std::size_t capacity);

  std::unique_ptr<Stream> stream_;
  std::unique_ptr<std::byte[]> input_;
  const std::size_t input_bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// A peer that is always ready must not keep its loop to itself.
class BusyTurn {
 public:
  /// Counts bytes moved; true when others should run first.
  bool is_over(ByteCount bytes) {
    moved_ += bytes;
    if (moved_ < kBytesMax) return false;
    moved_ = 0;
    return true;
  }

 private:
  static constexpr ByteCount kBytesMax = ByteCount{4} << 20;
  ByteCount moved_ = 0;
};

/// Reads one message body.
class BodyReader {
 public:
  explicit BodyReader(BodyFraming framing = {});

  /// Reads into `buffer`, straight from the stream but for what is in input(). 0 bytes and not
  /// blocked: the end. Errors: kNetwork (temporary: the body ended early, code "EOF"), kProtocol.
  Result<IoStep> try_read(HttpConnection& connection, MutableBytes buffer);
  bool done() const { return done_; }
  /// Body bytes read so far.
  ByteCount bytes() const { return bytes_; }
  const BodyFraming& framing() const { return framing_; }

 private:
  Result<IoStep> try_read_raw(HttpConnection& connection, MutableBytes buffer);
  Result<IoStep> try_read_chunked(HttpConnection& connection, MutableBytes buffer);
  Result<std::size_t> decode_in_place(HttpConnection& connection, MutableBytes bytes);

  BodyFraming framing_;
  std::unique_ptr<ChunkedDecoder> decoder_;
  ByteCount bytes_ = 0;
  bool done_;
};

/// Sends a head and a body, as much as can go at a time.
class MessageWriter {
 public:
  /// `head` and the body's bytes stay alive and unchanged until the end.
  MessageWriter(HttpConnection& connection, std::string_view head, Body body)
      : connection_(connection), head_(head), body_(body) {
    if (body_.count) body_.count->set(0);
  }

  enum class State {
    kDone,     // all of it has left
    kBlocked,  // wait for kWrite
    kBusy,     // goes on, but let others run first
  };
  /// Errors: kNetwork, kProtocol, kIo, kSourceChanged.
  Result<State> step();
  /// Of head and body, handed to the stream.
  ByteCount bytes_sent() const { return head_sent_ + body_sent_; }

 private:
  Result<IoStep> step_once();
  Result<void> load_small_file();
  void advance(std::size_t bytes);

  HttpConnection& connection_;
  std::string_view head_;
  Body body_;
  ByteCount head_sent_ = 0;
  ByteCount body_sent_ = 0;
  BusyTurn turn_;
};

/// Sends all of it. Errors: as MessageWriter::step(), kTimeout when no byte moved for `idle`.
Task<Result<void>> write_message(HttpConnection& connection, std::string_view head, Body body,
                                 Duration idle);

}  // namespace telpher
