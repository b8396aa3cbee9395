#pragma once
// One request to an S3Service and what becomes of it. Private to the service.

#include "s3/service/service.h"
#include "s3/service/xml_answer.h"

namespace telpher {

struct S3Service::Exchange {
  Exchange(ServerRequest& its_request, ServerResponse& its_response)
      : request(its_request), response(its_response), fault(std::nullopt, its_response) {}

  /// With those that came in the query of a signed link.
  const Headers& headers() const { return with_query ? *with_query : request.headers(); }
  /// Signers may put any x-amz-… header into a link's query. Errors: kInvalid (no header's value).
  Result<void> take_headers_from_query();

  ServerRequest& request;
  ServerResponse& response;
  S3Call call;
  std::string request_id;
  const S3User* user = nullptr;  // nullptr: unsigned, where that is allowed
  std::optional<Signatory> signatory;
  WireFault fault;
  std::optional<Headers> with_query;
  std::optional<std::string> bucket_owner;  // set where there are several users
  std::unique_ptr<RequestBody> body;
  ErrorDetails details;  // of the error it ends with
};

/// A checksum shows itself by its header and its type.
void add_checksum_headers(Headers& headers, const std::optional<StoredChecksum>& checksum);

}  // namespace telpher
