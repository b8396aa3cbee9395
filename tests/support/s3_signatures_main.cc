// Signs and checks what another S3 client has signed, for tests/interop/test_canonicaliser.py: one
// JSON object a line in, one a line out.
//
//   in:  {"kind": "header" | "link", "method", "host", "target", "headers": [[name, value] …],
//         "payload_hash", "time", "region", "access_key", "secret", "token", "expires",
//         "sent_target", "sent_headers": [[name, value] …]}
//   out: {"made": the authorization header or the link's signature as we make it,
//         "verdict": "ok", or the code with which what was sent is refused}

#include "s3/sigv4.h"
#include "s3/sigv4_verify.h"

#include <boost/json.hpp>

#include <iostream>
#include <string>

namespace telpher {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
  return std::string(object.at(name).as_string());
}

Headers headers_of(const json::value& pairs) {
  Headers headers;
  for (const json::value& pair : pairs.as_array()) {
    headers.add(std::string_view(pair.at(0).as_string()), std::string_view(pair.at(1).as_string()));
  }
  return headers;
}

std::string make(const json::object& request) {
  SigV4Signer signer(text_of(request, "region"));
  Credentials credentials{text_of(request, "access_key"), text_of(request, "secret")};
  credentials.session_token = text_of(request, "token");
  const auto time = parse_amz_date(text_of(request, "time")).value();
  Headers headers = headers_of(request.at("headers"));
  if (request.at("kind") == "link") {
    const std::string link = signer.presign(
        credentials, time, std::chrono::seconds(request.at("expires").as_int64()),
        text_of(request, "method"), text_of(request, "host"), text_of(request, "target"), headers);
    return link.substr(link.rfind('=') + 1);
  }
  signer.sign(credentials, time, text_of(request, "method"), text_of(request, "host"),
              text_of(request, "target"), text_of(request, "payload_hash"), headers);
  return std::string(headers.find("authorization").value());
}

std::string judge(const json::object& request) {
  SigV4Verifier verifier([&](std::string_view key) -> std::optional<std::string> {
    if (key != text_of(request, "access_key")) return std::nullopt;
    return text_of(request, "secret");
  });
  const std::string method = text_of(request, "method");
  const std::string target = text_of(request, "sent_target");
  const Headers headers = headers_of(request.at("sent_headers"));
  const auto signatory =
      verifier.verify({method, target, headers}, parse_amz_date(text_of(request, "time")).value());
  return signatory ? "ok" : signatory.error().context.code;
}

}  // namespace
}  // namespace telpher

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const boost::json::value request = boost::json::parse(line);
    boost::json::object answer;
    answer["made"] = telpher::make(request.as_object());
    answer["verdict"] = telpher::judge(request.as_object());
    std::cout << boost::json::serialize(answer) << "\n";
  }
  return 0;
}
