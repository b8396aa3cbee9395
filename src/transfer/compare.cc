#include "transfer/compare.h"

#include "base/units.h"
#include "codec/text.h"
#include "runtime/task_group.h"
#include "store/rules.h"
#include "transfer/resuming_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kReadSize = 1024 * 1024;

/// A source and what its probe saw.
struct End {
  Source& source;
  SourceInfo seen;
  std::optional<Digest> md5_etag;
};

class Comparing {
 public:
  Comparing(Engine& engine, End a, End b) : engine_(engine), a_(std::move(a)), b_(std::move(b)) {}

  Task<Result<Comparison>> run(CompareOptions options) {
    if (std::optional<Comparison> known = by_sizes()) co_return *std::move(known);
    if (options.read_both) co_return co_await read_both();
    if (std::optional<Comparison> known = by_checksums()) co_return *std::move(known);
    // What one end says of itself is as good as reading it.
    if (b_.seen.digest) co_return co_await read_one(&a_, *b_.seen.digest);
    if (a_.seen.digest) co_return co_await read_one(&b_, *a_.seen.digest);
    const End* read = b_.md5_etag ? &a_ : &b_;
    const std::optional<Digest> md5 = b_.md5_etag ? b_.md5_etag : a_.md5_etag;
    if (md5 && read->seen.rereadable) {
      CO_TRY(Comparison compared, co_await read_one(read, *md5));
      if (compared.same) co_return compared;
    }
    co_return co_await read_both();
  }

 private:
  /// What is known already. nullopt: not enough.
  std::optional<Comparison> by_sizes() const {
    if (!a_.seen.size || !b_.seen.size || *a_.seen.size == *b_.seen.size) return std::nullopt;
    return different(
        "size", std::to_string(*a_.seen.size) + " and " + std::to_string(*b_.seen.size) + " bytes");
  }

  std::optional<Comparison> by_checksums() const {
    const std::optional<Digest>& a = a_.seen.digest;
    const std::optional<Digest>& b = b_.seen.digest;
    if (a && b && a->algorithm() == b->algorithm()) {
      const std::string name(to_string(a->algorithm()));
      return *a == *b ? same(name + " at both ends")
                      : different(name + " at both ends", digests_text(*a, *b));
    }
    if (a_.md5_etag && a_.md5_etag == b_.md5_etag) return same("MD5 (ETag) at both ends");
    return std::nullopt;
  }

  static std::string digests_text(const Digest& a, const Digest& b) {
    return std::string(to_string(a.algorithm())) + ' ' + a.to_hex() + " and " + b.to_hex();
  }
  Comparison same(std::string how) const {
    return {.same = true, .size = a_.seen.size.value_or(size_read_), .how = std::move(how)};
  }
  static Comparison different(std::string how, std::string difference) {
    return {.how = std::move(how), .difference = std::move(difference)};
  }

  Task<Result<Comparison>> read_one(const End* end, Digest expected) {
    CO_TRY(Buffer buffer, co_await engine_.buffers.acquire(kReadSize));
    ResumingReader reader(end->source, end->seen, std::nullopt);
    Checksum checksum(expected.algorithm());
    for (;;) {
      CO_TRY(const std::size_t count, co_await reader.read_some(buffer.bytes()));
      if (count == 0) break;
      checksum.update(buffer.bytes().first(count));
      size_read_ += count;
    }
    CO_TRY_VOID(co_await end->source.check_unchanged(end->seen));
    const Digest digest = checksum.finish();
    const bool first_read = end == &a_;
    const std::string how =
        std::string(to_string(expected.algorithm())) + " of the " +
        (first_read ? "second, the first was read" : "first, the second was read");
    if (digest == expected) co_return same(how);
    co_return different(
        how, first_read ? digests_text(digest, expected) : digests_text(expected, digest));
  }

  Task<Result<Comparison>> read_both() {
    size_read_ = 0;
    // In one piece: who holds one half must not wait for the other.
    CO_TRY(Buffer buffer, co_await engine_.buffers.acquire(2 * kReadSize));
    ResumingReader reader_a(a_.source, a_.seen, std::nullopt);
    ResumingReader reader_b(b_.source, b_.seen, std::nullopt);
    for (;;) {
      MutableBytes a = buffer.bytes().first(kReadSize);
      MutableBytes b = buffer.bytes().subspan(kReadSize, kReadSize);
      TaskGroup group(co_await current_context());
      group.spawn(fill(&reader_a, &a));
      group.spawn(fill(&reader_b, &b));
      CO_TRY_VOID(co_await group.join());
      const auto [at, other] = std::ranges::mismatch(a, b);
      const auto alike = static_cast<ByteCount>(at - a.begin());
      if (at != a.end() && other != b.end()) {
        co_return different("read at both ends",
                            "first at byte " + std::to_string(size_read_ + alike));
      }
      size_read_ += alike;
      if (a.size() != b.size()) {
        co_return different("read at both ends",
                            "the " + std::string(a.size() < b.size() ? "first" : "second") +
                                " ends at byte " + std::to_string(size_read_));
      }
      if (a.size() < kReadSize) break;
    }
    CO_TRY_VOID(co_await a_.source.check_unchanged(a_.seen));
    CO_TRY_VOID(co_await b_.source.check_unchanged(b_.seen));
    co_return same("read at both ends");
  }

  /// Shrinks `bytes` to what there was.
  static Task<Result<void>> fill(ByteReader* reader, MutableBytes* bytes) {
    CO_TRY(const std::size_t count, co_await read_full(*reader, *bytes));
    *bytes = bytes->first(count);
    co_return Result<void>();
  }

  Engine& engine_;
  const End a_;
  const End b_;
  ByteCount size_read_ = 0;
};

Task<Result<End>> probe(ComparedSource of) {
  CO_TRY(SourceInfo seen, co_await of.source.probe());
  End end{of.source, std::move(seen), std::nullopt};
  if (of.etag_is_md5 && is_md5_etag(end.seen.validator)) {
    Result<Digest> md5 = Digest::from_hex(ChecksumAlgorithm::kMd5, bare_etag(end.seen.validator));
    if (md5) end.md5_etag = *md5;
  }
  co_return end;
}

}  // namespace

Task<Result<Comparison>> compare(Engine& engine, ComparedSource a, ComparedSource b,
                                 CompareOptions options) {
  CO_TRY(End first, co_await probe(a));
  CO_TRY(End second, co_await probe(b));
  Comparing comparing(engine, std::move(first), std::move(second));
  co_return co_await comparing.run(options);
}

}  // namespace telpher
