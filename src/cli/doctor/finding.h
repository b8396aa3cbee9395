#pragma once
// What one check of `telpher doctor` has found. A value.

#include <string>
#include <utility>
#include <vector>

namespace telpher {

enum class Verdict { kOk, kWarning, kFailed, kSkipped };

/// A field for --json only: its name and its value, which is JSON already.
using Fact = std::pair<std::string, std::string>;

struct Finding {
  Verdict verdict = Verdict::kOk;
  std::string found;   // for people, without an end of sentence; empty = not worth a line
  std::string remedy;  // what to do about it; empty = nothing
  int exit_code = 0;   // of kFailed
  std::vector<Fact> facts = {};
};

inline Finding ok(std::string found) { return {Verdict::kOk, std::move(found), "", 0}; }
inline Finding skipped(std::string why) { return {Verdict::kSkipped, std::move(why), "", 0}; }
inline Finding warning(std::string found, std::string remedy) {
  return {Verdict::kWarning, std::move(found), std::move(remedy), 0};
}
inline Finding failure(int exit_code, std::string found, std::string remedy) {
  return {Verdict::kFailed, std::move(found), std::move(remedy), exit_code};
}

}  // namespace telpher
