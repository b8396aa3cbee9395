#include "codec/hex.h"

namespace telpher {

void hex_encode_to(char* out, Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    *out++ = kDigits[value >> 4];
    *out++ = kDigits[value & 0xf];
  }
}

std::string hex_encode(Bytes bytes) {
  std::string text(2 * bytes.size(), '\0');
  hex_encode_to(text.data(), bytes);
  return text;
}

Result<std::string> hex_decode(std::string_view text) {
  const auto bad = [] { return make_error(ErrorKind::kInvalid, "not valid hexadecimal"); };
  if (text.size() % 2 != 0) return bad();
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return bad();
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

}  // namespace telpher
