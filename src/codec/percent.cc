#include "codec/percent.h"

#include "codec/hex.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

constexpr auto kUnreserved = [] {
  std::array<bool, 256> table{};
  for (char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return make_error(ErrorKind::kInvalid, "'%' is not followed by two hexadecimal digits");
      }
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

}  // namespace

std::string percent_encode(std::string_view text, SlashEncoding slash) {
  std::string out;
  percent_encode_to(out, text, slash);
  return out;
}

void percent_encode_to(std::string& out, std::string_view text, SlashEncoding slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out.reserve(out.size() + text.size());
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kUnreserved[byte] || (c == '/' && slash == SlashEncoding::kKeep)) {
      out += c;
    } else {
      const char escape[3] = {'%', kDigits[byte >> 4], kDigits[byte & 0xf]};
      out.append(escape, 3);
    }
  }
}

Result<std::string> percent_decode(std::string_view text) { return decode(text, false); }
Result<std::string> form_decode(std::string_view text) { return decode(text, true); }

std::optional<RawParameter> take_query_parameter(std::string_view& query) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    return RawParameter{pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))};
  }
  return std::nullopt;
}

std::string_view query_of(std::string_view target) {
  const std::size_t question = target.find('?');
  return question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
}

}  // namespace telpher
