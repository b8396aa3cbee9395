#include "tests/sim/sim_source.h"

#include "runtime/loop.h"

#include <algorithm>

namespace telpher::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadMost = 20'000;

std::string random_bytes(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

Error source_changed() {
  return make_error(ErrorKind::kSourceChanged, "the source changed while it was being copied");
}

}  // namespace

SourceFile::SourceFile(const Scenario& scenario)
    : plan(scenario.source), before(random_bytes(plan.size, scenario.seed)) {
  if (plan.changes_at) after = random_bytes(plan.size_after_change, scenario.seed + 1);
}

bool SimSource::strikes(double probability, Fault fault) {
  if (!faulty_ || !random_.chance(probability)) return false;
  tally_.met(fault, phase_);
  return true;
}

std::string SimSource::validator_at(TimePoint time) const {
  if (!file_.plan.validator) return {};
  return file_.plan.changes_at && time >= *file_.plan.changes_at ? "\"2\"" : "\"1\"";
}

Task<Result<SourceInfo>> SimSource::probe() {
  CO_TRY_VOID(co_await sleep_for(10ms));
  Loop& loop = co_await current_loop();
  const SourcePlan& plan = file_.plan;
  SourceInfo info{.ranges = plan.ranges,
                  .rereadable = plan.rereadable,
                  .validator = validator_at(loop.now()),
                  .name = "name"};
  if (plan.size_known) info.size = file_.content_at(loop.now()).size();
  co_return info;
}

Task<Result<void>> SimSource::check_unchanged(SourceInfo seen) {
  Loop& loop = co_await current_loop();
  if (validator_at(loop.now()) != seen.validator) co_return source_changed();
  co_return Result<void>();
}

/// Serves the bytes that were there when it was opened, as a server with an open file does.
class SimSource::Reader : public ByteReader {
 public:
  Reader(SimSource& source, std::string_view bytes) : source_(source), bytes_(bytes) {}

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    Duration pause = std::chrono::microseconds(source_.random_.below(2'000));
    if (source_.strikes(0.02, Fault::kSourceDelay)) {
      pause += std::chrono::milliseconds(source_.random_.below(2'000));
    }
    CO_TRY_VOID(co_await sleep_for(pause));
    if (source_.file_.plan.rereadable && source_.strikes(0.02, Fault::kSourceBreak)) {
      co_return make_temporary_error(ErrorKind::kNetwork, "connection reset");
    }
    std::size_t count = std::min({buffer.size(), bytes_.size(), kReadMost});
    if (count > 1 && source_.random_.chance(0.1)) count = 1 + source_.random_.below(count);
    std::copy_n(as_bytes(bytes_).data(), count, buffer.data());
    bytes_.remove_prefix(count);
    co_return count;
  }

 private:
  SimSource& source_;
  std::string_view bytes_;
};

Task<Result<std::unique_ptr<ByteReader>>> SimSource::open(std::optional<ByteRange> range,
                                                          SourceInfo seen) {
  CO_TRY_VOID(co_await sleep_for(5ms));
  Loop& loop = co_await current_loop();
  if (range && file_.plan.ignores_ranges) {
    tally_.met(Fault::kRangeIgnored, phase_);
    co_return make_error(ErrorKind::kUnsupported, "the server ignores ranges");
  }
  if (opened_++ > 0 && !file_.plan.rereadable) {
    co_return make_error(ErrorKind::kUnsupported, "a pipe is read once");
  }
  if (file_.plan.rereadable && strikes(0.03, Fault::kSourceRefuses)) {
    co_return make_temporary_error(ErrorKind::kNetwork, "connection refused");
  }
  if (validator_at(loop.now()) != seen.validator) {
    tally_.met(Fault::kSourceChanged, phase_);
    co_return source_changed();
  }
  std::string_view bytes = file_.content_at(loop.now());
  if (range) {
    bytes = bytes.substr(std::min<std::size_t>(range->offset, bytes.size()), range->length);
  }
  co_return std::make_unique<Reader>(*this, bytes);
}

}  // namespace telpher::sim
