#pragma once
// VerifyRun: what `verify` does: compares one thing with another, or two trees side by side. Lives
// in the verb's frame, on its loop.

#include "cli/count_view.h"
#include "cli/item_report.h"
#include "runtime/task_group.h"
#include "session/copy_settings.h"
#include "session/session.h"
#include "source/tree_pairs.h"
#include "transfer/compare.h"

#include <map>
#include <memory>
#include <string>

namespace telpher {

struct VerifyOptions {
  bool read_both = false;
  bool json = false;
  bool quiet = false;
  bool follow_links = true;
  int concurrency = 10;  // pairs at once
  NameFilter filter;
};

class VerifyRun {
 public:
  VerifyRun(Session& session, Engine& engine, VerifyOptions options, ItemReport& report)
      : session_(session),
        engine_(engine),
        options_(std::move(options)),
        report_(report),
        view_(session.loop(), !options_.json && !options_.quiet) {}

  /// Says what is the same, different or missing; the report knows what that means.
  /// Errors: kInvalid (usage), kCancelled, and what keeps the whole from being compared.
  Task<Result<void>> run(Address a, Address b);
  bool found_differences() const { return different_ + missing_ > 0; }

 private:
  struct Side;  // one of two trees
  Task<Result<bool>> is_tree(const Address* address);
  Task<Result<void>> run_single(Address a, Address b);
  Task<Result<void>> run_trees(Address a, Address b);
  /// False when one of them is not there at all, which has been said.
  Task<Result<bool>> walk_pairs(Side* a, Side* b, TaskGroup* group);
  /// The next of both, without what stands for folders. Errors: those that end the walk.
  Task<Result<std::optional<TreePair>>> next_pair(Side* a, Side* b, TreePairs* pairs);
  Task<Result<std::unique_ptr<Source>>> open_probed(Address address);
  Task<Result<void>> compare_pair(Address a, Address b);
  Task<Result<void>> compare_sources(Address a, Source* first, Address b, Source* second);
  Task<Result<void>> start_pair(const Side* a, const Side* b, TreePair pair, TaskGroup* group);
  bool has_md5_etags(const Address& address);

  void tell(const Address& a, const Address& b, const Comparison& compared);
  /// @param why  of a name that cannot be there
  void tell_missing(const Address& address, std::string_view why);
  void tell_total();
  void fail(const std::string& address, const Error& error);

  Session& session_;
  Engine& engine_;
  const VerifyOptions options_;
  ItemReport& report_;
  CountView view_;
  bool several_ = false;
  std::uint64_t same_ = 0;
  std::uint64_t different_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t failed_ = 0;                     // could not be compared
  std::map<std::string, std::uint64_t> proofs_;  // how often each way
};

}  // namespace telpher
