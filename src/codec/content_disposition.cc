#include "codec/content_disposition.h"

#include "codec/parameters.h"
#include "codec/percent.h"
#include "codec/text.h"
#include "codec/utf8.h"

namespace telpher {

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
