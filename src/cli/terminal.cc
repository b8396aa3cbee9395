#include "cli/terminal.h"

#include "cli/progress_view.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace telpher {

bool Terminal::is_capable(std::FILE* file) {
  const char* kind = std::getenv("TERM");
  return ::isatty(fileno(file)) == 1 && kind && std::string_view(kind) != "dumb";
}

Terminal::Size Terminal::size() const {
  winsize window{};
  Size size;
  if (::ioctl(fileno(file_), TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
    size.columns = window.ws_col;
    size.rows = std::max<int>(window.ws_row, 2);
  }
  return size;
}

void Terminal::clear() {
  if (drawn_.empty()) return;
  // A window that has become narrower shows a line on several rows.
  const int columns = size().columns;
  int rows = 0;
  for (const int width : drawn_) rows += std::max(1, (width + columns - 1) / columns);
  std::string out = "\r";
  if (rows > 1) out += "\x1b[" + std::to_string(rows - 1) + "A";
  out += "\x1b[J";
  std::fwrite(out.data(), 1, out.size(), file_);
  std::fflush(file_);
  drawn_.clear();
}

void Terminal::draw(const std::vector<std::string>& lines) {
  std::string out;
  if (!drawn_.empty()) {
    const int columns = size().columns;
    int rows = 0;
    for (const int width : drawn_) rows += std::max(1, (width + columns - 1) / columns);
    out += "\r";
    if (rows > 1) out += "\x1b[" + std::to_string(rows - 1) + "A";
  }
  drawn_.clear();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    out += lines[i] + "\x1b[K";
    drawn_.push_back(display_width(lines[i]));
  }
  out += "\x1b[J";
  std::fwrite(out.data(), 1, out.size(), file_);
  std::fflush(file_);
}

}  // namespace telpher
