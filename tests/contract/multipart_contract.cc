// Objects made of parts.

#include "codec/hex.h"
#include "runtime/task_group.h"
#include "tests/contract/object_store_contract.h"

namespace telpher {
namespace {

class MultipartPieces {
 public:
  /// Parts of the store's least size and a last one of 1,000 bytes.
  MultipartPieces(const Capabilities& capabilities, int count) {
    const auto size =
        static_cast<std::size_t>(std::max<ByteCount>(capabilities.part_size_min, 1000));
    for (int i = 1; i <= count; ++i) {
      pieces_.push_back(test_content(i < count ? size : 1'000, static_cast<std::uint64_t>(i)));
      whole_ += pieces_.back();
    }
  }
  const std::string& operator[](PartNumber number) const {
    return pieces_[static_cast<std::size_t>(number - 1)];
  }
  const std::string& whole() const { return whole_; }

 private:
  std::vector<std::string> pieces_;
  std::string whole_;
};

TEST_P(ObjectStoreContract, PartsBecomeOneObject) {
  const MultipartPieces pieces(capabilities(), 3);
  CreateUploadOptions options;
  options.metadata.content_type = "application/x-test";
  options.metadata.user = {{"colour", "blue"}};
  const Result<std::string> id = run(store().create_upload(at("key"), options));
  ASSERT_TRUE(id) << id.error().message;
  std::vector<PartInfo> parts(3);
  for (const PartNumber number : {3, 1, 2}) {
    const Result<PartInfo> part = put_part("key", *id, number, pieces[number]);
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(part->number, number);
    EXPECT_EQ(part->size, pieces[number].size());
    if (capabilities().etag_is_md5) {
      const Digest md5 = checksum_of(ChecksumAlgorithm::kMd5, as_bytes(pieces[number]));
      EXPECT_EQ(part->etag, "\"" + md5.to_hex() + "\"");
    }
    parts[static_cast<std::size_t>(number - 1)] = *part;
  }
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound) << "nothing appears before it is complete";

  const Result<PutResult> done = run(store().complete(at("key"), *id, parts, {}));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(content("key") == pieces.whole());
  const Result<ObjectInfo> info = run(store().head(at("key")));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, pieces.whole().size());
  EXPECT_EQ(info->etag, done->etag);
  EXPECT_EQ(info->metadata.content_type, "application/x-test");
  EXPECT_EQ(info->metadata.user, options.metadata.user);
  if (capabilities().etag_is_md5) {
    Checksum md5(ChecksumAlgorithm::kMd5);
    for (const PartNumber number : {1, 2, 3}) {
      md5.update(checksum_of(ChecksumAlgorithm::kMd5, as_bytes(pieces[number])).bytes());
    }
    EXPECT_EQ(done->etag, "\"" + md5.finish().to_hex() + "-3\"");
  }
  // A range over the seam of two parts.
  const ByteCount seam = pieces[1].size();
  EXPECT_TRUE(content("key", {.range = ByteRange{seam - 5, 10}}) ==
              pieces.whole().substr(seam - 5, 10));
  EXPECT_TRUE(run(store().list_uploads(bucket_, {}))->uploads.empty());
}

Task<Result<void>> send_part(ObjectStore& store, ObjectAddress object, std::string id,
                             PartNumber number, Bytes bytes, std::vector<PartInfo>* parts) {
  CO_TRY(PartInfo part, co_await store.put_part(object, id, number, Body::of(bytes), {}));
  (*parts)[static_cast<std::size_t>(number - 1)] = std::move(part);
  co_return Result<void>();
}

Task<Result<void>> send_all(ObjectStore& store, ObjectAddress object, std::string id,
                            const MultipartPieces* pieces, std::vector<PartInfo>* parts) {
  TaskGroup group(co_await current_context());
  for (int i = static_cast<int>(parts->size()); i >= 1; --i) {
    group.spawn(send_part(store, object, id, i, as_bytes((*pieces)[i]), parts));
  }
  co_return co_await group.join();
}

TEST_P(ObjectStoreContract, PartsMayRunSideBySide) {
  const MultipartPieces pieces(capabilities(), 4);
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  std::vector<PartInfo> parts(4);
  const Result<void> sent = run(send_all(store(), at("key"), *id, &pieces, &parts));
  ASSERT_TRUE(sent) << sent.error().message;
  ASSERT_TRUE(run(store().complete(at("key"), *id, parts, {})));
  EXPECT_TRUE(content("key") == pieces.whole());
}

TEST_P(ObjectStoreContract, ThePartSentLastCounts) {
  const MultipartPieces pieces(capabilities(), 2);
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  const Result<PartInfo> first_try = put_part("key", *id, 1, test_content(pieces[1].size(), 99));
  const Result<PartInfo> first = put_part("key", *id, 1, pieces[1]);
  const Result<PartInfo> second = put_part("key", *id, 2, pieces[2]);
  ASSERT_TRUE(first_try && first && second);
  const Result<PutResult> refused =
      run(store().complete(at("key"), *id, {*first_try, *second}, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
  ASSERT_TRUE(run(store().complete(at("key"), *id, {*first, *second}, {})));
  EXPECT_TRUE(content("key") == pieces.whole());
}

TEST_P(ObjectStoreContract, PartsNotNamedAreDropped) {
  if (!capabilities().partial_complete) GTEST_SKIP();
  const MultipartPieces pieces(capabilities(), 3);
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  std::vector<PartInfo> parts;
  for (const PartNumber number : {1, 2, 3}) {
    parts.push_back(put_part("key", *id, number, pieces[number]).value());
  }
  ASSERT_TRUE(run(store().complete(at("key"), *id, {parts[0], parts[2]}, {})));
  EXPECT_TRUE(content("key") == pieces[1] + pieces[3]);
}

TEST_P(ObjectStoreContract, AWrongListOfPartsIsRefusedAndTheUploadGoesOn) {
  const MultipartPieces pieces(capabilities(), 2);
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  const PartInfo first = put_part("key", *id, 1, pieces[1]).value();
  const PartInfo second = put_part("key", *id, 2, pieces[2]).value();
  PartInfo unknown = second;
  unknown.number = 7;
  PartInfo changed = second;
  changed.etag = "\"00000000000000000000000000000000\"";
  for (const std::vector<PartInfo>& parts :
       {std::vector<PartInfo>{}, {second, first}, {first, unknown}, {first, changed}}) {
    const Result<PutResult> refused = run(store().complete(at("key"), *id, parts, {}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid) << refused.error().message;
    EXPECT_FALSE(refused.error().is_temporary());
  }
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);
  EXPECT_TRUE(run(store().complete(at("key"), *id, {first, second}, {})));
}

TEST_P(ObjectStoreContract, OnlyTheLastPartMayBeSmall) {
  if (capabilities().part_size_min <= 1) GTEST_SKIP();
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  const PartInfo first = put_part("key", *id, 1, "small").value();
  const PartInfo second = put_part("key", *id, 2, "last").value();
  const Result<PutResult> refused = run(store().complete(at("key"), *id, {first, second}, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
  if (!capabilities().partial_complete) return;
  EXPECT_TRUE(run(store().complete(at("key"), *id, {first}, {})));
  EXPECT_EQ(content("key"), "small");
}

TEST_P(ObjectStoreContract, PartNumbersHaveLimits) {
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  for (const PartNumber number : {-1, 0, capabilities().parts_max + 1}) {
    EXPECT_EQ(put_part("key", *id, number, "x").error().kind, ErrorKind::kInvalid) << number;
  }
  EXPECT_TRUE(put_part("key", *id, capabilities().parts_max, "x"));
}

TEST_P(ObjectStoreContract, AbortingEndsAnUpload) {
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  const PartInfo part = put_part("key", *id, 1, "x").value();
  EXPECT_TRUE(run(store().abort(at("key"), *id)));
  EXPECT_TRUE(run(store().abort(at("key"), *id))) << "again";
  const Result<PartInfo> late = put_part("key", *id, 2, "x");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(late.error().context.code, "NoSuchUpload");
  EXPECT_EQ(run(store().complete(at("key"), *id, {part}, {})).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(run(store().list_parts(at("key"), *id, 0)).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);
}

TEST_P(ObjectStoreContract, CompletingTwiceChangesNothing) {
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  const PartInfo part = put_part("key", *id, 1, "hello").value();
  const Result<PutResult> done = run(store().complete(at("key"), *id, {part}, {}));
  ASSERT_TRUE(done);
  const Result<PutResult> again = run(store().complete(at("key"), *id, {part}, {}));
  if (again) {
    EXPECT_EQ(again->etag, done->etag);
  } else {
    EXPECT_EQ(again.error().kind, ErrorKind::kNotFound);
  }
  EXPECT_EQ(content("key"), "hello");
}

TEST_P(ObjectStoreContract, PartsAndUploadsAreListed) {
  const Result<std::string> id = run(store().create_upload(at("dir/key"), {}));
  const Result<std::string> other = run(store().create_upload(at("dir/key"), {}));
  const Result<std::string> third = run(store().create_upload(at("zzz"), {}));
  ASSERT_TRUE(id && other && third);
  EXPECT_NE(*id, *other);
  const Result<PartInfo> one = put_part("dir/key", *id, 1, "one");
  ASSERT_TRUE(one) << one.error().message;
  const PartInfo& first = *one;
  const PartInfo fifth = put_part("dir/key", *id, 5, "fifth").value();

  const Result<PartsPage> parts = run(store().list_parts(at("dir/key"), *id, 0));
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(parts->continuation, 0);
  ASSERT_EQ(parts->parts.size(), 2u);
  EXPECT_EQ(parts->parts[0].number, 1);
  EXPECT_EQ(parts->parts[0].size, 3u);
  EXPECT_EQ(parts->parts[0].etag, first.etag);
  EXPECT_EQ(parts->parts[1].number, 5);
  EXPECT_EQ(parts->parts[1].etag, fifth.etag);
  const Result<PartsPage> after = run(store().list_parts(at("dir/key"), *id, 1));
  ASSERT_TRUE(after);
  ASSERT_EQ(after->parts.size(), 1u);
  EXPECT_EQ(after->parts[0].number, 5);
  EXPECT_TRUE(run(store().list_parts(at("dir/key"), *other, 0))->parts.empty());

  EXPECT_EQ(run(store().list_uploads(bucket_, {}))->uploads.size(), 3u);
  const Result<UploadsPage> some = run(store().list_uploads(bucket_, {.prefix = "dir/"}));
  ASSERT_TRUE(some);
  ASSERT_EQ(some->uploads.size(), 2u);
  EXPECT_EQ(some->uploads[0].key, "dir/key");
  EXPECT_GT(some->uploads[0].initiated.time_since_epoch().count(), 0);
}

TEST_P(ObjectStoreContract, LongListsOfPartsComeInPages) {
  // Only where parts are cheap.
  if (capabilities().part_size_min > 1000 || capabilities().parts_max < 2500) GTEST_SKIP();
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  std::vector<PartInfo> parts;
  std::string whole;
  for (PartNumber number = 1; number <= 2500; ++number) {
    whole += std::to_string(number);
    parts.push_back(put_part("key", *id, number, std::to_string(number)).value());
  }
  std::vector<PartInfo> listed;
  PartNumber marker = 0;
  for (int pages = 0; pages < 10; ++pages) {
    const Result<PartsPage> page = run(store().list_parts(at("key"), *id, marker));
    ASSERT_TRUE(page);
    listed.insert(listed.end(), page->parts.begin(), page->parts.end());
    marker = page->continuation;
    if (marker == 0) break;
  }
  ASSERT_EQ(listed.size(), parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(listed[i].etag, parts[i].etag);
  if (capabilities().part_size_min <= 1) {
    ASSERT_TRUE(run(store().complete(at("key"), *id, listed, {})));
    EXPECT_TRUE(content("key") == whole);
  }
}

TEST_P(ObjectStoreContract, LongListsOfUploadsComeInPages) {
  if (capabilities().part_size_min > 1000) GTEST_SKIP();
  for (int i = 0; i < 1200; ++i) {
    ASSERT_TRUE(run(store().create_upload(at("key" + std::to_string(i % 7)), {})));
  }
  std::size_t count = 0;
  ListUploadsOptions options;
  for (int pages = 0; pages < 5; ++pages) {
    const Result<UploadsPage> page = run(store().list_uploads(bucket_, options));
    ASSERT_TRUE(page);
    count += page->uploads.size();
    options.key_marker = page->key_marker;
    options.upload_id_marker = page->upload_id_marker;
    if (options.key_marker.empty()) break;
  }
  EXPECT_EQ(count, 1200u);
}

TEST_P(ObjectStoreContract, TheWholeIsCheckedAtTheEnd) {
  if (!capabilities().checksums) GTEST_SKIP();
  const MultipartPieces pieces(capabilities(), 2);
  const Result<std::string> id =
      run(store().create_upload(at("key"), {.checksum = ChecksumAlgorithm::kCrc64Nvme}));
  ASSERT_TRUE(id) << id.error().message;
  std::vector<PartInfo> parts;
  for (const PartNumber number : {1, 2}) {
    const Digest digest = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes(pieces[number]));
    const Digest wrong = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("wrong"));
    const Body body = Body::of(as_bytes(pieces[number]));
    const Result<PartInfo> refused =
        run(store().put_part(at("key"), *id, number, body, {.checksum = wrong}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kCorrupt);
    const Result<PartInfo> part =
        run(store().put_part(at("key"), *id, number, body, {.checksum = digest}));
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(part->checksum, digest);
    parts.push_back(*part);
  }
  const Digest whole = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes(pieces.whole()));
  const Result<PutResult> refused = run(store().complete(
      at("key"), *id, parts,
      {.checksum = checksum_of(ChecksumAlgorithm::kCrc64Nvme, as_bytes("other"))}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kCorrupt) << refused.error().message;
  EXPECT_EQ(head_error("key"), ErrorKind::kNotFound);

  const Result<PutResult> done = run(
      store().complete(at("key"), *id, parts, {.checksum = whole, .size = pieces.whole().size()}));
  ASSERT_TRUE(done) << done.error().message;
  const Result<ObjectInfo> info = run(store().head(at("key")));
  ASSERT_TRUE(info);
  ASSERT_TRUE(info->checksum);
  EXPECT_EQ(*info->checksum, (StoredChecksum{whole, 0}));
}

TEST_P(ObjectStoreContract, CompletingMayDependOnWhatIsThere) {
  if (!capabilities().conditional_complete) GTEST_SKIP();
  ASSERT_TRUE(put("key", "there already"));
  const Result<std::string> id = run(store().create_upload(at("key"), {}));
  ASSERT_TRUE(id);
  const PartInfo part = put_part("key", *id, 1, "new").value();
  const Result<PutResult> refused =
      run(store().complete(at("key"), *id, {part}, {.condition = {.if_none_match = true}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(content("key"), "there already");
}

TEST_P(ObjectStoreContract, PartsMayBeCopied) {
  if (!capabilities().server_side_copy) GTEST_SKIP();
  const MultipartPieces pieces(capabilities(), 3);
  const std::string etag = put("source", pieces.whole())->etag;
  const Result<std::string> id = run(store().create_upload(at("copy"), {}));
  ASSERT_TRUE(id);
  std::vector<PartInfo> parts;
  // Before the others: a store may find out only after it has copied.
  const Result<PartInfo> beyond = run(
      store().copy_part(at("source"), {pieces.whole().size() - 5, 6}, at("copy"), *id, 1, etag));
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().kind, ErrorKind::kInvalid);
  const Result<PartInfo> another = run(store().copy_part(at("source"), {0, 10}, at("copy"), *id, 1,
                                                         "\"00000000000000000000000000000000\""));
  ASSERT_FALSE(another);
  EXPECT_EQ(another.error().kind, ErrorKind::kPrecondition);
  ByteCount offset = 0;
  for (const PartNumber number : {1, 2, 3}) {
    const ByteRange range{offset, pieces[number].size()};
    const Result<PartInfo> part =
        run(store().copy_part(at("source"), range, at("copy"), *id, number, etag));
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(part->number, number);
    parts.push_back(*part);
    offset = range.end();
  }
  ASSERT_TRUE(run(store().complete(at("copy"), *id, parts, {})));
  EXPECT_TRUE(content("copy") == pieces.whole());
}

}  // namespace
}  // namespace telpher
