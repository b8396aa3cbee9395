#pragma once
// One batch request, from its first byte to its answer. Private to batch uploads.

#include "codec/multipart_form.h"
#include "runtime/task_group.h"
#include "upload/batch_file.h"
#include "upload/batch_upload.h"

#include <memory>
#include <string>
#include <vector>

namespace telpher {

class BatchRun {
 public:
  BatchRun(BatchUploads& batch, UploadCaller caller, TaskContext& context);

  /// Errors: as BatchUploads::take().
  Task<Result<BatchAnswer>> run(ByteReader* body, std::optional<ByteCount> length,
                                std::string content_type);

 private:
  /// Why the whole request is refused.
  struct Refusal {
    int status = 400;
    std::string message;
  };

  // Reading. An error of these is one of the connection, unless refusal_ is set.
  Task<Result<void>> read_form(ByteReader* body);
  ByteCount request_bytes_max() const;
  MutableBytes place_to_read();
  Task<Result<void>> feed(Bytes input);
  Bytes move_aside(Bytes input);
  Result<void> begin_part();
  Result<void> begin_field(const std::string& name);
  Result<void> take_field(Bytes data);
  Result<void> end_field();
  Result<void> begin_file(const FormPart& part);
  Task<Result<void>> take_data(Bytes data);
  Task<Result<void>> make_room();
  Task<Result<Buffer>> acquire(std::size_t size);
  std::size_t buffer_size(ByteCount bytes) const;
  Result<void> judge();
  Task<Result<void>> hand_over(bool last);
  Task<Result<void>> end_file();
  Error refuse_request(int status, std::string message);

  // Writing: a task for each file.
  Task<Result<void>> write_file(BatchFile* file);
  Task<Result<void>> write_pieces(BatchFile* file);
  Task<Result<void>> write_whole(BatchFile* file, Piece piece);
  Task<Result<void>> write_in_parts(BatchFile* file, Piece piece);
  Task<Result<void>> put_parts(BatchFile* file, PartsWriter* writer, Piece piece);
  Task<Result<void>> find_free_key(BatchFile* file);
  Task<Result<Semaphore::Permit>> turn();
  Result<void> take_next_key(BatchFile* file);
  ObjectDraft draft_of(const BatchFile& file) const;
  void record(const BatchFile& file);

  // Ending.
  Task<void> roll_back();
  Task<Result<void>> remove_stored();
  BatchAnswer answer() const;
  BatchAnswer answer_refusal() const;
  std::int64_t duration_ms() const;

  BatchUploads& batch_;
  ObjectStore& store_;
  const BatchUploadOptions& options_;
  const UploadCaller caller_;
  Loop& loop_;
  const TimePoint began_;
  TaskGroup group_;

  std::optional<MultipartFormParser> parser_;
  std::string bucket_;
  std::string prefix_;
  std::optional<Refusal> refusal_;
  std::optional<ByteCount> length_;
  ByteCount read_ = 0;
  std::size_t parts_ = 0;
  std::string field_name_;  // of a field that says something to us; else empty
  std::string field_;       // its value, as far as it has come

  std::vector<std::unique_ptr<BatchFile>> files_;
  BatchFile* file_ = nullptr;  // whose bytes are arriving
  Buffer aside_;               // what was read and is not a file's
  Buffer filling_;             // the next piece; one that nobody needs is kept for the next file
  std::size_t filled_ = 0;
  PartHash hash_;
};

}  // namespace telpher
