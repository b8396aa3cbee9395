#include "upload/type_rules.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::string_literals;

const std::string kPng = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s;
const std::string kElf =
    "\x7f"
    "ELF\x02\x01\x01"s;

std::string type_of(std::string_view content, FileClaim claim) {
  return type_of_file(as_bytes(content), claim);
}

std::string judged(const TypeRules& rules, std::string_view content, FileClaim claim) {
  const auto type = judge_type(rules, as_bytes(content), claim);
  return type ? *type : "refused: " + type.error().message;
}

TEST(TypeRules, TheContentDecides) {
  EXPECT_EQ(type_of(kPng, {"image/png", "a.png"}), "image/png");
  EXPECT_EQ(type_of(kPng, {"text/plain", "a.txt"}), "image/png");
  EXPECT_EQ(type_of("<html>", {"image/png", "a.png"}), "text/html");
  EXPECT_EQ(type_of("just text", {"image/png", "a.png"}), "text/plain") << "no PNG begins so";
  EXPECT_EQ(type_of("\x01\x02\x03", {"image/png", "a.png"}), "application/octet-stream");
}

TEST(TypeRules, TheClaimCountsWhereTheContentSaysNothingElse) {
  EXPECT_EQ(type_of("{}", {"application/json", "a"}), "application/json");
  EXPECT_EQ(type_of("a,b", {"", "a.csv"}), "text/csv");
  EXPECT_EQ(type_of("a,b", {"application/octet-stream", "a.csv"}), "text/csv");
  EXPECT_EQ(type_of("a,b", {"", ""}), "text/plain");
  EXPECT_EQ(type_of("\x01\x02", {"", ""}), "application/octet-stream");
  EXPECT_EQ(type_of("\x01", {"application/x-new", "a.new"}), "application/x-new");
  EXPECT_EQ(type_of("x", {"no media type", "a.json"}), "application/json");
  const std::string docx =
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
  EXPECT_EQ(type_of("PK\x03\x04", {docx, "a.docx"}), docx);
  EXPECT_EQ(type_of("PK\x03\x04", {"", "a.docx"}), docx);
  EXPECT_EQ(type_of("PK\x03\x04", {"image/png", "a.png"}), "application/zip");
}

TEST(TypeRules, ProgramsAreBlockedWhateverTheyAreCalled) {
  const TypeRules rules;
  EXPECT_EQ(judged(rules, kElf, {"image/png", "cat.png"}),
            "refused: Files of type application/x-executable are not allowed (it is said to be "
            "image/png)");
  EXPECT_EQ(judged(rules, "#!/bin/sh\n", {"text/plain", "notes.txt"}),
            "refused: Files of type text/x-script are not allowed (it is said to be text/plain)");
  EXPECT_EQ(judged(rules, kPng, {"image/png", "cat.png"}), "image/png");
  EXPECT_EQ(judged(rules, "<html>", {"text/html", "a.html"}), "text/html");
}

TEST(TypeRules, ABlockedTypeIsRefusedByContentClaimAndName) {
  const TypeRules rules{.allow = {}, .block = {"text/html", "image/svg+xml", "audio/*"}};
  for (const auto& [content, claim] : {
           std::pair{"<html>"s, FileClaim{"text/plain", "a.txt"}},
           std::pair{"a fragment of it"s, FileClaim{"text/html", "a.txt"}},
           std::pair{"a fragment of it"s, FileClaim{"text/plain", "a.html"}},
           std::pair{"<?xml version='1.0'?><svg>"s, FileClaim{"application/xml", "a.xml"}},
           std::pair{"ID3"s, FileClaim{"", ""}},
       }) {
    EXPECT_TRUE(judged(rules, content, claim).starts_with("refused: ")) << content;
  }
  EXPECT_EQ(judged(rules, kElf, {"", ""}), "application/x-executable");
}

TEST(TypeRules, OnlyAllowedTypesPass) {
  const TypeRules rules{.allow = {"image/*", "application/pdf", "audio/mp3"}, .block = {}};
  EXPECT_EQ(judged(rules, kPng, {"text/plain", "a.txt"}), "image/png");
  EXPECT_EQ(judged(rules, "%PDF-1.4", {"", ""}), "application/pdf");
  EXPECT_EQ(judged(rules, "ID3\x04", {"", ""}), "audio/mpeg") << "by another name of it";
  for (std::string_view content : {"plain", "PK\x03\x04", "<html>", "GIF8"}) {
    EXPECT_TRUE(judged(rules, content, {"image/png", "a.png"}).starts_with("refused: ")) << content;
  }
}

}  // namespace
}  // namespace telpher
