#pragma once
// The file name a server proposes, made harmless. Pure functions.

#include <optional>
#include <string>
#include <string_view>

namespace telpher {

constexpr std::size_t kFileNameBytesMax = 255;

/// The file name in a Content-Disposition: `filename*` (UTF-8 or ISO-8859-1) before `filename`,
/// decoded to UTF-8 and reduced by safe_file_name(). nullopt: there is none that can be used.
/// Source: RFC 6266, RFC 8187.
std::optional<std::string> parse_content_disposition_name(std::string_view value);

/// `attachment; filename="…"; filename*=UTF-8''…` for a name, any UTF-8.
std::string make_content_disposition(std::string_view name);

/// One path segment that cannot lead elsewhere: what follows the last "/" or "\", without control
/// characters, cut to kFileNameBytesMax bytes at a character's boundary. Empty for "", ".", "..",
/// and for bytes that are not UTF-8.
std::string safe_file_name(std::string_view name);

}  // namespace telpher
