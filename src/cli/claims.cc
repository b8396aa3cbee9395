#include "cli/claims.h"

#include <functional>

namespace telpher {

Result<void> Claims::claim(const std::string& destination, const std::string& source) {
  if (keep_ == Keep::kNothing) return {};
  const auto taken = sources_.find(destination);
  if (keep_ == Keep::kNames) {
    if (taken == sources_.end()) {
      sources_.emplace(destination, source);
      return {};
    }
    return make_error(ErrorKind::kPrecondition,
                      "'" + taken->second + "' and '" + source + "' would both become '" +
                          destination + "': copy them one at a time, under other names");
  }
  if (taken == sources_.end() && hashes_.insert(std::hash<std::string>()(destination)).second) {
    return {};
  }
  const std::string before =
      taken == sources_.end() ? "something before it" : "'" + taken->second + "'";
  return make_error(ErrorKind::kPrecondition, before + " has become '" + destination + "' already");
}

}  // namespace telpher
