#include "cli/command_line.h"

#include "codec/text.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>

namespace telpher {

void CommandLine::add(Option option) {
  option.group = group_;
  options_.push_back(std::move(option));
}

std::vector<std::string> names_of(const Option& option) {
  std::vector<std::string> names;
  for (std::string_view rest = option.names; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    names.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return names;
}

const Option* CommandLine::find(std::string_view typed) const {
  for (const Option& option : options_) {
    if (std::ranges::count(names_of(option), typed) > 0) return &option;
  }
  return nullptr;
}

void CommandLine::flag(std::string names, std::string help, bool& target) {
  flag(std::move(names), std::move(help), target, true);
}

void CommandLine::flag(std::string names, std::string help, bool& target, bool stored) {
  add({.names = std::move(names),
       .help = std::move(help),
       .set = [&target, stored](std::string_view) -> Result<void> {
         target = stored;
         return {};
       }});
}

void CommandLine::text(std::string names, std::string value, std::string help,
                       std::string& target) {
  add({.names = std::move(names),
       .value = std::move(value),
       .help = std::move(help),
       .set = [&target](std::string_view text) -> Result<void> {
         target = text;
         return {};
       }});
}

void CommandLine::list(std::string names, std::string value, std::string help,
                       std::vector<std::string>& target) {
  add({.names = std::move(names),
       .value = std::move(value),
       .help = std::move(help),
       .repeatable = true,
       .set = [&target](std::string_view text) -> Result<void> {
         target.emplace_back(text);
         return {};
       }});
}

namespace {

Result<int> parse_number(std::string_view text, CommandLine::Bounds bounds) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < bounds.min ||
      number > bounds.max) {
    return make_error(ErrorKind::kInvalid, "must be a number from " + std::to_string(bounds.min) +
                                               " to " + std::to_string(bounds.max) + ", not '" +
                                               std::string(text) + "'");
  }
  return number;
}

}  // namespace

void CommandLine::number(std::string names, std::string help, Bounds bounds, int& target) {
  add({.names = std::move(names),
       .value = "N",
       .help = std::move(help),
       .set = [&target, bounds](std::string_view text) -> Result<void> {
         TRY(target, parse_number(text, bounds));
         return {};
       }});
}

namespace {

/// CLI11 keeps values of a Windows-style or joined short option apart itself; we only ask it what
/// was given, in order.
const CLI::Option* declare(CLI::App& app, const Option& option, std::vector<std::string>& values,
                           int& count) {
  if (option.value.empty()) return app.add_flag(option.names, count);
  return app.add_option(option.names, values)
      ->type_name(option.value)  // for messages
      ->type_size(1)
      ->expected(option.repeatable ? -1 : 1)
      ->allow_extra_args(false)
      ->multi_option_policy(option.repeatable ? CLI::MultiOptionPolicy::TakeAll
                                              : CLI::MultiOptionPolicy::TakeLast);
}

void append_wrapped(std::string& out, std::string_view text, std::size_t indent, int width) {
  const std::size_t room =
      static_cast<std::size_t>(width) > indent + 20 ? static_cast<std::size_t>(width) - indent : 20;
  while (!text.empty()) {
    std::size_t length = text.size();
    if (length > room) {
      length = text.rfind(' ', room);
      if (length == std::string_view::npos || length == 0) length = std::min(room, text.size());
    }
    out += text.substr(0, length);
    out += '\n';
    text.remove_prefix(length);
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (!text.empty()) out.append(indent, ' ');
  }
}

}  // namespace

Result<CommandLine::Parsed> CommandLine::parse(std::span<const std::string> arguments) const {
  CLI::App app;
  app.set_help_flag();
  app.allow_windows_style_options(false);
  bool help = false;
  app.add_flag("-h,--help", help);
  std::vector<std::vector<std::string>> values(options_.size());
  std::vector<int> counts(options_.size());
  std::map<const CLI::Option*, const Option*> declared;
  for (std::size_t i = 0; i < options_.size(); ++i) {
    declared[declare(app, options_[i], values[i], counts[i])] = &options_[i];
  }
  app.allow_extras();

  Parsed parsed;
  const std::string hint = "; see: telpher " + name + " --help";
  // An empty value would take the next argument for its own.
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.starts_with("--") && argument.ends_with('=')) {
      return make_error(ErrorKind::kInvalid, "'" + argument + "' has no value" + hint);
    }
  }
  try {
    // CLI11 takes them last first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return make_error(ErrorKind::kInvalid, std::string(error.what()) + hint);
  }
  if (help) {
    parsed.help = true;
    return parsed;
  }
  parsed.arguments = app.remaining();
  const auto last = std::find(arguments.begin(), arguments.end(), "--");
  for (const std::string& argument : parsed.arguments) {
    const bool literal = std::find(last, arguments.end(), argument) != arguments.end();
    if (argument.size() > 1 && argument[0] == '-' && !literal) {
      return make_error(ErrorKind::kInvalid, "unknown option '" + argument + "'" + hint);
    }
  }
  std::erase(parsed.arguments, "--");

  // In the order typed: of filters the last one decides.
  std::map<const CLI::Option*, std::size_t> taken;
  for (const CLI::Option* typed : app.parse_order()) {
    const auto option = declared.find(typed);
    if (option == declared.end()) continue;
    const bool flag = option->second->value.empty();
    Result<void> set = option->second->set(flag ? "" : typed->results()[taken[typed]++]);
    if (!set) {
      return make_error(ErrorKind::kInvalid,
                        names_of(*option->second).back() + ": " + set.error().message);
    }
  }
  const int given = static_cast<int>(parsed.arguments.size());
  if (given < positionals.min || (positionals.max >= 0 && given > positionals.max)) {
    return make_error(ErrorKind::kInvalid,
                      "telpher " + name + (given < positionals.min ? " needs " : " takes only ") +
                          (positionals.name.empty() ? "options" : positionals.name) + hint);
  }
  return parsed;
}

std::string CommandLine::help(int width) const {
  constexpr std::size_t kColumn = 32;
  std::string out = "usage: telpher " + name;
  if (!positionals.name.empty()) out += ' ' + positionals.name;
  if (!options_.empty()) out += " [OPTION…]";
  out += "\n\n";
  std::string sentence = summary + '.';
  if (sentence[0] >= 'a' && sentence[0] <= 'z') sentence[0] = static_cast<char>(sentence[0] - 32);
  append_wrapped(out, sentence, 0, width);
  if (!details.empty()) {
    out += '\n';
    for (std::string_view rest = details; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (end == 0) out += '\n';  // between paragraphs
      append_wrapped(out, rest.substr(0, end), 0, width);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (!examples.empty()) {
    out += "\nExamples:\n";
    for (std::string_view rest = examples; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      out.append("  ").append(rest.substr(0, end)).append("\n");
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  std::string_view heading;
  for (const Option& option : options_) {
    if (option.group != heading) {
      heading = option.group;
      out.append("\n").append(heading).append(":\n");
    }
    std::string left = "  ";
    if (option.names.starts_with("--")) left += "    ";
    for (const char c : option.names) {
      left += c;
      if (c == ',') left += ' ';
    }
    if (!option.value.empty()) left += ' ' + option.value;
    if (option.help.empty()) {
      out += left + '\n';
      continue;
    }
    if (left.size() + 2 > kColumn) {
      out += left + '\n';
      left.clear();
    }
    left.resize(kColumn, ' ');
    out += left;
    append_wrapped(out, option.help, kColumn, width);
  }
  return out;
}

}  // namespace telpher
