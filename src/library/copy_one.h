#pragma once
// One address to another, as `cp` does it with one source that is no directory, prefix or pattern.

#include "session/session.h"

#include <string>

namespace telpher {

struct CopyOne {
  Address source;
  Address destination;
  CopySettings settings;
};

/// `destination` becomes the name it got, for people. Errors: kInvalid (what cannot be copied, or
/// not there), and those of the engine.
Task<Result<TransferResult>> copy_one(Session* session, const CopyOne* copy,
                                      std::string* destination, TransferProgress* progress);

}  // namespace telpher
