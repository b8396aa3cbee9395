#pragma once
// For tests: an environment made of a few variables.

#include "s3/profile.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace telpher {

inline Environment environment_of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(std::string(name));
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

}  // namespace telpher
