#include "net/tls.h"

namespace telpher {

TlsSessionSlot::~TlsSessionSlot() = default;
TlsClientContext::~TlsClientContext() = default;

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::make(TlsClientOptions) {
  return make_error(ErrorKind::kUnsupported, "TLS is not there yet");
}

Task<Result<std::unique_ptr<Stream>>> connect_tls(TlsClientContext&, std::unique_ptr<Socket>,
                                                  std::string, TlsSessionSlot&, TimePoint) {
  co_return make_error(ErrorKind::kUnsupported, "TLS is not there yet");
}

Task<Result<std::unique_ptr<Stream>>> accept_tls(TlsServerContext&, std::unique_ptr<Socket>,
                                                 TimePoint) {
  co_return make_error(ErrorKind::kUnsupported, "TLS is not there yet");
}

}  // namespace telpher
