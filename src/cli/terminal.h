#pragma once
// A few lines at the bottom of a terminal that are drawn over and over, with ordinary lines
// appearing above them. One thread.

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

class Terminal {
 public:
  /// @param file  standard error
  explicit Terminal(std::FILE* file) : file_(file) {}
  ~Terminal() { clear(); }

  /// Whether `file` is a terminal that can move its cursor.
  static bool is_capable(std::FILE* file);

  struct Size {
    int columns = 80;
    int rows = 24;
  };
  /// Asked anew each time: the window may have been resized.
  Size size() const;

  void draw(const std::vector<std::string>& lines);
  /// Removes the lines drawn, so that something else can be printed.
  void clear();

 private:
  std::FILE* file_;
  std::vector<int> drawn_;  // columns of each line on the screen
};

}  // namespace telpher
