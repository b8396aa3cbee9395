#include "codec/http_headers.h"

#include "codec/http_syntax.h"

#include <array>
#include <cstring>

namespace telpher {
namespace {

Error protocol_error(std::string message) {
  return make_error(ErrorKind::kProtocol, std::move(message));
}

}  // namespace

bool is_token(std::string_view text) {
  bool good = !text.empty();
  for (char c : text) good &= is_token_char(c);
  return good;
}

bool is_valid_field(std::string_view name, std::string_view value) {
  return is_token(name) && is_field_text(value) && trim_blanks(value).size() == value.size();
}

void Headers::add(std::string_view name, std::string_view value) {
  const auto at = static_cast<std::uint32_t>(text_.size());
  text_.append(name);
  text_.append(value);
  fields_.push_back({at, static_cast<std::uint32_t>(name.size()),
                     at + static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) {
    return iequals(std::string_view(text_).substr(field.name_at, field.name_size), name);
  });
}

void Headers::clear() {
  text_.clear();
  fields_.clear();
}

Header Headers::operator[](std::size_t index) const {
  const Field& field = fields_[index];
  const char* text = text_.data();
  return {{text + field.name_at, field.name_size}, {text + field.value_at, field.value_size}};
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name_size == name.size() &&
        iequals({text_.data() + field.name_at, name.size()}, name)) {
      return std::string_view(text_.data() + field.value_at, field.value_size);
    }
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  std::size_t count = 0;
  for (Header header : *this) count += iequals(header.name, name) ? 1 : 0;
  return count;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  bool found = false;
  for (Header header : *this) {
    if (!iequals(header.name, name)) continue;
    for_each_list_item(header.value, [&](std::string_view item) {
      found |= iequals(trim_blanks(item.substr(0, item.find(';'))), token);
    });
  }
  return found;
}

std::optional<std::string> Headers::joined(std::string_view name) const {
  std::optional<std::string> list;
  for (Header header : *this) {
    if (!iequals(header.name, name)) continue;
    if (list) {
      list->append(", ").append(header.value);
    } else {
      list = std::string(header.value);
    }
  }
  return list;
}

Result<Headers> Headers::parse(std::string_view lines, std::size_t count_max) {
  if (!has_clean_lines(lines)) {
    return protocol_error("control characters or a bare line break in the header fields");
  }
  Headers headers;
  headers.text_ = lines;
  TRY_VOID(headers.index_fields(0, count_max));
  return headers;
}

Result<void> Headers::index_fields(std::size_t at, std::size_t count_max) {
  fields_.reserve(16);
  const char* const text = text_.data();
  while (at < text_.size()) {
    const auto* line_end =
        static_cast<const char*>(std::memchr(text + at, '\n', text_.size() - at));
    if (line_end == nullptr) return protocol_error("a header line without an end");
    const char* value_end = line_end - 1;  // has_clean_lines(): a CR stands there
    const char* const name = text + at;
    const char* colon = name;
    while (is_token_char(*colon)) ++colon;
    if (*colon != ':' || colon == name) {
      return protocol_error(is_blank(*name) ? "a folded header line"
                                            : "a header line that is not 'name: value'");
    }
    if (fields_.size() == count_max) {
      return make_error(ErrorKind::kLimit, "more than " + std::to_string(count_max) + " headers");
    }
    const char* value = colon + 1;
    while (value < value_end && is_blank(*value)) ++value;
    while (value < value_end && is_blank(value_end[-1])) --value_end;
    fields_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(colon - name),
                       static_cast<std::uint32_t>(value - text),
                       static_cast<std::uint32_t>(value_end - value)});
    at = static_cast<std::size_t>(line_end + 1 - text);
  }
  return {};
}

Result<std::optional<ByteCount>> content_length(const Headers& headers) {
  std::optional<ByteCount> length;
  for (Header header : headers) {
    if (!iequals(header.name, "content-length")) continue;
    std::string_view rest = header.value;
    while (true) {
      const std::size_t comma = rest.find(',');
      const auto value = parse_decimal<ByteCount>(trim_blanks(rest.substr(0, comma)));
      if (!value) return protocol_error("Content-Length is not a number");
      if (length && *length != *value) return protocol_error("two different Content-Length values");
      length = value;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return length;
}

}  // namespace telpher
