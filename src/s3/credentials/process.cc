#include "s3/credentials/process.h"

#include "codec/text.h"
#include "runtime/program.h"
#include "s3/credentials/answers.h"

namespace telpher {
namespace {

/// What a program had to say, on one line; the last of it when it was much.
std::string last_words(std::string_view errors) {
  constexpr std::size_t kShown = 400;
  errors = trim(errors);
  std::string line;
  for (const char c : errors) {
    if (c == '\n') {
      line += "; ";
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      line += c;
    }
  }
  if (line.size() <= kShown) return line;
  std::size_t from = line.size() - kShown;
  while (from < line.size() && (static_cast<unsigned char>(line[from]) & 0xc0) == 0x80) ++from;
  return "…" + line.substr(from);
}

Error failed(const CredentialProcess& process, ErrorKind kind, const std::string& why) {
  return make_error(kind, "credential_process of profile '" + process.profile + "': " + why);
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (quote == 0 && is_blank(c)) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
      continue;
    }
    in_word = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && next != '\0' &&
               (quote == 0 || next == '"' || next == '\\')) {
      word += next;
      ++i;
    } else {
      word += c;
    }
  }
  if (quote != 0) {
    return make_error(ErrorKind::kInvalid, std::string("a ") + quote + " is not closed");
  }
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) return make_error(ErrorKind::kInvalid, "no program is named");
  return words;
}

Task<Result<Credentials>> run_credential_process(CredentialProcess process) {
  auto words = split_command(process.command);
  if (!words) co_return failed(process, ErrorKind::kInvalid, words.error().message);
  const std::string program = words->front();
  auto end = co_await run_program({.arguments = *std::move(words)});
  if (!end) {
    if (end.error().kind == ErrorKind::kCancelled) co_return std::move(end).error();
    co_return failed(process, ErrorKind::kDenied, end.error().message);
  }
  if (end->exit_code != 0) {
    const std::string words_said = last_words(end->errors);
    co_return failed(process, ErrorKind::kDenied,
                     "'" + program + "' failed with exit code " + std::to_string(end->exit_code) +
                         (words_said.empty() ? "" : ": " + words_said));
  }
  auto credentials = parse_process_credentials(end->output);
  if (!credentials) {
    co_return failed(process, ErrorKind::kDenied,
                     "'" + program + "' printed something else than credentials: " +
                         credentials.error().message);
  }
  credentials->source = "credential_process of profile '" + process.profile + "'";
  co_return credentials;
}

}  // namespace telpher
