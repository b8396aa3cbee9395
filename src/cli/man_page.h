#pragma once
// The manual page, made from the same declarations as --help. Pure.

#include "cli/verb.h"

#include <span>
#include <string>
#include <string_view>

namespace telpher {

/// telpher(1) in the man macros. Options that several verbs share stand in it once.
std::string man_page(std::span<const VerbEntry> verbs, const Settings& settings,
                     std::string_view version);

}  // namespace telpher
