// Reads every byte the index refers to and compares it with its checksum. Writers are not in the
// way: what has changed when damage seems to be found is no damage.

#include "runtime/rate_limiter.h"
#include "store/local/local_state.h"
#include "store/local/row_codec.h"
#include "store/read_body.h"

#include <algorithm>
#include <fcntl.h>

namespace telpher {
namespace {

constexpr std::size_t kPiece = 1024 * 1024;
constexpr int kPageSize = 100;
/// How many bytes may be looked at again by one that goes on.
constexpr ByteCount kPlaceEvery = 256 << 20;

/// A stretch of an object with a digest of its own.
struct Section {
  ByteCount size = 0;
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kCrc64Nvme;
  std::optional<Digest> expected;
};

struct Content {
  ByteCount size = 0;
  std::string etag;
  std::optional<StoredChecksum> checksum;
  PartList parts;
  std::vector<Extent> extents;
};

std::string fails(ChecksumAlgorithm algorithm) {
  return "its bytes fail their " + std::string(to_string(algorithm));
}

/// How the content is proven: by its checksum, else by those of its parts, else by its ETag.
std::vector<Section> sections_of(const Content& content) {
  const std::optional<StoredChecksum>& checksum = content.checksum;
  if (checksum && checksum->parts == 0) {
    return {{content.size, checksum->digest.algorithm(), checksum->digest}};
  }
  if (content.parts) {
    std::vector<Section> sections;
    for (const PartInfo& part : *content.parts) {
      const bool known = part.checksum.has_value();
      sections.push_back(
          {part.size, known ? part.checksum->algorithm() : ChecksumAlgorithm::kMd5, part.checksum});
    }
    return sections;
  }
  return {{content.size, ChecksumAlgorithm::kMd5, std::nullopt}};
}

/// After all sections have been read.
enum class Verdict { kGood, kDamaged, kUnproven };
Verdict judge(const Content& content, const std::vector<Section>& sections,
              const std::vector<Digest>& actual) {
  bool proven = true;
  Checksum md5(ChecksumAlgorithm::kMd5);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].expected && *sections[i].expected != actual[i]) return Verdict::kDamaged;
    proven = proven && sections[i].expected;
    md5.update(actual[i].bytes());
  }
  if (content.checksum && content.checksum->parts > 0 && proven) {
    Checksum joined(content.checksum->digest.algorithm());
    for (const Digest& digest : actual) joined.update(digest.bytes());
    return joined.finish() == content.checksum->digest ? Verdict::kGood : Verdict::kDamaged;
  }
  if (proven) return Verdict::kGood;
  const std::string_view etag = bare_etag(content.etag);
  std::string made;
  if (etag.size() == 32 && actual.size() == 1) made = actual[0].to_hex();
  if (etag.size() > 33 && etag[32] == '-') {
    made = md5.finish().to_hex() + "-" + std::to_string(actual.size());
  }
  if (made.empty()) return Verdict::kUnproven;
  return made == etag ? Verdict::kGood : Verdict::kDamaged;
}

}  // namespace

class LocalStore::Scrub {
 public:
  Scrub(State& state, ScrubOptions options)
      : state_(state), options_(std::move(options)), rate_(options_.bytes_per_second) {
    report_.reached = options_.after;
  }

  Task<Result<ScrubReport>> run() {
    if (options_.goes_on) {
      CO_TRY(report_.reached, co_await offload([&] {
               return state_.with_reader([](LocalIndex& index) { return index.scrub_place(); });
             }));
    }
    CO_TRY_VOID(co_await objects());
    CO_TRY_VOID(co_await parts());
    co_await keep_place({});
    co_return report_;
  }

 private:
  Task<Result<void>> objects() {
    while (true) {
      CO_TRY(const auto page, co_await offload([&] {
               return state_.with_reader([&](LocalIndex& index) {
                 return index.objects_after(report_.reached, kPageSize);
               });
             }));
      if (page.empty()) co_return Result<void>();
      for (const auto& [address, object] : page) {
        CO_TRY_VOID(co_await check_object(address, object));
        ++report_.objects;
        report_.reached = address;
        if (report_.bytes - bytes_kept_ > kPlaceEvery) co_await keep_place(report_.reached);
      }
      co_await keep_place(report_.reached);
      if (options_.on_progress) options_.on_progress(report_);
    }
  }

  Task<Result<void>> parts() {
    std::string upload_id;
    PartNumber number = 0;
    while (true) {
      CO_TRY(const auto page, co_await offload([&] {
               return state_.with_reader([&](LocalIndex& index) {
                 return index.parts_after(upload_id, number, kPageSize);
               });
             }));
      if (page.empty()) co_return Result<void>();
      for (const LocalIndex::PartOfUpload& part : page) {
        upload_id = part.upload_id;
        number = part.number;
        CO_TRY_VOID(co_await check_part(part));
        ++report_.parts;
      }
      if (options_.on_progress) options_.on_progress(report_);
    }
  }

  Task<Result<void>> check_object(ObjectAddress address, const Result<LocalIndex::Object>& object) {
    content_ = {};
    if (object) {
      content_ = {object->info.size, object->info.etag, object->info.checksum, object->info.parts,
                  object->extents};
    }
    const std::string unreadable = object ? std::string() : object.error().message;
    co_return co_await check({std::move(address), "", 0, unreadable});
  }

  Task<Result<void>> check_part(const LocalIndex::PartOfUpload& part) {
    content_ = {};
    if (part.part) {
      const PartInfo& info = part.part->info;
      content_ = {info.size, info.etag, std::nullopt, nullptr, part.part->extents};
      if (info.checksum) content_.checksum = StoredChecksum{*info.checksum, 0};
    }
    const std::string unreadable = part.part ? std::string() : part.part.error().message;
    co_return co_await check({part.object, part.upload_id, part.number, unreadable});
  }

  /// What cannot be kept means more to look at again, no more.
  Task<void> keep_place(ObjectAddress place) {
    if (!options_.goes_on) co_return;
    bytes_kept_ = report_.bytes;
    IndexWrite write;
    write.apply = [&](LocalIndex& index) { return index.set_scrub_place(place); };
    [[maybe_unused]] const Result<void> kept = co_await state_.group.commit(write);
  }

  /// Looks at `content_`, unless it is known what is damaged.
  Task<Result<void>> check(ScrubDamage damage) {
    if (damage.what.empty()) {
      CO_TRY(damage.what, co_await find_damage());
    }
    if (damage.what.empty()) co_return Result<void>();
    CO_TRY(const bool same, co_await offload([&] {
             return state_.with_reader([&](LocalIndex& index) { return is_same(index, damage); });
           }));
    if (!same) co_return Result<void>();
    ++report_.damaged;
    if (options_.on_damage) options_.on_damage(damage);
    co_return Result<void>();
  }

  /// Whether the bytes that were read are still what the index refers to.
  Result<bool> is_same(LocalIndex& index, const ScrubDamage& damage) const {
    if (damage.upload_id.empty()) {
      const Result<LocalIndex::Object> now = index.object(damage.object);
      if (!now && now.error().kind == ErrorKind::kNotFound) return false;
      if (!now && now.error().kind == ErrorKind::kCorrupt) return true;
      if (!now) return now.error();
      return now->extents == content_.extents;
    }
    const Result<std::vector<LocalIndex::Part>> now =
        index.parts(damage.upload_id, damage.part - 1, 1);
    if (!now && now.error().kind == ErrorKind::kCorrupt) return true;
    if (!now) return now.error();
    return !now->empty() && now->front().info.number == damage.part &&
           now->front().extents == content_.extents;
  }

  /// What is wrong, in words; empty = nothing.
  Task<Result<std::string>> find_damage() {
    const std::vector<Section> sections = sections_of(content_);
    ByteCount told = 0;
    for (const Section& section : sections) told += section.size;
    ByteCount there = 0;
    for (const Extent& extent : content_.extents) there += extent.length;
    if (told != content_.size || there != content_.size) {
      co_return "its index entry contradicts itself about its size";
    }
    extent_ = 0;
    offset_ = 0;
    file_ = UniqueFd();
    std::vector<Digest> actual;
    for (const Section& section : sections) {
      Checksum checksum(section.algorithm);
      for (ByteCount left = section.size; left > 0;) {
        if (co_await is_cancelled()) co_return make_error(ErrorKind::kCancelled, "cancelled");
        const ByteCount count = std::min<ByteCount>(left, kPiece);
        CO_TRY_VOID(co_await rate_.pass(count));
        CO_TRY(const Semaphore::Permit turn, co_await state_.long_work.acquire());
        Result<void> read = co_await offload([&] { return this->read(count, checksum); });
        if (!read) co_return "it cannot be read: " + read.error().message;
        report_.bytes += count;
        left -= count;
      }
      actual.push_back(checksum.finish());
    }
    const Verdict verdict = judge(content_, sections, actual);
    if (verdict == Verdict::kUnproven) ++report_.unproven;
    if (verdict != Verdict::kDamaged) co_return std::string();
    co_return fails(content_.checksum ? content_.checksum->digest.algorithm()
                                      : ChecksumAlgorithm::kMd5);
  }

  /// The next `count` bytes. From the disk, not from what is in memory of it, where that can be
  /// had.
  Result<void> read(ByteCount count, Checksum& checksum) {
    while (count > 0) {
      const Extent& extent = content_.extents[extent_];
      if (offset_ == extent.length) {
        ++extent_;
        offset_ = 0;
        file_ = UniqueFd();
        continue;
      }
      if (!file_) {
        TRY(file_, state_.files->open_file(extent.file));
      }
      buffer_.resize(kPiece);
      const MutableBytes piece(buffer_.data(),
                               std::min<ByteCount>({count, extent.length - offset_, kPiece}));
      const ByteCount at = extent.offset + offset_;
      ::posix_fadvise(file_.get(), static_cast<off_t>(at), static_cast<off_t>(piece.size()),
                      POSIX_FADV_DONTNEED);
      TRY_VOID(read_exactly(file_.get(), at, piece));
      checksum.update(piece);
      offset_ += piece.size();
      count -= piece.size();
    }
    return {};
  }

  State& state_;
  const ScrubOptions options_;
  RateLimiter rate_;
  ScrubReport report_;
  ByteCount bytes_kept_ = 0;  // of the report, when its place was kept
  Content content_;
  std::size_t extent_ = 0;  // where the reading is
  ByteCount offset_ = 0;    // within the extent
  UniqueFd file_;
  std::vector<std::byte> buffer_;
};

Task<Result<ScrubReport>> LocalStore::scrub(ScrubOptions options) {
  Scrub scrub(*state_, std::move(options));
  co_return co_await scrub.run();
}

}  // namespace telpher
