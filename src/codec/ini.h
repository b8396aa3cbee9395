#pragma once
// The grammar of ~/.aws/config and ~/.aws/credentials. Pure functions: whoever reads the files
// hands in their text. Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials
// files".

#include "base/result.h"

#include <map>
#include <string>
#include <string_view>

namespace telpher {

/// One [section]. Names of settings are in lower case; a nested block
///   s3 =
///     max_concurrent_requests = 20
/// becomes "s3.max_concurrent_requests".
using IniSection = std::map<std::string, std::string, std::less<>>;

/// Sections by their header's text with white space made single: "default", "profile dev",
/// "sso-session x". A section or setting that comes again adds to and overrides the earlier one.
struct IniFile {
  std::map<std::string, IniSection, std::less<>> sections;

  /// The setting, or nullptr.
  const std::string* find(std::string_view section, std::string_view name) const;
};

/// What the two kinds of file differ in.
enum class AwsFileKind {
  kConfig,       // [default], [profile x]
  kCredentials,  // [default], [x]
};

/// The header under which a profile stands: "profile dev" in a config file, "dev" in a credentials
/// file, "default" in both.
std::string aws_profile_section(std::string_view profile, AwsFileKind kind);

/// Comments start a line with "#" or ";", or follow a value after white space. Limits: 1 MiB, 4,096
/// bytes a line. Errors: kInvalid with the line's number (setting before any section, missing "=",
/// unclosed or empty header), kLimit. No message repeats a value: it may be a secret.
Result<IniFile> parse_ini(std::string_view text);

}  // namespace telpher
