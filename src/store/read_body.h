#pragma once
// Reads of a Body, for backends and layers that look at its bytes.

#include "runtime/body.h"

#include <functional>

namespace telpher {

/// Hands the body's bytes (memory or file) to `take`, front to back, in pieces of up to 256 KiB;
/// blocks. Errors: kIo, kSourceChanged (the file has become shorter), those of `take`.
Result<void> read_body(const Body& body, const std::function<Result<void>(Bytes)>& take);

/// Fills `buffer` from `offset` of a file. Errors: kIo, kSourceChanged.
Result<void> read_exactly(int fd, ByteCount offset, MutableBytes buffer);

/// Fills `buffer` from a stream. Errors: kNetwork ("IncompleteBody") when it ends before, those of
/// the stream.
Task<Result<void>> read_stream(ByteReader& stream, MutableBytes buffer);
/// A stream has to end here; what follows its bytes has been read afterwards. Errors: kInvalid when
/// there is more, those of the stream.
Task<Result<void>> read_stream_end(ByteReader& stream);

}  // namespace telpher
