#include "source/tree_pairs.h"

#include <utility>

namespace telpher {

/// Without knowing what the other tree has, all of this one would seem to be missing there.
Error TreePairs::give_up(Error error) {
  for (Side* side : {&first_, &second_}) {
    side->ended = true;
    side->next.reset();
  }
  current_.clear();
  return error;
}

Task<Result<void>> TreePairs::look_ahead(Side* side) {
  if (side->next || side->ended) co_return Result<void>();
  Result<std::optional<TreeEntry>> next = co_await side->tree.next();
  if (!next) {
    side->whole = false;
    failed_at_second_ = side == &second_;
    current_ = side->tree.current();
    if (failed_at_second_ && current_.empty()) co_return give_up(std::move(next).error());
    co_return std::move(next).error();
  }
  side->ended = !*next;
  if (side->ended) co_return Result<void>();
  side->next = *std::move(next);
  const std::string& name = side->next->name;
  if (name <= side->last && !side->empty) {
    side->whole = false;
    failed_at_second_ = side == &second_;
    co_return give_up(
        make_error(ErrorKind::kUnsupported, "it is not listed in the order of its names ('" + name +
                                                "' behind '" + side->last +
                                                "'), so what is missing cannot be told"));
  }
  side->empty = false;
  side->last = name;
  co_return Result<void>();
}

Task<Result<std::optional<TreePair>>> TreePairs::next() {
  CO_TRY_VOID(co_await look_ahead(&first_));
  CO_TRY_VOID(co_await look_ahead(&second_));
  std::optional<TreeEntry>& first = first_.next;
  std::optional<TreeEntry>& second = second_.next;
  if (!first && !second) co_return std::optional<TreePair>();
  const bool only_first = !second || (first && first->name < second->name);
  const bool only_second = !first || (second && second->name < first->name);
  TreePair pair;
  if (!only_second) pair.first = std::exchange(first, std::nullopt);
  if (!only_first) pair.second = std::exchange(second, std::nullopt);
  co_return pair;
}

}  // namespace telpher
