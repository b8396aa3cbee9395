#pragma once
// What may come next on a command line. The shells ask at every Tab (`telpher __complete`), and are
// answered from the declarations that --help is made of: a script that was installed long ago knows
// the options of today.

#include "cli/verb.h"

#include <span>
#include <string>
#include <vector>

namespace telpher {

struct Completion {
  struct Candidate {
    std::string word;
    std::string help;
  };
  std::vector<Candidate> candidates;
  bool files = false;    // names of files, too, which the shell knows best
  bool buckets = false;  // buckets of s3:// and local:// …
  bool objects = false;  // … and what lies in them
};

/// What may stand where the last of `words` stands: those typed after "telpher", the last perhaps
/// empty or half a word. Pure.
Completion complete(std::span<const VerbEntry> verbs, const Settings& settings,
                    std::span<const std::string> words);

/// `telpher __complete WORD…`: prints candidates, "word<Tab>help" a line, those of a store too.
/// Before them ":files" when the shell is to add names of files, and ":nospace" when the word goes
/// on. What cannot be reached within 3 s is left out; nothing is said about it, for somebody is
/// typing. Returns the exit code.
int print_completion(std::span<const std::string> words);

/// The script for "bash", "zsh" or "fish"; empty for any other name.
std::string_view completion_script(std::string_view shell);

}  // namespace telpher
