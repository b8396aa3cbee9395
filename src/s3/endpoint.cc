#include "s3/endpoint.h"

#include "codec/uri.h"

namespace telpher {

namespace {

Error endpoint_error(const std::string& why) {
  Error error = make_error(ErrorKind::kInvalid, "The endpoint URL " + why);
  error.context.code = kEndpointUrlError;
  return error;
}

}  // namespace

Result<S3Endpoint> parse_endpoint(std::string_view url, Addressing addressing) {
  auto uri = parse_uri(url);
  if (url.find("://") == std::string_view::npos) {
    return endpoint_error("must start with http:// or https://");
  }
  if (!uri) {
    // The URL is not repeated: it may hold a password.
    return endpoint_error("is malformed: " + uri.error().message);
  }
  if (uri->scheme != "http" && uri->scheme != "https") {
    return endpoint_error("must start with http:// or https://");
  }
  if (!uri->user.empty() || !uri->password.empty() || !uri->query.empty()) {
    return endpoint_error("must be scheme, host, port and path only");
  }
  S3Endpoint endpoint;
  endpoint.origin = {uri->scheme == "https", uri->host, uri->port};
  endpoint.path = uri->path;
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  endpoint.addressing = addressing;
  return endpoint;
}

S3Endpoint aws_endpoint(std::string_view region, AwsVariant variant) {
  const std::string_view suffix =
      region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
  std::string host = variant.fips ? "s3-fips." : "s3.";
  if (variant.dualstack) host += "dualstack.";
  host.append(region).append(suffix);
  return {{true, std::move(host), 443}, "", Addressing::kVirtualHost};
}

AwsVariant aws_variant_of(std::string_view host) {
  return {host.starts_with("s3-fips."), host.find(".dualstack.") != host.npos};
}

std::string authority_of(const Origin& origin) {
  const bool is_ipv6 = origin.host.find(':') != std::string::npos;
  std::string authority = is_ipv6 ? "[" + origin.host + "]" : origin.host;
  if (origin.port != (origin.tls ? 443 : 80)) authority += ":" + std::to_string(origin.port);
  return authority;
}

BucketRoute make_route(const S3Endpoint& endpoint, std::string_view bucket) {
  BucketRoute route{std::string(bucket), endpoint.origin, "", endpoint.path};
  const bool dotted = bucket.find('.') != std::string_view::npos;
  if (!bucket.empty()) {
    if (endpoint.addressing == Addressing::kVirtualHost && !(endpoint.origin.tls && dotted)) {
      route.origin.host = route.bucket + "." + endpoint.origin.host;
    } else {
      route.path += "/" + route.bucket;
    }
  }
  route.host = authority_of(route.origin);
  return route;
}

}  // namespace telpher
