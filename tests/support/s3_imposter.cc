#include "tests/support/s3_imposter.h"

namespace telpher {
namespace {

S3ServiceOptions service_options(const S3ImposterOptions& options) {
  S3ServiceOptions service;
  service.users = {{.access_key = options.access_key,
                    .secret_key = options.secret_key,
                    .session_token = {},
                    .id = "imposter",
                    .display_name = "imposter"}};
  service.region = options.region;
  service.server = options.server;
  service.allow_unsigned = options.allow_unsigned;
  service.checksums = options.checksums;
  service.page_size = options.page_size;
  service.completed_remembered = 0;  // not every store helps who lost its answer
  return service;
}

}  // namespace

S3Imposter::S3Imposter(Loop& loop, S3ImposterOptions options, FaultScript faults)
    : redirect_to_(options.redirect_to),
      store_(options.capabilities),
      faults_(std::move(faults)),
      service_(loop, store_, faults_, service_options(options)) {}

Task<Result<void>> S3Imposter::handle(ServerRequest& request, ServerResponse& response) {
  if (redirect_to_.empty()) co_return co_await service_.handle(request, response);
  ++redirected_;
  response.status = 307;
  response.headers.add("Location", redirect_to_ + request.target());
  co_return co_await response.send_text(
      "<?xml version=\"1.0\"?><Error><Code>TemporaryRedirect</Code><Message>Please re-send this "
      "request to the specified temporary endpoint.</Message></Error>");
}

std::uint64_t S3Imposter::requests(std::string_view operation) const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    if (to_string(static_cast<Operation>(i)) == operation) count += stats().requests[i];
  }
  return count;
}

}  // namespace telpher
