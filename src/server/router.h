#pragma once
// Router: which handler a request's method and path belong to. Routes are data, and stand in lists,
// one for each resource.

#include "server/api_call.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// Awaited while the call lives. Errors are answered as failure_of() says, unless the answer has
/// begun.
using ApiHandler = std::function<Task<Result<void>>(ApiCall&)>;

enum class Access {
  kEverybody,  // no key is asked for
  kCallers,    // a key, and the role of the route
};

struct Route {
  std::string_view method;  // GET also answers HEAD
  std::string pattern;      // "/transfers/{id}/pause"; a last "{key...}" takes the rest
  Role role = Role::kReader;
  ApiHandler handler;
  Access access = Access::kCallers;
};

class Router {
 public:
  void add(Route route);

  struct Found {
    const Route* route = nullptr;       // nullptr: nothing is there for this method
    std::vector<std::string> captured;  // decoded
    std::string allow;                  // methods of this path, for 405; empty: no such path
  };
  /// @param path  percent-encoded, without the query
  Found find(std::string_view method, std::string_view path) const;

  std::span<const Route> routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

/// Whether `path` fits; fills in what stands for the names. A segment that cannot be decoded fits
/// nothing.
bool match_pattern(std::string_view pattern, std::string_view path,
                   std::vector<std::string>& captured);

}  // namespace telpher
