#include "cli/json_line.h"

#include "cli/json_event.h"

#include <cstdio>

namespace telpher {

JsonLine& JsonLine::text(std::string_view name, std::string_view value) {
  return raw(name, json_string(value));
}

JsonLine& JsonLine::number(std::string_view name, std::uint64_t value) {
  return raw(name, std::to_string(value));
}

JsonLine& JsonLine::boolean(std::string_view name, bool value) {
  return raw(name, value ? "true" : "false");
}

JsonLine& JsonLine::raw(std::string_view name, std::string_view value) {
  if (line_.size() > 1) line_ += ',';
  line_.append("\"").append(name).append("\":").append(value);
  return *this;
}

void JsonLine::print() const {
  const std::string line = str() + '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
}

}  // namespace telpher
