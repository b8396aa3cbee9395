#include "cli/doctor/report.h"

#include "cli/json_event.h"
#include "cli/json_line.h"
#include "cli/progress_view.h"

#include <algorithm>
#include <cstdlib>

namespace telpher {
namespace {

constexpr int kNameColumns = 14;
constexpr std::string_view kIndent = "                       ";  // of what follows a first line

struct Word {
  std::string_view text;
  std::string_view colour;
};

Word word_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk: return {"ok", "\x1b[32m"};
    case Verdict::kWarning: return {"warn", "\x1b[33m"};
    case Verdict::kFailed: return {"FAIL", "\x1b[1;31m"};
    case Verdict::kSkipped: break;
  }
  return {"-", "\x1b[2m"};
}

std::string_view json_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk: return "ok";
    case Verdict::kWarning: return "warning";
    case Verdict::kFailed: return "failed";
    case Verdict::kSkipped: break;
  }
  return "skipped";
}

std::string padded(std::string_view text, int columns) {
  const int missing = columns - display_width(text);
  return std::string(text) + std::string(static_cast<std::size_t>(std::max(missing, 1)), ' ');
}

/// `text` in lines of at most `columns` (0 = one line), broken at blanks only: names, addresses and
/// commands stay whole, to be copied.
std::vector<std::string> wrapped(std::string_view text, int columns) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string& line = lines.back();
    const bool fits =
        columns == 0 || line.empty() || display_width(line) + 1 + display_width(word) <= columns;
    if (!fits) {
      lines.emplace_back(word);
      continue;
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  return lines;
}

std::string counted(int count, std::string_view one, std::string_view many) {
  return std::to_string(count) + ' ' + std::string(count == 1 ? one : many);
}

}  // namespace

std::vector<std::string> render_finding(std::string_view check, const Finding& finding,
                                        FindingStyle style) {
  const Word word = word_for(finding.verdict);
  std::string head = style.colour ? std::string(word.colour) + padded(word.text, 6) + "\x1b[0m"
                                  : padded(word.text, 6);
  head = "  " + head + padded(check, kNameColumns) + ' ';
  const int room =
      style.width == 0 ? 0 : std::max(style.width - static_cast<int>(kIndent.size()), 20);
  std::vector<std::string> lines;
  for (const std::string& line : wrapped(printable(finding.found), room)) {
    lines.push_back((lines.empty() ? head : std::string(kIndent)) + line);
  }
  if (finding.remedy.empty()) return lines;
  bool first = true;
  for (const std::string& line : wrapped(printable(finding.remedy), room == 0 ? 0 : room - 2)) {
    lines.push_back(std::string(kIndent) + (first ? "→ " : "  ") + line);
    first = false;
  }
  return lines;
}

DoctorReport::DoctorReport(bool json) : json_(json), live_(!json && Terminal::is_capable(stdout)) {
  if (!live_) return;
  const char* no_colour = std::getenv("NO_COLOR");
  style_.colour = !no_colour || *no_colour == '\0';
  style_.width = std::min(terminal_.size().columns - 1, 110);
}

void DoctorReport::begin(std::string_view check) {
  if (live_) terminal_.draw({"  " + padded("…", 6) + std::string(check)});
}

void DoctorReport::print(std::string_view check, const Finding& finding) {
  if (json_) {
    JsonLine line;
    line.text("event", "check").text("check", check).text("status", json_word(finding.verdict));
    line.text("found", finding.found);
    if (!finding.remedy.empty()) line.text("remedy", finding.remedy);
    for (const auto& [name, value] : finding.facts) line.raw(name, value);
    line.print();
    return;
  }
  if (finding.found.empty()) return;
  for (const std::string& line : render_finding(check, finding, style_)) std::puts(line.c_str());
}

void DoctorReport::print_not_tried() {
  constexpr std::size_t kNamed = 4;
  if (not_tried_.empty()) return;
  std::string names;
  for (std::size_t i = 0; i < not_tried_.size(); ++i) {
    if (i == kNamed && not_tried_.size() > kNamed + 1) {
      names += " and " + std::to_string(not_tried_.size() - kNamed) + " more";
      break;
    }
    names += (i == 0 ? "" : ", ") + not_tried_[i];
  }
  print("not tried", skipped(std::move(names)));
  not_tried_.clear();
}

void DoctorReport::add(std::string_view check, const Finding& finding) {
  if (live_) terminal_.clear();
  print_not_tried();
  switch (finding.verdict) {
    case Verdict::kOk: ++ok_; break;
    case Verdict::kWarning: ++warnings_; break;
    case Verdict::kSkipped: ++skipped_; break;
    case Verdict::kFailed:
      if (++failed_ == 1) exit_code_ = finding.exit_code;
      break;
  }
  print(check, finding);
  std::fflush(stdout);
}

void DoctorReport::not_tried(std::string_view check) {
  ++skipped_;
  if (json_) {
    print(check, skipped("not tried after what has failed"));
    return;
  }
  not_tried_.emplace_back(check);
}

int DoctorReport::end(std::string_view remark) {
  if (live_) terminal_.clear();
  print_not_tried();
  const auto count = [](int number) { return static_cast<std::uint64_t>(number); };
  if (json_) {
    JsonLine line;
    line.text("event", "summary").number("ok", count(ok_)).number("warnings", count(warnings_));
    line.number("failed", count(failed_)).number("skipped", count(skipped_));
    line.number("exit_code", count(exit_code_)).print();
    return exit_code_;
  }
  std::string text;
  if (failed_ > 0) text += std::to_string(failed_) + " failed, ";
  if (warnings_ > 0) text += counted(warnings_, "warning", "warnings") + ", ";
  text += std::to_string(ok_) + (failed_ + warnings_ > 0 ? " well" : " checks: all is well");
  text += remark;
  std::printf("\n%s\n", text.c_str());
  return exit_code_;
}

}  // namespace telpher
