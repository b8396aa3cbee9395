#include "s3/service/xml_request.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

template <class T>
std::string code_of(const Result<T>& result) {
  if (result) return "";
  EXPECT_EQ(result.error().context.http_status, 400);
  return result.error().context.code;
}

std::string repeated(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// --- CompleteMultipartUpload ------------------------------------------------------------------

std::string complete(std::string_view parts) {
  return "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
         std::string(parts) + "</CompleteMultipartUpload>";
}

TEST(CompleteBody, IsReadInAllItsForms) {
  const auto parts = parse_complete_body(
      "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- by hand -->\r\n" +
      complete("\n <Part>\n  <PartNumber> 1 </PartNumber>\n  <ETag>&quot;a1&quot;</ETag>\n </Part>"
               "<Part><ETag>\"b2\"</ETag><PartNumber>02</PartNumber>"
               "<ChecksumCRC64NVME>M3eFcAZSQlc=</ChecksumCRC64NVME></Part>"
               "<Part><ETag>c3</ETag><Size>7</Size><PartNumber>10000</PartNumber></Part>"
               "<Part><PartNumber>3</PartNumber><ETag><![CDATA[\"d4\"]]></ETag></Part>"));
  ASSERT_TRUE(parts.has_value()) << parts.error().message;
  ASSERT_EQ(parts->size(), 4u);
  EXPECT_EQ((*parts)[0].number, 1);
  EXPECT_EQ((*parts)[0].etag, "\"a1\"");
  EXPECT_EQ((*parts)[1].number, 2);
  EXPECT_EQ((*parts)[1].checksum->to_base64(), "M3eFcAZSQlc=");
  EXPECT_EQ((*parts)[2].number, 10'000);
  EXPECT_EQ((*parts)[2].etag, "c3");
  EXPECT_EQ((*parts)[3].number, 3) << "the order is the client's";
  EXPECT_EQ((*parts)[3].etag, "\"d4\"");
}

TEST(CompleteBody, TakesEachChecksum) {
  const std::pair<const char*, const char*> values[] = {
      {"CRC32", "NhCmhg=="},
      {"CRC32C", "+Cy97w=="},
      {"CRC64NVME", "QFRKMGE3tuw="},
      {"SHA1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="},
      {"SHA256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}};
  for (const auto& [name, value] : values) {
    const std::string element =
        "<Checksum" + std::string(name) + ">" + value + "</Checksum" + name + ">";
    const std::string part = "<Part><PartNumber>1</PartNumber><ETag>e</ETag>" + element;
    const auto parts = parse_complete_body(complete(part + "</Part>"));
    ASSERT_TRUE(parts.has_value()) << name;
    EXPECT_EQ(checksum_s3_name((*parts)[0].checksum->algorithm()), name);
    const std::string more = name == std::string("SHA1")
                                 ? "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>"
                                 : "<ChecksumSHA1>qvTGHdzF6KLavt4PO0gs2a6pQ00=</ChecksumSHA1>";
    EXPECT_EQ(code_of(parse_complete_body(complete(part + more + "</Part>"))), "InvalidArgument");
  }
  EXPECT_EQ(code_of(parse_complete_body(complete("<Part><PartNumber>1</PartNumber><ETag>e</ETag>"
                                                 "<ChecksumCRC32>QUJD</ChecksumCRC32></Part>"))),
            "InvalidArgument");
}

TEST(CompleteBody, RefusesWhatSaysNoParts) {
  const auto part = [](std::string_view number, std::string_view etag = "<ETag>e</ETag>") {
    return complete("<Part><PartNumber>" + std::string(number) + "</PartNumber>" +
                    std::string(etag) + "</Part>");
  };
  for (const std::string& body :
       {std::string(),
        std::string("garbage"),
        complete(""),
        complete("<Part/>"),
        part(""),
        part("x"),
        part("1x"),
        part("1.5"),
        part("99999999999999"),
        part("0x1"),
        part("+1"),
        part("1</PartNumber><PartNumber>2"),
        part("<b>1</b>"),
        part("1", ""),
        part("1", "<ETag>a</ETag><ETag>b</ETag>"),
        "<Delete>" + part("1") + "</Delete>",
        part("1") + part("2"),
        part("1") + "garbage",
        "garbage" + part("1"),
        part("1").substr(0, part("1").size() - 1),
        complete(repeated("<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>", 10'001))}) {
    EXPECT_EQ(code_of(parse_complete_body(body)), "MalformedXML") << body.substr(0, 300);
  }
  EXPECT_EQ(code_of(parse_complete_body(part("0"))), "InvalidArgument");
  EXPECT_EQ(code_of(parse_complete_body(part("-1"))), "InvalidArgument");
  EXPECT_EQ(code_of(parse_complete_body(complete(
                repeated("<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>", 10'000)))),
            "");
  EXPECT_EQ(code_of(parse_complete_body(part("1", std::string(kCompleteBytesMax, ' ')))),
            "MaxMessageLengthExceeded");
}

// --- Delete -----------------------------------------------------------------------------------

std::string remove_one(std::string_view key) {
  return "<Delete><Object><Key>" + std::string(key) + "</Key></Object></Delete>";
}

TEST(DeleteBody, IsRead) {
  const auto body = parse_delete_body(
      "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
      "<Object><Key>a</Key></Object>"
      "<Object><ETag>\"e\"</ETag><VersionId>null</VersionId><Key>b/c</Key></Object></Delete>");
  ASSERT_TRUE(body.has_value());
  EXPECT_TRUE(body->quiet);
  ASSERT_EQ(body->objects.size(), 2u);
  EXPECT_EQ(body->objects[0].key, "a");
  EXPECT_EQ(body->objects[0].version_id, "");
  EXPECT_EQ(body->objects[1].key, "b/c");
  EXPECT_EQ(body->objects[1].version_id, "null");
  EXPECT_FALSE(parse_delete_body(remove_one("a"))->quiet);
}

TEST(DeleteBody, NamesMayHaveAPrefix) {
  const auto body = parse_delete_body(
      "<d:Delete xmlns:d=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<d:Object><d:Key>a:b</d:Key></d:Object></d:Delete>");
  ASSERT_TRUE(body.has_value());
  ASSERT_EQ(body->objects.size(), 1u);
  EXPECT_EQ(body->objects[0].key, "a:b");
  EXPECT_FALSE(
      parse_delete_body("<d:Delete><d:Object><d:Key>a</d:Key><Key>b</Key></d:Object></d:Delete>"));
}

// An object that cannot be named cannot be deleted; one that is named wrongly is another.
TEST(DeleteBody, KeysSurviveExactly) {
  const std::pair<std::string, std::string> keys[] = {
      {" ", " "},
      {"  a b  ", "  a b  "},
      {"\n", "\n"},
      {"a&#x9;b&#10;c&#xd;d&#13;", "a\tb\nc\rd\r"},
      {"&#1;&#x1f;", "\x01\x1f"},
      {"\x01\x7f", "\x01\x7f"},
      {"a&amp;b&lt;c&gt;d&quot;e&apos;f", "a&b<c>d\"e'f"},
      {"&amp;amp;#10;", "&amp;#10;"},
      {"<![CDATA[a&b<c>]]>d", "a&b<c>d"},
      {"a<!-- & comment -->b", "ab"},
      {" <!-- --> ", "  "},
      {"]]&gt;", "]]>"},
      {"&#x20AC;\xE2\x82\xAC&#128512;", "\xE2\x82\xAC\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"../../etc/passwd", "../../etc/passwd"},
      {"%2F+a", "%2F+a"},
  };
  for (const auto& [sent, key] : keys) {
    const auto body = parse_delete_body(remove_one(sent));
    ASSERT_TRUE(body.has_value()) << sent;
    EXPECT_EQ(body->objects[0].key, key) << sent;
  }
}

TEST(DeleteBody, RefusesWhatNamesNothingOrTooMuch) {
  const std::string object = "<Object><Key>k</Key></Object>";
  EXPECT_EQ(code_of(parse_delete_body("<Delete>" + repeated(object, 1000) + "</Delete>")), "");
  for (const std::string& body :
       {"<Delete>" + repeated(object, 1001) + "</Delete>", std::string("<Delete/>"),
        std::string("<Delete><Object/></Delete>"), remove_one(""), remove_one("a</Key><Key>b"),
        remove_one("a<b/>"), "<delete>" + object + "</delete>",
        "<Delete><Quiet>maybe</Quiet>" + object + "</Delete>",
        "<Delete>" + object + "</Delete><Delete>" + object + "</Delete>"}) {
    EXPECT_EQ(code_of(parse_delete_body(body)), "MalformedXML") << body.substr(0, 200);
  }
}

TEST(DeleteBody, IsHostileSafe) {
  const std::string bomb =
      "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>" + remove_one("&b;");
  const std::string file =
      "<!DOCTYPE d [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>" + remove_one("&f;");
  for (const std::string& body : {bomb,
                                  file,
                                  "<!DOCTYPE Delete>" + remove_one("a"),
                                  remove_one("&f;"),
                                  remove_one("&"),
                                  remove_one("a&#0;b"),
                                  remove_one("a&#x0;b"),
                                  remove_one("&#;"),
                                  remove_one("&#x;"),
                                  remove_one("&#xD800;"),
                                  remove_one("&#x110000;"),
                                  remove_one("&#99999999999;"),
                                  remove_one("&#-1;"),
                                  remove_one("&#65"),
                                  remove_one(std::string_view("a\0b", 3)),
                                  remove_one("\xff"),
                                  remove_one("\xc0\xaf"),
                                  remove_one("<![CDATA[a"),
                                  repeated("<Delete>", 9) + repeated("</Delete>", 9),
                                  repeated("<a>", 100'000),
                                  repeated("<a>", 50'000) + repeated("</a>", 50'000)}) {
    EXPECT_EQ(code_of(parse_delete_body(body)), "MalformedXML") << body.substr(0, 200);
  }
  EXPECT_EQ(code_of(parse_delete_body(remove_one(std::string(kDeleteBytesMax, 'a')))),
            "MaxMessageLengthExceeded");
}

// --- tags -------------------------------------------------------------------------------------

std::string tagging(const std::vector<std::pair<std::string, std::string>>& tags) {
  std::string text = "<Tagging><TagSet>";
  for (const auto& [key, value] : tags) {
    text += "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>";
  }
  return text + "</TagSet></Tagging>";
}

TEST(TaggingBody, IsReadAndLimited) {
  const auto tags = parse_tagging_body(tagging({{"a", "1"}, {"B c", ""}, {" d ", " e+-=._:/@ "}}));
  ASSERT_TRUE(tags.has_value());
  EXPECT_EQ(*tags, (Tags{{"a", "1"}, {"B c", ""}, {" d ", " e+-=._:/@ "}}));
  EXPECT_EQ(parse_tagging_body(tagging({}))->size(), 0u);

  // Characters, not bytes.
  const std::string key = repeated("\xC3\xA9", 128);
  const std::string value = repeated("\xE2\x82\xAC", 256);
  EXPECT_EQ(code_of(parse_tagging_body(tagging({{key, value}}))), "");
  EXPECT_EQ(code_of(parse_tagging_body(tagging({{key + "a", ""}}))), "InvalidTag");
  EXPECT_EQ(code_of(parse_tagging_body(tagging({{"k", value + "a"}}))), "InvalidTag");

  EXPECT_EQ(code_of(parse_tagging_body(tagging({{"a", "1"}, {"a", "1"}}))), "InvalidTag");
  EXPECT_EQ(code_of(parse_tagging_body(tagging({{"", "1"}}))), "InvalidTag");
  EXPECT_EQ(code_of(parse_tagging_body(tagging({{"aws:a", "1"}}))), "InvalidTag");
  EXPECT_EQ(code_of(parse_tagging_body(tagging({{"a?b", "1"}}))), "InvalidTag");
  EXPECT_EQ(code_of(parse_tagging_body(tagging({{"a", "1&#9;"}}))), "InvalidTag");
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 10; ++i) many.emplace_back("k" + std::to_string(i), "");
  EXPECT_EQ(code_of(parse_tagging_body(tagging(many))), "");
  many.emplace_back("one more", "");
  EXPECT_EQ(code_of(parse_tagging_body(tagging(many))), "BadRequest");

  for (const char* body : {"<Tagging/>", "<TagSet/>", "",
                           "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
                           "<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>",
                           "<Tagging><TagSet/><TagSet/></Tagging>"}) {
    EXPECT_EQ(code_of(parse_tagging_body(body)), "MalformedXML") << body;
  }
}

TEST(TaggingHeader, IsAQuery) {
  EXPECT_EQ(*parse_tagging_header("a=1&b%20c=d+e%2B&f&g="),
            (Tags{{"a", "1"}, {"b c", "d e+"}, {"f", ""}, {"g", ""}}));
  EXPECT_EQ(parse_tagging_header("")->size(), 0u);
  for (const char* header : {"a=1&a=2", "=1", "a=%", "a=%zz", "a=%ff", "%c0%af=1"}) {
    EXPECT_EQ(code_of(parse_tagging_header(header)), "InvalidArgument") << header;
  }
  EXPECT_EQ(code_of(parse_tagging_header("a=%00")), "InvalidTag");
  EXPECT_EQ(code_of(parse_tagging_header("a&b&c&d&e&f&g&h&i&j&k")), "BadRequest");
}

// --- CreateBucketConfiguration ----------------------------------------------------------------

TEST(CreateBucketBody, NamesAPlaceOrNone) {
  EXPECT_EQ(*parse_create_bucket_body(""), "");
  EXPECT_EQ(*parse_create_bucket_body("\n"), "");
  EXPECT_EQ(*parse_create_bucket_body("<CreateBucketConfiguration/>"), "");
  EXPECT_EQ(*parse_create_bucket_body("<CreateBucketConfiguration xmlns=\"x\"><LocationConstraint>"
                                      "eu-west-1</LocationConstraint></CreateBucketConfiguration>"),
            "eu-west-1");
  for (const char* body :
       {"<Create/>", "eu-west-1",
        "<CreateBucketConfiguration><LocationConstraint>a</LocationConstraint>"
        "<LocationConstraint>b</LocationConstraint></CreateBucketConfiguration>"}) {
    EXPECT_EQ(code_of(parse_create_bucket_body(body)), "MalformedXML") << body;
  }
  for (const char* inside : {"<Bucket><Type>Directory</Type></Bucket>", "<Tags/>"}) {
    const std::string body =
        std::string("<CreateBucketConfiguration>") + inside + "</CreateBucketConfiguration>";
    const Result<std::string> refused = parse_create_bucket_body(body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().context.code, "NotImplemented") << body;
  }
}

}  // namespace
}  // namespace telpher
