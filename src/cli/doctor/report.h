#pragma once
// DoctorReport: findings as lines on a terminal, in a pipe, or as JSON. One for each run.

#include "cli/doctor/finding.h"
#include "cli/terminal.h"

#include <string>
#include <string_view>
#include <vector>

namespace telpher {

/// How findings are drawn.
struct FindingStyle {
  int width = 0;  // columns; 0 = lines are not broken
  bool colour = false;
};

/// A finding as lines: a verdict, the check's name, what was found, and below it what to do. Pure.
std::vector<std::string> render_finding(std::string_view check, const Finding& finding,
                                        FindingStyle style);

class DoctorReport {
 public:
  explicit DoctorReport(bool json);

  /// On a terminal: what is being looked at, until its finding is there.
  void begin(std::string_view check);
  void add(std::string_view check, const Finding& finding);
  /// A check that makes no sense after what has failed.
  void not_tried(std::string_view check);
  /// The last line, ended by `remark`. Returns the exit code: that of the first failure.
  int end(std::string_view remark);

 private:
  void print(std::string_view check, const Finding& finding);
  void print_not_tried();

  const bool json_;
  const bool live_;  // standard output is a terminal
  FindingStyle style_;
  Terminal terminal_{stdout};
  std::vector<std::string> not_tried_;  // not printed yet
  int ok_ = 0;
  int warnings_ = 0;
  int failed_ = 0;
  int skipped_ = 0;
  int exit_code_ = 0;
};

}  // namespace telpher
