#include "cli/key_list.h"

#include "store/types.h"

#include <cerrno>

namespace telpher {

Result<KeyList> KeyList::open(const std::string& path, std::string place) {
  KeyList list;
  list.name_ = path == "-" ? "standard input" : "'" + path + "'";
  list.place_ = std::move(place);
  list.file_.reset(path == "-" ? stdin : std::fopen(path.c_str(), "re"));
  if (!list.file_) return make_errno_error(errno, "open " + list.name_);
  return list;
}

Result<std::optional<std::string>> KeyList::next(std::string_view prefix) {
  do {
    line_.clear();
    int c = 0;
    while ((c = ::getc_unlocked(file_.get())) != EOF && c != '\n') line_ += static_cast<char>(c);
    if (c == EOF && std::ferror(file_.get())) return make_errno_error(errno, "read " + name_);
    if (c == EOF && line_.empty()) return std::nullopt;
    ++number_;
    if (line_.ends_with('\r')) line_.pop_back();
  } while (line_.empty());
  const std::string where = name_ + ", line " + std::to_string(number_) + ": ";
  std::string key;
  if (line_.starts_with("s3://") || line_.starts_with("local://")) {
    if (!line_.starts_with(place_)) {
      return make_error(ErrorKind::kInvalid, where + "'" + line_ + "' is not below " + place_);
    }
    key = std::string(prefix) + line_.substr(place_.size());
  } else {
    key = std::string(prefix) + line_;
  }
  Result<void> checked = check_key(key);
  if (!checked) return make_error(ErrorKind::kInvalid, where + checked.error().message);
  return key;
}

}  // namespace telpher
