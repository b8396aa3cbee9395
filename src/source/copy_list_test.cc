#include "source/copy_list.h"

#include "runtime/loop.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

/// The first bytes a few at a time.
class SlowBytes final : public ByteReader {
 public:
  explicit SlowBytes(std::string text) : text_(std::move(text)) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const std::size_t count =
        std::min({at_ < 500 ? std::size_t{3} : buffer.size(), buffer.size(), text_.size() - at_});
    std::ranges::copy(as_bytes(text_).subspan(at_, count), buffer.begin());
    at_ += count;
    co_return count;
  }

 private:
  const std::string text_;
  std::size_t at_ = 0;
};

struct Read {
  std::vector<ListRow> rows;
  std::vector<std::string> errors;  // "number: message"
  std::optional<Error> fatal;
};

Task<Read> read_all(std::string text) {
  Read read;
  ListReader reader(std::make_unique<SlowBytes>(std::move(text)));
  if (Result<void> opened = co_await reader.open(); !opened) {
    read.fatal = opened.error();
    co_return read;
  }
  for (;;) {
    Result<std::optional<ListRow>> row = co_await reader.next();
    if (!row && row.error().kind != ErrorKind::kInvalid) {
      read.fatal = row.error();
      co_return read;
    }
    if (!row) {
      read.errors.push_back(std::to_string(reader.number()) + ": " + row.error().message);
    } else if (*row) {
      read.rows.push_back(**std::move(row));
    } else {
      co_return read;
    }
  }
}

Read read(std::string text) {
  Loop loop;
  return loop.run(read_all(std::move(text)));
}

TEST(CopyList, CsvColumnsInAnyOrder) {
  const Read list = read(
      "\xef\xbb\xbfkey,URL,size,md5,content_type,header.X-Token,title\r\n"
      "\"a,b\",http://h/1,12,5d41402abc4b2a76b9719d911017c592,text/plain,secret,one\r\n"
      "\r\n"
      ",http://h/2");
  ASSERT_FALSE(list.fatal) << list.fatal->message;
  ASSERT_EQ(list.rows.size(), 2u);
  EXPECT_EQ(list.rows[0].key, "a,b");
  EXPECT_EQ(list.rows[0].url, "http://h/1");
  EXPECT_EQ(list.rows[0].size, 12u);
  EXPECT_EQ(list.rows[0].digest->algorithm(), ChecksumAlgorithm::kMd5);
  EXPECT_EQ(list.rows[0].content_type, "text/plain");
  EXPECT_EQ(list.rows[0].headers, std::vector<std::string>{"X-Token: secret"});
  EXPECT_EQ(list.rows[1].url, "http://h/2");
  EXPECT_EQ(list.rows[1].key, "");
}

TEST(CopyList, JsonLines) {
  const Read list = read(
      "\n{\"url\":\"http://h/1\",\"size\":3,\"key\":null,\"tags\":[1]}\n"
      "{\"url\":\"http://h/2\",\"header.A\":\"b\"}");
  ASSERT_FALSE(list.fatal) << list.fatal->message;
  ASSERT_EQ(list.rows.size(), 2u);
  EXPECT_EQ(list.rows[0].size, 3u);
  EXPECT_EQ(list.rows[1].headers, std::vector<std::string>{"A: b"});
}

TEST(CopyList, TheWordsOfTheApiAreTaken) {
  for (const char* text : {"sourceUrl,contentType,KEY\nhttp://h/1,text/plain,k\n",
                           R"({"sourceUrl":"http://h/1","contentType":"text/plain","Key":"k"})"}) {
    const Read list = read(text);
    ASSERT_EQ(list.rows.size(), 1u) << text;
    EXPECT_EQ(list.rows[0].url, "http://h/1");
    EXPECT_EQ(list.rows[0].content_type, "text/plain");
    EXPECT_EQ(list.rows[0].key, "k");
  }
}

TEST(CopyList, BadRowsAreNamedAndTheOthersGoOn) {
  const Read list = read("url,size\nhttp://h/1,many\n,3\nhttp://h/3,3,4\nhttp://h/4,4\n");
  ASSERT_EQ(list.errors.size(), 3u);
  EXPECT_TRUE(list.errors[0].starts_with("1: size must be a number")) << list.errors[0];
  EXPECT_EQ(list.errors[1], "2: URL is required");
  EXPECT_EQ(list.errors[2], "3: it has 3 fields, the header 2");
  ASSERT_EQ(list.rows.size(), 1u);
  EXPECT_EQ(list.rows[0].url, "http://h/4");
}

TEST(CopyList, AListThatIsNoneIsRefused) {
  EXPECT_EQ(read("http://h/1\nhttp://h/2\n").fatal->kind, ErrorKind::kInvalid);
  EXPECT_EQ(read("").fatal->kind, ErrorKind::kInvalid);
  EXPECT_EQ(read("url,url\n").fatal->kind, ErrorKind::kInvalid);
  const Read open_quote = read("url\n\"http://h" + std::string(2 << 20, 'x'));
  ASSERT_TRUE(open_quote.fatal);
  EXPECT_EQ(open_quote.fatal->kind, ErrorKind::kLimit);
}

TEST(CopyList, ColumnsWithoutAMeaningAreTold) {
  const auto format = ListFormat::of_header({"url", "sha25", "Title", "sha256"});
  ASSERT_TRUE(format);
  EXPECT_EQ(format->unknown_columns(), "sha25, title");
}

}  // namespace
}  // namespace telpher
