// Transfers::add_batch(): a list of many, accepted as a whole or not at all.

#include "source/copy_list.h"
#include "transfers/transfer_record.h"
#include "transfers/transfers.h"

#include <utility>

namespace telpher {
namespace {

constexpr std::size_t kRowsAtOnce = 500;  // held in memory

TransferRequest request_of(ListRow row, const TransferRequest& common) {
  TransferRequest request = common;
  request.source_url = std::move(row.url);
  request.key = std::move(row.key);
  request.size = row.size;
  request.checksum = std::move(row.digest);
  if (!row.content_type.empty()) request.content_type = std::move(row.content_type);
  for (std::string& line : row.headers) request.headers.push_back(std::move(line));
  return request;
}

}  // namespace

struct Transfers::BatchFilling {
  BatchFilling(std::unique_ptr<ByteReader> manifest, TransferRequest of_all, TraceContext on)
      : reader(std::move(manifest)), common(std::move(of_all)), trace(on) {}

  ListReader reader;
  const TransferRequest common;
  const TraceContext trace;
  std::string batch;
  std::vector<NewJob> waiting;
  std::vector<BadRow> bad;
};

Task<Result<void>> Transfers::add_rows(BatchFilling* filling) {
  // Once a row is bad the others are read to be judged only.
  std::vector<NewJob> rows = std::exchange(filling->waiting, {});
  if (rows.empty() || !filling->bad.empty()) co_return Result<void>();
  Result<void> added = co_await needs_.queue.add_to_batch(filling->batch, std::move(rows));
  if (!added && added.error().kind == ErrorKind::kLimit) {
    filling->bad.push_back({filling->reader.number(), added.error().message});
    co_return Result<void>();
  }
  co_return added;
}

Task<Result<void>> Transfers::read_rows(BatchFilling* filling) {
  ListReader& reader = filling->reader;
  std::vector<BadRow>& bad = filling->bad;
  if (Result<void> opened = co_await reader.open(); !opened) {
    if (opened.error().kind != ErrorKind::kInvalid) co_return opened;
    bad.push_back({0, opened.error().message});
    co_return Result<void>();
  }
  while (bad.size() < kBadRowsMax && reader.number() <= JobQueue::kBatchMax) {
    Result<std::optional<ListRow>> row = co_await reader.next();
    if (!row && row.error().kind != ErrorKind::kInvalid && row.error().kind != ErrorKind::kLimit) {
      co_return std::move(row).error();
    }
    if (!row) {
      bad.push_back({reader.number(), row.error().message});
      if (row.error().kind == ErrorKind::kLimit) break;  // there is no telling where it ends
      continue;
    }
    if (!*row) break;
    const TransferRequest request = request_of(**std::move(row), filling->common);
    if (const Refusal refusal = check(request); refusal.refused()) {
      bad.push_back({reader.number(), refusal.message()});
      continue;
    }
    filling->waiting.push_back(make_job(request, filling->trace));
    if (filling->waiting.size() == kRowsAtOnce) CO_TRY_VOID(co_await add_rows(filling));
  }
  CO_TRY_VOID(co_await add_rows(filling));
  if (reader.number() == 0 && bad.empty()) bad.push_back({0, "there are no rows in it"});
  co_return Result<void>();
}

Task<Result<Transfers::BatchAccepted>> Transfers::add_batch(std::unique_ptr<ByteReader> manifest,
                                                            TransferRequest common, Submitter by) {
  common.source_url.clear();
  common.key.clear();
  Idempotency key{std::move(by.idempotency_key), fingerprint_of(common)};
  CO_TRY(JobQueue::BatchBegun begun,
         co_await needs_.queue.begin_batch(std::move(by.owner), std::move(key)));
  if (begun.existing) co_return BatchAccepted{std::move(begun.batch), {}, true};

  BatchFilling filling(std::move(manifest), std::move(common), by.trace);
  filling.batch = begun.batch.id;
  Result<void> read = co_await read_rows(&filling);
  if (!read || !filling.bad.empty()) {
    needs_.queue.drop_batch(begun.batch.id);
    if (!read) co_return std::move(read).error();
    co_return BatchAccepted{std::move(begun.batch), std::move(filling.bad)};
  }
  CO_TRY(JobBatch batch, co_await needs_.queue.commit_batch(begun.batch.id));
  runs_.wake();
  co_return BatchAccepted{std::move(batch), {}};
}

}  // namespace telpher
