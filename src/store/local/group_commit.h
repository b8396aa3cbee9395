#pragma once
// Makes many small writes durable with one sync: those that arrive while the disk is busy go
// together in the next transaction. One loop; the work itself runs
// on a worker thread.

#include "store/local/disk_reserve.h"
#include "store/local/index.h"

#include <coroutine>
#include <functional>
#include <optional>
#include <vector>

namespace telpher {

/// One write to the index. Lives in the frame of the coroutine that awaits commit().
struct IndexWrite {
  /// Runs on a worker thread within the transaction. Looks before it writes: as long as it has
  /// changed nothing its failure is its own, else that of all that are committed with it.
  std::function<Result<void>(LocalIndex&)> apply;
  /// Bytes to append to the segment before the transaction, if any; `extent` says where they are.
  const Body* small_body = nullptr;
  ContentDigester::Options digester;
  /// A removal: it succeeds on a full disk, too.
  bool frees = false;

  DataFiles::Written written;  // of small_body

 private:
  friend class GroupCommit;
  std::optional<Error> error;
  bool done = false;
  std::coroutine_handle<> waiting;
};

class GroupCommit {
 public:
  GroupCommit(LocalIndex& index, DataFiles& files, DiskReserve& reserve)
      : index_(index), files_(files), reserve_(reserve) {}

  /// Not cancellable: it takes as long as a sync or two, and what it touches must stay alive.
  Task<Result<void>> commit(IndexWrite& write);

  /// Removes files whose last reference has gone. Done after every batch; once when a store is
  /// opened, for what the sessions before could not remove.
  void remove_unreferred();

 private:
  struct Turn;
  /// On a worker thread.
  void run(const std::vector<IndexWrite*>& batch);
  Result<void> store_bodies(const std::vector<IndexWrite*>& batch);
  Result<void> apply_all(const std::vector<IndexWrite*>& batch);
  Result<void> apply_removals(const std::vector<IndexWrite*>& batch, Error full);

  LocalIndex& index_;
  DataFiles& files_;
  DiskReserve& reserve_;
  bool busy_ = false;
  std::vector<IndexWrite*> queue_;
  std::vector<FileId> removed_;  // files whose rows the next transaction drops
};

}  // namespace telpher
