#pragma once
// A stretch of a source, as if it were all there is.

#include "codec/byte_range.h"
#include "source/source.h"

#include <memory>
#include <string>
#include <utility>

namespace telpher {

class SlicedSource final : public Source {
 public:
  SlicedSource(std::unique_ptr<Source> inner, RangeRequest wanted)
      : inner_(std::move(inner)), wanted_(wanted) {}

  /// Errors also: kUnsupported (the source has no ranges), kInvalid (it ends before).
  Task<Result<SourceInfo>> probe() override {
    CO_TRY(seen_, co_await inner_->probe());
    if (!seen_.ranges || !seen_.size) {
      co_return make_error(ErrorKind::kUnsupported,
                           "'" + redacted_address() + "' can only be read from its beginning on");
    }
    const std::optional<ByteRange> slice = resolve_range(wanted_, *seen_.size);
    if (!slice) {
      co_return make_error(ErrorKind::kInvalid, "'" + redacted_address() + "' has only " +
                                                    std::to_string(*seen_.size) + " bytes");
    }
    slice_ = *slice;
    SourceInfo info = seen_;
    info.size = slice_.length;
    info.digest.reset();
    co_return info;
  }

  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo) override {
    ByteRange inner = slice_;
    if (range) inner = {slice_.offset + range->offset, range->length};
    return inner_->open(inner, seen_);
  }

  Task<Result<void>> check_unchanged(SourceInfo) override { return inner_->check_unchanged(seen_); }
  std::string redacted_address() const override { return inner_->redacted_address(); }
  std::string identity() const override { return inner_->identity(); }

 private:
  std::unique_ptr<Source> inner_;
  const RangeRequest wanted_;
  SourceInfo seen_;
  ByteRange slice_;
};

}  // namespace telpher
