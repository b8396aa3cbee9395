#pragma once
// Takes the bytes of one request to an upload: full parts go to the store while the next is read,
// what remains goes to the table. Private to tus.

#include "runtime/task_group.h"
#include "upload/tus_upload.h"

namespace telpher {

class TusReceiver {
 public:
  struct Input {
    ByteReader* body;
    std::optional<ByteCount> length;  // of the body
    std::optional<Digest> check;      // what the client says the body's is
    CancelSource* reading;            // cancels reading alone
  };
  /// `state` is as the table has it, and stays so. All outlive the receiver.
  TusReceiver(TusUploads& uploads, TusState& state, Input input, TaskContext& context);

  /// Errors: the body's, after what had come of it was kept; those of store and table; refusals
  /// (tus_refusal): 413, 415, 460, 503.
  Task<Result<void>> run();

 private:
  Task<Result<void>> read_body();
  Task<Result<void>> load_tail();
  Task<Result<Buffer>> acquire(ByteCount bytes);
  Task<Result<void>> make_room();
  Task<Result<void>> put_part(Piece piece);
  Task<Result<void>> begin_upload();
  Result<void> judge();
  Task<Result<void>> keep();

  TusUploads& uploads_;
  TusState& state_;
  TusRecord& record_;
  const Input input_;
  Loop& loop_;
  TaskContext reading_context_;
  TaskGroup group_;
  std::optional<PartsWriter> writer_;  // once a part is full
  std::optional<Checksum> check_;
  PartHash hash_;

  Buffer buffer_;
  std::size_t filled_ = 0;
  std::size_t kept_ = 0;  // of these, in the table already
  ByteCount received_ = 0;
  const ByteCount begin_;
  ByteCount end_max_;
  std::vector<PartInfo> unproven_;  // stored parts whose checksum of the request is not known yet
};

}  // namespace telpher
