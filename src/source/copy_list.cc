#include "source/copy_list.h"

#include "base/units.h"
#include "codec/csv.h"
#include "codec/text.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kRecordMax = 1 << 20;
constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::string_view kHeaderPrefix = "header.";

Error bad(std::string message) { return make_error(ErrorKind::kInvalid, std::move(message)); }

std::optional<ChecksumAlgorithm> algorithm_named(std::string_view column) {
  const Result<ChecksumAlgorithm> algorithm = parse_checksum_algorithm(column);
  if (!algorithm || *algorithm == ChecksumAlgorithm::kNone) return std::nullopt;
  return *algorithm;
}

bool is_column(std::string_view name) {
  static constexpr std::string_view kColumns[] = {"url", "key", "size", "content_type"};
  return std::ranges::find(kColumns, name) != std::end(kColumns) || algorithm_named(name) ||
         (name.starts_with(kHeaderPrefix) && name.size() > kHeaderPrefix.size());
}

/// Header names keep their case, the others need none; the API's words are taken too.
std::string canonical(std::string_view column) {
  if (istarts_with(column, kHeaderPrefix)) {
    return std::string(kHeaderPrefix) + std::string(column.substr(kHeaderPrefix.size()));
  }
  std::string name = to_lower(column);
  if (name == "sourceurl") return "url";
  if (name == "contenttype") return "content_type";
  return name;
}

/// An empty value says nothing.
Result<void> set_column(ListRow& row, std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  if (name == "url") {
    row.url = value;
  } else if (name == "key") {
    row.key = value;
  } else if (name == "content_type") {
    row.content_type = value;
  } else if (name == "size") {
    row.size = parse_decimal<ByteCount>(value);
    if (!row.size) return bad("size must be a number of bytes, not '" + std::string(value) + "'");
  } else if (name.starts_with(kHeaderPrefix)) {
    row.headers.push_back(std::string(name.substr(kHeaderPrefix.size())) + ": " +
                          std::string(value));
  } else if (const auto algorithm = algorithm_named(name)) {
    if (row.digest) return bad("one digest is enough: " + std::string(name) + " is a second");
    Result<Digest> digest = Digest::from_hex(*algorithm, value);
    if (!digest) return bad(std::string(name) + ": " + digest.error().message);
    row.digest = *std::move(digest);
  }
  return {};
}

Result<ListRow> complete(ListRow row) {
  if (row.url.empty()) return bad("URL is required");
  return row;
}

}  // namespace

Result<ListFormat> ListFormat::of_header(std::vector<std::string> names) {
  ListFormat format;
  for (std::string& name : names) {
    name = canonical(trim(name));
    if (std::ranges::find(format.names_, name) != format.names_.end() && is_column(name)) {
      return bad("the column '" + name + "' stands there twice");
    }
    format.names_.push_back(std::move(name));
  }
  if (std::ranges::find(format.names_, "url") == format.names_.end()) {
    return bad(
        "its first line names no column 'url'. The columns are: url, key, size, sha256 or "
        "another digest, content_type, header.NAME");
  }
  return format;
}

std::string ListFormat::unknown_columns() const {
  std::string unknown;
  for (const std::string& name : names_) {
    if (is_column(name) || name.empty()) continue;
    unknown += (unknown.empty() ? "" : ", ") + name;
  }
  return unknown;
}

Result<ListRow> ListFormat::parse_csv(std::string_view record) const {
  TRY(const std::vector<std::string> fields, parse_csv_record(record));
  if (fields.size() > names_.size()) {
    return bad("it has " + std::to_string(fields.size()) + " fields, the header " +
               std::to_string(names_.size()));
  }
  ListRow row;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    TRY_VOID(set_column(row, names_[i], fields[i]));
  }
  return complete(std::move(row));
}

Result<ListRow> ListFormat::parse_json(std::string_view line) {
  namespace json = boost::json;
  json::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error || !value.is_object()) return bad("it is no JSON object");
  ListRow row;
  for (const auto& [name, member] : value.get_object()) {
    const std::string column = canonical({name.data(), name.size()});
    if (member.is_null() || !is_column(column)) continue;
    if (member.is_string()) {
      const json::string& text = member.get_string();
      TRY_VOID(set_column(row, column, {text.data(), text.size()}));
    } else if (member.is_number()) {
      TRY_VOID(set_column(row, column, json::serialize(member)));
    } else {
      return bad(column + " must be a string or a number");
    }
  }
  return complete(std::move(row));
}

Task<Result<void>> ListReader::open() {
  std::string first;
  do {
    CO_TRY(first, co_await take_record());
    if (first.starts_with("\xef\xbb\xbf")) first.erase(0, 3);
  } while (!first.empty() && trim(first).empty());
  if (trim(first).starts_with('{')) {
    json_ = true;
    buffer_.insert(start_, first);
    co_return Result<void>();
  }
  CO_TRY(std::vector<std::string> names, parse_csv_record(first));
  CO_TRY(format_, ListFormat::of_header(std::move(names)));
  co_return Result<void>();
}

Task<Result<std::optional<ListRow>>> ListReader::next() {
  for (;;) {
    if (turns_.due()) CO_TRY_VOID(co_await take_turn());
    CO_TRY(const std::string record, co_await take_record());
    if (record.empty()) co_return std::optional<ListRow>();
    if (trim(record).empty()) continue;
    ++number_;
    Result<ListRow> row = json_ ? ListFormat::parse_json(trim(record)) : format_.parse_csv(record);
    if (!row) co_return std::move(row).error();
    co_return *std::move(row);
  }
}

Task<Result<std::string>> ListReader::take_record() {
  for (;;) {
    const std::string_view left = std::string_view(buffer_).substr(start_);
    std::optional<std::size_t> end;
    if (json_) {
      if (const std::size_t at = left.find('\n'); at != std::string_view::npos) end = at + 1;
    } else {
      end = csv_record_end(left);
    }
    if (!end && ended_) end = left.size();
    if (end) {
      std::string record(left.substr(0, *end));
      start_ += *end;
      co_return record;
    }
    if (left.size() > kRecordMax) {
      co_return make_error(ErrorKind::kLimit, "row " + std::to_string(number_ + 1) +
                                                  " is longer than " + format_size(kRecordMax) +
                                                  ": is a quote left open?");
    }
    buffer_.erase(0, std::exchange(start_, 0));
    const std::size_t filled = buffer_.size();
    buffer_.resize(filled + kReadSize);
    Result<std::size_t> count = co_await bytes_->read_some(
        MutableBytes(reinterpret_cast<std::byte*>(buffer_.data()) + filled, kReadSize));
    buffer_.resize(filled + (count ? *count : 0));
    if (!count) co_return std::move(count).error();
    ended_ = *count == 0;
  }
}

}  // namespace telpher
