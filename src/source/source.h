#pragma once
// Source: where bytes come from. Probed once, then read whole or by ranges. One loop.

#include "runtime/body.h"
#include "store/types.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace telpher {

/// Whether a download gave its file the time of what it copied, modified at `source`: the second,
/// and nothing behind the point, as files that were merely written then have.
inline bool is_time_of(std::chrono::system_clock::time_point source,
                       std::chrono::system_clock::time_point file) {
  return std::chrono::floor<std::chrono::seconds>(source) == file;
}

/// What the probe saw. Every later read must still see the same, or it fails with kSourceChanged:
/// "the source changed while it was being copied".
struct SourceInfo {
  std::optional<ByteCount> size;  // empty = not known until the end
  bool ranges = false;            // open(range) works and is checked by a strong validator
  bool rereadable = false;        // open() can be called more than once (not stdin)
  std::string validator;          // strong ETag, or device/inode/mtime/size of a file; may be empty
  std::string name;               // one path segment, never empty
  ObjectMetadata metadata;        // as the source says; fields may be empty
  std::optional<std::chrono::system_clock::time_point> last_modified;
  std::optional<Digest> digest;  // of the whole, when the source tells it
};

class Source {
 public:
  virtual ~Source() = default;
  /// Errors: kNotFound, kDenied, kNetwork, kTimeout, kProtocol …
  virtual Task<Result<SourceInfo>> probe() = 0;
  /// Reads `range` (empty = everything). `seen` is what probe() returned. A range needs
  /// `seen.ranges`. Errors also: kSourceChanged; kUnsupported when the server ignores the range.
  virtual Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                         SourceInfo seen) = 0;
  /// A local file's descriptor, valid while this lives, else -1: its parts need no buffer.
  virtual int fd() const { return -1; }
  /// Fails with kSourceChanged when the source is no longer `seen`, as far as that can be told
  /// cheaply (files: fstat). Called before an object is completed.
  virtual Task<Result<void>> check_unchanged(SourceInfo) { co_return Result<void>(); }
  /// For messages and the journal: without userinfo and query values.
  virtual std::string redacted_address() const = 0;
  /// The same, but exact, hashed by the journal to recognise the source again; never stored.
  virtual std::string identity() const = 0;
};

}  // namespace telpher
