#pragma once
// The body of a request as the object's bytes: out of aws-chunked, proven against what was signed,
// cut or slowed by a fault script.

#include "net/http_server.h"
#include "s3/service/aws_chunked.h"
#include "s3/service/wire_fault.h"
#include "s3/sigv4_verify.h"

#include <memory>
#include <optional>
#include <string>

namespace telpher {

class RequestBody final : public ByteReader {
 public:
  /// @param signatory  gives up its chunk signer; nullptr: not signed (where that is allowed)
  /// Errors: kInvalid ("MissingContentLength" …), kUnsupported (forms that are not spoken).
  static Result<std::unique_ptr<RequestBody>> open(ServerRequest& request, WireFault& fault,
                                                   Signatory* signatory);

  /// Of the object's bytes.
  ByteCount size() const { return size_; }
  Body as_body() { return Body::of_stream(*this, size_); }
  /// What the trailer said; known once the body has been read.
  const std::optional<Digest>& trailer() const { return trailer_; }
  /// As they came.
  ByteCount bytes_received() const { return received_; }

  /// The last bytes are handed out only once the whole body has proven true. Errors also: kDenied
  /// (a chunk's signature), kCorrupt ("XAmzContentSHA256Mismatch"), kInvalid ("IncompleteBody").
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override;
  /// What read_some() does at the end: for bodies without bytes. May be repeated.
  Task<Result<void>> finish();
  /// The whole body as text. Errors also: kLimit past `size_max` bytes
  /// ("MaxMessageLengthExceeded").
  Task<Result<std::string>> read_text(std::size_t size_max);

 private:
  RequestBody(ServerRequest& request, WireFault& fault) : request_(request), fault_(fault) {}
  Task<Result<std::size_t>> read_wire(MutableBytes buffer);

  ServerRequest& request_;
  WireFault& fault_;
  ByteCount size_ = 0;
  ByteCount delivered_ = 0;
  ByteCount received_ = 0;
  std::optional<PayloadCheck> check_;
  std::unique_ptr<AwsChunkedDecoder> chunks_;
  std::optional<Digest> trailer_;
  bool finished_ = false;
};

}  // namespace telpher
