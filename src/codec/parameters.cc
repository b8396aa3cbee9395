#include "codec/parameters.h"

#include "codec/percent.h"
#include "codec/text.h"
#include "codec/utf8.h"

namespace telpher {

std::optional<HeaderParameter> take_parameter(std::string_view& rest) {
  while (!rest.empty() && (is_blank(rest.front()) || rest.front() == ';')) rest.remove_prefix(1);
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  HeaderParameter parameter{to_lower(trim_blanks(rest.substr(0, equals))), ""};
  rest.remove_prefix(equals + 1);
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (!rest.starts_with('"')) {
    const std::size_t end = rest.find(';');
    parameter.value = trim_blanks(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
    return parameter;
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    // Old browsers' servers send "C:\dir\file" unescaped: only \" and \\ are escapes here.
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
    parameter.value += rest[i];
  }
  rest.remove_prefix(i < rest.size() ? i + 1 : i);
  return parameter;
}

std::string decode_extended(std::string_view value) {
  const std::size_t first = value.find('\'');
  const std::size_t second = first == std::string_view::npos ? first : value.find('\'', first + 1);
  if (second == std::string_view::npos) return {};
  const std::string decoded = percent_decode(value.substr(second + 1)).value_or("");
  const std::string_view charset = value.substr(0, first);
  if (iequals(charset, "utf-8")) return decoded;
  if (iequals(charset, "iso-8859-1")) return latin1_to_utf8(decoded);
  return {};
}

}  // namespace telpher
