#pragma once
// A source that has been probed already, so that asking for its name costs no second request.

#include "source/source.h"

#include <memory>
#include <string>
#include <utility>

namespace telpher {

class ProbedSource final : public Source {
 public:
  ProbedSource(std::unique_ptr<Source> inner, SourceInfo seen)
      : inner_(std::move(inner)), seen_(std::move(seen)) {}

  Task<Result<SourceInfo>> probe() override { co_return seen_; }
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo seen) override {
    return inner_->open(range, std::move(seen));
  }
  int fd() const override { return inner_->fd(); }
  Task<Result<void>> check_unchanged(SourceInfo seen) override {
    return inner_->check_unchanged(std::move(seen));
  }
  std::string redacted_address() const override { return inner_->redacted_address(); }
  std::string identity() const override { return inner_->identity(); }

 private:
  std::unique_ptr<Source> inner_;
  SourceInfo seen_;
};

}  // namespace telpher
