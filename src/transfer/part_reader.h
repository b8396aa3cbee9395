#pragma once
// Reading a part: bytes pass once, are hashed while they are in the cache, and are counted.

#include "runtime/body.h"
#include "runtime/rate_limiter.h"
#include "transfer/part_hash.h"
#include "transfer/transfer.h"

namespace telpher {

/// Reads until `buffer` is full or the source ends; returns what was read. Bytes are added to
/// `hash`, paced by the engine's rate and counted, also by `count`.
Task<Result<std::size_t>> fill_part(Engine* engine, ByteReader* reader, MutableBytes buffer,
                                    PartHash* hash, BodyCount* count);

/// Digests a range of a file through a small buffer, giving way to other tasks now and then: its
/// bytes are then sent straight from the page cache. Errors: kSourceChanged when the file is
/// shorter, kIo.
Task<Result<PartDigests>> hash_file_range(Engine* engine, int fd, ByteRange range, HashPlan plan);

}  // namespace telpher
