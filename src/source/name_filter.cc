#include "source/name_filter.h"

#include <algorithm>

namespace telpher {

Result<NameFilter> NameFilter::make(const std::vector<NameRule>& rules) {
  NameFilter filter;
  for (const NameRule& rule : rules) {
    const bool anywhere = rule.pattern.find('/') == std::string::npos;
    TRY(Glob glob, Glob::parse(anywhere ? "**/" + rule.pattern : rule.pattern));
    std::string base = glob.base();
    filter.patterns_.push_back({rule.include, std::move(base), std::move(glob)});
  }
  return filter;
}

bool NameFilter::Pattern::matches(std::string_view name) const {
  return name.starts_with(base) && glob.matches(name.substr(base.size()));
}

bool NameFilter::accepts(std::string_view name) const {
  if (patterns_.empty()) return true;
  const auto last = std::ranges::find_if(patterns_.rbegin(), patterns_.rend(),
                                         [&](const Pattern& rule) { return rule.matches(name); });
  return last == patterns_.rend() ? !patterns_.front().include : last->include;
}

}  // namespace telpher
