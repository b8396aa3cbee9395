#include "codec/media_type.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

TEST(MediaType, ByTheLastExtension) {
  EXPECT_EQ(media_type_of_name("a.JPG"), "image/jpeg");
  EXPECT_EQ(media_type_of_name("dir.txt/backup.tar.gz"), "application/gzip");
  EXPECT_EQ(media_type_of_name("a.7z"), "application/x-7z-compressed");
  EXPECT_EQ(media_type_of_name("a.zst"), "application/zstd");
}

TEST(MediaType, UnknownIsBytes) {
  for (const char* name : {"", "README", ".zip", "a.", "a.b.unknown", "x.zip/y"}) {
    EXPECT_EQ(media_type_of_name(name), "application/octet-stream") << name;
  }
}

}  // namespace
}  // namespace telpher
