#pragma once
// Stream: a connection that carries bytes both ways, plain or encrypted. The calls named try_ never
// wait; whoever drives a stream alternates them with wait(), so that the hot path is one coroutine.

#include "net/socket.h"

#include <memory>

namespace telpher {

class Stream {
 public:
  explicit Stream(std::unique_ptr<Socket> socket) : socket_(std::move(socket)) {}
  virtual ~Stream() = default;

  /// 0 bytes and not blocked: the end. Errors: kNetwork (temporary), kProtocol (TLS).
  virtual Result<IoStep> try_read(MutableBytes buffer) = 0;
  /// Takes bytes of the pieces, in order. They have left once all are taken and the step is not
  /// blocked: until then wait for kWrite and call again, with no pieces at the end.
  virtual Result<IoStep> try_write(std::span<const Bytes> pieces) = 0;
  /// As try_write(), from a file. Errors: also kIo, kSourceChanged (the file is shorter).
  virtual Result<IoStep> try_write_file(int file, ByteCount offset, std::size_t size) = 0;
  /// Says goodbye as far as that needs no waiting, and sends nothing more.
  virtual void end_output() = 0;
  /// try_write_file() does not read the file into memory.
  virtual bool sends_files_directly() const = 0;

  FdWatch::Wait wait(unsigned directions, TimePoint deadline) {
    return socket_->wait(directions, deadline);
  }
  Socket& socket() { return *socket_; }

 private:
  std::unique_ptr<Socket> socket_;
};

class PlainStream final : public Stream {
 public:
  using Stream::Stream;
  Result<IoStep> try_read(MutableBytes buffer) override { return socket().receive(buffer); }
  Result<IoStep> try_write(std::span<const Bytes> pieces) override { return socket().send(pieces); }
  Result<IoStep> try_write_file(int file, ByteCount offset, std::size_t size) override {
    return socket().send_file(file, offset, size);
  }
  void end_output() override { socket().shut_down_write(); }
  bool sends_files_directly() const override { return true; }
};

}  // namespace telpher
