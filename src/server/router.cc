#include "server/router.h"

#include "codec/percent.h"

#include <utility>

namespace telpher {
namespace {

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);  // "/"
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

}  // namespace

bool match_pattern(std::string_view pattern, std::string_view path,
                   std::vector<std::string>& captured) {
  captured.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view rest = path;
    const std::string_view wanted = take_segment(pattern);
    std::string_view given = take_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != given) return false;
      continue;
    }
    if (wanted.ends_with("...}")) {
      given = rest.substr(1);
      path = {};
    }
    Result<std::string> text = percent_decode(given);
    if (!text || text->empty()) return false;
    captured.push_back(*std::move(text));
  }
  return pattern.empty() && path.empty();
}

void Router::add(Route route) { routes_.push_back(std::move(route)); }

Router::Found Router::find(std::string_view method, std::string_view path) const {
  Found found;
  std::vector<std::string> captured;
  for (const Route& route : routes_) {
    if (!path.starts_with('/') || !match_pattern(route.pattern, path, captured)) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) {
      found.route = &route;
      found.captured = std::move(captured);
      return found;
    }
    found.allow += (found.allow.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") found.allow += ", HEAD";
  }
  return found;
}

}  // namespace telpher
