#include "source/name_filter.h"

#include <algorithm>

namespace telpher {

Result<std::vector<NameFilter::Pattern>> NameFilter::parse(
    const std::vector<std::string>& patterns) {
  std::vector<Pattern> parsed;
  for (const std::string& text : patterns) {
    const bool anywhere = text.find('/') == std::string::npos;
    TRY(Glob glob, Glob::parse(anywhere ? "**/" + text : text));
    std::string base = glob.base();
    parsed.push_back({std::move(base), std::move(glob)});
  }
  return parsed;
}

Result<NameFilter> NameFilter::make(const std::vector<std::string>& include,
                                    const std::vector<std::string>& exclude) {
  NameFilter filter;
  TRY(filter.include_, parse(include));
  TRY(filter.exclude_, parse(exclude));
  return filter;
}

bool NameFilter::Pattern::matches(std::string_view name) const {
  return name.starts_with(base) && glob.matches(name.substr(base.size()));
}

bool NameFilter::accepts(std::string_view name) const {
  const auto matches = [&](const Pattern& pattern) { return pattern.matches(name); };
  if (!include_.empty() && std::ranges::none_of(include_, matches)) return false;
  return std::ranges::none_of(exclude_, matches);
}

}  // namespace telpher
