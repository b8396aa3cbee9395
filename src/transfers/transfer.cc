#include "transfers/transfer.h"

#include "codec/utf8.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace telpher {
namespace {

namespace json = boost::json;

constexpr std::size_t kStripMax = 200;

json::string text_of(std::string_view text) {
  return is_utf8(text) ? json::string(text) : json::string(latin1_to_utf8(text));
}

/// ISO 8601, UTC, milliseconds.
json::value time_of(const std::optional<WallTime>& time) {
  if (!time) return nullptr;
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(*time);
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<WallTime::duration>(
          std::chrono::floor<std::chrono::seconds>(ms)));
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[40];
  std::snprintf(text, sizeof text, "%s.%03dZ", date,
                static_cast<int>(ms.time_since_epoch().count() % 1000));
  return json::string(text);
}

json::value percentage(const TransferNumbers& numbers, JobState state) {
  if (state == JobState::kCompleted) return 100;
  if (!numbers.size) return nullptr;
  if (*numbers.size == 0) return 0;
  const double share =
      static_cast<double>(numbers.bytes) * 1000 / static_cast<double>(*numbers.size);
  // 100 % only when it is: one that waits for its last answer says 99.9.
  return std::min(std::floor(share) / 10, 99.9);
}

json::object progress_of(const Transfer& transfer) {
  const TransferNumbers& numbers = transfer.numbers;
  json::object out;
  out["bytesTransferred"] = numbers.bytes;
  out["totalBytes"] = numbers.size ? json::value(*numbers.size) : json::value(nullptr);
  out["percentage"] = percentage(numbers, transfer.state);
  out["bytesPerSecond"] = std::round(numbers.bytes_per_second);
  out["etaSeconds"] = nullptr;
  if (numbers.size && numbers.bytes_per_second >= 1 && numbers.bytes <= *numbers.size) {
    out["etaSeconds"] =
        std::ceil(static_cast<double>(*numbers.size - numbers.bytes) / numbers.bytes_per_second);
  }
  out["partsDone"] = numbers.parts_done;
  out["partsTotal"] = numbers.parts;
  out["partsInFlight"] = numbers.parts_in_flight;
  out["parts"] = json::string(numbers.strip);
  return out;
}

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return text_of(text);
}

}  // namespace

std::string strip_of(std::string_view parts) {
  if (parts.size() <= kStripMax) return std::string(parts);
  std::string strip;
  for (std::size_t i = 0; i < kStripMax; ++i) {
    const std::size_t begin = i * parts.size() / kStripMax;
    const std::size_t end = (i + 1) * parts.size() / kStripMax;
    const std::string_view share = parts.substr(begin, end - begin);
    const bool all_done = share.find_first_not_of('d') == std::string_view::npos;
    const bool none_begun = share.find_first_not_of('.') == std::string_view::npos;
    strip += all_done ? 'd' : none_begun ? '.' : 'a';
  }
  return strip;
}

std::string transfer_json(const Transfer& transfer) {
  json::object metadata;
  metadata["sourceUrl"] = text_of(transfer.source_url);
  metadata["bucketName"] = text_of(transfer.bucket);
  metadata["keyPrefix"] = text_of(transfer.key_prefix);
  metadata["s3Key"] = text_or_null(transfer.key);
  metadata["s3Location"] = text_or_null(transfer.location);
  metadata["checksum"] = text_or_null(transfer.checksum);
  metadata["etag"] = text_or_null(transfer.etag);
  metadata["note"] = text_or_null(transfer.note);
  metadata["startTime"] = time_of(transfer.started);
  metadata["endTime"] = time_of(transfer.ended);
  metadata["lastUpdateTime"] = time_of(transfer.updated);
  metadata["attempt"] = transfer.attempt;
  metadata["createdTime"] = time_of(transfer.created);
  metadata["priority"] = transfer.priority;
  metadata["notBefore"] = time_of(transfer.not_before);
  metadata["batchId"] = text_or_null(transfer.batch);
  metadata["owner"] = text_of(transfer.owner);

  json::object out;
  out["transferId"] = json::string(transfer.id);
  out["status"] = json::string(to_string(transfer.state));
  out["progress"] = progress_of(transfer);
  out["metadata"] = std::move(metadata);
  out["error"] = nullptr;
  if (transfer.error) {
    out["error"] = {{"code", text_of(transfer.error->code)},
                    {"message", text_of(transfer.error->message)},
                    {"retryable", transfer.error->retryable}};
  }
  return json::serialize(out);
}

std::string progress_json(const Transfer& transfer) {
  json::object out;
  out["transferId"] = json::string(transfer.id);
  out["progress"] = progress_of(transfer);
  return json::serialize(out);
}

}  // namespace telpher
