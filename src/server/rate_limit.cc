#include "server/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace telpher {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::optional<Duration> RateLimit::take(std::string_view name, TimePoint now) {
  if (per_second_ <= 0) return std::nullopt;
  if (buckets_.size() >= kNamesMax) forget_full(now);
  Bucket& bucket = buckets_.try_emplace(std::string(name), Bucket{burst_, now}).first->second;
  bucket.tokens = std::min(burst_, bucket.tokens + seconds(now - bucket.at) * per_second_);
  bucket.at = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  const double wait = (1 - bucket.tokens) / per_second_;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wait));
}

void RateLimit::forget_full(TimePoint now) {
  std::erase_if(buckets_, [&](const auto& entry) {
    const Bucket& bucket = entry.second;
    return bucket.tokens + seconds(now - bucket.at) * per_second_ >= burst_;
  });
  // All of them in use: whoever is forgotten begins with a full bucket.
  if (buckets_.size() >= kNamesMax) buckets_.clear();
}

}  // namespace telpher
