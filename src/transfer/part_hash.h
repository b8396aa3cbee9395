#pragma once
// The digests that one part needs while its bytes pass: the one the store checks, one that proves
// the whole against what the source or the user said, and MD5 for stores that know nothing else.

#include "codec/checksum.h"

#include <optional>
#include <string>

namespace telpher {

struct PartDigests {
  Digest checksum;
  Digest proof;
  Digest md5;
};

/// Which digests to compute; kNone = not needed.
struct HashPlan {
  ChecksumAlgorithm checksum = ChecksumAlgorithm::kNone;
  ChecksumAlgorithm proof = ChecksumAlgorithm::kNone;
  bool md5 = false;
};

/// kCorrupt: the source's bytes are not those that were announced or asked for.
inline Error wrong_digest(const Digest& got, const Digest& wanted) {
  return make_error(ErrorKind::kCorrupt, "the source's bytes have " +
                                             std::string(to_string(wanted.algorithm())) + " " +
                                             got.to_hex() + ", expected " + wanted.to_hex());
}

class PartHash {
 public:
  explicit PartHash(const HashPlan& plan) : checksum_(plan.checksum) {
    if (plan.proof != ChecksumAlgorithm::kNone) proof_.emplace(plan.proof);
    if (plan.md5) md5_.emplace(ChecksumAlgorithm::kMd5);
  }
  void update(Bytes bytes) {
    checksum_.update(bytes);
    if (proof_) proof_->update(bytes);
    if (md5_) md5_->update(bytes);
  }
  PartDigests finish() {
    return {checksum_.finish(), proof_ ? proof_->finish() : Digest(),
            md5_ ? md5_->finish() : Digest()};
  }

 private:
  Checksum checksum_;
  std::optional<Checksum> proof_;
  std::optional<Checksum> md5_;
};

}  // namespace telpher
