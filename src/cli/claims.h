#pragma once
// Claims: which destinations are taken, so that of two sources that would become the same thing the
// second does not replace the first.

#include "base/result.h"

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace telpher {

class Claims {
 public:
  /// What is kept of the claims to come.
  enum class Keep {
    kNothing,  // a tree by itself holds no name twice
    kNames,    // of sources that were named one by one: the error tells both
    kHashes,   // of the rows of a list, of several trees: there may be millions
  };
  void keep(Keep keep) { keep_ = keep; }
  bool any_kept() const { return keep_ != Keep::kNothing; }

  /// Errors: kPrecondition when something before has become `destination`.
  Result<void> claim(const std::string& destination, const std::string& source);

 private:
  Keep keep_ = Keep::kNothing;
  std::unordered_map<std::string, std::string> sources_;  // by destination
  std::unordered_set<std::size_t> hashes_;                // of destinations
};

}  // namespace telpher
