#pragma once
// --include and --exclude, alike in all verbs that have them.

#include "source/name_filter.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

class CommandLine;

/// Collects both in the order typed.
void add_filter_options(CommandLine& line, std::vector<NameRule>& rules);

/// --no-follow-symlinks, alike in all verbs that read directories.
void add_link_option(CommandLine& line, bool& follow_links);
/// "2 symbolic links were left alone".
std::string links_left_text(std::uint64_t links);

/// "the filters leave nothing of 3 objects": a mistake more often than not, and said as such.
std::string nothing_left_text(std::uint64_t left_out, std::string_view objects_or_files);
/// The same on standard error, where it is no error.
void warn_nothing_left(std::string_view address, std::uint64_t left_out,
                       std::string_view objects_or_files);

}  // namespace telpher
