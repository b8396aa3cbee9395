#pragma once
// The headers of tus 1.0, taken apart. Pure functions.
// Source: https://tus.io/protocols/resumable-upload (version 1.0.0 and its extensions).

#include "codec/checksum.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

inline constexpr std::string_view kTusVersion = "1.0.0";
inline constexpr std::string_view kTusExtensions =
    "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum,"
    "concatenation";
inline constexpr std::string_view kTusChecksums = "sha1,md5,sha256,crc32";
inline constexpr std::string_view kTusContentType = "application/offset+octet-stream";

/// Upload-Metadata: "filename d29ybGQudHh0,is_secret". Values are raw bytes. Errors: kInvalid
/// (malformed, a name twice, above 8 KiB).
Result<std::map<std::string, std::string>> parse_tus_metadata(std::string_view text);

/// Upload-Checksum: "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=". Errors: kInvalid; kUnsupported (another
/// algorithm than kTusChecksums).
Result<Digest> parse_tus_checksum(std::string_view text);

/// Upload-Concat.
struct TusConcat {
  enum class Kind { kNone, kPartial, kFinal } kind = Kind::kNone;
  std::vector<std::string> ids;  // of a final upload's parts, in order
};
/// "partial", or "final;" and the parts' URLs, absolute or not, which begin with `mount` ("/tus/").
/// Errors: kInvalid.
Result<TusConcat> parse_tus_concat(std::string_view text, std::string_view mount);

/// 32 hexadecimal digits in lower case.
bool is_tus_id(std::string_view text);

}  // namespace telpher
