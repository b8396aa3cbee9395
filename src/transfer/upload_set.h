#pragma once
// upload_set(): many files into a store, a bounded number at a time. Small ones take the short way:
// read whole into a buffer of the worker's own, digested, one PUT. Large ones go through upload().

#include "runtime/semaphore.h"
#include "transfer/transfer.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// One file of a set.
struct SetItem {
  std::string path;               // what is opened, relative to directory_fd
  std::string key;                // where it goes
  std::optional<ByteCount> size;  // when known
  bool in_doubt = false;  // copied only if what is there differs: OverwritePolicy::kIfDifferent
};

/// Hands out files one by one: an item, an error about one file (named; the others go on), or
/// nullopt at the end. Called on the loop, one call at a time.
using NextItem = std::function<Task<Result<std::optional<SetItem>>>()>;

struct SetProgress {
  std::uint64_t files_found = 0;
  std::uint64_t files_done = 0;     // copied
  std::uint64_t files_skipped = 0;  // there already
  std::uint64_t files_failed = 0;
  ByteCount bytes_done = 0;  // of files that are done
  bool all_found = false;
  ByteCount bytes_found = 0;  // of files not skipped, as far as sizes were known beforehand
  bool sizes_known = true;    // they all were
  /// Larger files under way, for a line each.
  struct Active {
    std::string key;
    TransferProgress progress;
  };
  std::vector<std::unique_ptr<Active>> active;
};

struct UploadSet {
  Engine* engine;
  ObjectStore* store;
  std::string bucket;
  int directory_fd = -1;        // AT_FDCWD or an open directory
  std::string directory;        // its path, for messages
  DestinationName name_prefix;  // + key = DestinationName
  TransferOptions options;      // `expect` does not apply
  int concurrency = 10;         // files at a time
  /// What became of each file. Called on the loop; the result is only valid during the call.
  std::function<void(const SetItem&, const Result<TransferResult>&)> report;
};

/// Copies everything `next` gives. Errors: kCancelled, and what would fail for every file alike
/// (kNotFound NoSuchBucket, kDenied by the store or for want of credentials): it stops the set.
/// Failures of single files are reported and counted, and the set goes on.
Task<Result<void>> upload_set(UploadSet set, NextItem next, SetProgress& progress);

}  // namespace telpher
