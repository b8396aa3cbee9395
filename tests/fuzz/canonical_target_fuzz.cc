// What is signed of a target: one form for one meaning. A signature over the canonical form is good
// for the target as it came and for none that means something else.

#include "codec/percent.h"
#include "s3/sigv4_verify.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace telpher;

constexpr std::string_view kSecret = "secret";
const std::chrono::sys_seconds kNow = *parse_amz_date("20260101T000000Z");

/// What a server makes of a target: its path's segments and its parameters, decoded.
struct Meaning {
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> parameters;  // sorted
  bool operator==(const Meaning&) const = default;
};

Meaning meaning_of(std::string_view target) {
  Meaning meaning;
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, question);
  for (;;) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    meaning.segments.push_back(*percent_decode(path.substr(0, slash)));
    if (slash == path.size()) break;
    path.remove_prefix(slash + 1);
  }
  std::string_view query = target.substr(std::min(question + 1, target.size()));
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.empty() || pair.substr(0, equals) == "X-Amz-Signature") continue;
    meaning.parameters.emplace_back(*form_decode(pair.substr(0, equals)),
                                    *form_decode(pair.substr(std::min(equals + 1, pair.size()))));
  }
  std::sort(meaning.parameters.begin(), meaning.parameters.end());
  return meaning;
}

bool verifies(std::string_view target, const Headers& headers) {
  static SigV4Verifier verifier([](std::string_view) { return std::string(kSecret); });
  return verifier.verify({"GET", target, headers}, kNow).has_value();
}

}  // namespace

FUZZ(std::string_view input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view target = input.substr(0, end);
  const std::string_view other = input.substr(std::min(end + 1, input.size()));
  const auto canonical = canonical_target(target);
  if (!canonical) {
    CHECK(canonical.error().context.code == "InvalidURI");
    return;
  }
  if (!target.starts_with('/') || is_signed_link(target) || is_signed_link(*canonical)) return;
  for (const char c : *canonical) CHECK(c > 0x20 && c < 0x7f && c != '+' && c != '#');
  CHECK(*canonical_target(*canonical) == *canonical);
  const Meaning meaning = meaning_of(target);
  CHECK(meaning_of(*canonical) == meaning);
  if (canonical->find("AWSAccessKeyId") != canonical->npos) return;

  static SigV4Signer signer("us-east-1");
  Headers headers;
  signer.sign({"AKIA", std::string(kSecret)}, kNow, "GET", "h", *canonical, kUnsignedPayload,
              headers);
  headers.add("host", "h");
  CHECK(verifies(target, headers) && verifies(*canonical, headers));
  if (!other.starts_with('/')) return;
  if (verifies(other, headers)) CHECK(meaning_of(other) == meaning);
}
