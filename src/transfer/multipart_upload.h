#pragma once
// MultipartUpload: one object sent in parts, continued after a crash, and proven before it appears.
// Made by upload() for everything that is not a single PUT, and by copy_within() for large objects.

#include "runtime/semaphore.h"
#include "runtime/task_group.h"
#include "transfer/journal.h"
#include "transfer/part_hash.h"
#include "transfer/plan.h"
#include "transfer/resuming_reader.h"
#include "transfer/source_connections.h"
#include "transfer/transfer.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

class MultipartUpload {
 public:
  struct Input {
    Engine* engine;
    Source* source;
    ObjectStore* store;
    ObjectAddress object;
    DestinationName name;
    TransferOptions options;
    TransferProgress* progress;
    SourceInfo seen;
    UploadPlan plan;
    /// Set: parts are copied by the store itself from this object of it, at this ETag.
    std::optional<ObjectAddress> copy_from;
    std::string copy_etag;
  };
  explicit MultipartUpload(Input input);

  /// A stream of unknown length whose first part has been read already: `first` holds `filled`
  /// bytes, and `reader` goes on behind them.
  struct Started {
    std::unique_ptr<ResumingReader> reader;
    Buffer first;
    std::size_t filled = 0;
    PartDigests digests;
  };
  Task<Result<TransferResult>> run(std::optional<Started> started);

 private:
  struct Part {
    PartInfo info;
    PartDigests digests;
    bool resumed = false;
  };
  struct Stream;

  // Before and after the parts.
  Task<Result<TransferResult>> transfer(std::optional<Started> started);
  Task<Result<void>> find_or_begin();
  bool continues(const JournalEntry& entry) const;
  bool can_adopt(ByteCount part_size) const;
  void adopt(ByteCount part_size);
  Task<Result<bool>> reload_parts();
  void accept_stored_part(PartInfo info, const std::map<PartNumber, JournalPart>& hints);
  Task<Result<void>> check_nothing_there();
  Task<Result<void>> create_upload();
  Task<Result<TransferResult>> complete();
  Task<Result<void>> prove(PutResult* put, std::string* verified_by);
  Task<Result<void>> check_completed();
  Task<Result<TransferResult>> already_there();
  Task<Error> fail(Error error);

  // The parts.
  Task<Result<void>> move_parts(std::optional<Started> started);
  Task<Result<void>> move_ranges();
  Task<Result<void>> move_range(PartNumber number);
  Task<Result<void>> read_and_put(PartNumber number, ByteRange range);
  Task<Result<void>> read_range(ByteRange range, MutableBytes room, PartHash* hash,
                                BodyCount* count);
  Task<Result<void>> hash_and_put_file(PartNumber number, ByteRange range);
  Task<Result<void>> move_stream(std::optional<Started> started);
  Task<Result<void>> read_stream(Stream* stream, TaskGroup* group);
  Task<Result<void>> pass_water_marks(TaskGroup* group, PartNumber number);
  Task<Result<void>> put_buffer(PartNumber number, Buffer buffer, std::size_t size,
                                PartDigests digests);
  Task<Result<void>> put(PartNumber number, Body body, PartDigests digests);
  Error wrong_part(PartNumber number, std::string_view what) const;
  void acknowledge(PartNumber number, Part part);

  Result<Digest> whole_digest(Digest PartDigests::* which) const;
  std::string expected_etag() const;
  Result<void> check_expectations();
  TransferResult result_so_far() const;

  Engine& engine_;
  Source& source_;
  ObjectStore& store_;
  const ObjectAddress object_;
  const DestinationName name_;
  const TransferOptions options_;
  TransferProgress& progress_;
  const std::string job_hash_;
  const SourceInfo seen_;
  UploadPlan plan_;
  const std::optional<ObjectAddress> copy_from_;
  const std::string copy_etag_;

  HashPlan hashes_;
  std::unique_ptr<Journal::Lease> lease_;
  JournalEntry entry_;  // id empty without a journal
  std::string upload_id_;
  std::map<PartNumber, Part> parts_;
  std::optional<ByteCount> total_;  // known from the start or when the stream has ended
  std::optional<PutResult> finished_earlier_;
  std::optional<Checksum> in_order_;  // a digest that only a stream can compute
  SourceConnections source_connections_;
  Semaphore put_slots_;
  std::string note_;
  bool ranges_ignored_ = false;  // the server promised them and did not keep it
};

/// What upload() and copy_within() compute while bytes pass.
HashPlan make_hash_plan(const TransferOptions& options, const SourceInfo& seen,
                        const Capabilities& capabilities);

/// Of what is read into a buffer and sent from there, each half is half of the progress, where the
/// sending takes time.
inline ByteCount buffered_share(const ObjectStore& store) {
  return store.capabilities().counts_bodies ? 2 : 1;
}

/// SHA-256 of the exact address, in hex.
std::string hash_of_source(const Source& source);

}  // namespace telpher
