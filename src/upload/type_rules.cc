#include "upload/type_rules.h"

#include "codec/content_signature.h"
#include "codec/media_type.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::string_view kUnknown = "application/octet-stream";

bool any_matches(const std::vector<std::string>& patterns, std::string_view type) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) {
    return media_type_matches(canonical_media_type(pattern), type);
  });
}

bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != 0 && slash < text.size() - 1 && text.size() <= 127 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view claimed_type(const FileClaim& claim) {
  const std::string_view said = canonical_media_type(claim.declared);
  if (said != kUnknown && is_media_type(said)) return said;
  return media_type_of_name(claim.name);
}

Error not_allowed(std::string_view type, std::string_view claimed) {
  std::string message = "Files of type " + std::string(type) + " are not allowed";
  if (type != claimed && claimed != kUnknown) {
    message += " (it is said to be " + std::string(claimed) + ")";
  }
  return make_error(ErrorKind::kUnsupported, std::move(message));
}

}  // namespace

std::string type_of_file(Bytes head, const FileClaim& claim) {
  const std::string_view seen = media_type_of_content(head);
  const std::string_view claimed = claimed_type(claim);
  if (!seen.empty()) return std::string(is_kept_in(claimed, seen) ? claimed : seen);
  if (claimed != kUnknown && !has_signature(claimed)) return std::string(claimed);
  return std::string(looks_like_text(head) ? "text/plain" : kUnknown);
}

Result<std::string> judge_type(const TypeRules& rules, Bytes head, const FileClaim& claim) {
  const std::string_view claimed = claimed_type(claim);
  std::string type = type_of_file(head, claim);
  for (std::string_view each : {media_type_of_content(head), std::string_view(type), claimed,
                                media_type_of_name(claim.name)}) {
    if (!each.empty() && any_matches(rules.block, each)) return not_allowed(each, claimed);
  }
  if (!rules.allow.empty() && !any_matches(rules.allow, type)) return not_allowed(type, claimed);
  return type;
}

}  // namespace telpher
