#pragma once
// ItemReport: what a verb that deals with things one by one says of those that failed, and the exit
// code it ends with. One for each command.

#include "session/exit_code.h"

#include <string_view>

namespace telpher {

class ItemReport {
 public:
  /// @param ends  at whose door a refusal is laid: that of a source for verbs that read
  ItemReport(CopyEnds ends, bool json) : ends_(ends), json_(json) {}

  void done() { any_done_ = true; }
  /// Says what failed and why: on standard error, and with --json on standard output, too. Being
  /// cancelled is no failure.
  void failed(std::string_view address, const Error& error);
  /// The same without a word: it has been said already.
  void failed_with(ExitCode code);

  bool any_failed() const { return code_ != kExitDone; }
  /// When nothing could be done, and for one reason: that reason's; kExitSomeFailed when others
  /// were done or failed otherwise.
  int exit_code() const {
    return code_ != kExitDone && (any_done_ || mixed_) ? kExitSomeFailed : code_;
  }

 private:
  ExitCode code_for(const Error& error) const;

  CopyEnds ends_;
  bool json_;
  bool any_done_ = false;
  bool mixed_ = false;
  ExitCode code_ = kExitDone;  // of the first failure
};

/// Of verbs that read, and of those that write or remove.
inline constexpr CopyEnds kReads{.source_is_store = true, .destination_is_store = false};
inline constexpr CopyEnds kWrites{.source_is_store = false, .destination_is_store = true};

}  // namespace telpher
