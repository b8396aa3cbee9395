#pragma once
// One file of a batch on its way into the store. BatchRun fills pieces; a task of the file's own
// writes them. Private to batch uploads.

#include "runtime/semaphore.h"
#include "upload/object_writer.h"

#include <optional>
#include <string>

namespace telpher {

struct BatchFile {
  std::string original_name;
  std::string declared_type;
  std::string type;      // once it has been judged
  ObjectAddress object;  // likewise
  ByteCount size = 0;
  ByteCount memory = 0;  // held at once, at most
  TimePoint began;
  bool judged = false;
  bool writing = false;  // a task writes it

  /// Why it is not stored, in words for its sender.
  std::optional<std::string> failure;
  bool refused = false;  // by a rule; else the store failed
  std::optional<ErrorKind> error;

  std::optional<PutResult> stored;

  // A piece is handed over when the one before has been written: two are held at most.
  Semaphore in_flight{1};
  BoundedQueue<Piece> pieces{1};

  void refuse(std::string why) {
    if (failure) return;
    failure = std::move(why);
    refused = true;
    error = ErrorKind::kInvalid;
    pieces.close();
  }
  void fail(const Error& why) {
    if (failure) return;
    failure = why.message;
    error = why.kind;
    pieces.close();
  }
};

}  // namespace telpher
