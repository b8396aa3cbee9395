#pragma once
// CopyRun: what `cp` does with its sources, one after the other or side by side. Lives in the
// verb's frame, on its loop.

#include "cli/address.h"
#include "cli/copy_settings.h"
#include "cli/reporter.h"
#include "cli/session.h"
#include "runtime/semaphore.h"
#include "runtime/task_group.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace telpher {

class CopyRun {
 public:
  CopyRun(Session& session, Reporter& reporter, const CopySettings& copy)
      : session_(session),
        reporter_(reporter),
        copy_(copy),
        slots_(static_cast<std::uint64_t>(copy.transfer.concurrency)) {}

  /// Copies all sources; each failure is reported and the others go on. Returns the exit code.
  /// Errors: usage (kInvalid), kCancelled, and what would fail for every copy alike.
  Task<Result<int>> run(std::vector<Address> sources, Address destination);

 private:
  enum class Shape { kSingle, kTree };

  Task<Result<Shape>> shape_of(const Address* source);
  Result<void> settle_destination(std::size_t sources, std::size_t trees);
  Task<Result<void>> prepare_destination();
  CopyEnds ends_of(const Address& source) const;

  /// Singles: each opens one source and moves it. They report their own failures.
  Task<Result<void>> copy_single(Address source, Address destination, std::uint64_t slots);
  Task<Result<TransferResult>> move(const Address* source, const Address* destination,
                                    TransferOptions options, Reporter::Copy* copy);
  Task<Result<TransferResult>> into_store(const Address* source, const Address* destination,
                                          TransferOptions options, Reporter::Copy* copy);
  /// For --dry-run. A source that nobody has seen yet is probed: one that is missing fails here as
  /// it would for real.
  Task<Result<void>> describe(Address source, Address destination, std::optional<ByteCount> size);
  /// Settles the destination, too, where the source gives it its name.
  Task<Result<CopyPlan>> plan_copy(const Address* source, Address* destination,
                                   std::optional<ByteCount> size);
  Task<Result<CopyPlan>> plan_upload(const Address* source, Address* destination);
  /// Waits until there is room for a copy of `size` bytes, then starts it.
  Task<Result<void>> spawn(TaskGroup* group, Address source, Address destination,
                           std::optional<ByteCount> size);
  Task<Result<void>> copy_in_slot(Address source, Address destination, std::uint64_t slots,
                                  Semaphore::Permit permit);

  /// Trees: a directory, a glob, a prefix.
  Task<Result<void>> copy_tree(Address source);
  /// A walk would find what it has just written, without end. Errors: kInvalid.
  Result<void> check_not_into_itself(const Address& source) const;
  Task<Result<void>> copy_files_into_store(Address source);
  Task<Result<void>> copy_listed_files_into_store(std::vector<Address> files);
  Task<Result<void>> copy_files_to_files(Address source);
  Task<Result<void>> copy_objects(Address source);
  Task<Result<void>> run_set(int directory_fd, std::string directory, NextItem next);
  Task<Result<void>> start_object(TaskGroup* group, const Address* source, std::string name,
                                  const ListEntry* entry);
  void fail(std::string source, std::string destination, const Error& error, CopyEnds ends);
  void note_failure(ExitCode code);
  /// Two sources that were named one by one must not become the same thing: the second would
  /// replace the first. Errors: kPrecondition, naming both.
  Result<void> claim(const std::string& destination, const std::string& source);
  /// Where `name` of a tree goes. Errors: kInvalid.
  Result<Address> below_destination(std::string_view name) const;

  Session& session_;
  Reporter& reporter_;
  const CopySettings& copy_;
  Engine* engine_ = nullptr;
  Address destination_;
  NameFilter filter_;
  Semaphore slots_;     // parts in flight of copies side by side
  int exit_code_ = 0;   // of the first failure
  bool mixed_ = false;  // others failed otherwise
  // By destination, the source that becomes it: of listed sources only, so that a tree costs none.
  std::unordered_map<std::string, std::string> claims_;
  bool listed_ = false;  // what is started now was named on the command line
  CopyNames set_entry_;  // what the last error of a set's NextItem was about
  std::size_t trees_ = 0;
};

}  // namespace telpher
