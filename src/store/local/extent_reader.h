#pragma once
// Reads an object's bytes from the files they lie in.

#include "runtime/body.h"
#include "store/local/data_files.h"

#include <functional>
#include <memory>
#include <vector>

namespace telpher {

/// The extents of a part of an object. Pure.
std::vector<Extent> slice_extents(const std::vector<Extent>& extents, ByteRange range);

/// Hands the bytes of `extents` to `take` in pieces of up to 256 KiB; blocks. Errors: kNotFound (a
/// file is gone), kIo, kCorrupt (a file is shorter than it should be), those of `take`.
Result<void> read_extents(const DataFiles& files, const std::vector<Extent>& extents,
                          const std::function<Result<void>(Bytes)>& take);

/// A reader of extents. The first files are opened at once, so that the object may be replaced or
/// removed while it is read; an object of very many files that is replaced meanwhile ends with
/// kSourceChanged, never with other bytes. Reads run on the loop: they are mostly copies out of the
/// page cache. Errors: kNotFound when one of the first files is gone already.
Result<std::unique_ptr<ByteReader>> open_extents(const DataFiles& files,
                                                 std::vector<Extent> extents);

/// Reads `size` bytes through `reader` and holds its last piece back until all of them have proven
/// to be `expected`. Errors also: kCorrupt, before the end.
std::unique_ptr<ByteReader> make_checked_reader(std::unique_ptr<ByteReader> reader, Digest expected,
                                                ByteCount size);

/// A reader of bytes in memory.
std::unique_ptr<ByteReader> make_memory_reader(std::vector<std::byte> content);

}  // namespace telpher
