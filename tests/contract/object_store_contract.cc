#include "tests/contract/object_store_contract.h"

#include "base/random.h"
#include "codec/hex.h"

#include <algorithm>
#include <cstring>

namespace telpher {

std::string test_content(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::string content(size, '\0');
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(content.data() + i, &word, 8);
  }
  for (; i < size; ++i) content[i] = static_cast<char>(random.next());
  return content;
}

Task<Result<std::size_t>> TextStream::read_some(MutableBytes buffer) {
  if (done_ == text_.size()) {
    if (done_ < announced_) {
      co_return make_temporary_error(ErrorKind::kNetwork, "the stream broke off");
    }
    if (trailer_) *trailer_ = digest_;
    co_return std::size_t{0};
  }
  const std::size_t count = std::min({buffer.size(), text_.size() - done_, std::size_t{77'777}});
  std::memcpy(buffer.data(), text_.data() + done_, count);
  done_ += count;
  co_return count;
}

namespace {

Task<Result<std::string>> read_to_end(ByteReader& reader, std::size_t step) {
  std::string content;
  std::string buffer(step, '\0');
  while (true) {
    CO_TRY(const std::size_t count,
           co_await reader.read_some({reinterpret_cast<std::byte*>(buffer.data()), buffer.size()}));
    if (count == 0) co_return content;
    content.append(buffer.data(), count);
  }
}

}  // namespace

void ObjectStoreContract::SetUp() {
  subject_ = GetParam()();
  if (!subject_) GTEST_SKIP() << "there is no such store here (the test program says what to set)";
  const std::uint64_t id = random_seed();
  bucket_ = "contract-" + hex_encode({reinterpret_cast<const std::byte*>(&id), sizeof id});
  const Result<void> created = run(store().create_bucket(bucket_));
  ASSERT_TRUE(created) << created.error().message;
}

void ObjectStoreContract::TearDown() {
  if (subject_) remove_bucket_with_content(bucket_);
}

void ObjectStoreContract::remove_bucket_with_content(const std::string& bucket) {
  for (int pages = 0; pages < 100; ++pages) {
    const Result<UploadsPage> uploads = run(store().list_uploads(bucket, {}));
    ASSERT_TRUE(uploads) << uploads.error().message;
    for (const UploadInfo& upload : uploads->uploads) {
      EXPECT_TRUE(run(store().abort({bucket, upload.key}, upload.upload_id)));
    }
    if (uploads->key_marker.empty()) break;
  }
  const Result<ListPage> page = run(store().list(bucket, {}));
  ASSERT_TRUE(page) << page.error().message;
  for (const ListEntry& entry : page->objects) {
    EXPECT_TRUE(run(store().remove({bucket, entry.key}))) << entry.key;
  }
  const Result<void> removed = run(store().remove_bucket(bucket));
  EXPECT_TRUE(removed) << removed.error().message;
}

Result<PutResult> ObjectStoreContract::put(const std::string& key, std::string_view bytes,
                                           PutOptions options) {
  return run(store().put(at(key), Body::of(as_bytes(bytes)), std::move(options)));
}

Result<PutResult> ObjectStoreContract::put_stream(const std::string& key, std::string_view bytes,
                                                  PutOptions options) {
  for (int attempt = 0;; ++attempt) {
    TextStream stream(bytes);
    Result<PutResult> result =
        run(store().put(at(key), Body::of_stream(stream, bytes.size()), options));
    if (result || !result.error().is_temporary() || attempt == 50) return result;
    if (result.error().kind == ErrorKind::kCorrupt) return result;
  }
}

Result<PartInfo> ObjectStoreContract::put_part(const std::string& key, const std::string& upload_id,
                                               PartNumber number, std::string_view bytes) {
  return run(store().put_part(at(key), upload_id, number, Body::of(as_bytes(bytes)), {}));
}

std::string ObjectStoreContract::content(const std::string& key, GetOptions options) {
  Result<GetResult> got = run(store().get(at(key), std::move(options)));
  if (!got) return "<" + got.error().context.code + ">";
  const Result<std::string> read = read_all(*std::move(got));
  return read ? *read : "<" + read.error().message + ">";
}

Result<std::string> ObjectStoreContract::read_all(GetResult got) {
  const ByteCount length = got.length;
  Result<std::string> read = run(read_to_end(*got.body, 64 * 1024));
  if (read) EXPECT_EQ(read->size(), length);
  return read;
}

ErrorKind ObjectStoreContract::head_error(const std::string& key) {
  const Result<ObjectInfo> info = run(store().head(at(key)));
  EXPECT_FALSE(info) << key << " exists";
  return info ? ErrorKind::kInvalid : info.error().kind;
}

std::vector<std::string> ObjectStoreContract::keys(ListOptions options) {
  std::vector<std::string> keys;
  for (int pages = 0; pages < 100; ++pages) {
    const Result<ListPage> page = run(store().list(bucket_, options));
    EXPECT_TRUE(page);
    if (!page) break;
    for (const ListEntry& entry : page->objects) keys.push_back(entry.key);
    for (const std::string& prefix : page->prefixes) keys.push_back(prefix);
    if (page->continuation.empty()) break;
    options.continuation = page->continuation;
  }
  return keys;
}

}  // namespace telpher
