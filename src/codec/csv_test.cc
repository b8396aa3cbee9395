#include "codec/csv.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using Fields = std::vector<std::string>;

TEST(Csv, FieldsComeAsTheyWereMeant) {
  EXPECT_EQ(*parse_csv_record("a,b\n"), (Fields{"a", "b"}));
  EXPECT_EQ(*parse_csv_record("a,\r\n"), (Fields{"a", ""}));
  EXPECT_EQ(*parse_csv_record(",,"), (Fields{"", "", ""}));
  EXPECT_EQ(*parse_csv_record(""), Fields{""});
  EXPECT_EQ(*parse_csv_record("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\n"),
            (Fields{"a,b", "say \"hi\"", "two\nlines"}));
  EXPECT_EQ(*parse_csv_record("\"\",x"), (Fields{"", "x"}));
  EXPECT_EQ(*parse_csv_record(" a , b "), (Fields{" a ", " b "}));
}

TEST(Csv, BrokenQuotesAreRefused) {
  for (const std::string_view bad : {"\"a", "\"a\"b,c", "a\"b", "\"a\"\"", "x,\""}) {
    const auto fields = parse_csv_record(bad);
    ASSERT_FALSE(fields) << bad;
    EXPECT_EQ(fields.error().kind, ErrorKind::kInvalid);
  }
}

TEST(Csv, RecordsEndOutsideQuotesOnly) {
  EXPECT_EQ(csv_record_end("a,b\nc"), 4u);
  EXPECT_EQ(csv_record_end("\"a\nb\",c\nd\n"), 8u);
  EXPECT_EQ(csv_record_end("\"a\"\"\n\"\n"), 7u);
  EXPECT_EQ(csv_record_end("\"a\n"), std::nullopt);
  EXPECT_EQ(csv_record_end("a,b"), std::nullopt);
  EXPECT_EQ(csv_record_end("a\"b,c\nd"), 6u);
  EXPECT_EQ(csv_record_end("a\"\"b\nd"), 5u);
}

}  // namespace
}  // namespace telpher
