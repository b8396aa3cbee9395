#pragma once
// One JSON object on one line, built field by field in the order they are to stand. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace telpher {

class JsonLine {
 public:
  /// Bytes that are not UTF-8 are read as Latin-1.
  JsonLine& text(std::string_view name, std::string_view value);
  JsonLine& number(std::string_view name, std::uint64_t value);
  JsonLine& boolean(std::string_view name, bool value);
  /// `value` is JSON already.
  JsonLine& raw(std::string_view name, std::string_view value);

  /// "{…}", without an end of line.
  std::string str() const { return line_ + '}'; }
  /// Writes it to standard output, with its end.
  void print() const;

 private:
  std::string line_ = "{";
};

}  // namespace telpher
