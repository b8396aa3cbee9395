#pragma once
// CopyRun: what `cp`, `mv` and `sync` do with their sources, one after the other or side by side.
// Lives in the verb's frame, on its loop.

#include "cli/claims.h"
#include "cli/reporter.h"
#include "runtime/semaphore.h"
#include "runtime/task_group.h"
#include "runtime/turns.h"
#include "session/address.h"
#include "session/copy_settings.h"
#include "session/session.h"
#include "session/single_copy.h"
#include "source/copy_list.h"
#include "source/sync_tree.h"
#include "transfer/remove_set.h"

#include <set>
#include <string>
#include <vector>

namespace telpher {

/// What happens to the rest once something has been copied.
enum class CopyVerb {
  kCopy,  // nothing
  kMove,  // the source goes when its copy is there
  kSync,  // what is the same already is left alone
};

struct CopyJob {
  CopyVerb verb = CopyVerb::kCopy;
  Compare compare = Compare::kTime;  // of kSync
  bool remove_extra = false;         // of kSync: what only the destination has goes
  std::uint64_t removals_max = ~std::uint64_t{0};
};

/// One source that is copied by itself.
struct CopyItem {
  Address source;
  Address destination;
  std::optional<ByteCount> size;  // when known
  std::string etag;               // of an object that was listed
  bool below_link = false;        // of a file: it lies elsewhere
  bool in_doubt = false;          // only if what is there differs
  bool exact = false;             // the destination is its whole name, though it may end in "/"
  // What a row of a list says besides:
  std::optional<Digest> expect;
  std::optional<ByteCount> expected_size;
  std::string content_type;
  std::vector<std::string> headers;
};

/// Tells whether a file has been written to.
struct FileState {
  ByteCount size = 0;
  std::chrono::system_clock::time_point modified{};
  bool operator==(const FileState&) const = default;
};

class CopyRun {
 public:
  CopyRun(Session& session, Reporter& reporter, const CopySettings& copy, CopyJob job = {})
      : session_(session),
        reporter_(reporter),
        copy_(copy),
        job_(job),
        slots_(static_cast<std::uint64_t>(copy.transfer.concurrency)) {}

  /// Copies all sources; each failure is reported and the others go on. Returns the exit code.
  /// Errors: usage (kInvalid), kCancelled, and what would fail for every copy alike.
  Task<Result<int>> run(std::vector<Address> sources, Address destination);
  /// The same for the rows of a list (copy_list.h): a file's path, or "-".
  Task<Result<int>> run_list(std::string list, Address destination);

 private:
  enum class Shape { kSingle, kTree };
  /// A directory, a glob or a prefix that is being walked.
  struct TreeRun {
    Address source;
    Tree* walk = nullptr;       // gives what is to be copied
    FileTree* files = nullptr;  // of a directory: what is walked
    SyncTree* sync = nullptr;   // `walk`, when not all is to be copied
    bool any = false;
  };

  /// Named as such: "link/" means what it leads to, and what is synced has to be something.
  bool leaves_link(const Address& source) const;
  Task<Result<Shape>> shape_of(const Address* source);
  Result<void> settle_sync_source(Address& source) const;
  Result<void> settle_destination(std::size_t sources, std::size_t trees);
  Task<Result<void>> prepare_destination();
  CopyEnds ends_of(const Address& source) const;
  int exit_code(bool several) const;

  /// Singles: each opens one source and moves it. They report their own failures.
  Task<Result<void>> copy_item(CopyItem item, std::uint64_t slots);
  Task<Result<TransferResult>> transfer(const CopyItem* item, int concurrency,
                                        Reporter::Copy* shown);
  /// The same, and its source goes.
  Task<Result<TransferResult>> move_item(const CopyItem* item, int concurrency,
                                         Reporter::Copy* shown);
  TransferOptions options_for(const CopyItem& item) const;
  SingleCopy single_copy(const CopyItem& item) const;
  /// For --dry-run. A source that nobody has seen yet is probed: one that is missing fails here as
  /// it would for real.
  Task<Result<void>> describe(CopyItem item);
  Task<Result<TransferOutlook>> outlook_of(const CopyItem* item, const SingleCopy* copy,
                                           const OpenedCopy* opened);
  /// Settles the destination, too, where the source gives it its name.
  Task<Result<CopyPlan>> plan_copy(CopyItem* item);
  /// Waits until there is room for a copy, then starts it.
  Task<Result<void>> spawn(TaskGroup* group, CopyItem item);
  Task<Result<void>> copy_in_slot(CopyItem item, std::uint64_t slots, Semaphore::Permit permit);

  Task<Result<void>> start_row(TaskGroup* group, std::string name, ListRow row);

  /// Trees.
  Task<Result<void>> copy_tree(Address source);
  Task<Result<std::unique_ptr<Tree>>> open_tree(const Address* root, WalkOptions options);
  Task<Result<std::unique_ptr<Tree>>> open_destination_tree();
  Task<Result<void>> sync_tree(TreeRun* run);
  Task<Result<void>> copy_entries(TreeRun* run);
  Task<Result<void>> over_bad_entry(TreeRun* run, Error error);
  /// A walk would find what it has just written, without end. Errors: kInvalid.
  Result<void> check_not_into_itself(const Address& source) const;
  Error lies_in_destination(const Address& source) const;
  Result<void> check_prefix_not_into_itself(const Address& source) const;
  Task<Result<void>> copy_files_into_store(TreeRun* run);
  Task<Result<std::optional<SetItem>>> next_file(TreeRun* run);
  Result<void> claim_set_item(std::string source, const SetItem& item);
  Task<Result<void>> copy_listed_files_into_store(std::vector<Address> files);
  Task<Result<std::optional<SetItem>>> next_listed(const std::vector<Address>* files,
                                                   std::size_t* index);
  Task<Result<void>> run_set(int directory_fd, std::string directory, NextItem next);
  void report_set_item(const std::string& directory, const SetItem& item,
                       const Result<TransferResult>& result);
  Task<Result<void>> start_entry(TaskGroup* group, TreeRun* run, TreeEntry entry);
  void fail(std::string source, std::string destination, const Error& error, CopyEnds ends);
  void fail_entry(const TreeRun& run, const Error& error);
  /// "s3://bucket/prefix/name", "directory/name".
  static std::string name_in(const TreeRun& run, std::string_view name);
  void note_failure(ExitCode code);
  /// Where `name` of a tree goes. Errors: kInvalid.
  Result<Address> below_destination(std::string_view name) const;
  /// Of a source, counts what it leaves out.
  NameTest wanted_in(const Address& tree);

  /// What goes: sources of `mv`, extras of `sync --delete`.
  struct SeenSource {
    std::string etag;     // of an object
    FileState file = {};  // of a file
  };
  Task<Result<bool>> is_copy_of_itself(const CopyItem* item);
  Task<Result<SeenSource>> look_at(const CopyItem* item);
  /// Errors: kSourceChanged when it is no longer what has been copied; it stays then.
  Task<Result<void>> remove_source(const CopyItem* item, const SeenSource* seen);
  /// Errors: kPrecondition when the copy is not there: acknowledged is not kept.
  Task<Result<void>> check_arrived(const std::string* destination, const TransferResult* result);
  Task<Result<void>> remove_extra(TreeEntry entry);
  RemoveSet::Report report_on_removals();
  /// Whether what only the destination has may go now; says why not.
  bool may_remove(const TreeRun& run, const SyncTree& sync, std::uint64_t extras);
  Task<Result<void>> remove_extras(const Address* source);
  /// Folders that something was removed from, as far up as they are empty; never `root` itself.
  void prune_directories(const std::string& root);

  Session& session_;
  Reporter& reporter_;
  const CopySettings& copy_;
  const CopyJob job_;
  Engine* engine_ = nullptr;
  Address destination_;
  NameFilter filter_;
  std::uint64_t left_out_ = 0;  // by the filter, of the tree that is copied
  std::uint64_t links_left_ = 0;
  Semaphore slots_;     // parts in flight of copies side by side
  Turns turns_;         // of loops that only look
  int exit_code_ = 0;   // of the first failure
  bool mixed_ = false;  // others failed otherwise
  Claims claims_;
  bool bucket_is_new_ = false;  // with --dry-run: it would be made
  CopyNames set_entry_;         // what the last error of a set's NextItem was about
  std::size_t trees_ = 0;

  std::set<std::string> left_directories_;  // that a file was removed from
  bool trees_of_files_ = false;             // what is synced is a directory
  RemoveSet* removing_ = nullptr;           // from the bucket that is synced to
};

}  // namespace telpher
