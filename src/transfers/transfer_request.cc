#include "transfers/transfer_request.h"

#include "codec/text.h"
#include "codec/uri.h"
#include "source/http_facts.h"
#include "store/types.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

constexpr std::size_t kUrlMax = 8 * 1024;
constexpr std::size_t kHeadersMax = 50;
constexpr std::size_t kHeaderBytesMax = 16 * 1024;
constexpr int kPriorityMax = 100;

constexpr std::array<std::string_view, 4> kIfThere = {"replace", "if-different", "keep", "fail"};

struct Problem {
  std::string code;
  std::string text;  // empty = there is none
};

std::string_view without_dot(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

/// Addresses that are typed are judged at once; those of names when they are connected to.
Problem check_address(const Uri& uri, const AddressGuard& guard) {
  const auto address = SocketAddress::parse(without_dot(uri.host), uri.port);
  if (address) {
    if (const Result<void> allowed = guard.check(*address); !allowed) {
      return {allowed.error().context.code, allowed.error().message};
    }
    return {};
  }
  const bool any_port = guard.ports.empty();
  if (!any_port && std::ranges::find(guard.ports, uri.port) == guard.ports.end()) {
    return {"FORBIDDEN_ADDRESS",
            "port " + std::to_string(uri.port) + " is not among those that are allowed"};
  }
  return {};
}

Problem check_url(const std::string& url, const TransferRules& rules, bool hosts_are_listed) {
  if (url.empty()) return {"INVALID_URL", "URL is required"};
  if (url.size() > kUrlMax) {
    return {"INVALID_URL", "it is longer than " + std::to_string(kUrlMax) + " bytes"};
  }
  const Result<Uri> uri = parse_uri(url);
  if (!uri) return {"INVALID_URL", uri.error().message};
  if (uri->scheme != "http" && uri->scheme != "https") {
    return {"INVALID_URL", "only http and https are taken, not " + uri->scheme};
  }
  if (Problem problem = check_address(*uri, rules.guard); !problem.text.empty()) return problem;
  const auto allows = [&](const std::string& pattern) { return host_matches(pattern, uri->host); };
  if (hosts_are_listed && !rules.hosts.empty() && std::ranges::none_of(rules.hosts, allows)) {
    return {"FORBIDDEN", "the host " + uri->host + " is not among those that are allowed"};
  }
  return {};
}

Problem check_bucket(const std::string& bucket, const TransferRules& rules) {
  if (bucket.empty()) return {"VALIDATION_ERROR", "a bucket is required"};
  if (const auto named = check_bucket_name(bucket); !named) {
    return {"VALIDATION_ERROR", named.error().message};
  }
  const auto allows = [&](const std::string& pattern) { return bucket_matches(pattern, bucket); };
  if (!rules.buckets.empty() && std::ranges::none_of(rules.buckets, allows)) {
    return {"FORBIDDEN", "the bucket " + bucket + " is not among those that are allowed"};
  }
  return {};
}

Problem check_object_key(const TransferRequest& request) {
  // Where the source's name comes behind it, something has to fit.
  const std::string key = key_begins_with(request) + (request.key.empty() ? "x" : "");
  if (const auto named = check_key(key); !named) return {"VALIDATION_ERROR", named.error().message};
  return {};
}

Problem check_headers(const std::vector<std::string>& headers) {
  std::size_t bytes = 0;
  for (const std::string& line : headers) bytes += line.size();
  if (headers.size() > kHeadersMax || bytes > kHeaderBytesMax) {
    return {"VALIDATION_ERROR", "at most " + std::to_string(kHeadersMax) + " headers and " +
                                    std::to_string(kHeaderBytesMax) + " bytes of them are taken"};
  }
  if (const auto parsed = parse_user_headers(headers); !parsed) {
    return {"VALIDATION_ERROR", parsed.error().message};
  }
  return {};
}

/// The first of them that is met counts.
constexpr std::array<std::string_view, 4> kCodes = {"VALIDATION_ERROR", "INVALID_URL",
                                                    "FORBIDDEN_ADDRESS", "FORBIDDEN"};

void note(Refusal& refusal, std::string field, Problem problem) {
  if (problem.text.empty()) return;
  const auto rank = [](std::string_view code) { return std::ranges::find(kCodes, code); };
  if (refusal.code.empty() || rank(problem.code) < rank(refusal.code)) {
    refusal.code = std::move(problem.code);
  }
  refusal.fields[std::move(field)] = std::move(problem.text);
}

}  // namespace

std::string_view to_string(IfThere policy) { return kIfThere[static_cast<std::size_t>(policy)]; }

std::optional<IfThere> parse_if_there(std::string_view text) {
  const auto found = std::ranges::find(kIfThere, text);
  if (found == kIfThere.end()) return std::nullopt;
  return static_cast<IfThere>(found - kIfThere.begin());
}

std::string Refusal::message() const {
  std::string text;
  for (const auto& [field, problem] : fields) {
    text += (text.empty() ? "" : "; ") + field + ": " + problem;
  }
  return text;
}

Refusal check_request(const TransferRequest& request, const TransferRules& rules) {
  Refusal refusal;
  note(refusal, "sourceUrl", check_url(request.source_url, rules, true));
  note(refusal, "bucketName", check_bucket(request.bucket, rules));
  note(refusal, request.key.empty() ? "keyPrefix" : "key", check_object_key(request));
  note(refusal, "headers", check_headers(request.headers));
  if (!request.webhook.empty()) note(refusal, "webhook", check_url(request.webhook, rules, false));
  if (!request.content_type.empty() && !is_valid_field("content-type", request.content_type)) {
    note(refusal, "contentType", {"VALIDATION_ERROR", "that is no header value"});
  }
  if (request.priority < -kPriorityMax || request.priority > kPriorityMax) {
    note(refusal, "priority", {"VALIDATION_ERROR", "it is a number from -100 to 100"});
  }
  return refusal;
}

std::string key_begins_with(const TransferRequest& request) {
  std::string key = request.key_prefix;
  if (!key.empty() && !key.ends_with('/')) key += '/';
  return key + request.key;
}

bool host_matches(std::string_view pattern, std::string_view host) {
  pattern = without_dot(pattern);
  host = without_dot(host);
  if (!pattern.starts_with("*.")) return iequals(pattern, host);
  pattern.remove_prefix(1);  // ".example.org"
  return host.size() > pattern.size() &&
         iequals(host.substr(host.size() - pattern.size()), pattern);
}

bool bucket_matches(std::string_view pattern, std::string_view bucket) {
  if (!pattern.ends_with('*')) return pattern == bucket;
  pattern.remove_suffix(1);
  return bucket.starts_with(pattern);
}

}  // namespace telpher
