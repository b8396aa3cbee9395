#pragma once
// The list of `cp --from-file`: rows of CSV or JSON Lines, read as they are needed.

#include "base/result.h"
#include "codec/checksum.h"
#include "runtime/body.h"
#include "runtime/turns.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct ListRow {
  std::string url;
  std::string key;  // empty = by the source's name
  std::optional<ByteCount> size;
  std::optional<Digest> digest;  // of the whole
  std::string content_type;
  std::vector<std::string> headers;  // "Name: value", for the source
};

/// What rows say, by the names of their columns. Pure.
class ListFormat {
 public:
  /// Of a CSV header. Errors: kInvalid (no "url", a name twice).
  static Result<ListFormat> of_header(std::vector<std::string> names);

  /// One record of CSV. Errors: kInvalid, without the row's number.
  Result<ListRow> parse_csv(std::string_view record) const;
  /// One line of JSON. Errors: kInvalid.
  static Result<ListRow> parse_json(std::string_view line);
  /// Columns that mean nothing here, as in "title, sha".
  std::string unknown_columns() const;

 private:
  std::vector<std::string> names_;
};

class ListReader {
 public:
  explicit ListReader(std::unique_ptr<ByteReader> bytes) : bytes_(std::move(bytes)) {}

  /// Reads the first bytes: is it CSV with its header, or JSON Lines? Errors: kInvalid, those of
  /// reading.
  Task<Result<void>> open();
  /// The next row; nullopt at the end. An error of kind kInvalid is about number() only. Others are
  /// about the list: those of reading.
  Task<Result<std::optional<ListRow>>> next();
  /// Of the row that next() returned last; the header is not counted.
  std::uint64_t number() const { return number_; }
  const ListFormat& format() const { return format_; }

 private:
  /// One record with its line break; empty at the end.
  Task<Result<std::string>> take_record();

  const std::unique_ptr<ByteReader> bytes_;
  ListFormat format_;
  bool json_ = false;
  bool ended_ = false;
  std::string buffer_;
  std::size_t start_ = 0;  // of what has not been taken
  std::uint64_t number_ = 0;
  Turns turns_;
};

}  // namespace telpher
