#pragma once
// TreePairs: two sorted trees side by side, name by name. Memory does not depend on their sizes.
// One loop.

#include "source/tree.h"

namespace telpher {

/// What both trees have of one name; one of them may be missing.
struct TreePair {
  std::optional<TreeEntry> first;
  std::optional<TreeEntry> second;
};

class TreePairs {
 public:
  /// @param first, second  sorted; they must outlive this
  TreePairs(Tree& first, Tree& second) : first_{first}, second_{second} {}

  /// The next pair; nullopt at the end. An error is about current() of one tree, and the next call
  /// goes on behind it; when it is about the whole, current() is empty. Then nothing follows, but
  /// for an error of the first tree: what the second has goes on.
  /// Errors: those of the trees; kUnsupported when one does not give its names in byte order.
  Task<Result<std::optional<TreePair>>> next();
  const std::string& current() const { return current_; }
  /// Which tree the last error was about.
  bool failed_at_second() const { return failed_at_second_; }

  /// Whether all of the first tree could be read, so far.
  bool first_is_whole() const { return first_.whole; }
  /// Whether it has had no entry at all, so far.
  bool first_is_empty() const { return first_.empty; }
  bool second_is_empty() const { return second_.empty; }

 private:
  struct Side {
    Tree& tree;
    std::optional<TreeEntry> next = {};
    std::string last = {};  // name
    bool ended = false;
    bool whole = true;
    bool empty = true;
  };
  Task<Result<void>> look_ahead(Side* side);
  Error give_up(Error error);

  Side first_;
  Side second_;
  std::string current_;
  bool failed_at_second_ = false;
};

}  // namespace telpher
