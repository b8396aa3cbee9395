#include "source/sync_tree.h"

#include "source/source.h"

#include <utility>

namespace telpher {
namespace {

enum class Verdict { kSame, kDifferent, kInDoubt };

/// Many stores and file systems keep whole seconds only.
std::chrono::sys_seconds second_of(std::chrono::system_clock::time_point time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

Verdict compare(const TreeEntry& ours, const TreeEntry& theirs, Compare by) {
  if (ours.size != theirs.size) return Verdict::kDifferent;
  if (by == Compare::kSize) return Verdict::kSame;
  if (!ours.etag.empty() && ours.etag == theirs.etag) return Verdict::kSame;
  if (by == Compare::kContent) return Verdict::kInDoubt;
  const bool has_our_time = theirs.etag.empty() && is_time_of(ours.modified, theirs.modified);
  if (has_our_time) return Verdict::kSame;
  // Written in the same second it may have been written before: that is looked into.
  return second_of(ours.modified) < second_of(theirs.modified) ? Verdict::kSame : Verdict::kInDoubt;
}

}  // namespace

Task<Result<std::optional<TreeEntry>>> SyncTree::next() {
  for (;;) {
    CO_TRY(std::optional<TreePair> pair, co_await pairs_.next());
    if (!pair) co_return std::optional<TreeEntry>();
    if (!pair->first) {
      if (!options_.extra) continue;
      if (source_is_whole() && !source_is_empty()) {
        CO_TRY_VOID(co_await options_.extra(*std::move(pair->second)));
      } else {
        ++withheld_;
      }
      continue;
    }
    TreeEntry entry = *std::move(pair->first);
    if (!pair->second) co_return entry;
    const Verdict verdict = compare(entry, *pair->second, options_.compare);
    if (verdict == Verdict::kSame) {
      ++same_;
      continue;
    }
    entry.in_doubt = verdict == Verdict::kInDoubt;
    co_return entry;
  }
}

}  // namespace telpher
