#include "net/tls.h"

#include "net/tls_certificate.h"
#include "net/tls_error.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace telpher {
namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;           // of plaintext
constexpr std::size_t kRecordRoom = kRecordBytes + 1024;  // with its framing, generously
constexpr std::size_t kReceiveBytesMax = 256 * 1024;
constexpr std::size_t kFileSliceBytes = 15 * kRecordBytes;  // its ciphertext fits one buffer

class TlsStream final : public Stream {
 public:
  TlsStream(TlsContext& context, std::unique_ptr<Socket> socket);
  ~TlsStream() override;

  Result<IoStep> try_read(MutableBytes buffer) override;
  Result<IoStep> try_write(std::span<const Bytes> pieces) override;
  Result<IoStep> try_write_file(int file, ByteCount offset, std::size_t size) override;
  void end_output() override;
  bool sends_files_directly() const override { return false; }

  SSL* ssl() const { return ssl_; }
  Task<Result<void>> shake_hands(TimePoint deadline);

 private:
  static const BIO_METHOD* bio_method();
  static int on_bio_read(BIO* bio, char* data, std::size_t size, std::size_t* count);
  static int on_bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* count);
  static long on_bio_control(BIO* bio, int command, long number, void* pointer);

  Result<IoStep> receive(std::size_t wanted);
  Result<IoStep> flush();
  Result<std::size_t> decrypt(MutableBytes buffer);
  Error read_error(int code) const;
  Error handshake_error() const;

  CipherBuffers& buffers_;
  SSL* ssl_;
  CipherBuffers::Buffer in_;  // ciphertext [in_begin_, in_end_) waits to be decrypted
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  CipherBuffers::Buffer out_;  // ciphertext [out_begin_, out_end_) waits to be sent
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  bool eof_ = false;    // the socket has ended
  bool ended_ = false;  // the other side has said so
};

// --- between OpenSSL and the buffers ----------------------------------------------------------

const BIO_METHOD* TlsStream::bio_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "telpher");
    CHECK(method != nullptr);
    BIO_meth_set_read_ex(method, on_bio_read);
    BIO_meth_set_write_ex(method, on_bio_write);
    BIO_meth_set_ctrl(method, on_bio_control);
    return method;
  }();
  return kMethod;
}

int TlsStream::on_bio_read(BIO* bio, char* data, std::size_t size, std::size_t* count) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *count = std::min(size, self.in_end_ - self.in_begin_);
  if (*count == 0) {
    if (!self.eof_) BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(data, self.in_.get() + self.in_begin_, *count);
  self.in_begin_ += *count;
  return 1;
}

int TlsStream::on_bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* count) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (!self.out_) self.out_ = self.buffers_.take();
  *count = std::min(size, CipherBuffers::kBytes - self.out_end_);
  if (*count == 0) {
    BIO_set_retry_write(bio);
    return 0;
  }
  std::memcpy(self.out_.get() + self.out_end_, data, *count);
  self.out_end_ += *count;
  return 1;
}

long TlsStream::on_bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<TlsStream*>(BIO_get_data(bio))->eof_ ? 1 : 0;
  return 0;
}

TlsStream::TlsStream(TlsContext& context, std::unique_ptr<Socket> socket)
    : Stream(std::move(socket)), buffers_(context.buffers()), ssl_(SSL_new(context.get())) {
  BIO* bio = BIO_new(bio_method());
  CHECK(ssl_ != nullptr && bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

TlsStream::~TlsStream() {
  // Without this the session would count as broken and not be resumed.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
  buffers_.give_back(std::move(in_));
  buffers_.give_back(std::move(out_));
}

// --- bytes ------------------------------------------------------------------------------------

Result<IoStep> TlsStream::receive(std::size_t wanted) {
  DCHECK(in_begin_ == in_end_);
  if (!in_) in_ = buffers_.take();
  in_begin_ = in_end_ = 0;
  const std::size_t size = std::clamp(wanted + wanted / 64, kRecordRoom, kReceiveBytesMax);
  TRY(const IoStep step, socket().receive({in_.get(), size}));
  in_end_ = step.bytes;
  eof_ = step.bytes == 0 && !step.blocked;
  if (in_end_ == 0) buffers_.give_back(std::move(in_));
  return step;
}

Result<IoStep> TlsStream::flush() {
  IoStep total;
  while (out_begin_ < out_end_) {
    const Bytes rest(out_.get() + out_begin_, out_end_ - out_begin_);
    TRY(const IoStep step, socket().send({&rest, 1}));
    out_begin_ += step.bytes;
    total.bytes += step.bytes;
    if (step.blocked) return IoStep{total.bytes, true};
  }
  out_begin_ = out_end_ = 0;
  if (out_) buffers_.give_back(std::move(out_));
  return total;
}

Error TlsStream::read_error(int code) const {
  if (eof_ && in_begin_ == in_end_) {
    ERR_clear_error();
    Error error = make_temporary_error(ErrorKind::kNetwork,
                                       "the connection was closed without the end TLS announces");
    error.context.code = "EOF";
    return error;
  }
  return make_temporary_error(
      ErrorKind::kProtocol,
      "TLS failed: " +
          (code == SSL_ERROR_SSL ? tls_error_text() : std::string("unexpected state")));
}

// Decrypts as much as is here and fits.
Result<std::size_t> TlsStream::decrypt(MutableBytes buffer) {
  std::size_t filled = 0;
  ERR_clear_error();
  while (filled < buffer.size()) {
    std::size_t count = 0;
    if (SSL_read_ex(ssl_, buffer.data() + filled, buffer.size() - filled, &count) == 1) {
      filled += count;
      continue;
    }
    const int code = SSL_get_error(ssl_, 0);
    if (code == SSL_ERROR_WANT_READ) break;
    if (code == SSL_ERROR_ZERO_RETURN) {
      ended_ = true;
      break;
    }
    if (filled > 0) break;  // what is good goes out first; the error comes again
    return read_error(code);
  }
  return filled;
}

Result<IoStep> TlsStream::try_read(MutableBytes buffer) {
  for (;;) {
    if (ended_) return IoStep{};
    if (in_begin_ == in_end_ && !eof_ && SSL_pending(ssl_) == 0) {
      TRY(const IoStep step, receive(buffer.size()));
      if (step.blocked) return step;
    }
    TRY(const std::size_t count, decrypt(buffer));
    if (in_ && in_begin_ == in_end_) buffers_.give_back(std::move(in_));
    if (count > 0) return IoStep{count, false};
  }
}

// A head with a small body makes one record: framing and setting up the cipher cost more than
// copying. Empty when they do not fit one.
Bytes join_small(std::span<const Bytes> pieces, MutableBytes record) {
  std::size_t size = 0;
  for (const Bytes piece : pieces) size += piece.size();
  if (pieces.size() < 2 || size > record.size()) return {};
  auto end = record.begin();
  for (const Bytes piece : pieces) end = std::copy(piece.begin(), piece.end(), end);
  return record.first(size);
}

Result<IoStep> TlsStream::try_write(std::span<const Bytes> pieces) {
  IoStep total;
  if (out_begin_ < out_end_) {
    TRY(const IoStep step, flush());
    if (step.blocked) return IoStep{0, true};
  }
  ERR_clear_error();
  std::array<std::byte, kRecordBytes> record;
  const Bytes joined = join_small(pieces, record);
  if (!joined.empty()) pieces = {&joined, 1};
  for (Bytes piece : pieces) {
    while (!piece.empty() && CipherBuffers::kBytes - out_end_ >= kRecordRoom) {
      std::size_t count = 0;
      if (SSL_write_ex(ssl_, piece.data(), std::min(piece.size(), kRecordBytes), &count) != 1) {
        return make_temporary_error(ErrorKind::kProtocol, "TLS failed: " + tls_error_text());
      }
      piece = piece.subspan(count);
      total.bytes += count;
    }
    if (!piece.empty()) break;
  }
  TRY(const IoStep step, flush());
  total.blocked = step.blocked;
  return total;
}

Result<IoStep> TlsStream::try_write_file(int file, ByteCount offset, std::size_t size) {
  if (out_begin_ < out_end_) {
    TRY(const IoStep step, flush());
    if (step.blocked) return IoStep{0, true};
  }
  CipherBuffers::Buffer plain = buffers_.take();
  const ssize_t count =
      pread(file, plain.get(), std::min(size, kFileSliceBytes), static_cast<off_t>(offset));
  if (count <= 0) {
    buffers_.give_back(std::move(plain));
    if (count < 0 && errno == EINTR) return IoStep{};
    if (count < 0) return make_errno_error(errno, "read the file to send");
    return make_error(ErrorKind::kSourceChanged, "the file is shorter than it was");
  }
  const Bytes piece(plain.get(), static_cast<std::size_t>(count));
  const Result<IoStep> step = try_write({&piece, 1});
  buffers_.give_back(std::move(plain));
  return step;
}

void TlsStream::end_output() {
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
  const Result<IoStep> sent = flush();
  if (sent) socket().shut_down_write();
}

// --- handshake --------------------------------------------------------------------------------

Error TlsStream::handshake_error() const {
  if (const long verdict = SSL_get_verify_result(ssl_); verdict != X509_V_OK) {
    ERR_clear_error();
    return make_error(ErrorKind::kProtocol, X509_verify_cert_error_string(verdict));
  }
  return make_temporary_error(ErrorKind::kProtocol, tls_error_text());
}

Task<Result<void>> TlsStream::shake_hands(TimePoint deadline) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    const int code = SSL_get_error(ssl_, result);
    std::optional<Error> failure;
    if (result != 1 && code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE) {
      failure = eof_ ? read_error(code) : handshake_error();
    }
    for (;;) {  // an alert goes out too, if it can
      const Result<IoStep> sent = flush();
      if (failure) co_return *std::move(failure);
      CO_TRY_VOID(sent);
      if (!sent->blocked) break;
      CO_TRY_VOID(co_await wait(FdWatch::kWrite, deadline));
    }
    if (result == 1) co_return Result<void>();
    if (code == SSL_ERROR_WANT_WRITE) continue;
    for (;;) {
      CO_TRY(const IoStep step, receive(kRecordBytes));
      if (!step.blocked) break;
      CO_TRY_VOID(co_await wait(FdWatch::kRead, deadline));
    }
  }
}

// "[::1]" and "example.com." as certificates write them.
std::string certificate_name(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::string(host);
}

void set_server_name(SSL* ssl, const std::string& host) {
  const std::string name = certificate_name(host);
  if (SocketAddress::parse(name, 0)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
    return;
  }
  SSL_set_tlsext_host_name(ssl, name.c_str());
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(ssl, name.c_str());
}

Error explain_handshake(Error error, const std::string& host) {
  if (error.kind != ErrorKind::kProtocol) return error;
  if (error.is_temporary()) {
    error.message = "TLS handshake with '" + host + "' failed: " + error.message;
  } else {
    error.message =
        "the TLS certificate of '" + host + "' is not trusted: " + error.message +
        ". If it is signed by an authority of your own, name that with --ca-bundle FILE";
    error.context.code = "CERTIFICATE";
  }
  return error;
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect_tls(TlsClientContext& context,
                                                  std::unique_ptr<Socket> socket, std::string host,
                                                  TlsSessionSlot& session, TimePoint deadline) {
  auto stream = std::make_unique<TlsStream>(context, std::move(socket));
  SSL* const ssl = stream->ssl();
  SSL_set_connect_state(ssl);
  SSL_set_ex_data(ssl, 0, &session);
  set_server_name(ssl, host);
  if (session.session()) SSL_set_session(ssl, session.session());
  Result<void> done = co_await stream->shake_hands(deadline);
  if (!done) {
    session.store(nullptr);
    co_return explain_handshake(std::move(done).error(), host);
  }
  co_return stream;
}

Task<Result<TlsPeer>> examine_tls(TlsClientContext& context, std::unique_ptr<Socket> socket,
                                  std::string host, TimePoint deadline) {
  TlsStream stream(context, std::move(socket));
  std::vector<int> faults;
  SSL_set_connect_state(stream.ssl());
  set_server_name(stream.ssl(), host);
  record_certificate_faults(stream.ssl(), &faults);
  CO_TRY_VOID(co_await stream.shake_hands(deadline));
  co_return describe_peer(stream.ssl(), faults);
}

Task<Result<std::unique_ptr<Stream>>> accept_tls(TlsServerContext& context,
                                                 std::unique_ptr<Socket> socket,
                                                 TimePoint deadline) {
  auto stream = std::make_unique<TlsStream>(context, std::move(socket));
  SSL_set_accept_state(stream->ssl());
  CO_TRY_VOID(co_await stream->shake_hands(deadline));
  co_return stream;
}

}  // namespace telpher
