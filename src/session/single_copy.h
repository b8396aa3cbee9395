#pragma once
// One source to one destination: what every copy is in the end, for the verbs and for the library.

#include "session/address.h"
#include "session/session.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

struct SingleCopy {
  Address source;
  Address destination;  // below it when it is a prefix or a directory (is_prefix())
  TransferOptions options = {};
  std::vector<std::string> headers = {};  // "Name: value", for http(s) sources
  std::optional<ByteCount> expected_size = {};
  bool exact = false;         // the destination is its whole name, though it may end in "/"
  bool make_folders = false;  // those that a file's path needs
  /// Told what the destination is called, before anything is written: it may refuse.
  std::function<Result<void>(const std::string& destination)> settle = {};
};

/// Errors: kInvalid (a source without a name below a prefix, a name that is no key or file),
/// kCorrupt (another size than expected), what `settle` says, and those of the engine.
/// Cancel: as upload() and download().
Task<Result<TransferResult>> copy_single(Session* session, Engine* engine, const SingleCopy* copy,
                                         TransferProgress* progress);

/// Opens the source and gives the destination its whole name. Errors: as copy_single().
struct OpenedCopy {
  std::unique_ptr<Source> source;
  ObjectAddress object;  // of a destination in a store
  std::string path;      // else; empty = standard output
};
Task<Result<OpenedCopy>> open_copy(Session* session, const SingleCopy* copy);

/// The embedded store needs no set-up: its buckets are made as they are needed.
Task<Result<void>> make_bucket_if_local(Session* session, const Address* destination);

}  // namespace telpher
