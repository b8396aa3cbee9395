#include "codec/csv.h"

#include <algorithm>

namespace telpher {

std::optional<std::size_t> csv_record_end(std::string_view bytes) {
  bool quoted = false;   // a doubled quote leaves and enters again, which comes to the same
  bool at_start = true;  // of a field
  bool is_quoted_field = false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\n' && !quoted) return i + 1;
    // A stray quote within a field opens nothing: only its own row is broken.
    if (at_start) is_quoted_field = c == '"';
    if (c == '"' && is_quoted_field) quoted = !quoted;
    at_start = c == ',' && !quoted;
  }
  return std::nullopt;
}

namespace {

/// A field in quotes; `at` stands on the opening one and is moved behind the closing one.
Result<std::string> take_quoted(std::string_view record, std::size_t& at) {
  std::string field;
  for (++at;; ++at) {
    const std::size_t quote = record.find('"', at);
    if (quote == std::string_view::npos) {
      return make_error(ErrorKind::kInvalid, "a quote is not closed");
    }
    field += record.substr(at, quote - at);
    at = quote + 1;
    if (at == record.size() || record[at] != '"') return field;
    field += '"';
  }
}

}  // namespace

Result<std::vector<std::string>> parse_csv_record(std::string_view record) {
  if (record.ends_with('\n')) record.remove_suffix(1);
  if (record.ends_with('\r')) record.remove_suffix(1);
  std::vector<std::string> fields;
  for (std::size_t at = 0;; ++at) {
    if (at < record.size() && record[at] == '"') {
      TRY(std::string field, take_quoted(record, at));
      fields.push_back(std::move(field));
      if (at < record.size() && record[at] != ',') {
        return make_error(ErrorKind::kInvalid, "something follows a closing quote");
      }
    } else {
      const std::size_t end = std::min(record.find(',', at), record.size());
      const std::string_view field = record.substr(at, end - at);
      if (field.find('"') != std::string_view::npos) {
        return make_error(ErrorKind::kInvalid, "a quote stands inside a field");
      }
      fields.emplace_back(field);
      at = end;
    }
    if (at >= record.size()) return fields;
  }
}

}  // namespace telpher
