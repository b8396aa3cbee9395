#pragma once
// CountView: one line at the bottom of a terminal that counts while something takes long. One loop.

#include "cli/terminal.h"
#include "runtime/loop.h"

#include <chrono>
#include <string>

namespace telpher {

class CountView {
 public:
  /// @param wanted  false, and without a terminal: nothing is ever drawn
  CountView(Loop& loop, bool wanted)
      : loop_(loop),
        wanted_(wanted && Terminal::is_capable(stderr)),
        due_at_(loop.now() + std::chrono::milliseconds(500)) {}

  /// Whether it is time for another picture: not for what is done at once.
  bool due() const { return wanted_ && loop_.now() >= due_at_; }
  void draw(std::string line) {
    terminal_.draw({std::move(line)});
    due_at_ = loop_.now() + std::chrono::milliseconds(250);
  }
  /// Before anything else is printed.
  void clear() { terminal_.clear(); }

 private:
  Loop& loop_;
  Terminal terminal_{stderr};
  const bool wanted_;
  TimePoint due_at_;
};

}  // namespace telpher
