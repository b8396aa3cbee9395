#include "cli/name_rules.h"

#include "cli/command_line.h"
#include "cli/progress_view.h"

#include <cstdio>

namespace telpher {

void add_filter_options(CommandLine& line, std::vector<NameRule>& rules) {
  const auto add = [&](std::string names, std::string help, bool include) {
    line.add({.names = std::move(names),
              .value = "GLOB",
              .help = std::move(help),
              .repeatable = true,
              .set = [&rules, include](std::string_view text) -> Result<void> {
                rules.push_back({include, std::string(text)});
                return {};
              }});
  };
  add("--include", "of a directory or prefix, names that match; given first, only those", true);
  add("--exclude", "not names that match; of all that match, the filter given last decides", false);
}

void add_link_option(CommandLine& line, bool& follow_links) {
  line.flag("--no-follow-symlinks",
            "leave symbolic links alone. Else what they lead to is taken; what lies in directories "
            "linked to one another, once on each path to it",
            follow_links, false);
}

std::string links_left_text(std::uint64_t links) {
  return std::to_string(links) + (links == 1 ? " symbolic link was" : " symbolic links were") +
         " left alone";
}

std::string nothing_left_text(std::uint64_t left_out, std::string_view objects_or_files) {
  std::string what(objects_or_files);
  if (left_out == 1) what.pop_back();
  return "the filters (--include, --exclude) leave nothing of " + std::to_string(left_out) + ' ' +
         what;
}

void warn_nothing_left(std::string_view address, std::uint64_t left_out,
                       std::string_view objects_or_files) {
  std::fprintf(stderr, "telpher: %s: %s\n", printable(address).c_str(),
               nothing_left_text(left_out, objects_or_files).c_str());
}

}  // namespace telpher
