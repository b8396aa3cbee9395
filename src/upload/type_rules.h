#pragma once
// Which files may be uploaded, by what they are and not only by what the client says they are.
// Pure functions.

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct TypeRules {
  /// Patterns ("image/png", "image/*"), in lower case. Empty = every type that is not blocked.
  std::vector<std::string> allow;
  /// Looked at first. What programs are by their first bytes.
  std::vector<std::string> block = {
      "application/x-executable",
      "application/vnd.microsoft.portable-executable",
      "application/x-mach-binary",
      "application/x-ms-shortcut",
      "text/x-script",
  };
};

/// What is known about a file before its content.
struct FileClaim {
  std::string_view declared;  // its media type as the client says it, in lower case; may be empty
  std::string_view name;
};

/// The type under which the file is to be kept. What the first bytes say counts; the claim counts
/// where they say nothing against it, and chooses among formats that begin alike.
/// @param head  the first kSignatureBytes, or all there are
std::string type_of_file(Bytes head, const FileClaim& claim);

/// The same, where the rules allow the file. A blocked type is one that the content has, or that
/// the client or the name says it has; an allowed one is the one it is kept under.
/// Errors: kUnsupported, saying which type.
Result<std::string> judge_type(const TypeRules& rules, Bytes head, const FileClaim& claim);

}  // namespace telpher
