#pragma once
// What the operations of a LocalStore work on. Only local_*.cc include it.

#include "runtime/offload.h"
#include "runtime/semaphore.h"
#include "store/local/extent_reader.h"
#include "store/local/group_commit.h"
#include "store/local/local_store.h"

#include <mutex>
#include <type_traits>

namespace telpher {

/// Smaller objects and parts share segments and syncs.
constexpr ByteCount kSmallObject = 64 * 1024;
/// How often a look-up is repeated because the object was replaced under it.
constexpr int kLookUpsMax = 10;

/// kConflict, temporary.
Error too_much_change();
/// kCorrupt: the bytes are not those that were stored, or gone.
Error object_is_damaged();

struct LocalStore::State {
  State(LocalStoreOptions store_options, Disk& disk, std::unique_ptr<DataFiles> data_files,
        std::unique_ptr<LocalIndex> index)
      : options(std::move(store_options)),
        files(std::move(data_files)),
        writer(std::move(index)),
        reserve(disk, options.root + "/reserve", options.reserve),
        group(*writer, *files, reserve) {}
  ~State();

  /// Runs `read` with an index connection that nobody else uses. On a worker thread.
  template <class F>
  std::invoke_result_t<F, LocalIndex&> with_reader(F read) {
    std::unique_ptr<LocalIndex> index;
    {
      const std::lock_guard lock(mutex);
      if (!readers.empty()) {
        index = std::move(readers.back());
        readers.pop_back();
      }
    }
    if (!index) {
      TRY(index, LocalIndex::open(options.root + "/index.db", options.durable, options.vfs));
    }
    auto result = read(*index);
    const std::lock_guard lock(mutex);
    readers.push_back(std::move(index));
    return result;
  }

  Result<GetResult> get(LocalIndex& index, const ObjectAddress& object, const GetOptions& options);
  Result<std::vector<std::byte>> read_small(const std::vector<Extent>& extents, ByteCount length);
  ContentDigester::Options digester(ChecksumAlgorithm algorithm) const {
    return {.md5_etag = options.md5_etags, .algorithm = algorithm};
  }
  /// Errors: kNotFound ("ENOENT": a file is gone), kCorrupt (not digests.expected), kCancelled.
  Task<Result<ContentDigester::Digests>> digest(std::vector<Extent> extents,
                                                ContentDigester::Options digests);
  Task<Result<ContentDigester::Digests>> digest_range(const LocalIndex::Object* source,
                                                      ByteRange range, ChecksumAlgorithm algorithm);
  Result<LocalIndex::Object> find_copy_source(LocalIndex& index, const ObjectAddress& from,
                                              const std::string& if_match);
  Task<Result<void>> become_copy(LocalIndex::Object* object, ChecksumAlgorithm algorithm);
  Task<void> discard(Extent extent);

  /// A body on its way into the store.
  struct Arrival {
    Body body;                     // what to store, when it is small
    std::vector<std::byte> bytes;  // of a small stream
    bool small = false;
  };
  /// Stores a large body in a file of its own (into `write.written`); a small one is left to the
  /// write itself. `begin` runs on a worker thread before bytes are read: a refusal costs none.
  Task<Result<void>> take_body(Body body, IndexWrite* write, Arrival* arrival,
                               std::function<Result<void>(LocalIndex&)> begin);
  Task<Result<DataFiles::Written>> write_stream(Body body, ContentDigester::Options digests);

  const LocalStoreOptions options;
  const std::unique_ptr<DataFiles> files;
  const std::unique_ptr<LocalIndex> writer;
  DiskReserve reserve;
  GroupCommit group;
  /// For reading through many bytes: so many worker threads at once, of four.
  Semaphore long_work{2};
  std::mutex mutex;
  std::vector<std::unique_ptr<LocalIndex>> readers;
};

}  // namespace telpher
