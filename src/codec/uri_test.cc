#include "codec/uri.h"

#include "base/random.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(Uri, Parts) {
  const Uri uri =
      parse_uri("HTTPS://us%40er:p%3Ass@Example.COM:8443/a/./b/../c%20d?x=1&y#z").value();
  EXPECT_EQ(uri.scheme, "https");
  EXPECT_EQ(uri.user, "us@er");
  EXPECT_EQ(uri.password, "p:ss");
  EXPECT_EQ(uri.host, "example.com");
  EXPECT_EQ(uri.port, 8443);
  EXPECT_EQ(uri.target(), "/a/c%20d?x=1&y");
  EXPECT_EQ(uri.authority(), "example.com:8443");
  EXPECT_EQ(uri.last_segment(), "c d");
}

TEST(Uri, DefaultsAreFilledIn) {
  const Uri uri = parse_uri("http://h").value();
  EXPECT_EQ(uri.port, 80);
  EXPECT_EQ(uri.target(), "/");
  EXPECT_EQ(uri.authority(), "h");
  EXPECT_EQ(uri.to_string(), "http://h/");
  EXPECT_EQ(parse_uri("https://h:443/").value().to_string(), "https://h/");
  EXPECT_EQ(parse_uri("sftp://h/x").value().port, 22);
}

TEST(Uri, OneSpellingPerHost) {
  // What the address guard must not be fooled by.
  EXPECT_EQ(parse_uri("http://0x7f.1/").value().host, "127.0.0.1");
  EXPECT_EQ(parse_uri("http://2130706433/").value().host, "127.0.0.1");
  EXPECT_EQ(parse_uri("http://0177.0.0.1/").value().host, "127.0.0.1");
  EXPECT_EQ(parse_uri("http://[0:0:0:0:0:0:0:1]:81/").value().authority(), "[::1]:81");
  EXPECT_EQ(parse_uri("http://b\xc3\xbc"
                      "cher.example/")
                .value()
                .host,
            "xn--bcher-kva.example");
  EXPECT_EQ(parse_uri("http://a@b/").value().host, "b");
  EXPECT_EQ(parse_uri("http://%6c%6fcalhost/").value().host, "localhost");
}

TEST(Uri, HostsWithTwoReadingsAreRefused) {
  EXPECT_FALSE(parse_uri("http://%31%32%37.1/").has_value());
  EXPECT_FALSE(resolve_uri(parse_uri("http://h/").value(), "//%31").has_value());
}

TEST(Uri, UnsafeBytesAreEncoded) {
  const Uri uri = parse_uri("http://h/a b/\xc3\xa9?q=a b").value();
  EXPECT_EQ(uri.path, "/a%20b/%c3%a9");
  EXPECT_EQ(uri.query.find(' '), std::string::npos);
}

TEST(Uri, RefusesTheRest) {
  for (const char* text :
       {"", "h", "/x", "http://", "gopher://h/", "file:///etc/passwd", "http://h:0/",
        "http://h:65536/", "http://h:x/", "http://a b/", "http://[::1", "http://[fe80::1%25eth0]/",
        "http://h/\r\nX: y", "http://u\r\n@h/", "http://h/\x7f", "javascript:x"}) {
    EXPECT_FALSE(parse_uri(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_uri(std::string_view("http://h/\0x", 11)).has_value());
  EXPECT_EQ(parse_uri("http://h/" + std::string(70'000, 'a')).error().kind, ErrorKind::kLimit);
}

TEST(Uri, ErrorsAndLogsHoldNoSecrets) {
  const auto failed = parse_uri("https://user:secret@h:99999/?token=secret");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message.find("secret"), std::string::npos);
  const Uri uri = parse_uri("https://user:secret@h/p?X-Amz-Signature=secret").value();
  EXPECT_EQ(uri.redacted(), "https://h/p?...");
  EXPECT_EQ(uri.to_string(), "https://h/p?X-Amz-Signature=secret");
  EXPECT_EQ(uri.to_string_with_credentials(), "https://user:secret@h/p?X-Amz-Signature=secret");
}

TEST(Uri, ResolvesReferences) {
  const Uri base = parse_uri("https://u:p@h:444/a/b?q=1").value();
  const auto resolve = [&](std::string_view reference) {
    return resolve_uri(base, reference).value().to_string_with_credentials();
  };
  EXPECT_EQ(resolve("c"), "https://u:p@h:444/a/c");
  EXPECT_EQ(resolve("../c?x"), "https://u:p@h:444/c?x");
  EXPECT_EQ(resolve("/c"), "https://u:p@h:444/c");
  EXPECT_EQ(resolve("?x=2"), "https://u:p@h:444/a/b?x=2");
  EXPECT_EQ(resolve("https://h:444/c"), "https://u:p@h:444/c");
  EXPECT_EQ(resolve("//other/c"), "https://other/c");
  EXPECT_EQ(resolve("http://h:444/c"), "http://h:444/c");
  EXPECT_EQ(resolve("https://h/c"), "https://h/c");
  EXPECT_EQ(resolve("https://x:y@h:444/c"), "https://x:y@h:444/c");
  EXPECT_EQ(resolve("/a b"), "https://u:p@h:444/a%20b");
  EXPECT_FALSE(resolve_uri(base, "gopher://h/").has_value());
}

TEST(Uri, SameOrigin) {
  const auto same = [](std::string_view a, std::string_view b) {
    return same_origin(parse_uri(a).value(), parse_uri(b).value());
  };
  EXPECT_TRUE(same("https://H/a", "https://h:443/b"));
  EXPECT_FALSE(same("https://h/", "http://h/"));
  EXPECT_FALSE(same("https://h/", "https://h:444/"));
  EXPECT_FALSE(same("https://h/", "https://i/"));
}

TEST(Uri, ParsingUndoesWriting) {
  Random random(13);
  constexpr std::string_view kLetters = "abz019-._~/?=&%:@+ \xc3\xa9";
  const auto text = [&](std::size_t size_max) {
    std::string out(random.below(size_max + 1), '\0');
    for (char& c : out) c = kLetters[random.below(kLetters.size())];
    return out;
  };
  int parsed = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto uri = parse_uri("https://u" + text(3) + "@h:" + std::to_string(random.below(65536)) +
                               "/" + text(20));
    if (!uri) continue;
    ++parsed;
    const auto back = parse_uri(uri->to_string_with_credentials());
    ASSERT_TRUE(back.has_value()) << uri->to_string_with_credentials();
    EXPECT_EQ(*back, *uri) << uri->to_string_with_credentials();
  }
  EXPECT_GT(parsed, 100);
}

}  // namespace
}  // namespace telpher
