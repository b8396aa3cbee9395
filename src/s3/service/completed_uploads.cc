#include "s3/service/completed_uploads.h"

#include "store/rules.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::chrono::minutes kRememberedFor{10};

std::string digest_of(const std::vector<PartInfo>& parts) {
  Checksum list(ChecksumAlgorithm::kSha256);
  for (const PartInfo& part : parts) {
    const std::string line =
        std::to_string(part.number) + "=" + std::string(bare_etag(part.etag)) + ";";
    list.update(as_bytes(line));
  }
  return list.finish().to_hex();
}

}  // namespace

Task<Result<PutResult>> CompletedUploads::complete(ObjectAddress object, std::string upload_id,
                                                   std::vector<PartInfo> parts,
                                                   CompleteOptions options) {
  const std::string list = digest_of(parts);
  Result<PutResult> done =
      co_await inner().complete(object, upload_id, std::move(parts), std::move(options));
  const TimePoint now = (co_await current_loop()).now();
  while (!completed_.empty() && completed_.front().at + kRememberedFor < now) {
    completed_.pop_front();
  }
  if (done) {
    completed_.push_back({std::move(object), std::move(upload_id), list, *done, now});
    if (completed_.size() > remembered_) completed_.pop_front();
    co_return done;
  }
  if (done.error().context.code != "NoSuchUpload") co_return done;
  const auto found = std::ranges::find_if(completed_, [&](const Completed& completed) {
    return completed.upload_id == upload_id && completed.object == object &&
           completed.parts == list;
  });
  if (found == completed_.end()) co_return done;
  const PutResult result = found->result;
  // What has been replaced or removed since is not said to be there.
  const Result<ObjectInfo> info = co_await inner().head(object);
  if (!info || info->etag != result.etag) co_return done;
  co_return result;
}

}  // namespace telpher
