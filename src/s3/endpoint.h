#pragma once
// Where a bucket is reached: the origin to connect to, the Host to sign, the path in front of the
// key. Pure.

#include "base/result.h"
#include "net/http_client.h"
#include "s3/provider.h"

#include <string>
#include <string_view>

namespace telpher {

struct S3Endpoint {
  Origin origin;
  std::string path;  // in front of the bucket: "" or "/prefix", already encoded
  Addressing addressing = Addressing::kPath;
};

/// The code of what is wrong about an endpoint URL.
constexpr std::string_view kEndpointUrlError = "InvalidEndpointUrl";

/// "http://127.0.0.1:9000", "https://s3.example.com/prefix". Errors: kInvalid with the code
/// kEndpointUrlError (another scheme, a user, a query).
Result<S3Endpoint> parse_endpoint(std::string_view url, Addressing addressing);
/// Which of AWS's endpoints. Source: Amazon S3 endpoints and quotas.
struct AwsVariant {
  bool fips = false;
  bool dualstack = false;
};
/// AWS's own, of a region.
S3Endpoint aws_endpoint(std::string_view region, AwsVariant variant = {});
/// Which variant a host of AWS is.
AwsVariant aws_variant_of(std::string_view host);

/// "host" or "host:port" where the port is not the scheme's own.
std::string authority_of(const Origin& origin);

/// What all requests to one bucket share; made once per bucket.
struct BucketRoute {
  std::string bucket;
  Origin origin;
  std::string host;  // of the Host header
  std::string path;  // "/bucket" or "": the key follows after "/"
};

/// Virtual-host style only where the bucket's name fits a DNS label (no dots under TLS).
/// `bucket` may be empty: the service itself (ListBuckets).
BucketRoute make_route(const S3Endpoint& endpoint, std::string_view bucket);

}  // namespace telpher
