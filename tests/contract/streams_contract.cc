// What an endpoint asks of a store: bodies as streams, tags and checksums that come with writes,
// deletions by the list, uploads as they were begun.

#include "tests/contract/object_store_contract.h"

#include <algorithm>

namespace telpher {
namespace {

template <class T>
bool is_unsupported(const Result<T>& result) {
  return !result && result.error().kind == ErrorKind::kUnsupported;
}

TEST_P(ObjectStoreContract, ABodyMayBeAStream) {
  if (is_unsupported(put_stream("probe", "x"))) GTEST_SKIP();
  for (const std::size_t size : {0U, 1U, 65'535U, 65'536U, 1'000'003U}) {
    const std::string bytes = test_content(size, size);
    const Result<PutResult> put = put_stream("key", bytes);
    ASSERT_TRUE(put) << put.error().message;
    EXPECT_TRUE(content("key") == bytes) << size;
    if (capabilities().etag_is_md5) {
      const Digest md5 = checksum_of(ChecksumAlgorithm::kMd5, as_bytes(bytes));
      EXPECT_EQ(put->etag, "\"" + md5.to_hex() + "\"");
    }
  }
}

TEST_P(ObjectStoreContract, AStreamThatFailsLeavesNothing) {
  if (is_unsupported(put_stream("probe", "x"))) GTEST_SKIP();
  ASSERT_TRUE(put("there", "before"));
  for (const std::size_t size : {100U, 500'000U}) {
    const std::string bytes = test_content(size, 1);
    for (const std::string key : {"there", "new"}) {
      TextStream broken(bytes, size + 1);
      EXPECT_FALSE(run(store().put(at(key), Body::of_stream(broken, size + 1), {})));
      TextStream longer(bytes);
      EXPECT_FALSE(run(store().put(at(key), Body::of_stream(longer, size - 1), {})));
    }
    EXPECT_EQ(content("there"), "before");
    EXPECT_EQ(head_error("new"), ErrorKind::kNotFound);
  }
}

TEST_P(ObjectStoreContract, AStreamMayBringItsChecksumAtTheEnd) {
  if (!capabilities().checksums || is_unsupported(put_stream("probe", "x"))) GTEST_SKIP();
  for (const std::size_t size : {10U, 200'000U}) {
    const std::string bytes = test_content(size, 1);
    const Digest right = checksum_of(ChecksumAlgorithm::kCrc32, as_bytes(bytes));
    const Digest wrong = checksum_of(ChecksumAlgorithm::kCrc32, as_bytes("x"));
    const auto put_with = [&](const Digest& digest) {
      for (int attempt = 0;; ++attempt) {
        std::optional<Digest> trailer;
        TextStream stream(bytes);
        stream.set_trailer(&trailer, digest);
        PutOptions options;
        options.algorithm = ChecksumAlgorithm::kCrc32;
        options.trailer = &trailer;
        Result<PutResult> result =
            run(store().put(at("key"), Body::of_stream(stream, size), options));
        const bool corrupt = !result && result.error().kind == ErrorKind::kCorrupt;
        if (result || corrupt || attempt == 50) return result;
      }
    };
    const Result<PutResult> refused = put_with(wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().context.code, "BadDigest");
    EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);
    const Result<PutResult> taken = put_with(right);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(taken->checksum, (StoredChecksum{right, 0}));
    EXPECT_EQ(run(store().head(at("key")))->checksum, (StoredChecksum{right, 0}));
    ASSERT_TRUE(run(store().remove(at("key"))));
  }
}

TEST_P(ObjectStoreContract, PartsMayBeStreams) {
  if (is_unsupported(put_stream("probe", "x"))) GTEST_SKIP();
  const std::string bytes =
      test_content(std::max<ByteCount>(capabilities().part_size_min, 100'000), 1);
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  std::vector<PartInfo> parts;
  for (const PartNumber number : {1, 2}) {
    const std::string_view part_bytes =
        std::string_view(bytes).substr(0, number == 1 ? bytes.size() : 9);
    Result<PartInfo> part = make_error(ErrorKind::kInvalid, "not sent");
    for (int attempt = 0; attempt < 50 && !part; ++attempt) {
      TextStream stream(part_bytes);
      part = run(
          store().put_part(at("key"), *id, number, Body::of_stream(stream, part_bytes.size()), {}));
    }
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(part->size, part_bytes.size());
    parts.push_back(*part);
  }
  ASSERT_TRUE(run(store().complete(at("key"), *id, parts, {})));
  EXPECT_TRUE(content("key") == bytes + bytes.substr(0, 9));
}

TEST_P(ObjectStoreContract, TagsMayComeWithTheWrite) {
  if (!capabilities().tagging) {
    EXPECT_EQ(put("key", "x", {.tags = {{"a", "b"}}}).error().kind, ErrorKind::kUnsupported);
    return;
  }
  const auto tags_of = [&](const std::string& key) {
    const Result<Tags> found = run(store().tags(at(key)));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : Tags{{"none", "read"}};
  };
  const auto copy_with = [&](std::optional<Tags> tags) {
    const Result<PutResult> copied =
        run(store().copy(at("key"), at("copy"), {.tags = std::move(tags)}));
    EXPECT_TRUE(copied) << copied.error().message;
  };
  const Tags tags = {{"project", "tel pher"}, {"stage", "a+b=c:d"}};
  const Tags others = {{"x", "y"}};
  ASSERT_TRUE(put("key", "one", {.tags = tags}));
  EXPECT_EQ(tags_of("key"), tags);
  EXPECT_EQ(run(store().head(at("key")))->tag_count, 2);
  copy_with(std::nullopt);
  EXPECT_EQ(tags_of("copy"), tags);
  copy_with(others);
  EXPECT_EQ(tags_of("copy"), others);
  copy_with(Tags());
  EXPECT_EQ(tags_of("copy"), Tags());
  EXPECT_EQ(run(store().head(at("copy")))->tag_count, 0);
  ASSERT_TRUE(put("key", "two"));
  EXPECT_EQ(tags_of("key"), Tags());

  const Result<std::string> id = run(store().create_upload(at("parts"), {.tags = tags}));
  if (is_unsupported(id)) return;  // refused, not forgotten
  ASSERT_TRUE(id) << id.error().message;
  const PartInfo part = put_part("parts", *id, 1, "x").value();
  ASSERT_TRUE(run(store().complete(at("parts"), *id, {part}, {})));
  EXPECT_EQ(tags_of("parts"), tags);
}

TEST_P(ObjectStoreContract, ManyAreRemovedAtOnce) {
  std::vector<std::string> keys = {"a", "b/c", "d & <e>", "\xc3\xa9"};
  for (const std::string& key : keys) ASSERT_TRUE(put(key, key));
  ASSERT_TRUE(put("stays", "x"));
  keys.push_back("never was");
  const auto removed = run(store().remove_many(bucket_, keys));
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(removed->empty());
  EXPECT_EQ(this->keys(), std::vector<std::string>{"stays"});
  const auto malformed = run(store().remove_many(bucket_, {std::string(1025, 'k'), "stays"}));
  ASSERT_TRUE(malformed) << malformed.error().message;
  ASSERT_EQ(malformed->size(), 1U);
  EXPECT_EQ(malformed->front().key, std::string(1025, 'k'));
  EXPECT_TRUE(this->keys().empty());
  EXPECT_EQ(run(store().remove_many("contract-no-such-bucket", {"a"})).error().kind,
            ErrorKind::kNotFound);
}

TEST_P(ObjectStoreContract, ACopyMayKeepAnotherChecksum) {
  if (!capabilities().server_side_copy || !capabilities().checksums) GTEST_SKIP();
  ASSERT_TRUE(put("from", "hello"));
  const Digest sha256 = checksum_of(ChecksumAlgorithm::kSha256, as_bytes("hello"));
  const Result<PutResult> copied =
      run(store().copy(at("from"), at("to"), {.algorithm = ChecksumAlgorithm::kSha256}));
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(run(store().head(at("to")))->checksum, (StoredChecksum{sha256, 0}));
}

TEST_P(ObjectStoreContract, UploadsMayBeComposite) {
  if (!capabilities().checksums) GTEST_SKIP();
  for (const ChecksumAlgorithm algorithm :
       {ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kCrc32}) {
    const std::string key(to_string(algorithm));
    const Result<std::string> id =
        run(store().create_upload(at(key), {.checksum = algorithm, .composite = true}));
    ASSERT_TRUE(id) << id.error().message;
    const std::string first =
        test_content(std::max<ByteCount>(capabilities().part_size_min, 1000), 1);
    const auto put_with = [&](PartNumber number, std::string_view bytes, ChecksumAlgorithm by) {
      return run(store().put_part(at(key), *id, number, Body::of(as_bytes(bytes)),
                                  {.checksum = checksum_of(by, as_bytes(bytes))}));
    };
    const Result<PartInfo> other = put_with(1, first, ChecksumAlgorithm::kSha1);
    ASSERT_FALSE(other) << "by another algorithm than announced";
    EXPECT_EQ(other.error().kind, ErrorKind::kInvalid);
    const Result<PartInfo> one = put_with(1, first, algorithm);
    const Result<PartInfo> two = put_with(2, "last", algorithm);
    ASSERT_TRUE(one && two) << one.error().message;
    Checksum joined(algorithm);
    joined.update(one->checksum->bytes());
    joined.update(two->checksum->bytes());
    const Digest composite = joined.finish();
    ASSERT_TRUE(run(store().complete(at(key), *id, {*one, *two}, {})));
    EXPECT_EQ(run(store().head(at(key)))->checksum, (StoredChecksum{composite, 2}));
  }
}

TEST_P(ObjectStoreContract, UploadsAreListedOldestFirst) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(run(store().create_upload(at("key"), {})).value());
  }
  CreateUploadOptions with = {.storage = {.storage_class = "STANDARD_IA"}};
  if (capabilities().checksums) with.checksum = ChecksumAlgorithm::kSha256;
  Result<std::string> described = run(store().create_upload(at("key2"), with));
  if (!described && described.error().kind == ErrorKind::kInvalid) {
    with.storage.storage_class = "STANDARD";  // the only class there is
    described = run(store().create_upload(at("key2"), with));
  }
  ASSERT_TRUE(described) << described.error().message;
  std::vector<UploadInfo> listed;
  ListUploadsOptions options{.max_uploads = 2};
  for (int pages = 0; pages < 10; ++pages) {
    const Result<UploadsPage> page = run(store().list_uploads(bucket_, options));
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_LE(page->uploads.size(), 2U);
    listed.insert(listed.end(), page->uploads.begin(), page->uploads.end());
    options.key_marker = page->key_marker;
    options.upload_id_marker = page->upload_id_marker;
    if (options.key_marker.empty()) break;
  }
  ASSERT_EQ(listed.size(), 6U);
  std::vector<std::string> listed_ids;
  for (std::size_t i = 0; i < ids.size(); ++i) listed_ids.push_back(listed[i].upload_id);
  if (!subject_->lists_uploads_by_age()) {
    std::ranges::sort(ids);
    std::ranges::sort(listed_ids);
  }
  EXPECT_EQ(listed_ids, ids);
  EXPECT_EQ(listed.back().key, "key2");
  EXPECT_EQ(listed.back().storage_class, with.storage.storage_class);
  if (capabilities().checksums) EXPECT_EQ(listed.back().checksum, ChecksumAlgorithm::kSha256);
}

}  // namespace
}  // namespace telpher
