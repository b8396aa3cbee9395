#include "s3/service/request_body.h"

#include "s3/service/refusals.h"
#include "store/rules.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

Error incomplete_body() {
  return store_error(ErrorKind::kInvalid, "IncompleteBody", 400,
                     "You did not provide the number of bytes specified by the Content-Length HTTP "
                     "header");
}

}  // namespace

Result<std::unique_ptr<RequestBody>> RequestBody::open(ServerRequest& request, WireFault& fault,
                                                       Signatory* signatory) {
  std::unique_ptr<RequestBody> body(new RequestBody(request, fault));
  const std::string_view hash =
      signatory ? std::string_view(signatory->payload_hash)
                : request.headers().find("x-amz-content-sha256").value_or(kUnsignedPayload);
  TRY(const PayloadForm form, parse_payload_form(hash));
  if (is_aws_chunked(form)) {
    TRY(const AwsChunkedOptions options, parse_aws_chunked_options(form, request.headers()));
    std::unique_ptr<ChunkSigner> signer;
    if (has_signed_chunks(form)) {
      if (!signatory || !signatory->chunk_signer) {
        return store_error(ErrorKind::kDenied, "AccessDenied", 403,
                           "Signed chunks need a request that is signed in its headers");
      }
      signer = std::move(signatory->chunk_signer);
    }
    body->size_ = options.decoded_length;
    body->chunks_ = std::make_unique<AwsChunkedDecoder>(options, std::move(signer));
    return body;
  }
  if (!request.length() && request.headers().contains("transfer-encoding")) {
    return header_not_implemented("Transfer-Encoding");
  }
  if (!request.length()) {
    return store_error(ErrorKind::kInvalid, "MissingContentLength", 411,
                       "You must provide the Content-Length HTTP header.");
  }
  if (request.headers().contains("x-amz-trailer")) return unknown_trailer();  // none can follow
  body->size_ = *request.length();
  if (form == PayloadForm::kHashed) body->check_.emplace(hash);
  return body;
}

Task<Result<std::size_t>> RequestBody::read_wire(MutableBytes buffer) {
  if (fault_) {
    CO_TRY_VOID(co_await fault_.before_more());
    buffer = buffer.first(fault_.limit(buffer.size()));
  }
  Result<std::size_t> count = co_await request_.read_some(buffer);
  if (!count) {
    if (count.error().kind == ErrorKind::kTimeout) {
      co_return store_error(ErrorKind::kTimeout, "RequestTimeout", 400,
                            "Your socket connection to the server was not read from or written to "
                            "within the timeout period.");
    }
    co_return count;
  }
  received_ += *count;
  if (fault_ && *count > 0) CO_TRY_VOID(co_await fault_.moved(*count));
  co_return count;
}

Task<Result<std::size_t>> RequestBody::read_some(MutableBytes buffer) {
  if (delivered_ == size_) {
    CO_TRY_VOID(co_await finish());
    co_return std::size_t{0};
  }
  std::size_t count = 0;
  while (count == 0) {
    CO_TRY(const std::size_t received, co_await read_wire(buffer));
    if (received == 0) co_return incomplete_body();
    count = received;
    if (chunks_) {
      CO_TRY(count, chunks_->decode_in_place(buffer.first(received)));
    }
  }
  if (check_) check_->update(buffer.first(count));
  delivered_ += count;
  if (delivered_ == size_) CO_TRY_VOID(co_await finish());
  co_return count;
}

Task<Result<void>> RequestBody::finish() {
  if (finished_) co_return Result<void>();
  if (chunks_) {
    std::array<std::byte, 1024> rest;
    for (;;) {  // to the end of the body: bytes behind the last chunk are refused
      CO_TRY(const std::size_t received, co_await read_wire(rest));
      if (received == 0) break;
      CO_TRY_VOID(chunks_->decode_in_place(std::span(rest).first(received)));
    }
    CO_TRY_VOID(chunks_->finish());
    trailer_ = chunks_->trailing_checksum();
  }
  if (check_) CO_TRY_VOID(check_->finish());
  finished_ = true;
  co_return Result<void>();
}

Task<Result<std::string>> RequestBody::read_text(std::size_t size_max) {
  if (size_ > size_max) {
    co_return store_error(ErrorKind::kLimit, "MaxMessageLengthExceeded", 400,
                          "Your request was too big.");
  }
  constexpr std::size_t kStep = 64 * 1024;  // what was only announced takes no memory
  std::string text;
  while (text.size() < size_) {
    const std::size_t filled = text.size();
    text.resize(std::min<ByteCount>(size_, filled + kStep));
    const MutableBytes room = std::as_writable_bytes(std::span(text)).subspan(filled);
    CO_TRY(const std::size_t count, co_await read_some(room));
    text.resize(filled + count);
  }
  CO_TRY_VOID(co_await finish());
  co_return text;
}

}  // namespace telpher
