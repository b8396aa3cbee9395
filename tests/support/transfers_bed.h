#pragma once
// For tests of transfers/: sources in memory that behave as told, and a service around them, in
// virtual time.

#include "codec/uri.h"
#include "tests/support/engine_bed.h"
#include "tests/support/temporary_directory.h"
#include "transfers/transfers.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace telpher {

/// What lies at an address.
struct FakeFile {
  std::string bytes;
  std::string name = "file.bin";
  std::string validator = "\"v1\"";
  bool size_known = true;
  bool ranges = true;
  Duration pause = std::chrono::milliseconds(1);  // of each read of at most 16 KiB
  std::vector<Error> probe_errors = {};           // the first probes fail so
  std::vector<Error> read_errors = {};            // the first reads
  int probes = 0;
  ByteCount bytes_read = 0;
};

class FakeSource final : public Source {
 public:
  FakeSource(FakeFile& file, std::string address) : file_(file), address_(std::move(address)) {}

  Task<Result<SourceInfo>> probe() override {
    const auto index = static_cast<std::size_t>(file_.probes++);
    CO_TRY_VOID(co_await sleep_for(file_.pause));
    if (index < file_.probe_errors.size()) co_return file_.probe_errors[index];
    SourceInfo info{.ranges = file_.ranges,
                    .rereadable = true,
                    .validator = file_.validator,
                    .name = file_.name};
    if (file_.size_known) info.size = file_.bytes.size();
    co_return info;
  }
  Task<Result<std::unique_ptr<ByteReader>>> open(std::optional<ByteRange> range,
                                                 SourceInfo) override {
    std::string_view bytes = file_.bytes;
    if (range) bytes = bytes.substr(range->offset, range->length);
    co_return std::make_unique<Reader>(file_, bytes);
  }
  std::string redacted_address() const override { return address_; }
  std::string identity() const override { return address_; }

 private:
  class Reader final : public ByteReader {
   public:
    Reader(FakeFile& file, std::string_view bytes) : file_(file), bytes_(bytes) {}
    Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
      CO_TRY_VOID(co_await sleep_for(file_.pause));
      if (!file_.read_errors.empty()) {
        Error error = file_.read_errors.front();
        file_.read_errors.erase(file_.read_errors.begin());
        co_return error;
      }
      const std::size_t count = std::min({buffer.size(), bytes_.size(), std::size_t{16 * kKiB}});
      std::copy_n(as_bytes(bytes_).data(), count, buffer.data());
      bytes_.remove_prefix(count);
      file_.bytes_read += count;
      co_return count;
    }

   private:
    FakeFile& file_;
    std::string_view bytes_;
  };

  FakeFile& file_;
  const std::string address_;
};

/// Small parts, so that small files are uploads.
inline Capabilities capabilities_of_small_parts() {
  Capabilities capabilities;
  capabilities.part_size_min = 64 * kKiB;
  capabilities.put_size_max = 1 * kMiB;
  return capabilities;
}

/// A manifest, or any body, in memory.
class TextReader final : public ByteReader {
 public:
  explicit TextReader(std::string text) : text_(std::move(text)) {}
  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    const std::size_t count = std::min(buffer.size(), text_.size() - at_);
    std::copy_n(as_bytes(text_).data() + at_, count, buffer.data());
    at_ += count;
    co_return count;
  }

 private:
  const std::string text_;
  std::size_t at_ = 0;
};

struct TransfersBed : StoreBed {
  TransfersBed() : StoreBed(capabilities_of_small_parts(), 4 * kMiB) {
    settings.copy.part_size = {PartSizePolicy::Kind::kFixed, 64 * kKiB};
    settings.copy.concurrency = 2;
    open();
  }
  ~TransfersBed() { close(); }

  void open() {
    journal = loop.run(open_journal({.path = directory.path() + "/journal.db"})).value();
    queue = loop.run(open_job_queue({.path = directory.path() + "/jobs.db"})).value();
    engine.journal = journal.get();
    make_transfers();
  }
  /// With the settings as they are now.
  void make_transfers() {
    transfers = std::make_unique<Transfers>(
        loop,
        TransferNeeds{
            .queue = *queue,
            .engine = engine,
            .store = *used_store,
            .operations = operations,
            .spans = &spans,
            .open_source = [this](Uri uri, Headers headers) -> Result<std::unique_ptr<Source>> {
              seen_headers = std::move(headers);
              const auto found = files.find(uri.path);
              if (found == files.end()) {
                return make_error(ErrorKind::kInvalid, "no such test file");
              }
              return std::make_unique<FakeSource>(found->second, uri.to_string());
            },
            .name_of =
                [](const ObjectAddress& object) {
                  return "memory://" + object.bucket + '/' + object.key;
                }},
        settings, nullptr);
    transfers->on_event([this](const TransferEvent& event) {
      const Transfer& transfer = event.transfer;
      if (event.progress) {
        progress_times[transfer.id].push_back(loop.now());
      } else {
        told[transfer.id] += std::string(to_string(transfer.state)) + ' ';
        if (transfer.state == JobState::kInProgress) {
          running_most = std::max(running_most, transfers->active());
        }
      }
    });
  }
  void close() {
    transfers.reset();
    queue.reset();
    journal.reset();
    engine.journal = nullptr;
  }
  /// Runs `what` while the service runs.
  void serve(Task<void> what) {
    const Result<void> served = loop.run(serve_during(std::move(what)));
    EXPECT_TRUE(served) << served.error().message;
  }
  Task<Result<void>> serve_during(Task<void> what) {
    TaskGroup group(co_await current_context());
    group.spawn(transfers->run());
    co_await std::move(what);
    group.cancel();
    co_return co_await group.join();
  }

  FakeFile& file(std::string path, std::string bytes) {
    FakeFile& file = files[std::move(path)];
    file.bytes = std::move(bytes);
    return file;
  }
  /// "https://host/PATH" into "bucket".
  static TransferRequest request(std::string_view path) {
    return {.source_url = "https://source.example" + std::string(path), .bucket = "bucket"};
  }
  Task<Transfer> add(TransferRequest request, std::string owner = "joe") {
    Result<Transfers::Accepted> accepted =
        co_await transfers->add(std::move(request), {.owner = std::move(owner)});
    EXPECT_TRUE(accepted) << accepted.error().message;
    co_return accepted ? accepted->transfer : Transfer{};
  }
  /// For at most `limit` of virtual time.
  Task<Transfer> wait_for(std::string id, JobState state, Duration limit = std::chrono::hours(1)) {
    const TimePoint end = loop.now() + limit;
    constexpr Duration kLongest = std::chrono::seconds(10);
    for (Duration pause = std::chrono::milliseconds(2);;
         pause = std::min(kLongest, pause + pause / 8)) {
      Result<Transfer> transfer = co_await transfers->get(id);
      EXPECT_TRUE(transfer) << transfer.error().message;
      if (!transfer) co_return Transfer{};
      if (transfer->state == state) co_return *std::move(transfer);
      EXPECT_LT(loop.now(), end) << "it is " << to_string(transfer->state) << " and not "
                                 << to_string(state);
      if (loop.now() >= end) co_return *std::move(transfer);
      EXPECT_TRUE(co_await sleep_for(pause));
    }
  }
  /// Until some of it has been sent.
  Task<void> wait_for_parts(std::string id, int parts) {
    for (int i = 0; i < 10'000; ++i) {
      const Result<Transfer> transfer = co_await transfers->get(id);
      if (transfer && transfer->numbers.parts_done >= parts) co_return;
      EXPECT_TRUE(co_await sleep_for(std::chrono::milliseconds(1)));
    }
    ADD_FAILURE() << "it sends nothing";
  }
  std::optional<std::string> content_of(std::string_view key) {
    return store.content("bucket", key);
  }

  TemporaryDirectory directory;
  TransfersOptions settings;
  std::map<std::string, FakeFile> files;  // by path
  ObjectStore* used_store = &store;
  OperationRegistry operations;
  SpanBuffer spans;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<JobQueue> queue;
  std::unique_ptr<Transfers> transfers;

  Headers seen_headers;
  std::map<std::string, std::string> told;  // id → states
  std::map<std::string, std::vector<TimePoint>> progress_times;
  std::size_t running_most = 0;
};

}  // namespace telpher
