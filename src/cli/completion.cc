#include "cli/completion.h"

#include "cli/command_line.h"
#include "cli/store_options.h"
#include "runtime/task_group.h"
#include "session/session.h"

#include <algorithm>
#include <cstdio>

namespace telpher {
namespace {

constexpr Duration kStoreTime = std::chrono::seconds(3);

bool has_capitals(std::string_view word) {
  return std::ranges::any_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// Those of "auto|tiered|SIZE" that can be typed as they stand: capitals are one to be filled in,
/// unless all are capitals ("GET|PUT").
std::vector<std::string> alternatives(std::string_view value) {
  std::vector<std::string> words;
  if (value.find('|') == std::string_view::npos) return words;
  while (!value.empty()) {
    const std::size_t bar = std::min(value.find('|'), value.size());
    words.emplace_back(value.substr(0, bar));
    value.remove_prefix(std::min(bar + 1, value.size()));
  }
  if (!std::ranges::all_of(words, has_capitals)) std::erase_if(words, has_capitals);
  return words;
}

class Completer {
 public:
  Completer(const CommandLine& line, std::span<const std::string> words)
      : line_(line), words_(words) {}

  Completion run() {
    const Option* pending = read_typed();
    const std::string& word = words_.back();
    const std::size_t equals = word.find('=');
    if (pending) {
      add_values(pending->value, "");
    } else if (!only_arguments_ && word.starts_with("--") && equals != std::string::npos) {
      const Option* option = line_.find(word.substr(0, equals));
      if (option) add_values(option->value, word.substr(0, equals + 1));
    } else if (!only_arguments_ && word.starts_with('-') && word != "-") {
      add_options();
    } else {
      add_arguments();
    }
    return std::move(completion_);
  }

 private:
  /// Returns the option whose value is being typed, if any.
  const Option* read_typed() {
    const Option* pending = nullptr;
    for (const std::string& word : words_.first(words_.size() - 1)) {
      if (pending) {
        pending = nullptr;
      } else if (word == "--") {
        only_arguments_ = true;
      } else if (!only_arguments_ && word.starts_with('-')) {
        const std::size_t equals = std::min(word.find('='), word.size());
        const Option* option = line_.find(word.substr(0, equals));
        if (!option) continue;
        typed_.push_back(option);
        if (!option->value.empty() && equals == word.size()) pending = option;
      }
    }
    return pending;
  }

  void add(std::string word, std::string help) {
    if (word.starts_with(words_.back())) {
      completion_.candidates.push_back({std::move(word), std::move(help)});
    }
  }

  void add_values(const std::string& value, const std::string& before) {
    for (const std::string& word : alternatives(value)) add(before + word, "");
    completion_.files = value == "FILE" || value == "DIR" || value == "LIST" || value == "PATH";
  }

  void add_options() {
    for (const Option& option : line_.options()) {
      if (!option.repeatable && std::ranges::count(typed_, &option) > 0) continue;
      // The short name is known to whoever types it.
      add(names_of(option).back(), option.help);
    }
    add("--help", "options and examples");
  }

  void add_arguments() {
    std::string_view name = line_.positionals.name;
    if (name.starts_with('[')) name.remove_prefix(1);  // it may be left out
    if (name.empty() || name.starts_with("ID")) return;
    if (name.find('|') != std::string_view::npos) {
      for (const std::string& word : alternatives(name)) add(word, "");
      return;
    }
    completion_.buckets = true;
    completion_.objects = !name.starts_with("BUCKET");
    completion_.files = completion_.objects && !name.starts_with("ADDRESS") &&
                        words_.back().find("://") == std::string::npos;
    add("s3://", "an S3 service");
    add("local://", "the embedded store");
  }

  const CommandLine& line_;
  std::span<const std::string> words_;
  bool only_arguments_ = false;  // "--" was typed
  std::vector<const Option*> typed_;
  Completion completion_;
};

Completion complete_verb(std::span<const VerbEntry> verbs, const std::string& word) {
  Completion completion;
  const auto add = [&](std::string_view name, std::string_view help) {
    if (name.starts_with(word)) {
      completion.candidates.push_back({std::string(name), std::string(help)});
    }
  };
  for (const VerbEntry& verb : verbs) add(verb.name, verb.summary);
  add("help", "options and examples of a verb; --man: the manual");
  if (word.starts_with('-')) {
    add("--help", "all verbs");
    add("--version", "which telpher this is");
  }
  return completion;
}

/// A half-typed bucket ("s3://ph") is none of the names a store would take.
std::string listable(const std::string& word) {
  const std::size_t start = word.find("://") + 3;
  return word.find('/', start) == std::string::npos ? word.substr(0, start) : word;
}

Task<Result<void>> add_from_store(Session* session, std::string word, Completion* completion) {
  CO_TRY(const Address address, parse_address(listable(word)));
  CO_TRY(ObjectStore * store, session->store(address.kind));
  const std::string start = word.substr(0, word.find("://") + 3);
  if (word.find('/', start.size()) == std::string::npos) {
    CO_TRY(const std::vector<BucketInfo> buckets, co_await store->list_buckets());
    for (const BucketInfo& bucket : buckets) {
      std::string found = start + bucket.name + (completion->objects ? "/" : "");
      if (found.starts_with(word)) completion->candidates.push_back({std::move(found), ""});
    }
    co_return Result<void>();
  }
  if (!completion->objects) co_return Result<void>();
  CO_TRY(const ListPage page,
         co_await store->list(address.object.bucket,
                              {.prefix = address.object.key, .delimiter = "/"}));
  const std::string below = start + address.object.bucket + '/';
  for (const std::string& prefix : page.prefixes) {
    completion->candidates.push_back({below + prefix, ""});
  }
  for (const ListEntry& entry : page.objects) {
    completion->candidates.push_back({below + entry.key, ""});
  }
  co_return Result<void>();
}

Task<Result<void>> add_in_time(Session* session, std::string word, Completion* completion) {
  const TimePoint end = session->loop().now() + kStoreTime;
  co_return co_await with_deadline(add_from_store(session, std::move(word), completion), end);
}

bool is_printable_line(const std::string& word) {
  return std::ranges::none_of(word, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void print(const Completion& completion) {
  if (completion.files) std::puts(":files");
  const bool goes_on = std::ranges::any_of(
      completion.candidates, [](const auto& candidate) { return candidate.word.ends_with('/'); });
  if (goes_on) std::puts(":nospace");
  for (const Completion::Candidate& candidate : completion.candidates) {
    if (!is_printable_line(candidate.word)) continue;
    std::printf("%s\t%s\n", candidate.word.c_str(), candidate.help.c_str());
  }
}

}  // namespace

Completion complete(std::span<const VerbEntry> verbs, const Settings& settings,
                    std::span<const std::string> words) {
  if (words.empty()) return {};
  if (words.size() == 1) return complete_verb(verbs, words[0]);
  if (words[0] == "help") return words.size() == 2 ? complete_verb(verbs, words[1]) : Completion();
  for (const VerbEntry& entry : verbs) {
    if (entry.name != words[0]) continue;
    const std::unique_ptr<Verb> verb = entry.make();
    CommandLine line;
    line.name = entry.name;
    verb->describe(line, settings);
    return Completer(line, words.subspan(1)).run();
  }
  return {};
}

int print_completion(std::span<const std::string> words) {
  const Result<Settings> settings = read_settings(process_environment(), machine_memory());
  if (!settings || words.empty()) return 0;
  Completion completion = complete(all_verbs(), *settings, words);
  const std::string& word = words.back();
  if (completion.buckets && (word.starts_with("s3://") || word.starts_with("local://"))) {
    completion.candidates.clear();
    Loop loop;
    StoreAccess access = access_in(words.first(words.size() - 1));
    access.attempts = 1;
    Session session(loop, *settings, access);
    (void)loop.run(add_in_time(&session, word, &completion));
  }
  print(completion);
  return 0;
}

}  // namespace telpher
