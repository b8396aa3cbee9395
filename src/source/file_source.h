#pragma once
// Local files: one regular file as a Source, and the shortest way to the bytes of a small one.

#include "base/bytes.h"
#include "base/result.h"
#include "source/source.h"

#include <memory>
#include <string>

namespace telpher {

/// A regular file, opened here and kept open: renaming or deleting it later does no harm, writing
/// to it is found out (size, mtime) and fails with kSourceChanged. Reads are made inline on the
/// loop. Files that claim to be empty and are not (/proc) are read as streams of unknown length.
/// Errors: kNotFound, kDenied, kIo; kUnsupported for directories, pipes, sockets and devices.
Result<std::unique_ptr<Source>> open_file_source(std::string path);

/// A regular file that is open already, read from its current position; `fd` is duplicated.
/// `name` is shown to people. Errors: kUnsupported as above, kIo.
Result<std::unique_ptr<Source>> make_file_source(int fd, std::string name);

/// Reads a whole file into `buffer` and returns its size, without asking for its attributes:
/// `path` is relative to the directory `directory_fd` (or AT_FDCWD). Errors: kLimit when it does
/// not fit, kNotFound, kDenied, kIo, kUnsupported (not a regular file).
Result<std::size_t> read_small_file(int directory_fd, const char* path, MutableBytes buffer);

}  // namespace telpher
