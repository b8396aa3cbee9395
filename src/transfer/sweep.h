#pragma once
// Ending what nobody will finish: uploads that the journal knows and no live process works on.

#include "store/object_store.h"
#include "transfer/journal.h"

#include <chrono>
#include <functional>
#include <string>

namespace telpher {

/// Whether an open upload of the entry's bucket is the entry's: by its id or, where that never
/// reached the journal, by its key and the time at which it was begun (its process held the lease).
bool is_upload_of(const JournalEntry& entry, const UploadInfo& upload);

/// A CreateMultipartUpload that takes effect so long after its sender died is not waited for: such
/// an upload is left to `telpher sweep --all`.
inline constexpr std::chrono::seconds kLateArrival{2};

/// Ends the open uploads below `prefix` that `wanted` names. Errors: the store's, at the first.
Task<Result<void>> abort_uploads(ObjectStore& store, std::string bucket, std::string prefix,
                                 std::function<bool(const UploadInfo&)> wanted);

/// Ends the upload of an unfinished transfer, also one whose id never reached the journal, and
/// forgets the entry. The caller holds the lease on its destination. Takes kLateArrival longer
/// where a dead process's CreateMultipartUpload may still be under way: no id, alive a moment ago.
/// Errors: the store's and kCancelled (the entry stays), kIo.
Task<Result<void>> discard_transfer(Journal& journal, ObjectStore& store, JournalEntry entry);

struct SweepResult {
  int ended = 0;  // entries discarded
  int busy = 0;   // left alone: a live process works on them
};

/// Discards all unfinished uploads and copies whose destination begins with `destination_prefix`
/// ("s3://host/bucket/"); `store` is where they lead.
/// Errors: the first entry's that could not be discarded, after trying all.
Task<Result<SweepResult>> sweep_journal(Journal& journal, ObjectStore& store,
                                        std::string destination_prefix);

}  // namespace telpher
