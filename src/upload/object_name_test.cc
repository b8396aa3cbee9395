#include "upload/object_name.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 9h + 5min + 7s};

TEST(ObjectName, LeadsNowhereElse) {
  const std::pair<const char*, const char*> names[] = {
      {"photo.jpg", "photo.jpg"},
      {"My Photo (1).JPG", "My_Photo__1_.JPG"},
      {"../../etc/passwd", "passwd"},
      {"C:\\Users\\me\\a.txt", "a.txt"},
      {"a..b.txt", "a_b.txt"},
      {"...", "_."},
      {"..", "_"},
      {".", "_"},
      {"", "_"},
      {"dir/", "_"},
      {".htaccess", "htaccess"},
      {"na\xc3\xafve \xf0\x9f\x98\x80.txt", "na_ve__.txt"},
      {"a\nb\"<>&?*.txt", "a_b______.txt"},
  };
  for (const auto& [file, name] : names) EXPECT_EQ(safe_object_name(file), name) << file;
  const std::string cut = safe_object_name(std::string(400, 'x') + ".jpeg");
  EXPECT_EQ(cut, std::string(250, 'x') + ".jpeg");
  EXPECT_EQ(safe_object_name(std::string(249, 'x') + ".y.jpeg"), std::string(249, 'x') + ".jpeg");
  EXPECT_EQ(safe_object_name("a.\x80.b"), "a_b") << "not UTF-8";
  EXPECT_EQ(safe_object_name("a." + std::string(400, 'x')).size(), 255u);
}

TEST(ObjectName, NoKeyTwice) {
  UniqueKeys keys;
  const auto next = [&](const char* name, WallTime now = kNow) {
    return keys.next("bucket", "uploads/", now, name);
  };
  EXPECT_EQ(next("a.txt"), "uploads/2026-11-22T09-05-07_a.txt");
  EXPECT_EQ(next("a-2.txt"), "uploads/2026-11-22T09-05-07_a-2.txt");
  EXPECT_EQ(next("a.txt"), "uploads/2026-11-22T09-05-07_a-3.txt") << "a-2.txt is taken";
  EXPECT_EQ(next("a.txt"), "uploads/2026-11-22T09-05-07_a-4.txt");
  EXPECT_EQ(next("noext"), "uploads/2026-11-22T09-05-07_noext");
  EXPECT_EQ(next("noext"), "uploads/2026-11-22T09-05-07_noext-2");
  EXPECT_EQ(keys.next("other", "uploads/", kNow, "a.txt"), "uploads/2026-11-22T09-05-07_a.txt");
  EXPECT_EQ(next("a.txt", kNow + 1s), "uploads/2026-11-22T09-05-08_a.txt");
  const std::string longest = std::string(250, 'x') + ".jpeg";
  EXPECT_EQ(next(longest.c_str()).size(), next(longest.c_str()).size()) << "never above 255";
}

TEST(ObjectName, Prefixes) {
  EXPECT_EQ(parse_key_prefix("").value(), "");
  EXPECT_EQ(parse_key_prefix("photos/2026").value(), "photos/2026/");
  EXPECT_EQ(parse_key_prefix("photos/").value(), "photos/");
  for (std::string_view text : {"/photos", "a//b", "a/../b", "..", "./a", "a\nb", "\xff"}) {
    EXPECT_FALSE(parse_key_prefix(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_key_prefix(std::string(600, 'a')).has_value());
}

}  // namespace
}  // namespace telpher
