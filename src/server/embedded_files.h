#pragma once
// Files that travel within the program; made by cmake/embed.cmake when it is built.

#include <span>
#include <string_view>

namespace telpher {

struct EmbeddedFile {
  std::string_view path;  // "index.html", "assets/index-4f3a.js"
  std::string_view bytes;
};

/// Of web/dist: the page.
std::span<const EmbeddedFile> page_files();
/// Of src/server/openapi.json, alone.
std::span<const EmbeddedFile> openapi_files();

}  // namespace telpher
