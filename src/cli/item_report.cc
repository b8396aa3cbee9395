#include "cli/item_report.h"

#include "cli/json_line.h"
#include "cli/progress_view.h"

#include <cstdio>

namespace telpher {

ExitCode ItemReport::code_for(const Error& error) const {
  // What is to be removed and is not there was never found.
  if (error.kind == ErrorKind::kNotFound) return kExitSource;
  const ExitCode code = exit_code_for(error, ends_);
  const bool refused = code == kExitDestination && !ends_.destination_is_store;
  // Who only reads has no destination but its output.
  return refused && error.context.operation != "write" ? kExitSource : code;
}

void ItemReport::failed_with(ExitCode code) {
  mixed_ = mixed_ || (code_ != kExitDone && code_ != code);
  if (code_ == kExitDone) code_ = code;
}

void ItemReport::failed(std::string_view address, const Error& error) {
  if (error.kind == ErrorKind::kCancelled) return;
  const ExitCode code = code_for(error);
  failed_with(code);
  if (json_) {
    JsonLine line;
    line.text("event", "failed").text("address", address).text("kind", to_string(error.kind));
    line.text("message", error.message);
    if (!error.context.code.empty()) line.text("code", error.context.code);
    if (error.context.http_status > 0) {
      line.number("http_status", static_cast<std::uint64_t>(error.context.http_status));
    }
    line.number("exit_code", code).print();
  }
  std::string text = printable(error.message);
  const std::string name = printable(address);
  if (text.find(name) == std::string::npos) text = name + ": " + text;
  const std::string advice = advice_for(error, code, Begun::kNothing);
  if (code == kExitGaveUp) text += (text.ends_with('.') ? " " : ". ") + advice;
  std::fprintf(stderr, "telpher: %s\n", text.c_str());
}

}  // namespace telpher
