#include "upload/object_writer.h"

#include "runtime/task_group.h"

namespace telpher {

HashPlan piece_hashes(const Capabilities& capabilities) {
  return {.checksum = ChecksumAlgorithm::kCrc64Nvme,
          .proof = ChecksumAlgorithm::kNone,
          .md5 = !capabilities.checksums};
}

Task<Result<PutResult>> put_piece(ObjectStore* store, const ObjectDraft* draft, Piece* piece) {
  const Capabilities& can = store->capabilities();
  PutOptions options;
  options.metadata.content_type = draft->media_type;
  options.condition.if_none_match = draft->only_new && can.conditional_writes;
  if (can.checksums) {
    options.checksum = piece->digests.checksum;
  } else {
    options.content_md5 = piece->digests.md5.to_base64();
  }
  CO_TRY(PutResult stored, co_await store->put(draft->object, Body::of(piece->bytes()), options));
  const std::optional<StoredChecksum>& checksum = stored.checksum;
  if (checksum && checksum->parts == 0 &&
      checksum->digest.algorithm() == piece->digests.checksum.algorithm() &&
      checksum->digest != piece->digests.checksum) {
    CO_TRY_VOID(co_await store->remove(draft->object));
    co_return make_error(ErrorKind::kCorrupt, "the store keeps other bytes than were sent");
  }
  co_return stored;
}

void PartsWriter::adopt(std::string upload_id, std::vector<PartInfo> parts) {
  upload_id_ = std::move(upload_id);
  parts_ = std::move(parts);
}

ByteCount PartsWriter::size() const {
  ByteCount size = 0;
  for (const PartInfo& part : parts_) size += part.size;
  return size;
}

Task<Result<void>> PartsWriter::begin() {
  CreateUploadOptions options;
  options.metadata.content_type = draft_.media_type;
  if (store_.capabilities().checksums) options.checksum = ChecksumAlgorithm::kCrc64Nvme;
  CO_TRY(upload_id_, co_await store_.create_upload(draft_.object, std::move(options)));
  co_return Result<void>();
}

Task<Result<PartInfo>> PartsWriter::put(Piece* piece) {
  PutPartOptions options;
  if (store_.capabilities().checksums) {
    options.checksum = piece->digests.checksum;
  } else {
    options.content_md5 = piece->digests.md5.to_base64();
  }
  const auto number = static_cast<PartNumber>(parts_.size() + 1);
  CO_TRY(PartInfo part, co_await store_.put_part(draft_.object, upload_id_, number,
                                                 Body::of(piece->bytes()), options));
  part.number = number;
  part.size = piece->size;
  part.checksum = piece->digests.checksum;
  parts_.push_back(part);
  co_return part;
}

Task<Result<PutResult>> PartsWriter::complete() {
  const Capabilities& can = store_.capabilities();
  CompleteOptions options;
  options.size = size();
  options.condition.if_none_match = draft_.only_new && can.conditional_complete;
  const std::optional<Digest> whole = digest_of_parts(parts_);
  std::vector<PartInfo> parts = parts_;
  if (can.checksums) {
    options.checksum = whole;
  } else {
    for (PartInfo& part : parts) part.checksum.reset();
  }
  CO_TRY(PutResult stored,
         co_await store_.complete(draft_.object, upload_id_, std::move(parts), std::move(options)));
  // An answer to Complete alone may promise what is not there.
  CO_TRY(const ObjectInfo there, co_await store_.head(draft_.object));
  if (there.etag == stored.etag && there.size != size()) {
    co_return make_error(ErrorKind::kCorrupt, "the store keeps " + std::to_string(there.size) +
                                                  " of " + std::to_string(size()) + " bytes");
  }
  upload_id_.clear();
  co_return stored;
}

Task<Result<void>> PartsWriter::abort() {
  if (upload_id_.empty()) co_return Result<void>();
  CO_TRY_VOID(co_await shielded(store_.abort(draft_.object, upload_id_), kTidyLimit));
  upload_id_.clear();
  co_return Result<void>();
}

std::optional<Digest> digest_of_parts(const std::vector<PartInfo>& parts) {
  if (parts.empty() || !parts.front().checksum) return std::nullopt;
  Digest whole = *parts.front().checksum;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (!parts[i].checksum) return std::nullopt;
    const Result<Digest> joined = combine_digests(whole, *parts[i].checksum, parts[i].size);
    if (!joined) return std::nullopt;
    whole = *joined;
  }
  return whole;
}

namespace {

Task<Result<void>> look_and_remove(ObjectStore* store, ObjectAddress object, ByteCount size,
                                   std::optional<Digest> digest) {
  Result<ObjectInfo> there = co_await store->head(object);
  if (!there) {
    if (there.error().kind == ErrorKind::kNotFound) co_return Result<void>();
    co_return std::move(there).error();
  }
  const bool other =
      there->size != size || (digest && there->checksum && there->checksum->parts == 0 &&
                              there->checksum->digest.algorithm() == digest->algorithm() &&
                              there->checksum->digest != *digest);
  if (other) co_return Result<void>();
  const bool conditional = store->capabilities().conditional_removes;
  Result<void> removed = co_await store->remove(object, conditional ? there->etag : "");
  const bool gone = !removed && (removed.error().kind == ErrorKind::kPrecondition ||
                                 removed.error().kind == ErrorKind::kNotFound);
  co_return gone ? Result<void>() : removed;
}

}  // namespace

Task<Result<void>> remove_if_ours(ObjectStore* store, ObjectAddress object, ByteCount size,
                                  std::optional<Digest> digest) {
  co_return co_await shielded(look_and_remove(store, std::move(object), size, std::move(digest)),
                              kTidyLimit);
}

}  // namespace telpher
