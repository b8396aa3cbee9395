#pragma once
// Whether two sources hold the same bytes: by what is known of them where that proves it, else by
// reading. Memory: two buffers. One loop.

#include "transfer/transfer.h"

#include <string>

namespace telpher {

/// One of the two.
struct ComparedSource {
  Source& source;
  /// Its validator is an ETag, and those of this store are MD5s where they look like one.
  bool etag_is_md5 = false;
};

struct CompareOptions {
  bool read_both = false;  // trust no checksum
};

struct Comparison {
  bool same = false;
  ByteCount size = 0;      // of the first, when they are the same
  std::string how;         // what proves it: "crc64nvme at both ends", "read at both ends"
  std::string difference;  // "4 and 5 bytes", "first at byte 4711, counted from 0"
};

/// Errors: those of the sources, kSourceChanged, kUnsupported (neither can be read twice).
Task<Result<Comparison>> compare(Engine& engine, ComparedSource a, ComparedSource b,
                                 CompareOptions options);

}  // namespace telpher
