#pragma once
// Writes one object from pieces in memory, each proven by its checksum: at once, or in parts when
// it is larger than a piece. What batch uploads and resumable ones share.

#include "runtime/buffer_pool.h"
#include "store/object_store.h"
#include "transfer/part_hash.h"

#include <string>
#include <vector>

namespace telpher {

/// The next bytes of an object, all here, with their digests.
struct Piece {
  Buffer buffer;
  std::size_t size = 0;
  PartDigests digests;
  bool last = false;
  Semaphore::Permit held;  // of what its owner may hold

  Bytes bytes() { return buffer.bytes().first(size); }
};

/// The digests that `store` can check: CRC-64/NVME, or MD5 where it takes no checksums.
HashPlan piece_hashes(const Capabilities& capabilities);

/// What an object is to be like, whoever writes it.
struct ObjectDraft {
  ObjectAddress object;
  std::string media_type;
  bool only_new = false;  // nothing may be there; asked of stores that can
};

/// One PUT. The draft and the piece outlive it. Errors: as ObjectStore::put().
Task<Result<PutResult>> put_piece(ObjectStore* store, const ObjectDraft* draft, Piece* piece);

/// An upload in parts. It ends by complete() or abort(), or goes on in another process: upload_id()
/// and parts() are all it knows. One call at a time.
class PartsWriter {
 public:
  /// `store` outlives it.
  PartsWriter(ObjectStore& store, ObjectDraft draft) : store_(store), draft_(std::move(draft)) {}
  /// Goes on with an upload that was begun before, from its parts in their order.
  void adopt(std::string upload_id, std::vector<PartInfo> parts);

  const std::string& upload_id() const { return upload_id_; }  // empty = not begun
  const std::vector<PartInfo>& parts() const { return parts_; }
  ByteCount size() const;

  /// Errors of these: as the store's calls.
  Task<Result<void>> begin();
  Task<Result<PartInfo>> put(Piece* piece);
  /// The object appears; then the store is asked whether it is there. Errors also: kCorrupt.
  Task<Result<PutResult>> complete();
  /// Ends the upload, though the caller may be cancelled. Errors: the store's; kTimeout.
  Task<Result<void>> abort();

 private:
  ObjectStore& store_;
  const ObjectDraft draft_;
  std::string upload_id_;
  std::vector<PartInfo> parts_;
};

/// The checksum of what the parts hold together; nullopt when some have none that combine.
std::optional<Digest> digest_of_parts(const std::vector<PartInfo>& parts);

/// Removes an object that we wrote or may have written: what is there with this size and digest.
/// Another's object stays. Runs though the caller is cancelled, for at most kTidyLimit.
/// Errors: the store's; kTimeout.
Task<Result<void>> remove_if_ours(ObjectStore* store, ObjectAddress object, ByteCount size,
                                  std::optional<Digest> digest);

/// How long tidying up may take where nobody waits for it any more.
inline constexpr std::chrono::seconds kTidyLimit{20};

}  // namespace telpher
