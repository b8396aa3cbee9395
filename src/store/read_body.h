#pragma once
// Blocking reads of a Body, for backends and layers that look at its bytes.

#include "runtime/body.h"

#include <functional>

namespace telpher {

/// Hands the body's bytes to `take`, front to back, in pieces of up to 256 KiB. Errors: kIo,
/// kSourceChanged (the file has become shorter), those of `take`.
Result<void> read_body(const Body& body, const std::function<Result<void>(Bytes)>& take);

/// Fills `buffer` from `offset` of a file. Errors: kIo, kSourceChanged.
Result<void> read_exactly(int fd, ByteCount offset, MutableBytes buffer);

}  // namespace telpher
