#pragma once
// HTTP header fields in the order they came, names compared without case. All text of one message
// lives in one string, so parsing a head costs two allocations however many fields it has. A value
// object; views it hands out last until it is next changed.

#include "base/bytes.h"
#include "base/result.h"
#include "codec/text.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct Header {
  std::string_view name;
  std::string_view value;  // without the white space around it
};

class Headers {
 public:
  /// Appends a field; neither text may be part of this object. What comes from outside should pass
  /// is_valid_field() first: make_request_head() and make_response_head() refuse anything else.
  void add(std::string_view name, std::string_view value);
  /// Removes all fields of that name and adds this one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  void clear();
  /// Room for so many fields and bytes of text, to be added without another allocation.
  void reserve(std::size_t fields, std::size_t bytes) {
    fields_.reserve(fields);
    text_.reserve(bytes);
  }

  /// The first field of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name).has_value(); }
  std::size_t count(std::string_view name) const;
  /// Whether a comma-separated list field ("Connection: keep-alive, Upgrade") has `token`, in any
  /// case, in any of its lines. Parameters (";q=1") are not part of the token.
  bool has_token(std::string_view name, std::string_view token) const;
  /// All values of that name joined by ", " (RFC 9110 §5.3); nullopt if there are none.
  std::optional<std::string> joined(std::string_view name) const;

  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  Header operator[](std::size_t index) const;

  class Iterator {
   public:
    Iterator(const Headers* headers, std::size_t index) : headers_(headers), index_(index) {}
    Header operator*() const { return (*headers_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Headers* headers_;
    std::size_t index_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, fields_.size()}; }

  /// Parses field lines. `lines` holds whole lines, each ending in CRLF, without the empty one that
  /// closes the section; `count_max` limits how many. Errors: kProtocol (no colon, white space in
  /// or after the name, folded line, control characters), kLimit. Source: RFC 9112 §5.
  static Result<Headers> parse(std::string_view lines, std::size_t count_max);

 private:
  friend struct HeadParser;

  struct Field {
    std::uint32_t name_at;
    std::uint32_t name_size;
    std::uint32_t value_at;
    std::uint32_t value_size;
  };

  // Parses text_ from `at` on, whose bytes have been found free of stray control characters.
  Result<void> index_fields(std::size_t at, std::size_t count_max);

  std::string text_;
  std::vector<Field> fields_;
};

/// A name of token characters and a value without control characters other than tab, and without
/// white space around it: what can be sent and read back unchanged. Source: RFC 9110 §5.
bool is_valid_field(std::string_view name, std::string_view value);
/// RFC 9110 §5.6.2.
bool is_token(std::string_view text);

/// The Content-Length of a message, if it has one. Repeats of one value are taken as one (RFC 9110
/// §8.6). Errors: kProtocol (no number, differing values).
Result<std::optional<ByteCount>> content_length(const Headers& headers);

/// Calls `visit(item)` for each non-empty item of a comma-separated list, trimmed. Quoted strings
/// may contain commas.
template <class Visit>
void for_each_list_item(std::string_view list, Visit visit) {
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i == list.size() || (list[i] == ',' && !quoted)) {
      const std::string_view item = trim_blanks(list.substr(begin, i - begin));
      if (!item.empty()) visit(item);
      begin = i + 1;
    } else if (list[i] == '"') {
      quoted = !quoted;
    } else if (list[i] == '\\' && quoted && i + 1 < list.size()) {
      ++i;
    }
  }
}

}  // namespace telpher
