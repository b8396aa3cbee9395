// Rules: how keys become a page of a listing.

#include "codec/base64.h"
#include "store/rules.h"

#include <algorithm>

namespace telpher {

std::optional<std::string> after_prefix(std::string_view prefix) {
  std::string next(prefix);
  while (!next.empty() && next.back() == '\xff') next.pop_back();
  if (next.empty()) return std::nullopt;
  next.back() = static_cast<char>(static_cast<unsigned char>(next.back()) + 1);
  return next;
}

namespace {

// A continuation is the base64 of one letter and the key or common prefix that came last: opaque,
// and safe in URLs and XML once encoded.
constexpr char kAfterKey = 'k';
constexpr char kAfterPrefix = 'p';

std::string make_continuation(char kind, std::string_view last) {
  return base64_encode(as_bytes(kind + std::string(last)));
}

/// Where the page begins; nullopt = nothing can follow.
Result<std::optional<ListPosition>> first_position(const ListOptions& options) {
  ListPosition position{options.prefix, false};
  if (!options.continuation.empty()) {
    const Result<std::string> decoded = base64_decode(options.continuation);
    if (!decoded || decoded->empty() ||
        (decoded->front() != kAfterKey && decoded->front() != kAfterPrefix)) {
      return store_error(ErrorKind::kInvalid, "InvalidArgument", 400,
                         "the continuation token is not one of this store");
    }
    const std::string last = decoded->substr(1);
    if (decoded->front() == kAfterKey) return ListPosition{last, true};
    std::optional<std::string> next = after_prefix(last);
    if (!next) return std::nullopt;
    return ListPosition{*std::move(next), false};
  }
  if (options.start_after >= options.prefix && !options.start_after.empty()) {
    position = {options.start_after, true};
  }
  return position;
}

}  // namespace

Result<ListPage> make_list_page(const ListOptions& options, const ListCursor& next) {
  if (options.max_keys < 0) {
    return store_error(ErrorKind::kInvalid, "InvalidArgument", 400, "max-keys is negative");
  }
  const int limit = std::min(options.max_keys, 1000);
  ListPage page;
  TRY(std::optional<ListPosition> position, first_position(options));
  int count = 0;
  char last = kAfterKey;  // what the page ends with, if another entry follows
  while (limit > 0 && position) {
    TRY(std::optional<ListEntry> entry, next(*position));
    if (!entry || !entry->key.starts_with(options.prefix)) return page;
    const std::size_t cut = options.delimiter.empty()
                                ? std::string::npos
                                : entry->key.find(options.delimiter, options.prefix.size());
    if (cut != std::string::npos) {
      std::string prefix = entry->key.substr(0, cut + options.delimiter.size());
      std::optional<std::string> beyond = after_prefix(prefix);
      // One that the start lies in is behind us; a page that ends with it goes on by its
      // continuation.
      if (!options.start_after.starts_with(prefix) || !options.continuation.empty()) {
        if (count == limit) break;
        last = kAfterPrefix;
        page.prefixes.push_back(std::move(prefix));
        ++count;
      }
      position.reset();
      if (beyond) position = ListPosition{*std::move(beyond), false};
      continue;
    }
    if (count == limit) break;
    last = kAfterKey;
    position->key = entry->key;
    position->after = true;
    if (options.versions) entry->version_id = "null";
    page.objects.push_back(*std::move(entry));
    ++count;
  }
  if (position && count > 0) {
    page.continuation =
        make_continuation(last, last == kAfterKey ? page.objects.back().key : page.prefixes.back());
  }
  return page;
}

}  // namespace telpher
