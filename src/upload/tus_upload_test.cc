#include "upload/tus_upload.h"

#include "codec/base64.h"
#include "runtime/task_group.h"
#include "tests/support/temporary_directory.h"
#include "upload/testing.h"

#include <gtest/gtest.h>

namespace telpher {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::random_bytes;
using testing::TextReader;
using Keys = std::vector<std::string>;
using Fields = std::vector<std::pair<std::string, std::string>>;

const std::string kStamp = "uploads/2026-01-01T00-00-00_";

struct TusBed : testing::UploadBed {
  explicit TusBed(Capabilities capabilities = {}) : UploadBed(capabilities) { restart(); }
  ~TusBed() { EXPECT_EQ(buffers.stats().bytes_in_use, 0u) << "memory is given back"; }

  TemporaryDirectory directory;
  TusOptions options{.bucket = "bucket"};
  UploadCaller caller;
  std::vector<StoredUpload> told;
  std::unique_ptr<TusTable> table;
  std::unique_ptr<TusUploads> uploads;

  /// Another process with the same home and store.
  void restart() {
    uploads.reset();
    table.reset();
    table = TusTable::open(directory.path() + "/uploads.db").value();
    options.on_stored = [this](const StoredUpload& upload) { told.push_back(upload); };
    uploads = std::make_unique<TusUploads>(store, buffers, *table, options);
  }

  struct Call {
    std::string method;
    std::string path = "/tus/";
    Fields fields = {};
    std::string body = "";
    bool breaks_off = false;
    Duration pause{};
  };
  Task<Result<TusAnswer>> send(Call call) {
    Headers headers;
    bool versioned = false;
    for (const auto& [name, value] : call.fields) {
      headers.add(name, value);
      versioned |= name == "Tus-Resumable";
    }
    if (!versioned) headers.add("Tus-Resumable", "1.0.0");
    const ByteCount size = call.body.size() + (call.breaks_off ? 1 : 0);
    TextReader body(std::move(call.body), 300'000);
    body.breaks_off = call.breaks_off;
    body.pause = call.pause;
    co_return co_await uploads->take({call.method, call.path, &headers, &body, size}, caller);
  }
  TusAnswer ask(Call call) {
    Result<TusAnswer> answer = loop.run(send(std::move(call)));
    if (!answer) ADD_FAILURE() << answer.error().message;
    return answer ? *std::move(answer) : TusAnswer{};
  }

  static std::string metadata(const Fields& pairs) {
    std::string text;
    for (const auto& [name, value] : pairs) {
      text += (text.empty() ? "" : ",") + name + " " + base64_encode(as_bytes(value));
    }
    return text;
  }
  std::string create(ByteCount length, const Fields& pairs = {{"filename", "a.bin"}}) {
    const TusAnswer answer =
        ask({"POST",
             "/tus/",
             {{"Upload-Length", std::to_string(length)}, {"Upload-Metadata", metadata(pairs)}}});
    EXPECT_EQ(answer.status, 201) << answer.body;
    return std::string(answer.headers.find("location").value_or(""));
  }
  static Call patch_of(const std::string& url, ByteCount offset, std::string body) {
    return {"PATCH",
            url,
            {{"Content-Type", "application/offset+octet-stream"},
             {"Upload-Offset", std::to_string(offset)}},
            std::move(body)};
  }
  int patch(const std::string& url, ByteCount offset, std::string body, Fields more = {}) {
    Call call = patch_of(url, offset, std::move(body));
    for (auto& field : more) call.fields.push_back(field);
    return ask(std::move(call)).status;
  }
  /// By HEAD; -1 when there is no such upload.
  std::int64_t offset_of(const std::string& url) {
    const TusAnswer answer = ask({"HEAD", url});
    const auto offset = answer.headers.find("upload-offset");
    return answer.status == 200 && offset ? std::stoll(std::string(*offset)) : -1;
  }
  bool knows_nothing() { return loop.run(table->due(loop.wall_now() + 24h * 365)).value().empty(); }
};

FaultRule rule(Operation on, FaultKind what = FaultKind::kStatus, std::uint64_t count = 1) {
  FaultRule rule;
  rule.on = on;
  rule.what = what;
  rule.count = count;
  return rule;
}

TEST(Tus, SaysWhatItCan) {
  TusBed bed;
  const TusAnswer answer = bed.ask({"OPTIONS", "/tus/", {{"Tus-Resumable", "0.2"}}});
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers.find("tus-version"), "1.0.0");
  EXPECT_EQ(answer.headers.find("tus-resumable"), "1.0.0");
  EXPECT_EQ(answer.headers.find("tus-max-size"), "104857600");
  EXPECT_EQ(answer.headers.find("tus-extension"), kTusExtensions);
  EXPECT_EQ(answer.headers.find("tus-checksum-algorithm"), kTusChecksums);
}

TEST(Tus, AFileInSeveralRequestsBecomesAnObject) {
  TusBed bed;
  const std::string content = "\x89PNG\r\n\x1a\n"s + random_bytes(100'000);
  const std::string url =
      bed.create(content.size(), {{"filename", "My Photo.png"}, {"filetype", "image/png"}});
  EXPECT_TRUE(url.starts_with("/tus/"));
  EXPECT_EQ(bed.offset_of(url), 0);
  for (std::size_t at = 0; at < content.size(); at += 40'000) {
    EXPECT_EQ(bed.patch(url, at, content.substr(at, 40'000)), 204);
    EXPECT_EQ(bed.offset_of(url), std::min(at + 40'000, content.size()));
    bed.restart();
  }
  EXPECT_TRUE(bed.content(kStamp + "My_Photo.png") == content);
  const auto info = bed.loop.run(bed.memory.head({"bucket", kStamp + "My_Photo.png"}));
  EXPECT_EQ(info->metadata.content_type, "image/png");
  ASSERT_EQ(bed.told.size(), 1u);
  EXPECT_EQ(bed.told[0].how, "tus");
  EXPECT_EQ(bed.told[0].original_name, "My Photo.png");
  EXPECT_EQ(bed.told[0].size, content.size());
}

TEST(Tus, WhatIsAcknowledgedSurvivesWhateverHappensInBetween) {
  for (const std::size_t size : {std::size_t{3}, 8 * kMiB, 8 * kMiB + 1, 21 * kMiB}) {
    TusBed bed;
    Random random(size);
    const std::string content = random_bytes(size);
    const std::string url = bed.create(size, {{"key", "chosen/key.bin"}});
    for (std::size_t at = 0; at < size;) {
      const std::size_t piece = std::min<std::size_t>(1 + random.below(6 * kMiB), size - at);
      TusBed::Call call = TusBed::patch_of(url, at, content.substr(at, piece));
      call.breaks_off = piece < size - at && random.chance(0.5);
      const auto answer = bed.loop.run(bed.send(std::move(call)));
      EXPECT_EQ(answer.has_value(), answer && answer->status == 204);
      if (random.chance(0.5)) bed.restart();
      at += piece;
      EXPECT_EQ(bed.offset_of(url), at) << "of a client that broke off, too";
    }
    EXPECT_TRUE(bed.content("chosen/key.bin") == content) << size;
    EXPECT_EQ(bed.open_uploads(), 0u);
    EXPECT_EQ(bed.told.size(), 1u);
  }
}

TEST(Tus, OneRequestForAll) {
  TusBed bed;
  const TusAnswer answer =
      bed.ask({"POST",
               "/tus/",
               {{"Upload-Length", "5"},
                {"Content-Type", "application/offset+octet-stream"},
                {"Upload-Metadata", TusBed::metadata({{"filename", "a.txt"}})}},
               "hello"});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.headers.find("upload-offset"), "5");
  EXPECT_EQ(bed.content(kStamp + "a.txt"), "hello");
}

TEST(Tus, AnUnknownLengthIsSaidLater) {
  TusBed bed;
  const TusAnswer created = bed.ask(
      {"POST",
       "/tus/",
       {{"Upload-Defer-Length", "1"}, {"Upload-Metadata", TusBed::metadata({{"key", "k"}})}}});
  ASSERT_EQ(created.status, 201);
  const std::string url(*created.headers.find("location"));
  EXPECT_EQ(bed.patch(url, 0, "hello"), 204);
  TusAnswer head = bed.ask({"HEAD", url});
  EXPECT_EQ(head.headers.find("upload-defer-length"), "1");
  EXPECT_FALSE(head.headers.contains("upload-length"));
  EXPECT_EQ(bed.patch(url, 5, "", {{"Upload-Length", "4"}}), 400) << "5 have come";
  EXPECT_EQ(bed.patch(url, 5, " world", {{"Upload-Length", "12"}}), 204);
  EXPECT_EQ(bed.patch(url, 11, "!", {{"Upload-Length", "13"}}), 400) << "it is known";
  EXPECT_EQ(bed.patch(url, 11, "!", {{"Upload-Length", "12"}}), 204);
  EXPECT_EQ(bed.content("k"), "hello world!");
}

TEST(Tus, Refusals) {
  TusBed bed;
  const std::string url = bed.create(10);
  EXPECT_EQ(bed.patch(url, 1, "hello"), 409);
  EXPECT_EQ(bed.patch(url, 0, "hello world"), 413);
  EXPECT_EQ(bed.ask({"PATCH", url, {{"Upload-Offset", "0"}}, "hello"}).status, 415);
  EXPECT_EQ(bed.ask({"PATCH", url, {{"Content-Type", "application/offset+octet-stream"}}}).status,
            400);
  const TusAnswer old = bed.ask({"HEAD", url, {{"Tus-Resumable", "0.2.2"}}});
  EXPECT_EQ(old.status, 412);
  EXPECT_EQ(old.headers.find("tus-version"), "1.0.0");
  EXPECT_EQ(bed.ask({"GET", url}).status, 405);
  EXPECT_EQ(bed.ask({"PATCH", "/tus/"}).status, 405);
  EXPECT_EQ(bed.ask({"HEAD", "/tus/" + std::string(32, '0')}).status, 404);
  EXPECT_EQ(bed.ask({"HEAD", "/tus/../secret"}).status, 404);
  for (const Fields& fields : {
           Fields{},
           Fields{{"Upload-Length", "-1"}},
           Fields{{"Upload-Length", "x"}},
           Fields{{"Upload-Length", "0"}},
           Fields{{"Upload-Length", "5"}, {"Upload-Defer-Length", "1"}},
           Fields{{"Upload-Defer-Length", "2"}},
           Fields{{"Upload-Length", "5"}, {"Upload-Metadata", "filename !"}},
           Fields{{"Upload-Length", "5"},
                  {"Upload-Metadata", TusBed::metadata({{"bucket", "No!"}})}},
           Fields{{"Upload-Length", "5"},
                  {"Upload-Metadata", TusBed::metadata({{"prefix", "../x"}})}},
           Fields{{"Upload-Length", "5"}, {"Upload-Concat", "other"}},
       }) {
    const TusAnswer answer = bed.ask({"POST", "/tus/", fields});
    EXPECT_EQ(answer.status, 400);
    EXPECT_TRUE(answer.body.contains("VALIDATION_ERROR")) << answer.body;
  }
  EXPECT_EQ(bed.ask({"POST", "/tus/", {{"Upload-Length", "104857601"}}}).status, 413);
  EXPECT_EQ(bed.offset_of(url), 0) << "none of it moved the upload";
  // A method in another's clothes.
  EXPECT_EQ(bed.ask({"POST", url, {{"X-HTTP-Method-Override", "HEAD"}}}).status, 200);
}

TEST(Tus, ChecksumsAreProvenBeforeAnythingCounts) {
  for (const std::size_t size : {std::size_t{11}, 20 * kMiB}) {
    TusBed bed;
    const std::string content = random_bytes(size);
    const std::string url = bed.create(size + 2, {{"key", "k"}});
    EXPECT_EQ(bed.patch(url, 0, "ab"), 204);
    const Digest digest = checksum_of(ChecksumAlgorithm::kSha1, as_bytes(content));
    const Fields right{{"Upload-Checksum", "sha1 " + digest.to_base64()}};
    std::string wrong = content;
    wrong[size / 2] ^= 1;
    EXPECT_EQ(bed.patch(url, 2, wrong, right), 460);
    EXPECT_EQ(bed.offset_of(url), 2);
    TusBed::Call broken = TusBed::patch_of(url, 2, content.substr(0, size - 1));
    broken.fields.push_back(right[0]);
    broken.breaks_off = true;
    EXPECT_FALSE(bed.loop.run(bed.send(broken)).has_value());
    EXPECT_EQ(bed.offset_of(url), 2) << "what is not whole proves nothing";
    EXPECT_EQ(bed.patch(url, 2, content, {{"Upload-Checksum", "sha512 YQ=="}}), 400);
    EXPECT_EQ(bed.patch(url, 2, content, right), 204);
    EXPECT_TRUE(bed.content("k") == "ab" + content);
    EXPECT_EQ(bed.open_uploads(), 0u);
  }
}

TEST(Tus, TerminationAndExpiryLeaveNothing) {
  for (const bool terminated : {true, false}) {
    TusBed bed;
    const std::string content = random_bytes(20 * kMiB);
    const std::string url = bed.create(30 * kMiB);
    EXPECT_EQ(bed.patch(url, 0, content), 204);
    EXPECT_EQ(bed.open_uploads(), 1u);
    if (terminated) {
      EXPECT_EQ(bed.ask({"DELETE", url}).status, 204);
    } else {
      EXPECT_TRUE(bed.loop.run(sleep_for(23h)));
      EXPECT_TRUE(bed.loop.run(bed.uploads->sweep()));
      EXPECT_EQ(bed.offset_of(url), 20 * kMiB) << "not yet";
      EXPECT_TRUE(bed.loop.run(sleep_for(2h)));
      EXPECT_EQ(bed.offset_of(url), -1);
      bed.restart();
      EXPECT_TRUE(bed.loop.run(bed.uploads->sweep()));
    }
    EXPECT_EQ(bed.open_uploads(), 0u);
    EXPECT_EQ(bed.ask({"HEAD", url}).status, 404);
    EXPECT_EQ(bed.ask({"DELETE", url}).status, 404);
    EXPECT_TRUE(bed.knows_nothing());
    EXPECT_EQ(bed.keys(), Keys());
  }
}

TEST(Tus, ForbiddenFilesAreRefusedByTheirContent) {
  TusBed bed;
  const std::string elf =
      "\x7f"
      "ELF\x02\x01\x01"s;
  // At once, in pieces too small to tell, and with parts in the store already.
  const std::string small = bed.create(elf.size(), {{"filename", "cat.png"}});
  EXPECT_EQ(bed.patch(small, 0, elf.substr(0, 3)), 204);
  EXPECT_EQ(bed.patch(small, 3, elf.substr(3)), 415);
  EXPECT_EQ(bed.offset_of(small), -1);
  const std::string large = bed.create(20 * kMiB, {{"filename", "cat.png"}});
  EXPECT_EQ(bed.patch(large, 0, elf + random_bytes(20 * kMiB - elf.size())), 415);
  EXPECT_TRUE(bed.knows_nothing());
  EXPECT_EQ(bed.keys(), Keys());
  EXPECT_EQ(bed.open_uploads(), 0u);
}

TEST(Tus, AStoreThatFailsCostsNothingThatWasAcknowledged) {
  for (const Operation operation : {Operation::kPutObject, Operation::kCreateUpload,
                                    Operation::kPutPart, Operation::kComplete}) {
    for (const FaultKind what : {FaultKind::kStatus, FaultKind::kLoseAnswer}) {
      TusBed bed;
      const std::size_t size = operation == Operation::kPutObject ? 1000 : 20 * kMiB;
      const std::string content = random_bytes(size);
      const std::string url = bed.create(size, {{"filename", "a"}});
      bed.faults.reset({.rules = {rule(operation, what)}});
      TusAnswer answer = bed.ask(TusBed::patch_of(url, 0, content));
      EXPECT_EQ(answer.status, 502) << answer.body;
      EXPECT_TRUE(answer.body.contains("STORE_ERROR"));
      bed.restart();
      std::int64_t offset = bed.offset_of(url);
      ASSERT_GE(offset, 0);
      for (int tries = 0; offset < static_cast<std::int64_t>(size) && tries < 10; ++tries) {
        const auto at = static_cast<ByteCount>(offset);
        EXPECT_EQ(bed.patch(url, at, content.substr(at)), 204);
        offset = bed.offset_of(url);
      }
      EXPECT_TRUE(bed.content(kStamp + "a") == content) << to_string(operation);
      EXPECT_EQ(bed.keys().size(), 1u) << to_string(operation);
      EXPECT_EQ(bed.open_uploads(), 0u) << to_string(operation);
      EXPECT_EQ(bed.told.size(), 1u);
    }
  }
}

// A client that hears of the last offset goes away: it must not before the object is there.
TEST(Tus, TheLastOffsetIsToldWhenTheObjectIsThere) {
  TusBed bed;
  const std::string url = bed.create(5, {{"key", "k"}});
  bed.faults.reset({.rules = {rule(Operation::kPutObject, FaultKind::kStatus, 3)}});
  EXPECT_EQ(bed.patch(url, 0, "hello"), 502);
  EXPECT_EQ(bed.ask({"HEAD", url}).status, 502);
  bed.restart();
  EXPECT_EQ(bed.ask({"HEAD", url}).status, 502);
  EXPECT_TRUE(bed.loop.run(bed.uploads->sweep())) << "a restarted service completes it by itself";
  EXPECT_EQ(bed.content("k"), "hello");
  EXPECT_EQ(bed.offset_of(url), 5);
}

TEST(Tus, PartsAreJoined) {
  TusBed bed;
  const std::string content = random_bytes(18 * kMiB);
  std::vector<std::string> urls;
  const std::size_t cuts[] = {0, 7, 9 * kMiB, 18 * kMiB};
  for (int i = 0; i < 3; ++i) {
    const std::string piece = content.substr(cuts[i], cuts[i + 1] - cuts[i]);
    const TusAnswer created =
        bed.ask({"POST",
                 "/tus/",
                 {{"Upload-Length", std::to_string(piece.size())}, {"Upload-Concat", "partial"}}});
    ASSERT_EQ(created.status, 201);
    urls.emplace_back(*created.headers.find("location"));
    if (i == 2) {
      const std::string early = "final;" + urls[0] + " " + urls[2];
      EXPECT_EQ(bed.ask({"POST", "/tus/", {{"Upload-Concat", early}}}).status, 400) << "unfinished";
    }
    EXPECT_EQ(bed.patch(urls.back(), 0, piece), 204);
    EXPECT_EQ(bed.ask({"HEAD", urls.back()}).headers.find("upload-concat"), "partial");
  }
  EXPECT_TRUE(bed.told.empty()) << "none is an upload by itself";
  bed.restart();
  const std::string concat = "final;" + urls[0] + " " + urls[1] + " " + urls[2];
  const TusAnswer joined =
      bed.ask({"POST",
               "/tus/",
               {{"Upload-Concat", concat},
                {"Upload-Metadata", TusBed::metadata({{"filename", "whole.bin"}})}}});
  ASSERT_EQ(joined.status, 201) << joined.body;
  EXPECT_TRUE(bed.content(kStamp + "whole.bin") == content);
  EXPECT_EQ(bed.keys(), Keys{kStamp + "whole.bin"}) << "the parts are gone";
  const std::string url(*joined.headers.find("location"));
  const TusAnswer head = bed.ask({"HEAD", url});
  EXPECT_EQ(head.headers.find("upload-concat"), concat);
  EXPECT_EQ(head.headers.find("upload-length"), std::to_string(content.size()));
  EXPECT_EQ(bed.patch(url, 0, "x"), 403);
  EXPECT_EQ(bed.offset_of(urls[0]), -1);
  EXPECT_EQ(bed.told.size(), 1u);
  EXPECT_EQ(bed.open_uploads(), 0u);
}

TEST(Tus, JoinedFilesAreJudgedAsOne) {
  TusBed bed;
  std::vector<std::string> urls;
  for (const std::string& piece : {"\x7f"
                                   "E"s,
                                   "LF\x02\x01\x01"s}) {
    const TusAnswer created = bed.ask({"POST",
                                       "/tus/",
                                       {{"Upload-Length", std::to_string(piece.size())},
                                        {"Upload-Concat", "partial"},
                                        {"Content-Type", "application/offset+octet-stream"}},
                                       piece});
    urls.emplace_back(created.headers.find("location").value_or(""));
  }
  const TusAnswer joined =
      bed.ask({"POST", "/tus/", {{"Upload-Concat", "final;" + urls[0] + " " + urls[1]}}});
  EXPECT_EQ(joined.status, 415) << joined.body;
  for (const std::string& url : urls) EXPECT_EQ(bed.ask({"DELETE", url}).status, 204);
  EXPECT_EQ(bed.keys(), Keys());
  EXPECT_TRUE(bed.knows_nothing());
}

struct Race {
  std::optional<Result<TusAnswer>> slow;
  std::optional<Result<TusAnswer>> other;
};
Task<Result<void>> keep_slow(TusBed* bed, TusBed::Call call, Race* race) {
  race->slow = co_await bed->send(std::move(call));
  co_return Result<void>();
}
Task<Result<void>> run_race(TusBed* bed, TusBed::Call slow, TusBed::Call other, Race* race) {
  TaskGroup group(co_await current_context());
  group.spawn(keep_slow(bed, std::move(slow), race));
  CO_TRY_VOID(co_await sleep_for(2500ms));
  race->other = co_await bed->send(std::move(other));
  co_return co_await group.join();
}

TEST(Tus, TwoRequestsNeverWorkOnOneUpload) {
  TusBed bed;
  const std::string content = random_bytes(3'000'000);
  const std::string url = bed.create(content.size(), {{"key", "k"}});
  TusBed::Call slow = TusBed::patch_of(url, 0, content);
  slow.pause = 1s;  // before each 300,000 bytes
  Race race;
  EXPECT_TRUE(bed.loop.run(run_race(&bed, slow, TusBed::patch_of(url, 0, content), &race)));
  EXPECT_EQ((*race.other)->status, 423);
  EXPECT_EQ((*race.slow)->status, 204);
  EXPECT_TRUE(bed.content("k") == content);
}

// A client whose connection died comes back before the server has noticed.
TEST(Tus, AClientThatComesBackIsNotLockedOut) {
  TusBed bed;
  const std::string content = random_bytes(3'000'000);
  const std::string url = bed.create(content.size(), {{"key", "k"}});
  TusBed::Call slow = TusBed::patch_of(url, 0, content);
  slow.pause = 1s;
  Race race;
  EXPECT_TRUE(bed.loop.run(run_race(&bed, slow, {"HEAD", url}, &race)));
  EXPECT_FALSE(race.slow->has_value()) << "it has no one to answer";
  ASSERT_TRUE(race.other->has_value());
  EXPECT_EQ((*race.other)->headers.find("upload-offset"), "600000");
  EXPECT_EQ(bed.patch(url, 600'000, content.substr(600'000)), 204);
  EXPECT_TRUE(bed.content("k") == content);
  EXPECT_EQ(bed.ask({"DELETE", url}).status, 409) << "an object by now";
}

TEST(Tus, UploadsAreTheirOwners) {
  TusBed bed;
  bed.caller = {.owner = "ann", .may_write = [](const ObjectAddress& object) {
                  return object.key.starts_with("ann/");
                }};
  EXPECT_EQ(bed.ask({"POST", "/tus/", {{"Upload-Length", "5"}}}).status, 403);
  const std::string url = bed.create(5, {{"key", "ann/a"}});
  const std::string other = bed.create(5, {{"prefix", "ann"}, {"name", "b"}, {"type", "text/csv"}});
  EXPECT_EQ(bed.patch(other, 0, "a,b,c"), 204);
  EXPECT_EQ(bed.keys(), Keys{"ann/2026-01-01T00-00-00_b"});
  EXPECT_EQ(bed.told.at(0).type, "text/csv");
  EXPECT_EQ(bed.told.at(0).owner, "ann");
  bed.caller = {.owner = "bob", .may_write = {}};
  EXPECT_EQ(bed.ask({"HEAD", url}).status, 404);
  EXPECT_EQ(bed.patch(url, 0, "hello"), 404);
  EXPECT_EQ(bed.ask({"DELETE", url}).status, 404);
}

// Told as failed, and terminated: not left in the store by an answer that was lost.
TEST(Tus, WhatWasNeverAcknowledgedIsNotLeft) {
  for (const std::size_t size : {std::size_t{10}, 16 * kMiB}) {
    for (const bool at_once : {true, false}) {
      TusBed bed;
      const Operation last = size > 10 ? Operation::kComplete : Operation::kPutObject;
      bed.faults.reset({.rules = {rule(last, FaultKind::kLoseAnswer)}});
      const std::string content = random_bytes(size);
      if (at_once) {
        const TusAnswer answer = bed.ask({"POST",
                                          "/tus/",
                                          {{"Upload-Length", std::to_string(size)},
                                           {"Content-Type", "application/offset+octet-stream"}},
                                          content});
        EXPECT_EQ(answer.status, 502) << answer.body;
      } else {
        const std::string url = bed.create(size);
        EXPECT_EQ(bed.patch(url, 0, content), 502);
        EXPECT_EQ(bed.ask({"DELETE", url}).status, 204);
      }
      EXPECT_EQ(bed.keys(), Keys()) << size << at_once;
      EXPECT_TRUE(bed.knows_nothing());
    }
  }
}

TEST(Tus, ExpiryEndsWithoutItsBucket) {
  TusBed bed;
  ASSERT_TRUE(bed.loop.run(bed.memory.create_bucket("other")));
  const std::string url = bed.create(30 * kMiB, {{"bucket", "other"}});
  EXPECT_EQ(bed.patch(url, 0, random_bytes(20 * kMiB)), 204);
  const auto uploads = bed.loop.run(bed.memory.list_uploads("other", {})).value().uploads;
  ASSERT_EQ(uploads.size(), 1u);
  ASSERT_TRUE(bed.loop.run(bed.memory.abort({"other", uploads[0].key}, uploads[0].upload_id)));
  ASSERT_TRUE(bed.loop.run(bed.memory.remove_bucket("other")));
  EXPECT_TRUE(bed.loop.run(sleep_for(25h)));
  EXPECT_TRUE(bed.loop.run(bed.uploads->sweep()));
  EXPECT_TRUE(bed.knows_nothing());
}

TEST(Tus, NamesMeetWithoutHarm) {
  for (const std::size_t size : {std::size_t{10}, 9 * kMiB}) {
    for (const bool conditional : {true, false}) {
      TusBed bed({.conditional_writes = conditional, .conditional_complete = conditional});
      ASSERT_TRUE(bed.loop.run(
          bed.memory.put({"bucket", kStamp + "a"}, Body::of(as_bytes("another process's")), {})));
      const std::string content = random_bytes(size);
      for (const char* key : {"a-2", "a-3"}) {
        EXPECT_EQ(bed.patch(bed.create(size, {{"filename", "a"}}), 0, content), 204);
        EXPECT_TRUE(bed.content(kStamp + key) == content) << key;
      }
      EXPECT_EQ(bed.content(kStamp + "a"), "another process's");
    }
  }
}

TEST(Tus, WorksOnStoresThatCanDoLess) {
  TusBed bed({.equal_parts = true,
              .checksums = false,
              .conditional_writes = false,
              .conditional_complete = false,
              .conditional_removes = false});
  const std::string content = random_bytes(20 * kMiB);
  const std::string url = bed.create(content.size(), {{"key", "k"}});
  for (std::size_t at = 0; at < content.size(); at += 3 * kMiB) {
    EXPECT_EQ(bed.patch(url, at, content.substr(at, 3 * kMiB)), 204);
  }
  EXPECT_TRUE(bed.content("k") == content);
}

}  // namespace
}  // namespace telpher
