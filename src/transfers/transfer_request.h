#pragma once
// What is asked for: one source into one object. Checked before it is accepted. Pure.

#include "base/result.h"
#include "codec/checksum.h"
#include "net/address_guard.h"
#include "runtime/loop.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// What becomes of an object that is there already.
enum class IfThere {
  kReplace,
  kReplaceIfDifferent,
  kKeep,  // the transfer is completed, and has changed nothing
  kFail,  // PRECONDITION_FAILED
};
/// "replace", "if-different", "keep", "fail".
std::string_view to_string(IfThere policy);
std::optional<IfThere> parse_if_there(std::string_view text);

struct TransferRequest {
  std::string source_url;
  std::string bucket;
  std::string key_prefix;            // a "/" is put behind it where it does not end in one
  std::string key;                   // below it; empty = by the source's name
  std::vector<std::string> headers;  // "Name: value", for the source
  std::optional<Digest> checksum;    // of the whole; other bytes fail
  std::optional<ByteCount> size;     // the same
  std::string content_type;          // of the object; empty = the source's
  IfThere if_there = IfThere::kReplace;
  std::string webhook;  // told of its end; empty = nobody
  std::optional<WallTime> not_before;
  int priority = 0;  // -100 to 100; higher ones of one owner go first
};

/// Where transfers may lead. An empty list allows all.
struct TransferRules {
  std::vector<std::string> hosts;    // "example.org", or "*.example.org": those below it
  std::vector<std::string> buckets;  // "photos", or "team-*": those that begin so
  AddressGuard guard;                // of sources and webhooks; names are asked again when resolved
};

/// Why a request is not accepted.
struct Refusal {
  std::string code;                           // empty = it is
  std::map<std::string, std::string> fields;  // as the API calls them: what is wrong with each

  bool refused() const { return !code.empty(); }
  /// "sourceUrl: …; bucketName: …"
  std::string message() const;
};

/// INVALID_URL, VALIDATION_ERROR, FORBIDDEN_ADDRESS, or FORBIDDEN (not on the lists).
Refusal check_request(const TransferRequest& request, const TransferRules& rules);

/// What the object's key begins with, whatever the source is called; the whole key where that is
/// given. For whoever limits callers to prefixes.
std::string key_begins_with(const TransferRequest& request);

/// Whole names only: "example.org" lets neither "example.org.evil" nor "notexample.org" pass.
bool host_matches(std::string_view pattern, std::string_view host);
bool bucket_matches(std::string_view pattern, std::string_view bucket);

}  // namespace telpher
