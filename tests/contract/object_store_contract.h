#pragma once
// One suite of tests that every ObjectStore passes: backends, layers, the S3 client on real
// servers. What differs between stores is read from their Capabilities. To run it:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract, ::testing::Values(&open_memory));
//
// and link the CMake target `object_store_contract` (an object library).

#include "runtime/loop.h"
#include "store/object_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace telpher {

/// A store to be tested and the loop it runs on; made anew for each test. It may be full of other
/// people's buckets: each test works in one of its own.
class ContractSubject {
 public:
  virtual ~ContractSubject() = default;
  virtual Loop& loop() = 0;
  virtual ObjectStore& store() = 0;
  /// S3's order of the uploads of one key. The RADOS gateway and Swift list them by their ids.
  virtual bool lists_uploads_by_age() { return true; }
};
/// nullptr: the store is not at hand, all tests are skipped.
using ContractFactory = std::unique_ptr<ContractSubject> (*)();

class ObjectStoreContract : public ::testing::TestWithParam<ContractFactory> {
 protected:
  void SetUp() override;
  /// Empties and removes the bucket.
  void TearDown() override;

  ObjectStore& store() { return subject_->store(); }
  const Capabilities& capabilities() { return subject_->store().capabilities(); }
  template <class T>
  T run(Task<T> task) {
    return subject_->loop().run(std::move(task));
  }

  ObjectAddress at(std::string key) const { return {bucket_, std::move(key)}; }
  Result<PutResult> put(const std::string& key, std::string_view content, PutOptions options = {});
  Result<PartInfo> put_part(const std::string& key, const std::string& upload_id, PartNumber number,
                            std::string_view content);
  /// The same from streams. What temporary failures befall is sent again, from a new stream.
  Result<PutResult> put_stream(const std::string& key, std::string_view content,
                               PutOptions options = {});
  /// The content of an object; the failure's code in <> if there is none.
  std::string content(const std::string& key, GetOptions options = {});
  Result<std::string> read_all(GetResult got);
  ErrorKind head_error(const std::string& key);
  std::vector<std::string> keys(ListOptions options = {});
  void remove_bucket_with_content(const std::string& bucket);

  std::unique_ptr<ContractSubject> subject_;
  std::string bucket_;
};

/// A stream of bytes that are all here, in pieces of odd sizes.
class TextStream : public ByteReader {
 public:
  /// @param announced  how long it claims to be; where it ends earlier it fails, as a connection
  explicit TextStream(std::string_view text) : text_(text), announced_(text.size()) {}
  TextStream(std::string_view text, ByteCount announced) : text_(text), announced_(announced) {}
  /// Sets `*trailer` when the end is read.
  void set_trailer(std::optional<Digest>* trailer, Digest digest) {
    trailer_ = trailer;
    digest_ = digest;
  }
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override;

 private:
  const std::string_view text_;
  const ByteCount announced_;
  std::size_t done_ = 0;
  std::optional<Digest>* trailer_ = nullptr;
  Digest digest_;
};

/// `size` bytes that `seed` fixes.
std::string test_content(std::size_t size, std::uint64_t seed);

}  // namespace telpher
