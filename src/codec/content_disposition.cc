#include "codec/content_disposition.h"

#include "codec/http_syntax.h"
#include "codec/percent.h"
#include "codec/text.h"
#include "codec/utf8.h"

namespace telpher {
namespace {

struct Parameter {
  std::string name;  // lower case
  std::string value;
};

// Reads one `; name=value` from the front of `rest`; nullopt at the end or at what is no parameter.
std::optional<Parameter> take_parameter(std::string_view& rest) {
  while (!rest.empty() && (is_blank(rest.front()) || rest.front() == ';')) rest.remove_prefix(1);
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  Parameter parameter{to_lower(trim_blanks(rest.substr(0, equals))), ""};
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

// UTF-8'en'na%C3%AFve.txt. Empty when it cannot be decoded. Source: RFC 8187 §3.2.
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

}  // namespace

std::optional<std::string> parse_content_disposition_name(std::string_view value) {
  const std::size_t type_end = value.find(';');
  // Some servers send only `filename=x`.
  std::string_view rest = value.substr(0, type_end).find('=') != std::string_view::npos ? value
                          : type_end == std::string_view::npos                          ? ""
                                                               : value.substr(type_end);
  std::string plain;
  std::string extended;
  while (const auto parameter = take_parameter(rest)) {
    if (parameter->name == "filename" && plain.empty()) {
      plain = is_utf8(parameter->value) ? parameter->value : latin1_to_utf8(parameter->value);
    } else if (parameter->name == "filename*" && extended.empty()) {
      extended = decode_extended(parameter->value);
    }
  }
  for (const std::string& candidate : {extended, plain}) {
    std::string name = safe_file_name(candidate);
    if (!name.empty()) return name;
  }
  return std::nullopt;
}

std::string make_content_disposition(std::string_view name) {
  std::string plain;
  bool exact = true;
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool printable = byte >= 0x20 && byte < 0x7f;
    exact &= printable;
    if (c == '"' || c == '\\') plain += '\\';
    plain += printable ? c : '_';
  }
  std::string text = "attachment; filename=\"" + plain + "\"";
  if (!exact) text += "; filename*=UTF-8''" + percent_encode(name);
  return text;
}

std::string safe_file_name(std::string_view name) {
  if (!is_utf8(name)) return {};
  const std::size_t slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string safe;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    // U+0080 to U+009F: terminals obey them like the ASCII control characters.
    if (byte == 0xc2 && static_cast<unsigned char>(name[i + 1]) < 0xa0) {
      ++i;
    } else if (byte >= 0x20 && byte != 0x7f) {
      safe += name[i];
    }
  }
  safe = std::string(trim(utf8_prefix(trim(safe), kFileNameBytesMax)));
  if (safe == "." || safe == "..") return {};
  return safe;
}

}  // namespace telpher
