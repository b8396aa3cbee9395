#include "codec/multipart_form.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <vector>

namespace telpher {
namespace {

struct Part {
  FormPart head;
  std::string content;
  bool complete = false;
};

struct Form {
  std::vector<Part> parts;
  bool done = false;
};

/// Feeds `text` in pieces of `piece` bytes.
Result<Form> parse(std::string_view text, std::size_t piece, MultipartFormLimits limits = {},
                   std::string_view boundary = "B") {
  MultipartFormParser parser(boundary, limits);
  Form form;
  int idle = 0;
  for (std::size_t begin = 0; begin < text.size(); begin += piece) {
    std::string_view input = text.substr(begin, piece);
    while (!input.empty()) {
      const std::size_t held = parser.held_back();
      TRY(const MultipartFormParser::Step step, parser.next(as_bytes(input)));
      idle = step.consumed == 0 ? idle + 1 : 0;
      EXPECT_LT(idle, 2) << "no progress";
      switch (step.event) {
        case MultipartFormParser::Event::kPart:
          form.parts.push_back({parser.part(), "", false});
          break;
        case MultipartFormParser::Event::kData:
          EXPECT_FALSE(step.data.empty());
          if (held > 0) EXPECT_EQ(step.data.size(), held) << "what was held back comes by itself";
          form.parts.back().content += as_text(step.data);
          break;
        case MultipartFormParser::Event::kPartEnd: form.parts.back().complete = true; break;
        case MultipartFormParser::Event::kEnd: EXPECT_TRUE(parser.done()); break;
        case MultipartFormParser::Event::kNone: break;
      }
      input.remove_prefix(step.consumed);
    }
  }
  form.done = parser.done();
  return form;
}

std::string part(std::string_view disposition, std::string_view content) {
  return "--B\r\nContent-Disposition: form-data; " + std::string(disposition) + "\r\n\r\n" +
         std::string(content) + "\r\n";
}

Result<FormPart> parse_head(std::string_view head) {
  TRY(Form form, parse("--B\r\n" + std::string(head) + "\r\n\r\nx\r\n--B--", 1000));
  if (form.parts.size() != 1) return make_error(ErrorKind::kInvalid, "not one part");
  return form.parts[0].head;
}

TEST(MultipartForm, ComesApartAlikeHoweverItIsCut) {
  const std::string text =
      "this is\r\n--a preamble\r\n--B  \t\r\n"
      "Content-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n"
      "Content-Type: Text/Plain; charset=utf-8\r\n\r\n"
      "\r\n--\r\n--C\r\r\n--\r\n-B \n--B\r" +
      std::string("\r\n--B\r\n") + "content-disposition: form-data; name=x\r\n\r\n\r\n--B\r\n" +
      "Content-Disposition: form-data; name=\"empty\"; filename=\"\"\r\n\r\n\r\n--B--\r\n" +
      "an epilogue\r\n--B\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const auto form = parse(text, piece);
    ASSERT_TRUE(form.has_value()) << piece << ": " << form.error().message;
    ASSERT_EQ(form->parts.size(), 3u) << piece;
    EXPECT_TRUE(form->done);
    EXPECT_EQ(form->parts[0].head.name, "files");
    EXPECT_EQ(form->parts[0].head.file_name, "a.txt");
    EXPECT_EQ(form->parts[0].head.content_type, "text/plain");
    EXPECT_EQ(form->parts[0].content, "\r\n--\r\n--C\r\r\n--\r\n-B \n--B\r") << piece;
    EXPECT_EQ(form->parts[1].head.name, "x");
    EXPECT_EQ(form->parts[1].head.file_name, std::nullopt);
    EXPECT_EQ(form->parts[1].content, "");
    EXPECT_EQ(form->parts[2].head.file_name, "");
    EXPECT_TRUE(form->parts[2].complete);
  }
}

// A boundary may stand anywhere in a read, and bytes that look like its beginning anywhere in a
// file.
TEST(MultipartForm, KeepsEveryByteOfAFile) {
  Random random(7);
  constexpr std::string_view kAlphabet = "\r\n-Bx";
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::string> contents(1 + random.below(3));
    std::string text;
    for (std::string& content : contents) {
      const std::size_t size = random.below(40);
      while (content.size() < size) content += kAlphabet[random.below(kAlphabet.size())];
      if (("\r\n" + content + "\r\n").find("\r\n--B") != std::string::npos) content = "x";
      text += part("name=\"f\"; filename=\"n\"", content);
    }
    text += "--B--";
    const auto form = parse(text, 1 + random.below(20));
    ASSERT_TRUE(form.has_value()) << form.error().message;
    ASSERT_EQ(form->parts.size(), contents.size());
    for (std::size_t i = 0; i < contents.size(); ++i) {
      EXPECT_EQ(form->parts[i].content, contents[i]);
    }
    EXPECT_TRUE(form->done);
  }
}

TEST(MultipartForm, HandsOutContentWhereItLies) {
  MultipartFormParser parser("B");
  const std::string text = part("name=a", std::string(10'000, 'x'));
  std::size_t at = 0;
  for (MultipartFormParser::Step step; step.event != MultipartFormParser::Event::kPart;) {
    step = parser.next(as_bytes(text).subspan(at)).value();
    at += step.consumed;
  }
  const auto step = parser.next(as_bytes(text).subspan(at));
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->data.data(), as_bytes(text).data() + at) << "no copy";
  EXPECT_EQ(step->data.size(), 10'000u);
}

TEST(MultipartForm, NamesOfFiles) {
  const std::pair<const char*, const char*> names[] = {
      {R"(filename="a b.txt")", "a b.txt"},
      {R"(filename="a;b=\"c\".txt")", R"(a;b="c".txt)"},
      {R"(filename="C:\dir\file.txt")", R"(C:\dir\file.txt)"},
      {R"(filename="../../etc/passwd")", "../../etc/passwd"},
      {"filename=\"na\xc3\xafve.txt\"", "na\xc3\xafve.txt"},
      {"filename=\"na\xefve.txt\"", "na\xc3\xafve.txt"},
      {R"(filename="plain.txt"; filename*=UTF-8''na%C3%AFve.txt)", "na\xc3\xafve.txt"},
      {R"(filename*=utf-8'en'%e2%82%ac%20rates; filename="plain.txt")", "\xe2\x82\xac rates"},
      {R"(filename*=iso-8859-1''na%EFve; filename="plain.txt")", "na\xc3\xafve"},
      {R"(filename="plain.txt"; filename*=UTF-8''%FF)", "plain.txt"},
      {R"(filename="plain.txt"; filename*=koi8-r''x)", "plain.txt"},
  };
  for (const auto& [parameter, name] : names) {
    const auto head =
        parse_head("Content-Disposition: form-data; name=\"files\"; " + std::string(parameter));
    ASSERT_TRUE(head.has_value()) << parameter;
    EXPECT_EQ(head->file_name, name) << parameter;
    EXPECT_EQ(head->name, "files");
  }
}

TEST(MultipartForm, CutOffIsNotTheEnd) {
  const std::string text = part("name=a", "hello") + "--B--";
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto form = parse(text.substr(0, size), 3);
    ASSERT_TRUE(form.has_value()) << size;
    EXPECT_FALSE(form->done) << size;
  }
}

TEST(MultipartForm, RefusesTheMalformedAndStaysFailed) {
  const std::string good = "Content-Disposition: form-data; name=a\r\n";
  const std::string texts[] = {
      "--Bx\r\n" + good + "\r\n",  // another boundary that begins alike
      "--B-\r\n" + good + "\r\n",
      "--B -- \r\n" + good + "\r\n",
      "--B- -\r\n" + good + "\r\n",
      "--B\n" + good + "\r\n",
      "--B\r\r\n" + good + "\r\n",
      "--B\r\n\r\nno head\r\n--B--",
      "--B\r\nContent-Type: text/plain\r\n\r\n",
      "--B\r\nContent-Disposition: attachment; name=a\r\n\r\n",
      "--B\r\nContent-Disposition: form-data\r\n\r\n",
      "--B\r\nContent-Disposition: form-data; filename=a\r\n\r\n",
      "--B\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n",
      "--B\r\nContent-Disposition: form-data; name=a; filename=a; filename=b\r\n\r\n",
      "--B\r\n" + good + good + "\r\n",
      "--B\r\n" + good + "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
      "--B\r\n" + good + "Content-Transfer-Encoding: base64\r\n\r\n",
      "--B\r\n" + good + " folded\r\n\r\n",
      "--B\r\n" + good + "no colon\r\n\r\n",
      "--B\r\nContent-Disposition: form-data; name=a\n\r\n\r\n",
      "--B" + std::string(300, ' ') + "\r\n",
  };
  for (const std::string& text : texts) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{7}, text.size()}) {
      const auto form = parse(text, piece);
      EXPECT_FALSE(form.has_value()) << text << " in pieces of " << piece;
    }
  }
  MultipartFormParser parser("B");
  ASSERT_TRUE(parser.next(as_bytes("--B")).has_value());
  EXPECT_FALSE(parser.next(as_bytes("x\r\n")).has_value());
  EXPECT_FALSE(parser.next(as_bytes("\r\n--B--")).has_value());
  EXPECT_FALSE(parser.done());
}

TEST(MultipartForm, HasLimits) {
  const MultipartFormLimits limits{.header_bytes_max = 100, .outside_bytes_max = 50};
  const std::string form = part("name=a", "hello") + "--B--";
  const auto kind = [&](const std::string& text, std::size_t piece) {
    const auto parsed = parse(text, piece, limits);
    return parsed ? std::optional<ErrorKind>() : parsed.error().kind;
  };
  for (std::size_t piece : {1, 1000}) {
    EXPECT_EQ(kind(std::string(30, 'x') + "\r\n" + form, piece), std::nullopt);
    EXPECT_EQ(kind(std::string(60, 'x') + "\r\n" + form, piece), ErrorKind::kLimit);
    EXPECT_EQ(kind(form + std::string(60, 'x'), piece), ErrorKind::kLimit);
    EXPECT_EQ(kind(part("name=" + std::string(100, 'a'), ""), piece), ErrorKind::kLimit);
    EXPECT_EQ(kind("--B\r\nX: " + std::string(200, 'a'), piece), ErrorKind::kLimit) << "endless";
  }
}

TEST(MultipartForm, Boundaries) {
  const auto boundary = [](std::string_view type) {
    return parse_form_boundary(type).value_or("-");
  };
  EXPECT_EQ(boundary("multipart/form-data; boundary=----WebKitFormBoundaryX1"),
            "----WebKitFormBoundaryX1");
  EXPECT_EQ(boundary("Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b:c\""), "a b:c");
  EXPECT_EQ(boundary("multipart/form-data"), "-");
  EXPECT_EQ(boundary("multipart/form-data; boundary="), "-");
  EXPECT_EQ(boundary("multipart/form-data; boundary=a; boundary=b"), "-");
  EXPECT_EQ(boundary("multipart/form-data; boundary=\"a\r\nb\""), "-");
  EXPECT_EQ(boundary("multipart/form-data; boundary=\"a \""), "-");
  EXPECT_EQ(boundary("multipart/form-data; boundary=" + std::string(71, 'a')), "-");
  EXPECT_EQ(boundary("multipart/mixed; boundary=a"), "-");
  EXPECT_EQ(boundary("application/json"), "-");
  EXPECT_EQ(boundary(""), "-");
}

}  // namespace
}  // namespace telpher
