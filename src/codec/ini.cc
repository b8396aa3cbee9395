#include "codec/ini.h"

#include "base/units.h"
#include "codec/text.h"

namespace telpher {
namespace {

constexpr std::size_t kTextBytesMax = 1024 * 1024;
constexpr std::size_t kLineBytesMax = 4096;

// " #" and " ;" start a comment; a "#" within a word does not, as in secrets and URLs.
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if ((text[i] == '#' || text[i] == ';') && is_blank(text[i - 1])) return text.substr(0, i);
  }
  return text;
}

// "profile   \"dev\"" -> "profile dev": white space single, quotes around the name dropped.
std::string normalize_header(std::string_view text) {
  std::string header;
  for (char c : trim_blanks(text)) {
    if (c == '"') continue;
    if (!is_blank(c)) {
      header += c;
    } else if (!header.ends_with(' ')) {
      header += ' ';
    }
  }
  return std::string(trim_blanks(header));
}

class IniParser {
 public:
  Result<IniFile> parse(std::string_view text) {
    if (text.size() > kTextBytesMax) {
      return make_error(ErrorKind::kLimit, "the file is larger than " + format_size(kTextBytesMax));
    }
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      ++line_number_;
      if (line.size() > kLineBytesMax) return error("is too long", ErrorKind::kLimit);
      if (line.find('\0') != std::string_view::npos) return error("contains a NUL byte");
      TRY_VOID(take_line(line));
    }
    return std::move(file_);
  }

 private:
  Error error(std::string_view why, ErrorKind kind = ErrorKind::kInvalid) const {
    return make_error(kind, "line " + std::to_string(line_number_) + " " + std::string(why));
  }

  Result<void> take_line(std::string_view line) {
    const std::string_view content = trim(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') return {};
    if (content.front() == '[') return take_header(content);
    if (section_ == nullptr) return error("is a setting outside of any [section]");
    return take_setting(content, is_blank(line.front()));
  }

  Result<void> take_header(std::string_view content) {
    const std::size_t end = content.find(']');
    if (end == std::string_view::npos) return error("has '[' without ']'");
    const std::string_view rest = trim_blanks(content.substr(end + 1));
    if (!rest.empty() && rest.front() != '#' && rest.front() != ';') {
      return error("goes on after ']'");
    }
    const std::string header = normalize_header(content.substr(1, end - 1));
    if (header.empty()) return error("has an empty section name");
    section_ = &file_.sections[header];
    block_.clear();
    return {};
  }

  Result<void> take_setting(std::string_view content, bool indented) {
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos) return error("is not 'name = value'");
    std::string name = to_lower(trim_blanks(content.substr(0, equals)));
    if (name.empty()) return error("has no name before '='");
    const std::string_view value = trim(without_comment(content.substr(equals + 1)));
    if (indented && !block_.empty()) {
      (*section_)[block_ + "." + name] = value;
      return {};
    }
    (*section_)[name] = value;
    block_ = value.empty() ? std::move(name) : "";
    return {};
  }

  IniFile file_;
  IniSection* section_ = nullptr;
  std::string block_;  // the setting whose indented lines may follow
  int line_number_ = 0;
};

}  // namespace

const std::string* IniFile::find(std::string_view section, std::string_view name) const {
  const auto found = sections.find(section);
  if (found == sections.end()) return nullptr;
  const auto setting = found->second.find(name);
  return setting == found->second.end() ? nullptr : &setting->second;
}

std::string aws_profile_section(std::string_view profile, AwsFileKind kind) {
  if (kind == AwsFileKind::kCredentials || profile == "default") return std::string(profile);
  return "profile " + std::string(profile);
}

Result<IniFile> parse_ini(std::string_view text) { return IniParser().parse(text); }

}  // namespace telpher
