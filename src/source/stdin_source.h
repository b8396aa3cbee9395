#pragma once
// Standard input, or any other descriptor that is read once, front to back.

#include "base/result.h"
#include "source/source.h"

#include <memory>

namespace telpher {

/// Reads `fd` to its end: length unknown, no ranges, once. A regular file redirected to it is a
/// file source that starts at the current position. Pipes, sockets and terminals are waited for on
/// the loop; other devices are read on a worker thread, where a read under way is not cancellable.
/// The descriptor stays the caller's and keeps its flags (it may be shared with other processes).
/// Errors: kUnsupported (a directory), kIo.
Result<std::unique_ptr<Source>> make_stdin_source(int fd = 0);

}  // namespace telpher
