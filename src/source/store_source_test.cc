#include "source/store_source.h"

#include "runtime/loop.h"
#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

Task<Result<std::string>> read_all(Source* source, std::optional<ByteRange> range,
                                   SourceInfo seen) {
  CO_TRY(std::unique_ptr<ByteReader> reader, co_await source->open(range, std::move(seen)));
  std::string text(100, '\0');
  CO_TRY(const std::size_t size,
         co_await read_full(*reader, std::as_writable_bytes(std::span(text))));
  co_return text.substr(0, size);
}

class StoreSourceTest : public testing::Test {
 protected:
  StoreSourceTest() {
    EXPECT_TRUE(loop.run(store.create_bucket("bucket")));
    put("hello, wide world");
    source = make_store_source(store, object, "s3://host/bucket/a/b.txt");
  }
  void put(std::string_view text) {
    PutOptions options;
    options.metadata.content_type = "text/x-test";
    options.metadata.content_encoding = "zstd";
    EXPECT_TRUE(loop.run(store.put(object, Body::of(as_bytes(text)), options)));
  }

  Loop loop;
  MemoryStore store;
  const ObjectAddress object{"bucket", "a/b.txt"};
  std::unique_ptr<Source> source;
};

TEST_F(StoreSourceTest, ReadsAnObject) {
  const Result<SourceInfo> info = loop.run(source->probe());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, 17u);
  EXPECT_TRUE(info->ranges && info->rereadable);
  EXPECT_EQ(info->name, "b.txt");
  EXPECT_EQ(info->metadata.content_type, "text/x-test");
  EXPECT_EQ(info->metadata.content_encoding, "zstd");
  EXPECT_EQ(loop.run(read_all(source.get(), {}, *info)).value(), "hello, wide world");
  EXPECT_EQ(loop.run(read_all(source.get(), ByteRange{7, 4}, *info)).value(), "wide");
}

TEST_F(StoreSourceTest, AnObjectThatIsReplacedIsNoticed) {
  const Result<SourceInfo> info = loop.run(source->probe());
  put("HELLO, WIDE WORLD");
  EXPECT_EQ(loop.run(read_all(source.get(), ByteRange{7, 4}, *info)).error().kind,
            ErrorKind::kSourceChanged);
  EXPECT_EQ(loop.run(read_all(source.get(), {}, *info)).error().kind, ErrorKind::kSourceChanged);
}

TEST_F(StoreSourceTest, WhatIsNotThereIsNotFound) {
  source = make_store_source(store, {"bucket", "none"}, "s3://host/bucket/none");
  EXPECT_EQ(loop.run(source->probe()).error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace telpher
