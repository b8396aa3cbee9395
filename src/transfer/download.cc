// download(): a store's object into a file, by ranges side by side.

#include "base/unique_fd.h"
#include "runtime/offload.h"
#include "runtime/semaphore.h"
#include "runtime/task_group.h"
#include "transfer/download_file.h"
#include "transfer/journal.h"
#include "transfer/multipart_upload.h"
#include "transfer/part_reader.h"
#include "transfer/resuming_reader.h"
#include "transfer/transfer.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadSize = 256 * 1024;
constexpr ByteCount kLargestFile = ByteCount{1} << 62;
constexpr auto kLeaseWait = 24h;
constexpr int kTimesWrongMax = 3;  // then the source, or what it says of itself, is wrong

/// Absolute, so that the journal and its lease mean one file wherever a command is run, and with
/// links followed: a link stays, the file behind it is replaced.
Result<std::string> real_path(std::string path) {
  std::error_code problem;
  const std::filesystem::path absolute = std::filesystem::absolute(path, problem);
  if (problem) return make_errno_error(problem.value(), "cannot write '" + path + "'");
  if (!std::filesystem::is_symlink(absolute, problem)) return absolute.string();
  const std::filesystem::path target = std::filesystem::weakly_canonical(absolute, problem);
  if (problem) return make_errno_error(problem.value(), "cannot write '" + path + "'");
  return target.string();
}

/// Pipes and devices (/dev/null) are written to, never replaced.
bool is_device(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

bool is_same_file(int fd, const std::string& path) {
  struct stat open_one;
  struct stat named;
  return fstat(fd, &open_one) == 0 && stat(path.c_str(), &named) == 0 &&
         open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/// Whether the file has the content that the source tells a digest of; nullopt: it tells none.
Task<Result<std::optional<bool>>> has_content(Engine* engine, const std::string* path,
                                              const SourceInfo* seen) {
  if (!seen->digest) co_return std::nullopt;
  const UniqueFd fd(::open(path->c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) co_return std::nullopt;  // it will be replaced; whether it may is asked then
  const HashPlan plan{.checksum = seen->digest->algorithm()};
  CO_TRY(const PartDigests digests,
         co_await hash_file_range(engine, fd.get(), {0, *seen->size}, plan));
  co_return digests.checksum == *seen->digest;
}

/// The reason to leave the file as it is, or nothing.
Task<Result<std::optional<TransferResult>>> check_existing(Engine* engine, const std::string* path,
                                                           const TransferOptions* options,
                                                           const SourceInfo* seen) {
  struct stat status;
  if (stat(path->c_str(), &status) != 0) co_return std::nullopt;
  if (S_ISDIR(status.st_mode)) {
    co_return make_error(ErrorKind::kInvalid, "'" + *path + "' is a directory");
  }
  TransferResult skipped;
  skipped.mode = TransferMode::kSkipped;
  skipped.size = static_cast<ByteCount>(status.st_size);
  if (options->overwrite == OverwritePolicy::kNever) {
    skipped.note = "it exists already";
    co_return skipped;
  }
  if (options->overwrite == OverwritePolicy::kIfDifferent && seen->size == skipped.size) {
    CO_TRY(const std::optional<bool> same_content, co_await has_content(engine, path, seen));
    const std::chrono::system_clock::time_point modified(
        std::chrono::seconds(status.st_mtim.tv_sec) +
        std::chrono::nanoseconds(status.st_mtim.tv_nsec));
    const bool not_older = seen->last_modified ? *seen->last_modified <= modified ||
                                                     is_time_of(*seen->last_modified, modified)
                                               : options->same_size_suffices;
    if (same_content.value_or(not_older)) {
      skipped.note = same_content ? "it is the same already (size and checksum)"
                                  : "it is the same already (size, and not older)";
      co_return skipped;
    }
  }
  if (options->if_none_match) {  // asked again when the file takes its name
    co_return make_error(ErrorKind::kPrecondition, "'" + *path + "' exists already");
  }
  co_return std::nullopt;
}

/// One download into a file, continued after a crash.
class Download {
 public:
  Download(Engine& engine, Source& source, SourceInfo seen, std::string path,
           TransferOptions options, TransferProgress& progress)
      : engine_(engine),
        source_(source),
        seen_(std::move(seen)),
        path_(std::move(path)),
        options_(std::move(options)),
        progress_(progress),
        algorithm_(pick_algorithm()) {
    const bool by_ranges = seen_.size && seen_.ranges;
    part_size_ = by_ranges ? part_size_for(*seen_.size) : 0;
    parts_ =
        by_ranges
            ? static_cast<int>(std::max<ByteCount>(1, (*seen_.size + part_size_ - 1) / part_size_))
            : 1;
  }

  Task<Result<TransferResult>> run() {
    progress_.size = seen_.size;
    progress_.parts = parts_;
    Result<TransferResult> result = co_await transfer();
    progress_.phase = result ? "done" : "failed";
    if (result) co_return result;
    Error error = std::move(result).error();
    if (keeps(error)) co_return error;
    file_.remove();
    if (!entry_.id.empty()) co_await forget();
    co_return error;
  }

 private:
  struct Part {
    ByteCount size = 0;
    Digest digest;
  };

  ChecksumAlgorithm pick_algorithm() const {
    if (options_.expect) return options_.expect->algorithm();
    if (seen_.digest) return seen_.digest->algorithm();
    // Parts on the disk are taken over by their digest only, so one is always computed.
    if (options_.checksum == ChecksumAlgorithm::kNone) return ChecksumAlgorithm::kCrc64Nvme;
    return options_.checksum;
  }

  static ByteCount part_size_for(ByteCount size) {
    ByteCount part = 16 * kMiB;
    while (size / part >= 10'000) part *= 2;
    return part;
  }

  ByteRange part_range(PartNumber number) const {
    const ByteCount offset = part_size_ * static_cast<ByteCount>(number - 1);
    return {offset, std::min(part_size_, *seen_.size - offset)};
  }

  bool keeps(const Error& error) const {
    if (entry_.id.empty() || parts_ == 1) return false;
    switch (error.kind) {
      case ErrorKind::kCancelled:
      case ErrorKind::kNetwork:
      case ErrorKind::kTimeout:
      case ErrorKind::kThrottled:
      case ErrorKind::kServer:
      case ErrorKind::kDenied: return true;
      default: return false;
    }
  }

  Task<void> forget() {
    (void)co_await shielded(engine_.journal->finish(std::exchange(entry_.id, ""), std::nullopt),
                            30s);
  }

  bool continues(const JournalEntry& entry) const {
    return options_.resume && parts_ > 1 && entry.kind == "download" &&
           entry.validator == seen_.validator && !seen_.validator.empty() &&
           entry.size == seen_.size && entry.source_hash == hash_of_source(source_) &&
           entry.part_size == part_size_ && entry.checksum == to_string(algorithm_);
  }

  Task<Result<void>> find_or_begin() {
    if (!engine_.journal || parts_ == 1) {
      CO_TRY(const bool created, file_.create_unnamed(path_, seen_.size));
      if (created) co_return Result<void>();
      if (!engine_.journal) co_return file_.create(path_, seen_.size);
    }
    Loop& loop = co_await current_loop();
    const std::string_view phase = std::exchange(progress_.phase, kWaitingForAnother);
    CO_TRY(lease_, co_await engine_.journal->acquire(path_, loop.now() + kLeaseWait));
    progress_.phase = phase;
    CO_TRY(std::vector<JournalEntry> entries, co_await engine_.journal->unfinished_at(path_));
    for (JournalEntry& entry : entries) {
      // The temporary file's name stands where an upload has its upload id.
      if (entry_.id.empty() && continues(entry) && file_.reopen(path_, entry.upload_id)) {
        entry_ = std::move(entry);
        continue;
      }
      if (entry.kind == "download" && !entry.upload_id.empty()) unlink(entry.upload_id.c_str());
      CO_TRY_VOID(co_await engine_.journal->finish(entry.id, std::nullopt));
    }
    if (!entry_.id.empty()) co_return co_await check_parts_on_disk();
    entry_.kind = "download";
    entry_.source = source_.redacted_address();
    entry_.source_hash = hash_of_source(source_);
    entry_.destination = path_;
    entry_.size = seen_.size;
    entry_.validator = seen_.validator;
    entry_.part_size = part_size_;
    entry_.checksum = std::string(to_string(algorithm_));
    entry_.command = engine_.command;
    entry_.upload_id = DownloadFile::temporary_name(path_, loop.random());
    CO_TRY(entry_.id, co_await engine_.journal->begin(entry_));
    CO_TRY_VOID(co_await engine_.journal->set_upload_id(entry_.id, entry_.upload_id));
    co_return file_.create_as(path_, entry_.upload_id, seen_.size);
  }

  /// The journal's hints say which parts came; the disk is asked whether they are still right.
  Task<Result<void>> check_parts_on_disk() {
    CO_TRY(std::vector<JournalPart> hints, co_await engine_.journal->parts(entry_.id));
    for (const JournalPart& hint : hints) {
      if (hint.number < 1 || hint.number > parts_) continue;
      const ByteRange range = part_range(hint.number);
      const HashPlan plan{.checksum = algorithm_};
      Result<PartDigests> digests = co_await hash_file_range(&engine_, file_.fd(), range, plan);
      if (!digests || digests->checksum.to_base64() != hint.digest) continue;
      done_[hint.number] = {range.length, digests->checksum};
      progress_.bytes_done += range.length;
      progress_.bytes_resumed += range.length;
      ++progress_.parts_done;
      ++resumed_;
    }
    co_return Result<void>();
  }

  Task<Result<TransferResult>> transfer() {
    CO_TRY_VOID(co_await find_or_begin());
    TransferResult result;
    for (int times_wrong = 0;;) {
      progress_.phase = "copying";
      CO_TRY_VOID(co_await fetch_all());
      progress_.phase = "verifying";
      CO_TRY_VOID(co_await source_.check_unchanged(seen_));
      result = {.mode = TransferMode::kDownload, .part_size = part_size_};
      Result<void> proven = co_await prove(&result);
      if (proven) break;
      if (!may_come_right(proven.error()) || ++times_wrong == kTimesWrongMax) {
        co_return std::move(proven).error();
      }
      start_over();
    }
    const WallTime now = (co_await current_loop()).wall_now();
    if (const auto time = time_to_keep(now)) file_.set_modified(*time);
    const auto if_exists =
        options_.if_none_match ? DownloadFile::IfExists::kRefuse : DownloadFile::IfExists::kReplace;
    CO_TRY_VOID(co_await offload([this, if_exists] { return file_.commit(if_exists); }));
    if (!entry_.id.empty()) {
      CO_TRY_VOID(co_await engine_.journal->finish(entry_.id, std::nullopt));
    }
    co_return result;
  }

  /// When the source was modified. Not while that second may not be over: another version of the
  /// same second would look like this one.
  std::optional<std::chrono::sys_seconds> time_to_keep(WallTime now) const {
    const WallTime unknown{};
    if (seen_.last_modified.value_or(unknown) == unknown) return std::nullopt;
    const auto age = now - *seen_.last_modified;
    if (age < 2s) return std::nullopt;
    return std::chrono::floor<std::chrono::seconds>(*seen_.last_modified);
  }

  /// Bytes that are not what the source itself says they are were damaged on their way. What only
  /// the user expects, reading again does not make true.
  bool may_come_right(const Error& error) const {
    return error.kind == ErrorKind::kCorrupt && seen_.digest &&
           (!options_.expect || *options_.expect == *seen_.digest);
  }

  /// Which part was damaged nobody knows: all of them are read again, over the old ones.
  void start_over() {
    engine_.stats.part_retries.add(static_cast<std::uint64_t>(done_.size()));
    done_.clear();
    resumed_ = 0;
    progress_.parts_done = 0;
    progress_.bytes_done = progress_.bytes_resumed = 0;
  }

  Task<Result<void>> fetch_all() {
    if (parts_ == 1) co_return co_await fetch(1, std::nullopt);
    TaskGroup group(co_await current_context());
    // Each part in flight is a connection to the source.
    const auto in_flight =
        static_cast<std::size_t>(std::min(options_.concurrency, options_.source_connections));
    for (PartNumber number = 1; number <= parts_ && !group.cancelled(); ++number) {
      if (done_.contains(number)) continue;
      co_await group.wait_until_at_most(in_flight - 1);
      if (!group.cancelled()) group.spawn(fetch(number, part_range(number)));
    }
    co_return co_await group.join();
  }

  Task<Result<void>> fetch(PartNumber number, std::optional<ByteRange> range) {
    CO_TRY(Buffer buffer, co_await engine_.buffers.acquire(kReadSize));
    ++progress_.parts_in_flight;
    engine_.stats.parts_in_flight.add(1);
    Part part;
    Result<void> fetched = co_await fetch_into(range, buffer.bytes(), &part);
    engine_.stats.parts_in_flight.add(-1);
    --progress_.parts_in_flight;
    CO_TRY_VOID(std::move(fetched));
    ++progress_.parts_done;
    if (!entry_.id.empty()) {
      engine_.journal->part_done(entry_.id, {number, part.size, "", part.digest.to_base64()});
    }
    done_[number] = part;
    co_return Result<void>();
  }

  Task<Result<void>> fetch_into(std::optional<ByteRange> range, MutableBytes buffer, Part* part) {
    ResumingReader reader(source_, seen_, range);
    Checksum checksum(algorithm_);
    const ByteCount start = range ? range->offset : 0;
    for (;;) {
      CO_TRY(const std::size_t count, co_await reader.read_some(buffer));
      if (count == 0) break;
      checksum.update(buffer.first(count));
      CO_TRY_VOID(file_.write(start + part->size, buffer.first(count)));
      part->size += count;
      progress_.bytes_done += count;
      engine_.stats.bytes_read.add(count);
      engine_.stats.bytes_written.add(count);
      if (engine_.rate.limited()) CO_TRY_VOID(co_await engine_.rate.pass(count));
    }
    if (reader.reopened() > 0) {
      engine_.stats.part_retries.add(static_cast<std::uint64_t>(reader.reopened()));
    }
    part->digest = checksum.finish();
    co_return Result<void>();
  }

  Task<Result<void>> prove(TransferResult* result) {
    std::optional<Digest> whole;
    for (const auto& [number, part] : done_) {
      result->size += part.size;
      if (!whole) {
        whole = part.digest;
      } else if (checksum_combines(algorithm_)) {
        CO_TRY(whole, combine_digests(*whole, part.digest, part.size));
      }
    }
    // Of parts that do not combine, the first one's digest is not that of the whole.
    if (parts_ > 1 && !checksum_combines(algorithm_)) whole.reset();
    result->parts = parts_;
    result->parts_resumed = resumed_;
    result->verified_by = "length";
    if (seen_.size && result->size != *seen_.size) {
      co_return make_error(ErrorKind::kSourceChanged,
                           "the source changed while it was being copied");
    }
    const std::optional<Digest>& wanted = options_.expect ? options_.expect : seen_.digest;
    if (!wanted) {
      if (whole) result->digest = *whole;
      co_return Result<void>();
    }
    if (parts_ > 1 && !checksum_combines(algorithm_)) {  // needs the bytes in order: read them back
      const HashPlan plan{.checksum = algorithm_};
      CO_TRY(PartDigests digests,
             co_await hash_file_range(&engine_, file_.fd(), {0, result->size}, plan));
      whole = digests.checksum;
    }
    if (!whole || *whole != *wanted) {
      co_return make_error(ErrorKind::kCorrupt, "the bytes have " +
                                                    std::string(to_string(algorithm_)) + " " +
                                                    (whole ? whole->to_hex() : "(none)") +
                                                    ", expected " + wanted->to_hex());
    }
    result->digest = *whole;
    result->verified_by = std::string(to_string(algorithm_)) + " of the whole, " +
                          (options_.expect ? "as expected" : "as the source says");
    co_return Result<void>();
  }

  Engine& engine_;
  Source& source_;
  const SourceInfo seen_;
  const std::string path_;
  const TransferOptions options_;
  TransferProgress& progress_;
  const ChecksumAlgorithm algorithm_;
  ByteCount part_size_ = 0;
  int parts_ = 1;
  int resumed_ = 0;
  DownloadFile file_;
  std::unique_ptr<Journal::Lease> lease_;
  JournalEntry entry_;
  std::map<PartNumber, Part> done_;
};

}  // namespace

Task<Result<TransferOutlook>> describe_download(Engine& engine, Source& source, std::string path,
                                                TransferOptions options) {
  CO_TRY(const SourceInfo seen, co_await source.probe());
  if (is_device(path)) co_return TransferOutlook{"copy", seen.size, false};
  CO_TRY(path, real_path(std::move(path)));
  CO_TRY(std::optional<TransferResult> skipped,
         co_await check_existing(&engine, &path, &options, &seen));
  if (skipped) co_return TransferOutlook{skipped->note, seen.size, true};
  co_return TransferOutlook{"copy", seen.size, false};
}

Task<Result<TransferResult>> download(Engine& engine, Source& source, std::string path,
                                      TransferOptions options, TransferProgress& progress) {
  progress.phase = "probing";
  // As it was given: /dev/stdout may lead to "pipe:[4711]", which is no path.
  if (is_device(path)) {
    const UniqueFd device(co_await offload([&path] { return ::open(path.c_str(), O_WRONLY); }));
    if (device.get() < 0) {
      co_return make_error(ErrorKind::kIo, "cannot open '" + path + "' for writing");
    }
    co_return co_await download_stream(engine, source, device.get(), std::move(options), progress);
  }
  CO_TRY(path, real_path(std::move(path)));
  CO_TRY(SourceInfo seen, co_await source.probe());
  if (source.fd() >= 0 && is_same_file(source.fd(), path)) {
    co_return make_error(ErrorKind::kInvalid,
                         source.redacted_address() + " and '" + path + "' are the same file");
  }
  if (seen.size.value_or(0) > kLargestFile) {
    co_return make_error(
        ErrorKind::kProtocol,
        "the source announces " + std::to_string(*seen.size) + " bytes, which no file can hold");
  }
  CO_TRY(std::optional<TransferResult> skipped,
         co_await check_existing(&engine, &path, &options, &seen));
  if (skipped) {
    progress.phase = "done";
    co_return *std::move(skipped);
  }
  Download job(engine, source, std::move(seen), std::move(path), std::move(options), progress);
  co_return co_await job.run();
}

}  // namespace telpher
