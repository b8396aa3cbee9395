#include "codec/content_signature.h"

#include <gtest/gtest.h>

#include <string>

namespace telpher {
namespace {

using namespace std::string_literals;

std::string_view type_of(std::string_view content) {
  return media_type_of_content(as_bytes(content));
}

TEST(ContentSignature, KnowsFilesByTheirFirstBytes) {
  const std::pair<std::string, const char*> files[] = {
      {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s, "image/png"},
      {"\xff\xd8\xff\xe0\0\x10JFIF"s, "image/jpeg"},
      {"GIF89a\x01\0\x01\0"s, "image/gif"},
      {"RIFF\x24\0\0\0WEBPVP8 "s, "image/webp"},
      {"RIFF\x24\0\0\0WAVEfmt "s, "audio/wav"},
      {"BM\x36\0\x0c\0\0\0\0\0\x36"s, "image/bmp"},
      {"%PDF-1.7\n"s, "application/pdf"},
      {"PK\x03\x04\x14\0\0\0"s, "application/zip"},
      {"PK\x03\x04"s + std::string(26, '\0') + "mimetypeapplication/epub+zip",
       "application/epub+zip"},
      {"PK\x03\x04"s + std::string(26, '\0') + "META-INF/MANIFEST.MF", "application/java-archive"},
      {"\x1f\x8b\x08\0\0\0\0\0"s, "application/gzip"},
      {std::string(257, 'a') + "ustar\0"s, "application/x-tar"},
      {"\0\0\0\x20"
       "ftypisom"s,
       "video/mp4"},
      {"\0\0\0\x20"
       "ftypM4A "s,
       "audio/mp4"},
      {"\0\0\0\x1c"
       "ftypavif"s,
       "image/avif"},
      {"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"s, "video/webm"},
      {"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska"s, "video/matroska"},
      {"OggS\0\x02"s, "audio/ogg"},
      {"ID3\x04\0"s, "audio/mpeg"},
      {"\xff\xfb\x90\x64"s, "audio/mpeg"},
      {"\x7f"
       "ELF\x02\x01\x01"s,
       "application/x-executable"},
      {"MZ\x90\0\x03\0\0\0"s, "application/vnd.microsoft.portable-executable"},
      {"\xcf\xfa\xed\xfe\x07\0\0\x01"s, "application/x-mach-binary"},
      {"\xca\xfe\xba\xbe\0\0\0\x02"s, "application/x-mach-binary"},
      {"\xca\xfe\xba\xbe\0\0\0\x3d"s, "application/java-vm"},
      {"#!/bin/sh\necho"s, "text/x-script"},
      {"#! /usr/bin/env python3\n"s, "text/x-script"},
      {"<!DOCTYPE html><html>"s, "text/html"},
      {"\xef\xbb\xbf \r\n\t<HTML lang=en>"s, "text/html"},
      {"<script>alert(1)</script>"s, "text/html"},
      {"<?xml version=\"1.0\"?><!-- x --><svg xmlns=\"http://www.w3.org/2000/svg\">"s,
       "image/svg+xml"},
      {"  <SVG onload=alert(1)>"s, "image/svg+xml"},
      {"<!-- a comment --><svg>"s, "image/svg+xml"},
      {"<?xml version=\"1.0\"?><feed>"s, "application/xml"},
  };
  for (const auto& [content, type] : files) EXPECT_EQ(type_of(content), type) << content;
}

TEST(ContentSignature, SaysNothingOfWhatItDoesNotKnow) {
  for (const std::string& content :
       {""s, "hello"s, "MZ is how some texts begin"s, "#![allow(x)]"s, "<abbr>"s, "{\"a\": 1}"s,
        "a,b\n1,2\n"s, "junk before %PDF-1.4"s, "P"s, "\x89PN"s, "<"s,
        "BM is short for something"s}) {
    EXPECT_EQ(type_of(content), "") << content;
  }
}

TEST(ContentSignature, TypesAndTheirRelations) {
  EXPECT_TRUE(has_signature("image/png"));
  EXPECT_FALSE(has_signature("text/plain"));
  EXPECT_FALSE(has_signature("text/html")) << "a fragment of HTML begins with anything";
  EXPECT_TRUE(is_kept_in("application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                         "application/zip"));
  EXPECT_FALSE(is_kept_in("image/png", "application/zip"));
  EXPECT_TRUE(is_kept_in("application/atom+xml", "application/xml"));
  EXPECT_EQ(canonical_media_type("image/jpg"), "image/jpeg");
  EXPECT_EQ(canonical_media_type("text/plain"), "text/plain");
  EXPECT_TRUE(media_type_matches("image/*", "image/png"));
  EXPECT_FALSE(media_type_matches("image/*", "text/html"));
  EXPECT_TRUE(media_type_matches("*/*", "text/html"));
  EXPECT_FALSE(media_type_matches("image/png", "image/pngx"));
}

TEST(ContentSignature, Text) {
  EXPECT_TRUE(looks_like_text(as_bytes("hello,\r\n\tna\xc3\xafve")));
  EXPECT_TRUE(looks_like_text(as_bytes("cut in the middle of a character \xe2\x82")));
  EXPECT_FALSE(looks_like_text(as_bytes("a\0b"s)));
  EXPECT_FALSE(looks_like_text(as_bytes("\xff\xfe\xfd\xfc latin")));
}

}  // namespace
}  // namespace telpher
