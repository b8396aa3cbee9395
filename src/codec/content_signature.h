#pragma once
// What a file is, by its first bytes. Pure functions over a table of signatures: what a client says
// about a file proves nothing.

#include "base/bytes.h"

#include <string_view>

namespace telpher {

/// So many bytes are looked at; fewer only where the file is shorter.
constexpr std::size_t kSignatureBytes = 2048;

/// The type of content that begins with `head`; empty when the table does not know it. Formats that
/// are kept inside of others (a .docx is a zip file) are told as the outer one, unless the first
/// bytes say more.
std::string_view media_type_of_content(Bytes head);

/// Files of this type always begin in a way that media_type_of_content() knows: where it does not
/// tell this type, or one that holds it, the file is of another.
bool has_signature(std::string_view media_type);

/// Whether files of type `inner` are told as `outer`: application/zip for a .docx.
bool is_kept_in(std::string_view inner, std::string_view outer);

/// The name that this file's tables use for a type: "image/jpg" is image/jpeg. Lower case in, else
/// the same out.
std::string_view canonical_media_type(std::string_view media_type);

/// "image/png", "image/*", "*/*", in lower case.
bool media_type_matches(std::string_view pattern, std::string_view media_type);

/// No control characters but those of text, and UTF-8, but for a character that `head` cuts.
bool looks_like_text(Bytes head);

}  // namespace telpher
