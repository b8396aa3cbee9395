#pragma once
// Content types. Pure functions over a table.

#include <string_view>

namespace telpher {

/// The content type that a file's name suggests, by its last extension in any case;
/// "application/octet-stream" when it suggests nothing.
std::string_view media_type_of_name(std::string_view name);

}  // namespace telpher
