#include "upload/batch_upload.h"

#include "upload/testing.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::form_field;
using testing::FormFile;
using testing::make_form;
using testing::random_bytes;
using testing::TextReader;
using Keys = std::vector<std::string>;

const std::string kElf =
    "\x7f"
    "ELF\x02\x01\x01"s;
const std::string kStamp = "uploads/2026-01-01T00-00-00_";

struct BatchBed : testing::UploadBed {
  using UploadBed::UploadBed;
  BatchUploadOptions options{.bucket = "bucket"};
  UploadCaller caller;
  std::vector<StoredUpload> told;
  std::unique_ptr<BatchUploads> batch;

  struct Answer {
    int status = 0;
    boost::json::object body;

    std::vector<std::string> names(const char* list) const {
      std::vector<std::string> names;
      const auto* found = body.if_contains(list);
      if (!found) return names;
      for (const auto& file : found->as_array()) {
        names.emplace_back(file.at("originalName").as_string());
      }
      return names;
    }
    std::string text(const char* name) const {
      const auto* found = body.if_contains(name);
      return found ? std::string(found->as_string()) : "(none)";
    }
  };

  Result<BatchAnswer> take(TextReader& reader, std::optional<ByteCount> length = {},
                           std::string type = std::string(testing::kFormType)) {
    if (!batch) {
      options.on_stored = [this](const StoredUpload& upload) { told.push_back(upload); };
      batch = std::make_unique<BatchUploads>(store, buffers, options);
    }
    Result<BatchAnswer> answer = loop.run(batch->take(&reader, length, std::move(type), caller));
    EXPECT_EQ(buffers.stats().bytes_in_use, 0u) << "memory is given back";
    EXPECT_EQ(open_uploads(), 0u);
    return answer;
  }
  Answer post(const std::string& form, std::size_t piece = 100'000, bool length_known = true) {
    TextReader reader(form, piece);
    const auto answer =
        take(reader, length_known ? std::optional<ByteCount>(form.size()) : std::nullopt);
    if (!answer) {
      ADD_FAILURE() << answer.error().message;
      return {};
    }
    return {answer->status, boost::json::parse(answer->body).as_object()};
  }
};

FaultRule rule(Operation on, std::string key = "", int status = 400) {
  FaultRule rule;
  rule.on = on;
  rule.key = std::move(key);
  rule.status = status;
  return rule;
}

TEST(BatchUpload, StoresFilesAndSaysWhere) {
  BatchBed bed;
  const std::string large = random_bytes(20 * kMiB + 5);
  const auto answer = bed.post(make_form({{"a.txt", "hello", "text/plain"},
                                          {"../My Photo.PNG", "\x89PNG\r\n\x1a\n...", "image/png"},
                                          {"large.bin", large}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.names("files"), (Keys{"a.txt", "../My Photo.PNG", "large.bin"}));
  EXPECT_EQ(boost::json::serialize(answer.body.at("files").at(1)),
            R"({"originalName":"../My Photo.PNG","path":")" + kStamp +
                R"(My_Photo.PNG","size":11,"type":"image/png"})");
  EXPECT_TRUE(answer.body.at("success").as_bool());
  EXPECT_EQ(answer.body.at("count").as_int64(), 3);
  EXPECT_TRUE(answer.body.contains("duration"));
  EXPECT_EQ(answer.body.size(), 4u) << boost::json::serialize(answer.body);
  EXPECT_EQ(bed.content(kStamp + "a.txt"), "hello");
  EXPECT_EQ(bed.content(kStamp + "large.bin"), large);
  const auto info = bed.loop.run(bed.memory.head({"bucket", kStamp + "My_Photo.PNG"}));
  EXPECT_EQ(info->metadata.content_type, "image/png");
  ASSERT_EQ(bed.told.size(), 3u);
  EXPECT_EQ(bed.told[2].object.key, kStamp + "large.bin");
  EXPECT_EQ(bed.told[2].size, large.size());
}

TEST(BatchUpload, OneBadFileHarmsNoOther) {
  BatchBed bed;
  bed.options.limits.file_bytes_max = 10 * kMiB;
  bed.faults.reset({.rules = {rule(Operation::kPutObject, kStamp + "broken.txt")}});
  std::vector<FormFile> files;
  Keys good;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "file" + std::to_string(i) + ".txt";
    if (i == 2) {
      files.push_back({"oversized.bin", random_bytes(10 * kMiB + 1)});
    } else if (i == 5) {
      files.push_back({"empty.txt", ""});
    } else if (i == 11) {
      files.push_back({"cat.png", kElf, "image/png"});
    } else if (i == 19) {
      files.push_back({"broken.txt", "this one fails"});
    } else {
      files.push_back({name, "content of " + name});
      good.push_back(name);
    }
  }
  const auto answer = bed.post(make_form(files));
  EXPECT_EQ(answer.status, 207);
  EXPECT_FALSE(answer.body.at("success").as_bool());
  EXPECT_TRUE(answer.body.at("partialSuccess").as_bool());
  EXPECT_EQ(answer.names("files"), good);
  EXPECT_EQ(answer.names("failures"),
            (Keys{"oversized.bin", "empty.txt", "cat.png", "broken.txt"}));
  EXPECT_EQ(answer.body.at("count").as_int64(), 16);
  EXPECT_EQ(answer.body.at("failureCount").as_int64(), 4);
  EXPECT_EQ(answer.body.at("failures").at(0).at("error").as_string(),
            "File is larger than 10.0 MiB");
  EXPECT_EQ(answer.body.at("failures").at(1).at("error").as_string(), "File is empty");
  EXPECT_EQ(answer.body.at("failures").at(2).at("error").as_string(),
            "Files of type application/x-executable are not allowed (it is said to be image/png)");
  EXPECT_EQ(bed.keys().size(), 16u);
  EXPECT_EQ(bed.told.size(), 16u);
}

TEST(BatchUpload, TooManyFilesLeaveNothing) {
  BatchBed bed;
  bed.faults.reset({.latency = 100ms});
  std::vector<FormFile> files(21, {"a.txt", "hello"});
  files[3].content = random_bytes(9 * kMiB);
  TextReader reader(make_form(files), 1 * kMiB);
  reader.pause = 20ms;  // some are stored by the time the last one comes
  const auto answer = bed.take(reader);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 400);
  const auto body = boost::json::parse(answer->body).as_object();
  EXPECT_EQ(body.at("error").as_string(), "Maximum 20 files allowed");
  EXPECT_FALSE(body.at("success").as_bool());
  EXPECT_TRUE(body.contains("duration"));
  EXPECT_EQ(bed.keys(), Keys());
  EXPECT_GT(bed.faults.count(Operation::kPutObject, true), 0u);
  EXPECT_TRUE(bed.told.empty());
}

TEST(BatchUpload, NothingUsable) {
  BatchBed bed;
  bed.options.limits.file_bytes_max = 100;
  const auto error_of = [&](const std::string& form) {
    const auto answer = bed.post(form);
    EXPECT_EQ(answer.status, 400) << form;
    return answer.text("error");
  };
  EXPECT_EQ(error_of(make_form({})), "No files uploaded");
  EXPECT_EQ(error_of(form_field("x", "y") + make_form({})), "No files uploaded");
  EXPECT_EQ(error_of(make_form({{"", "", "application/octet-stream"}})), "No files uploaded")
      << "an input of a browser's form where nothing was chosen";
  const auto invalid = bed.post(make_form({{"a", ""}, {"b", kElf}, {"c", std::string(101, 'x')}}));
  EXPECT_EQ(invalid.status, 400);
  EXPECT_EQ(invalid.names("failures"), (Keys{"a", "b", "c"}));
  EXPECT_EQ(invalid.text("error"), "All files are invalid");
  EXPECT_FALSE(invalid.body.contains("files"));
  EXPECT_TRUE(error_of("--B0unD\r\nno head\r\n\r\n").starts_with("the form is malformed"));
  EXPECT_EQ(error_of(make_form({{"a", "hello"}}).substr(0, 85)),
            "The form was cut off before its end");
  TextReader json("{}");
  const auto other = bed.take(json, 2, "application/json");
  EXPECT_EQ(other->status, 400);
  EXPECT_TRUE(other->body.contains("No files uploaded: the body is no multipart/form-data"));
  TextReader empty("");
  EXPECT_TRUE(bed.take(empty, 0, "")->body.contains("\"No files uploaded\""));
  EXPECT_EQ(error_of(""), "No files uploaded");
  EXPECT_EQ(bed.keys(), Keys());
}

TEST(BatchUpload, AFormThatBreaksLeavesNothing) {
  BatchBed bed;
  const std::string form = testing::form_part({"a.txt", "hello"}) + "--B0unD\r\nnonsense\r\n\r\n";
  EXPECT_EQ(bed.post(form).status, 400);
  EXPECT_EQ(bed.keys(), Keys());
}

TEST(BatchUpload, AllUploadsFailed) {
  BatchBed bed;
  bed.faults.reset({.rules = {rule(Operation::kPutObject, "", 500), rule(Operation::kPutPart)}});
  const auto answer =
      bed.post(make_form({{"a", "hello"}, {"b", random_bytes(30 * kMiB)}, {"empty", ""}}));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.text("error"), "All uploads failed");
  EXPECT_EQ(answer.names("failures"), (Keys{"a", "b", "empty"}));
  EXPECT_EQ(bed.keys(), Keys());
}

// The answer to the PUT is lost: the file is told as failed, so it must not be there.
TEST(BatchUpload, WhatIsToldAsFailedIsNotThere) {
  BatchBed bed;
  FaultRule lost = rule(Operation::kPutObject);
  lost.what = FaultKind::kLoseAnswer;
  bed.faults.reset({.rules = {lost}});
  EXPECT_EQ(bed.post(make_form({{"a", "hello"}})).status, 500);
  EXPECT_EQ(bed.keys(), Keys());
}

TEST(BatchUpload, AClientThatDisconnectsLeavesNothing) {
  for (const std::string& broken : {"hell"s, random_bytes(3 * kMiB), random_bytes(25 * kMiB)}) {
    for (const auto latency : {0ms, 300ms}) {
      BatchBed bed;
      bed.faults.reset({.latency = latency});
      std::string form = testing::form_part({"a.txt", "hello"}) +
                         testing::form_part({"b", random_bytes(9 * kMiB)}) +
                         testing::form_part({"c", broken});
      form.resize(form.size() - 2);
      TextReader reader(form);
      reader.breaks_off = true;
      const auto answer = bed.take(reader, form.size() + 1000);
      ASSERT_FALSE(answer.has_value());
      EXPECT_EQ(answer.error().kind, ErrorKind::kNetwork);
      EXPECT_EQ(bed.keys(), Keys());
      EXPECT_GT(bed.faults.count(Operation::kPutObject, true), 0u) << "one had been stored";
      EXPECT_TRUE(bed.told.empty());
    }
  }
}

TEST(BatchUpload, FilesGoToTheStoreSideBySide) {
  BatchBed bed;
  bed.faults.reset({.latency = 100ms});
  std::vector<FormFile> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back({std::to_string(i), random_bytes(kMiB, static_cast<std::uint64_t>(i))});
  }
  const TimePoint began = bed.loop.now();
  EXPECT_EQ(bed.post(make_form(files)).status, 200);
  EXPECT_LE(bed.loop.now() - began, 150ms) << "of virtual time";
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(bed.content(kStamp + std::to_string(i)), files[static_cast<std::size_t>(i)].content);
  }
}

TEST(BatchUpload, HoldsTwoPiecesOfALargeFile) {
  BatchBed bed;
  bed.faults.reset({.latency = 100ms});
  const std::string content = random_bytes(60 * kMiB);
  EXPECT_EQ(bed.post(make_form({{"large", content}}), 100'000, false).status, 200);
  EXPECT_LE(bed.buffers.stats().bytes_peak, 16 * kMiB + 64 * kKiB);
  EXPECT_EQ(bed.content(kStamp + "large"), content);
}

TEST(BatchUpload, AFileAsLongAsItsPiecesEndsWithThem) {
  for (const std::size_t size : {8 * kMiB - 1, 8 * kMiB, 8 * kMiB + 1, 16 * kMiB}) {
    BatchBed bed;
    const std::string content = random_bytes(size);
    EXPECT_EQ(bed.post(make_form({{"a", content}, {"b", "after it"}}), 70'001).status, 200);
    EXPECT_EQ(bed.content(kStamp + "a") == content, true) << size;
    EXPECT_EQ(bed.content(kStamp + "b"), "after it");
  }
}

TEST(BatchUpload, WaitsForMemoryAndRefusesWhenThereIsNone) {
  BatchBed bed({}, 32 * kMiB);
  auto held = bed.buffers.try_acquire(30 * kMiB);
  ASSERT_TRUE(held.has_value());
  TextReader reader(make_form({{"a", random_bytes(20 * kMiB)}}));
  bed.options.patience = 5s;
  bed.batch = std::make_unique<BatchUploads>(bed.store, bed.buffers, bed.options);
  const auto answer =
      bed.loop.run(bed.batch->take(&reader, 20 * kMiB, std::string(testing::kFormType), {}));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 503);
  held.reset();
  EXPECT_EQ(bed.post(make_form({{"a", random_bytes(20 * kMiB)}})).status, 200);
}

TEST(BatchUpload, EveryByteArrivesHoweverItIsCut) {
  Random random(3);
  BatchBed bed;
  for (int round = 0; round < 60; ++round) {
    std::vector<FormFile> files;
    const std::size_t count = 1 + random.below(6);
    for (std::size_t i = 0; i < count; ++i) {
      std::string content = random_bytes(1 + random.below(200'000), random.next());
      for (int k = 0; k < 20; ++k) {  // beginnings of boundaries
        const std::size_t at = random.below(content.size());
        content.replace(at, 0, "\r\n--B0un", random.below(8));
      }
      files.push_back({"f" + std::to_string(i), content});
    }
    const std::size_t piece = random.chance(0.2) ? 1 + random.below(20) : 1 + random.below(90'000);
    const auto answer = bed.post(make_form(files), piece, random.chance(0.5));
    ASSERT_EQ(answer.status, 200) << boost::json::serialize(answer.body);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string path(answer.body.at("files").at(i).at("path").as_string());
      ASSERT_TRUE(bed.content(path) == files[i].content) << "piece " << piece;
    }
  }
}

TEST(BatchUpload, NamesMeetWithoutHarm) {
  for (const bool conditional : {true, false}) {
    BatchBed bed({.conditional_writes = conditional, .conditional_complete = conditional});
    ASSERT_TRUE(bed.loop.run(
        bed.memory.put({"bucket", kStamp + "a.txt"}, Body::of(as_bytes("another process's")), {})));
    ASSERT_TRUE(bed.loop.run(
        bed.memory.put({"bucket", kStamp + "large"}, Body::of(as_bytes("another process's")), {})));
    const std::string large = random_bytes(9 * kMiB);
    const auto answer = bed.post(
        make_form({{"a.txt", "one"}, {"dir/a.txt", "two"}, {"a.txt", "three"}, {"large", large}}));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(bed.content(kStamp + "a.txt"), "another process's");
    EXPECT_EQ(bed.content(kStamp + "large"), "another process's");
    EXPECT_EQ(bed.content(kStamp + "large-2"), large);
    std::vector<std::string> contents;
    for (const auto& file : answer.body.at("files").as_array()) {
      contents.push_back(bed.content(std::string(file.at("path").as_string())).substr(0, 5));
    }
    EXPECT_EQ(contents, (Keys{"one", "two", "three", large.substr(0, 5)}));
  }
}

TEST(BatchUpload, WhereTheFormSays) {
  BatchBed bed;
  ASSERT_TRUE(bed.loop.run(bed.memory.create_bucket("photos")));
  const std::string files = make_form({{"a.txt", "hello"}});
  EXPECT_EQ(bed.post(form_field("bucket", "photos") + form_field("prefix", "2026/may") + files)
                .body.at("files")
                .at(0)
                .at("path")
                .as_string(),
            "2026/may/2026-01-01T00-00-00_a.txt");
  EXPECT_TRUE(bed.memory.content("photos", "2026/may/2026-01-01T00-00-00_a.txt").has_value());
  for (const auto& fields : {form_field("bucket", "No Bucket!"), form_field("prefix", "../x"),
                             form_field("bucket", std::string(2000, 'x'))}) {
    EXPECT_EQ(bed.post(fields + files).status, 400) << fields;
  }
  const auto late = bed.post(testing::form_part({"a.txt", "hello"}) +
                             form_field("bucket", "photos") + make_form({}));
  EXPECT_EQ(late.status, 400);
  EXPECT_EQ(late.text("error"), "The field \"bucket\" must come before the files");
  EXPECT_EQ(bed.keys(), Keys());

  bed.caller.may_write = [](const ObjectAddress& object) { return object.bucket == "photos"; };
  EXPECT_EQ(bed.post(files).status, 403);
  EXPECT_EQ(bed.post(form_field("bucket", "photos") + files).status, 200);
  EXPECT_EQ(bed.keys(), Keys());
}

TEST(BatchUpload, FilesOfAnotherFieldAreToldApart) {
  BatchBed bed;
  const auto answer = bed.post(make_form(
      {{"a", "one"}, {"b", "two", "", "photo"}, {"c", "three", "text/plain", "files[]"}}));
  EXPECT_EQ(answer.status, 207);
  EXPECT_EQ(answer.names("files"), (Keys{"a", "c"}));
  EXPECT_EQ(answer.names("failures"), (Keys{"b"}));
}

TEST(BatchUpload, RequestsThatCannotBeGoodEndAtOnce) {
  BatchBed bed;
  bed.options.limits = {.files_max = 2, .file_bytes_max = 1000, .types = {}};
  TextReader endless(testing::form_part({"a", random_bytes(3 * kMiB)}));
  const auto answer = bed.take(endless, 1 * kGiB);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 400);
  EXPECT_EQ(bed.post(testing::form_part({"a", random_bytes(3 * kMiB)}), 5000, false).status, 400);
}

}  // namespace
}  // namespace telpher
