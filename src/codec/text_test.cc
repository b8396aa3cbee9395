#include "codec/text.h"

#include "base/random.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/percent.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

std::string random_text(Random& random, std::size_t size_max) {
  std::string text(random.below(size_max + 1), '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

TEST(Base64, Rfc4648Vectors) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(base64_encode(as_bytes(plain)), encoded);
    EXPECT_EQ(base64_decode(encoded).value(), plain);
  }
}

TEST(Base64, RefusesWhatHasASecondSpelling) {
  for (const char* text : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n",
                           "Zm 9", "Zm-_", "=Zm9"}) {
    EXPECT_FALSE(base64_decode(text).has_value()) << text;
  }
}

TEST(Hex, BothCasesInLowerOut) {
  EXPECT_EQ(hex_encode(as_bytes("\x01\xAB")), "01ab");
  EXPECT_EQ(hex_decode("01aB").value(), "\x01\xAB");
  EXPECT_FALSE(hex_decode("0").has_value());
  EXPECT_FALSE(hex_decode("0g").has_value());
}

TEST(Percent, AwsRules) {
  EXPECT_EQ(percent_encode("a b/c+d=~é*'"), "a%20b%2Fc%2Bd%3D~%C3%A9%2A%27");
  EXPECT_EQ(percent_encode("photos/1 2.jpg", SlashEncoding::kKeep), "photos/1%202.jpg");
  EXPECT_EQ(percent_decode("a%20b+c%2f").value(), "a b+c/");
  EXPECT_EQ(form_decode("a%20b+c").value(), "a b c");
  for (const char* text : {"%", "%2", "a%2", "%zz", "%%20"}) {
    EXPECT_FALSE(percent_decode(text).has_value()) << text;
  }
}

TEST(Encodings, DecodingUndoesEncoding) {
  Random random(3);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = random_text(random, 40);
    EXPECT_EQ(base64_decode(base64_encode(as_bytes(text))).value(), text);
    EXPECT_EQ(hex_decode(hex_encode(as_bytes(text))).value(), text);
    EXPECT_EQ(percent_decode(percent_encode(text)).value(), text);
    EXPECT_EQ(percent_decode(percent_encode(text, SlashEncoding::kKeep)).value(), text);
    EXPECT_EQ(form_decode(percent_encode(text)).value(), text);
  }
}

TEST(Text, ComparesAndTrims) {
  EXPECT_TRUE(iequals("Content-Length", "content-LENGTH"));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("[", "{"));  // differ by the case bit but are no letters
  EXPECT_TRUE(istarts_with("Bearer x", "bearer "));
  EXPECT_EQ(trim_blanks(" \t x y\t "), "x y");
  EXPECT_EQ(trim_blanks(" "), "");
  EXPECT_EQ(trim("\r\n x \n"), "x");
}

TEST(Text, DecimalIsDigitsOnly) {
  EXPECT_EQ(parse_decimal<std::uint64_t>("18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(parse_decimal<std::uint64_t>("007"), 7u);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "1e3", "18446744073709551616"}) {
    EXPECT_FALSE(parse_decimal<std::uint64_t>(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace telpher
