// Objects: written, read, conditional, copied.

#include "runtime/task_group.h"
#include "tests/contract/object_store_contract.h"

#include <cstdio>
#include <unistd.h>

namespace telpher {
namespace {

TEST_P(ObjectStoreContract, WhatIsPutIsThere) {
  PutOptions options;
  options.metadata.content_type = "text/plain; charset=utf-8";
  options.metadata.cache_control = "max-age=60";
  options.metadata.content_disposition = "attachment; filename=\"a.txt\"";
  options.metadata.user = {{"colour", "blue"}, {"empty-hands", "none"}};
  const Result<PutResult> result = put("key", "hello", options);
  ASSERT_TRUE(result) << result.error().message;
  if (capabilities().etag_is_md5) EXPECT_EQ(result->etag, "\"5d41402abc4b2a76b9719d911017c592\"");

  EXPECT_EQ(content("key"), "hello");
  const Result<ObjectInfo> info = run(store().head(at("key")));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->size, 5u);
  EXPECT_EQ(info->etag, result->etag);
  EXPECT_EQ(info->metadata.content_type, options.metadata.content_type);
  EXPECT_EQ(info->metadata.cache_control, options.metadata.cache_control);
  EXPECT_EQ(info->metadata.content_disposition, options.metadata.content_disposition);
  EXPECT_EQ(info->metadata.user, options.metadata.user);
  EXPECT_GT(info->last_modified.time_since_epoch().count(), 0);
}

TEST_P(ObjectStoreContract, AnEmptyObjectIsAnObject) {
  ASSERT_TRUE(put("empty", ""));
  EXPECT_EQ(content("empty"), "");
  EXPECT_EQ(run(store().head(at("empty")))->size, 0u);
}

TEST_P(ObjectStoreContract, SizesAroundTheBoundaries) {
  for (const std::size_t size : {1u, 4096u, 65535u, 65536u, 65537u, 1'000'003u}) {
    const std::string bytes = test_content(size, size);
    ASSERT_TRUE(put("sized", bytes)) << size;
    EXPECT_TRUE(content("sized") == bytes) << size;
  }
}

TEST_P(ObjectStoreContract, OverwritingReplacesBytesAndMetadata) {
  PutOptions options;
  options.metadata.user = {{"version", "one"}};
  ASSERT_TRUE(put("key", "first", options));
  ASSERT_TRUE(put("key", "second and longer"));
  EXPECT_EQ(content("key"), "second and longer");
  EXPECT_TRUE(run(store().head(at("key")))->metadata.user.empty());
}

TEST_P(ObjectStoreContract, RemovingIsFinalAndRepeatable) {
  ASSERT_TRUE(put("key", "hello"));
  EXPECT_TRUE(run(store().remove(at("key"))));
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);
  EXPECT_TRUE(run(store().remove(at("key"))));
  EXPECT_TRUE(run(store().remove(at("never was"))));
}

TEST_P(ObjectStoreContract, RemovingMayDependOnWhatIsThere) {
  const std::string etag = put("key", "hello")->etag;
  const auto remove_if = [&](const std::string& key, const std::string& if_match) {
    const Result<void> removed = run(store().remove(at(key), if_match));
    return removed ? std::nullopt : std::optional(removed.error().kind);
  };
  if (!capabilities().conditional_removes) {
    EXPECT_EQ(remove_if("key", etag), ErrorKind::kUnsupported);
    EXPECT_EQ(content("key"), "hello");
    return;
  }
  EXPECT_EQ(remove_if("key", "\"5d41402abc4b2a76b9719d911017c593\""), ErrorKind::kPrecondition);
  EXPECT_EQ(content("key"), "hello");
  EXPECT_EQ(remove_if("key", etag), std::nullopt);
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);
  EXPECT_EQ(remove_if("never was", "*"), ErrorKind::kNotFound);
  ASSERT_TRUE(put("key", "again"));
  EXPECT_EQ(remove_if("key", "*"), std::nullopt);
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);
}

TEST_P(ObjectStoreContract, WhatIsMissingIsNamed) {
  EXPECT_EQ(content("missing"), "<NoSuchKey>");
  const ObjectAddress elsewhere{"contract-no-such-bucket", "key"};
  const Result<PutResult> refused = run(store().put(elsewhere, Body::of(as_bytes("x")), {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(refused.error().context.code, "NoSuchBucket");
  EXPECT_FALSE(refused.error().is_temporary());
  EXPECT_EQ(run(store().head(elsewhere)).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(run(store().list("contract-no-such-bucket", {})).error().context.code, "NoSuchBucket");
}

TEST_P(ObjectStoreContract, AnyKeyIsLegalAndNeverAPath) {
  const std::vector<std::string> odd = {"a b",
                                        "a+b",
                                        "a%2Fb",
                                        "a//b",
                                        "/leading",
                                        "dir/",
                                        "..",
                                        "../../etc/x",
                                        "a?b&c=d",
                                        "a#b",
                                        "ключ",
                                        "日本/語🙂",
                                        "back\\slash",
                                        "~!*'()",
                                        "\"quoted\"",
                                        "<xml>",
                                        std::string(1024, 'k')};
  for (const std::string& key : odd) {
    const Result<PutResult> result = put(key, "content of " + key);
    ASSERT_TRUE(result) << key << ": " << result.error().message;
  }
  for (const std::string& key : odd) EXPECT_EQ(content(key), "content of " + key);
  std::vector<std::string> expected = odd;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(keys(), expected);
}

TEST_P(ObjectStoreContract, MalformedNamesAreInvalid) {
  for (const std::string& key : {std::string(), std::string(1025, 'k'), std::string("\xff")}) {
    EXPECT_EQ(put(key, "x").error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(run(store().head(at(key))).error().kind, ErrorKind::kInvalid);
  }
  EXPECT_EQ(run(store().create_bucket("No_Good")).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(run(store().head({"x", "key"})).error().kind, ErrorKind::kInvalid);
}

TEST_P(ObjectStoreContract, Ranges) {
  const std::string bytes = test_content(100'000, 1);
  ASSERT_TRUE(put("key", bytes));
  EXPECT_TRUE(content("key", {.range = ByteRange{0, 1}}) == bytes.substr(0, 1));
  EXPECT_TRUE(content("key", {.range = ByteRange{777, 70'000}}) == bytes.substr(777, 70'000));
  EXPECT_TRUE(content("key", {.range = ByteRange{99'999, 1}}) == bytes.substr(99'999));
  EXPECT_TRUE(content("key", {.range = ByteRange{99'000, 5'000}}) == bytes.substr(99'000));
  Result<GetResult> part = run(store().get(at("key"), {.range = ByteRange{10, 20}}));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->info.size, 100'000u);
  EXPECT_EQ(part->length, 20u);
  part->body.reset();
  const Result<GetResult> beyond = run(store().get(at("key"), {.range = ByteRange{100'000, 1}}));
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().kind, ErrorKind::kInvalid);
}

TEST_P(ObjectStoreContract, ReadingOnlyWhatWasSeen) {
  const std::string etag = put("key", "one")->etag;
  EXPECT_EQ(content("key", {.if_match = etag}), "one");
  ASSERT_TRUE(put("key", "two"));
  const Result<GetResult> changed = run(store().get(at("key"), {.if_match = etag}));
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().kind, ErrorKind::kPrecondition);
}

TEST_P(ObjectStoreContract, AReaderNeverMixesVersions) {
  const std::string old_bytes = test_content(3'000'000, 1);
  ASSERT_TRUE(put("key", old_bytes));
  Result<GetResult> got = run(store().get(at("key"), {}));
  ASSERT_TRUE(got);
  ASSERT_TRUE(put("key", test_content(3'000'000, 2)));
  const Result<std::string> read = read_all(*std::move(got));
  if (read) EXPECT_TRUE(*read == old_bytes);
}

TEST_P(ObjectStoreContract, AReaderMayBeDroppedHalfWay) {
  const std::string bytes = test_content(3'000'000, 1);
  ASSERT_TRUE(put("key", bytes));
  Result<GetResult> got = run(store().get(at("key"), {}));
  ASSERT_TRUE(got);
  std::byte some[10];
  ASSERT_TRUE(run(got->body->read_some(some)));
  got->body.reset();
  EXPECT_TRUE(content("key") == bytes);
}

TEST_P(ObjectStoreContract, ChecksumsAreVerifiedAndKept) {
  if (!capabilities().checksums) GTEST_SKIP();
  for (const ChecksumAlgorithm algorithm :
       {ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kCrc32c, ChecksumAlgorithm::kCrc32,
        ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kSha1}) {
    const std::string key(to_string(algorithm));
    const Digest right = checksum_of(algorithm, as_bytes("hello"));
    const Digest wrong = checksum_of(algorithm, as_bytes("jello"));
    const Result<PutResult> refused = put(key, "hello", {.checksum = wrong});
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().kind, ErrorKind::kCorrupt) << refused.error().message;
    EXPECT_EQ(head_error(key), ErrorKind::kNotFound);

    const Result<PutResult> taken = put(key, "hello", {.checksum = right});
    ASSERT_TRUE(taken) << key << ": " << taken.error().message;
    const Result<ObjectInfo> info = run(store().head(at(key)));
    ASSERT_TRUE(info);
    ASSERT_TRUE(info->checksum) << key;
    EXPECT_EQ(*info->checksum, (StoredChecksum{right, 0}));
  }
}

TEST_P(ObjectStoreContract, ContentMd5IsVerified) {
  const auto md5 = [](std::string_view text) {
    return checksum_of(ChecksumAlgorithm::kMd5, as_bytes(text)).to_base64();
  };
  const Result<PutResult> refused = put("key", "hello", {.content_md5 = md5("jello")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);
  EXPECT_TRUE(put("key", "hello", {.content_md5 = md5("hello")}));
}

TEST_P(ObjectStoreContract, AWriteMayDependOnWhatIsThere) {
  if (!capabilities().conditional_writes) GTEST_SKIP();
  const Result<PutResult> first = put("key", "one", {.condition = {.if_none_match = true}});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(put("key", "two", {.condition = {.if_none_match = true}}).error().kind,
            ErrorKind::kPrecondition);
  EXPECT_EQ(content("key"), "one");

  const Result<PutResult> second = put("key", "two", {.condition = {.if_match = first->etag}});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(put("key", "three", {.condition = {.if_match = first->etag}}).error().kind,
            ErrorKind::kPrecondition);
  EXPECT_EQ(content("key"), "two");
}

Task<Result<void>> put_counted(ObjectStore& store, ObjectAddress object, int id, int* wins) {
  const std::string content = "written by " + std::to_string(id);
  const Result<PutResult> result = co_await store.put(object, Body::of(as_bytes(content)),
                                                      {.condition = {.if_none_match = true}});
  if (result) {
    ++*wins;
  } else if (result.error().kind != ErrorKind::kPrecondition &&
             result.error().kind != ErrorKind::kConflict) {
    co_return result.error();
  }
  co_return Result<void>();
}

Task<Result<void>> race(ObjectStore& store, ObjectAddress object, int* wins) {
  TaskGroup group(co_await current_context());
  for (int i = 0; i < 8; ++i) group.spawn(put_counted(store, object, i, wins));
  co_return co_await group.join();
}

TEST_P(ObjectStoreContract, OfManyCreatorsOneWins) {
  if (!capabilities().conditional_writes) GTEST_SKIP();
  int wins = 0;
  const Result<void> raced = run(race(store(), at("key"), &wins));
  ASSERT_TRUE(raced) << raced.error().message;
  EXPECT_EQ(wins, 1);
}

TEST_P(ObjectStoreContract, ABodyMayLieInAFile) {
  const std::string bytes = test_content(300'000, 3);
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  std::fflush(file);
  const auto range = [&](ByteCount offset, ByteCount length) {
    return Body::of_file(::fileno(file), {offset, length});
  };
  ASSERT_TRUE(run(store().put(at("large"), range(1'000, 200'000), {})));
  ASSERT_TRUE(run(store().put(at("small"), range(7, 20), {})));
  std::fclose(file);
  EXPECT_TRUE(content("large") == bytes.substr(1'000, 200'000));
  EXPECT_TRUE(content("small") == bytes.substr(7, 20));
}

TEST_P(ObjectStoreContract, CopiesWithinTheStore) {
  if (!capabilities().server_side_copy) GTEST_SKIP();
  PutOptions options;
  options.metadata.content_type = "text/plain";
  options.metadata.user = {{"colour", "blue"}};
  const std::string bytes = test_content(200'000, 1);
  const std::string etag = put("from here", bytes, options)->etag;

  const Result<PutResult> copied = run(store().copy(at("from here"), at("to+there"), {}));
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_TRUE(content("to+there") == bytes);
  const Result<ObjectInfo> info = run(store().head(at("to+there")));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->etag, copied->etag);
  EXPECT_EQ(info->metadata.user, options.metadata.user);
  EXPECT_EQ(info->metadata.content_type, "text/plain");

  CopyOptions replaced;
  replaced.metadata.emplace();
  replaced.metadata->user = {{"colour", "red"}};
  replaced.source_if_match = etag;
  ASSERT_TRUE(run(store().copy(at("from here"), at("from here"), replaced)));
  EXPECT_EQ(run(store().head(at("from here")))->metadata.user.at("colour"), "red");
  EXPECT_TRUE(content("from here") == bytes);

  ASSERT_TRUE(run(store().remove(at("from here"))));
  EXPECT_TRUE(content("to+there") == bytes);
  EXPECT_EQ(run(store().copy(at("from here"), at("x"), {})).error().kind, ErrorKind::kNotFound);
}

TEST_P(ObjectStoreContract, ACopyOfAnotherSourceIsRefused) {
  if (!capabilities().server_side_copy) GTEST_SKIP();
  const std::string etag = put("from", "one")->etag;
  ASSERT_TRUE(put("from", "two"));
  const Result<PutResult> refused =
      run(store().copy(at("from"), at("to"), {.source_if_match = etag}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(head_error("to"), ErrorKind::kNotFound);
}

TEST_P(ObjectStoreContract, TagsStayWithTheObject) {
  if (!capabilities().tagging) GTEST_SKIP();
  ASSERT_TRUE(put("key", "one"));
  EXPECT_TRUE(run(store().tags(at("key")))->empty());
  const Tags tags = {{"project", "tel pher"}, {"stage", "a+b=c"}};
  const Result<void> set = run(store().set_tags(at("key"), tags));
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(*run(store().tags(at("key"))), tags);
  EXPECT_EQ(content("key"), "one");
  ASSERT_TRUE(run(store().set_tags(at("key"), {})));
  EXPECT_TRUE(run(store().tags(at("key")))->empty());
  EXPECT_EQ(run(store().tags(at("missing"))).error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace telpher
