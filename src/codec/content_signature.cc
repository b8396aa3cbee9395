#include "codec/content_signature.h"

#include "codec/text.h"
#include "codec/utf8.h"

#include <algorithm>
#include <iterator>

namespace telpher {
namespace {

using namespace std::string_view_literals;

struct Piece {
  std::size_t at = 0;
  std::string_view bytes;
  std::size_t floats = 0;  // may begin so many bytes later
};

enum class Look {
  kBytes,   // as they are
  kBinary,  // too short a signature to believe it of a text: there must be a zero byte
  kMarkup,  // after a byte order mark and white space, in any case, and a tag's name ends there
};

struct Signature {
  std::string_view type;
  Piece first;
  Piece second = {};
  Look look = Look::kBytes;
};

constexpr std::size_t kFar = 1024;

// The first that fits is taken. Sources: the formats' specifications, the WHATWG MIME Sniffing
// Standard §6 and §7.1, IANA's media types.
constexpr Signature kSignatures[] = {
    // Programs.
    {"application/x-executable",
     {0,
      "\x7f"
      "ELF"sv}},
    {"application/vnd.microsoft.portable-executable", {0, "MZ"sv}, {}, Look::kBinary},
    {"application/x-mach-binary", {0, "\xfe\xed\xfa\xce"sv}},
    {"application/x-mach-binary", {0, "\xfe\xed\xfa\xcf"sv}},
    {"application/x-mach-binary", {0, "\xce\xfa\xed\xfe"sv}},
    {"application/x-mach-binary", {0, "\xcf\xfa\xed\xfe"sv}},
    {"application/x-mach-binary", {0, "\xca\xfe\xba\xbe\0\0\0\x01"sv}},
    {"application/x-mach-binary", {0, "\xca\xfe\xba\xbe\0\0\0\x02"sv}},
    {"application/x-mach-binary", {0, "\xca\xfe\xba\xbe\0\0\0\x03"sv}},
    {"application/x-mach-binary", {0, "\xca\xfe\xba\xbe\0\0\0\x04"sv}},
    {"application/java-vm", {0, "\xca\xfe\xba\xbe\0"sv}},
    {"application/wasm", {0, "\0asm"sv}},
    {"application/x-dex", {0, "dex\n0"sv}},
    {"application/x-ms-shortcut", {0, "L\0\0\0\x01\x14\x02\0"sv}},
    {"text/x-script", {0, "#!/"sv}},
    {"text/x-script", {0, "#! /"sv}},
    {"text/x-script", {0, "#!\t/"sv}},
    {"application/vnd.debian.binary-package", {0, "!<arch>\ndebian"sv}},
    {"application/x-rpm", {0, "\xed\xab\xee\xdb"sv}},
    // Images.
    {"image/png", {0, "\x89PNG\r\n\x1a\n"sv}},
    {"image/jpeg", {0, "\xff\xd8\xff"sv}},
    {"image/gif", {0, "GIF87a"sv}},
    {"image/gif", {0, "GIF89a"sv}},
    {"image/webp", {0, "RIFF"sv}, {8, "WEBP"sv}},
    {"image/tiff", {0, "II*\0"sv}},
    {"image/tiff", {0, "MM\0*"sv}},
    {"image/bmp", {0, "BM"sv}, {6, "\0\0\0\0"sv}},
    {"image/vnd.microsoft.icon", {0, "\0\0\x01\0"sv}},
    {"image/avif", {4, "ftypavif"sv}},
    {"image/avif", {4, "ftypavis"sv}},
    {"image/heic", {4, "ftyphei"sv}},
    {"image/heic", {4, "ftyphev"sv}},
    {"image/heic", {4, "ftypmif1"sv}},
    {"image/heic", {4, "ftypmsf1"sv}},
    {"image/jxl", {0, "\0\0\0\x0cJXL \r\n\x87\n"sv}},
    {"image/jxl", {0, "\xff\x0a"sv}},
    {"image/vnd.adobe.photoshop", {0, "8BPS"sv}},
    // Documents.
    {"application/pdf", {0, "%PDF-"sv}},
    {"application/postscript", {0, "%!PS-Adobe-"sv}},
    {"application/rtf", {0, "{\\rtf"sv}},
    {"application/x-ole-storage", {0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv}},
    {"application/vnd.sqlite3", {0, "SQLite format 3\0"sv}},
    {"application/vnd.apache.parquet", {0, "PAR1"sv}},
    // Archives. What a zip file's first entry is called tells some of its family.
    {"application/epub+zip", {0, "PK\x03\x04"sv}, {30, "mimetypeapplication/epub+zip"sv}},
    {"application/vnd.oasis.opendocument.text",
     {0, "PK\x03\x04"sv},
     {30, "mimetypeapplication/vnd.oasis.opendocument.text"sv}},
    {"application/java-archive", {0, "PK\x03\x04"sv}, {30, "META-INF/"sv}},
    {"application/zip", {0, "PK\x03\x04"sv}},
    {"application/zip", {0, "PK\x05\x06"sv}},
    {"application/zip", {0, "PK\x07\x08"sv}},
    {"application/gzip", {0, "\x1f\x8b\x08"sv}},
    {"application/x-bzip2", {0, "BZh"sv}, {4, "1AY&SY"sv}},
    {"application/x-xz",
     {0,
      "\xfd"
      "7zXZ\0"sv}},
    {"application/zstd", {0, "\x28\xb5\x2f\xfd"sv}},
    {"application/x-7z-compressed", {0, "7z\xbc\xaf\x27\x1c"sv}},
    {"application/vnd.rar", {0, "Rar!\x1a\x07"sv}},
    {"application/x-tar", {257, "ustar"sv}},
    // Sound and film.
    {"audio/wav", {0, "RIFF"sv}, {8, "WAVE"sv}},
    {"video/x-msvideo", {0, "RIFF"sv}, {8, "AVI "sv}},
    {"audio/mp4", {4, "ftypM4A"sv}},
    {"video/quicktime", {4, "ftypqt"sv}},
    {"video/mp4", {4, "ftyp"sv}},
    {"video/webm", {0, "\x1a\x45\xdf\xa3"sv}, {4, "webm"sv, 64}},
    {"video/matroska", {0, "\x1a\x45\xdf\xa3"sv}},
    {"video/ogg", {0, "OggS"sv}, {28, "\x80theora"sv}},
    {"audio/ogg", {0, "OggS"sv}},
    {"audio/flac", {0, "fLaC"sv}},
    {"audio/mpeg", {0, "ID3"sv}},
    {"audio/mpeg", {0, "\xff\xfb"sv}},
    {"audio/mpeg", {0, "\xff\xfa"sv}},
    {"audio/mpeg", {0, "\xff\xf3"sv}},
    {"audio/mpeg", {0, "\xff\xf2"sv}},
    {"audio/mpeg", {0, "\xff\xe3"sv}},
    {"audio/aac", {0, "\xff\xf1"sv}},
    {"audio/aac", {0, "\xff\xf9"sv}},
    {"audio/midi", {0, "MThd"sv}},
    {"video/mpeg", {0, "\0\0\x01\xba"sv}},
    {"video/mpeg", {0, "\0\0\x01\xb3"sv}},
    // Fonts.
    {"font/woff", {0, "wOFF"sv}},
    {"font/woff2", {0, "wOF2"sv}},
    {"font/otf", {0, "OTTO"sv}},
    {"font/ttf", {0, "\0\x01\0\0\0"sv}},
    // What a browser would run. SVG first: it may begin like the others.
    {"image/svg+xml", {0, "<svg"sv}, {}, Look::kMarkup},
    {"image/svg+xml", {0, "<?xml"sv}, {0, "<svg"sv, kFar}, Look::kMarkup},
    {"image/svg+xml", {0, "<!doctype svg"sv}, {}, Look::kMarkup},
    {"image/svg+xml", {0, "<!--"sv}, {0, "<svg"sv, kFar}, Look::kMarkup},
    {"application/xhtml+xml", {0, "<?xml"sv}, {0, "<html"sv, kFar}, Look::kMarkup},
    {"text/html", {0, "<!doctype html"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<html"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<head"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<script"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<iframe"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<h1"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<div"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<font"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<table"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<a"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<style"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<title"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<b"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<body"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<br"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<p"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<img"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<meta"sv}, {}, Look::kMarkup},
    {"text/html", {0, "<!--"sv}, {}, Look::kMarkup},
    {"application/xml", {0, "<?xml"sv}, {}, Look::kMarkup},
};

struct Pair {
  std::string_view inner;  // a pattern
  std::string_view outer;
};
constexpr Pair kKeptIn[] = {
    {"application/vnd.openxmlformats-officedocument.*", "application/zip"},
    {"application/vnd.ms-*", "application/zip"},  // macro-enabled and binary Office files
    {"application/vnd.oasis.opendocument.*", "application/zip"},
    {"application/epub+zip", "application/zip"},
    {"application/java-archive", "application/zip"},
    {"application/vnd.android.package-archive", "application/zip"},
    {"application/vnd.android.package-archive", "application/java-archive"},
    {"application/vnd.google-earth.kmz", "application/zip"},
    {"application/msword", "application/x-ole-storage"},
    {"application/vnd.ms-*", "application/x-ole-storage"},
    {"application/x-msi", "application/x-ole-storage"},
    {"application/x-tar", "application/gzip"},  // .tgz
    {"video/3gpp", "video/mp4"},
    {"video/x-m4v", "video/mp4"},
    {"audio/mp4", "video/mp4"},
    {"video/quicktime", "video/mp4"},
    {"video/webm", "video/matroska"},
    {"audio/webm", "video/webm"},
    {"audio/matroska", "video/matroska"},
    {"video/ogg", "audio/ogg"},
    {"image/svg+xml", "application/xml"},
    {"text/*", "text/x-script"},
    {"application/x-sh", "text/x-script"},
};

constexpr Pair kAliases[] = {
    {"image/jpg", "image/jpeg"},
    {"image/pjpeg", "image/jpeg"},
    {"image/x-png", "image/png"},
    {"image/x-icon", "image/vnd.microsoft.icon"},
    {"image/x-ms-bmp", "image/bmp"},
    {"audio/mp3", "audio/mpeg"},
    {"audio/x-wav", "audio/wav"},
    {"audio/wave", "audio/wav"},
    {"audio/vnd.wave", "audio/wav"},
    {"audio/x-m4a", "audio/mp4"},
    {"audio/m4a", "audio/mp4"},
    {"audio/x-flac", "audio/flac"},
    {"video/avi", "video/x-msvideo"},
    {"video/x-matroska", "video/matroska"},
    {"application/x-pdf", "application/pdf"},
    {"application/x-zip-compressed", "application/zip"},
    {"application/x-zip", "application/zip"},
    {"application/x-gzip", "application/gzip"},
    {"application/x-bzip", "application/x-bzip2"},
    {"application/x-rar-compressed", "application/vnd.rar"},
    {"application/x-sqlite3", "application/vnd.sqlite3"},
    {"application/x-elf", "application/x-executable"},
    {"application/x-sharedlib", "application/x-executable"},
    {"application/x-msdownload", "application/vnd.microsoft.portable-executable"},
    {"application/x-dosexec", "application/vnd.microsoft.portable-executable"},
    {"application/x-shellscript", "application/x-sh"},
    {"text/xml", "application/xml"},
};

bool equal(std::string_view a, std::string_view b, Look look) {
  return look == Look::kMarkup ? iequals(a, b) : a == b;
}

bool has(std::string_view text, const Piece& piece, Look look) {
  for (std::size_t at = piece.at; at <= piece.at + piece.floats && at < text.size(); ++at) {
    const std::string_view here = text.substr(at, piece.bytes.size());
    if (here.size() < piece.bytes.size()) return false;
    if (!equal(here, piece.bytes, look)) continue;
    if (look != Look::kMarkup || piece.bytes.ends_with('-')) return true;
    const std::size_t end = at + piece.bytes.size();
    if (end == text.size() || " \t\r\n\f/>"sv.contains(text[end])) return true;
  }
  return false;
}

}  // namespace

std::string_view media_type_of_content(Bytes head) {
  const std::string_view text = as_text(head).substr(0, kSignatureBytes);
  std::string_view markup = text;
  if (markup.starts_with("\xef\xbb\xbf")) markup.remove_prefix(3);
  markup.remove_prefix(std::min(markup.size(), markup.find_first_not_of(" \t\r\n\f")));
  for (const Signature& signature : kSignatures) {
    const std::string_view seen = signature.look == Look::kMarkup ? markup : text;
    if (!has(seen, signature.first, signature.look)) continue;
    if (!signature.second.bytes.empty() && !has(seen, signature.second, signature.look)) continue;
    if (signature.look == Look::kBinary && !text.contains('\0')) continue;
    return signature.type;
  }
  return {};
}

bool has_signature(std::string_view media_type) {
  return std::ranges::any_of(kSignatures, [&](const Signature& signature) {
    // Markup may begin in other ways too, and the oldest tar files have no signature.
    return signature.look != Look::kMarkup && signature.type == media_type &&
           signature.type != "application/x-tar" && signature.type != "text/x-script";
  });
}

bool is_kept_in(std::string_view inner, std::string_view outer) {
  if (outer == "application/xml" && inner.ends_with("+xml")) return true;
  return std::ranges::any_of(kKeptIn, [&](const Pair& pair) {
    return pair.outer == outer && media_type_matches(pair.inner, inner);
  });
}

std::string_view canonical_media_type(std::string_view media_type) {
  const auto* const found = std::ranges::find(kAliases, media_type, &Pair::inner);
  return found == std::end(kAliases) ? media_type : found->outer;
}

bool media_type_matches(std::string_view pattern, std::string_view media_type) {
  if (pattern == "*/*" || pattern == "*") return true;
  if (!pattern.ends_with('*')) return pattern == media_type;
  pattern.remove_suffix(1);
  return media_type.starts_with(pattern);
}

bool looks_like_text(Bytes head) {
  const std::string_view text = as_text(head);
  const bool controls = std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !"\t\n\r\f\b\x1b"sv.contains(c)) || byte == 0x7f;
  });
  if (controls) return false;
  for (std::size_t cut = 0; cut < 4 && cut <= text.size(); ++cut) {
    if (is_utf8(text.substr(0, text.size() - cut))) return true;
  }
  return false;
}

}  // namespace telpher
