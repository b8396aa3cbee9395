#pragma once
// CommandLine: what a verb accepts, declared as data and parsed by CLI11 (which stays in the .cc:
// it is slow to compile). Help is made from the same declarations.

#include "base/result.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct Option {
  std::string names;  // "-q,--quiet"
  std::string value;  // what follows, in capitals: "SIZE"; empty = a flag
  std::string help;
  std::string group;  // its heading in the help
  bool repeatable = false;
  /// Called with each value ("" for a flag); an error becomes "--name: message", exit code 2.
  std::function<Result<void>(std::string_view)> set;
};

/// "-q,--quiet" → {"-q", "--quiet"}.
std::vector<std::string> names_of(const Option& option);

struct Positionals {
  std::string name;  // "SOURCE… DESTINATION"
  std::string help;
  int min = 0;
  int max = 0;  // -1 = any number
};

class CommandLine {
 public:
  std::string name;
  std::string summary;
  std::string details;   // a paragraph below the usage line
  std::string examples;  // ready to paste, one a line
  Positionals positionals;

  /// Options added after this stand below this heading.
  void group(std::string heading) { group_ = std::move(heading); }
  void add(Option option);
  void flag(std::string names, std::string help, bool& target);
  /// Stores `stored` when the flag is given.
  void flag(std::string names, std::string help, bool& target, bool stored);
  void text(std::string names, std::string value, std::string help, std::string& target);
  void list(std::string names, std::string value, std::string help,
            std::vector<std::string>& target);
  /// A decimal number in [min, max].
  struct Bounds {
    int min;
    int max;
  };
  void number(std::string names, std::string help, Bounds bounds, int& target);

  const std::vector<Option>& options() const { return options_; }
  /// By one of its names; null when there is none.
  const Option* find(std::string_view typed) const;

  /// What was typed after the verb; calls the options' setters in the order typed.
  /// Errors: kInvalid; the message says what is wrong and how to get help.
  struct Parsed {
    bool help = false;  // --help was given; nothing was set
    std::vector<std::string> arguments;
  };
  Result<Parsed> parse(std::span<const std::string> arguments) const;

  /// For `--help`, at most `width` columns.
  std::string help(int width) const;

 private:
  std::string group_ = "Options";
  std::vector<Option> options_;
};

}  // namespace telpher
