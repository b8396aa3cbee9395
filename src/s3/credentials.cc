#include "s3/credentials.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr std::chrono::minutes kRefreshEarly{5};
constexpr std::chrono::minutes kAskedAgainAfter{1};  // when it has failed
constexpr std::chrono::seconds kAskedNoSooner{5};

class FixedCredentials final : public CredentialsSource {
 public:
  explicit FixedCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Task<Result<Credentials>> fetch() override { co_return credentials_; }

 private:
  const Credentials credentials_;
};

}  // namespace

std::unique_ptr<CredentialsSource> make_fixed_credentials(Credentials credentials) {
  return std::make_unique<FixedCredentials>(std::move(credentials));
}

CredentialsCache::CredentialsCache(std::vector<std::unique_ptr<CredentialsSource>> sources)
    : sources_(std::move(sources)) {}

Task<Result<void>> CredentialsCache::fetch() {
  const Loop& loop = co_await current_loop();
  if (chosen_) {
    CO_TRY(Credentials fetched, co_await chosen_->fetch());
    keep(std::move(fetched), loop.wall_now());
    co_return Result<void>();
  }
  std::string looked_at;
  for (const auto& source : sources_) {
    auto fetched = co_await source->fetch();
    if (fetched) {
      chosen_ = source.get();
      keep(*std::move(fetched), loop.wall_now());
      co_return Result<void>();
    }
    if (fetched.error().kind != ErrorKind::kNotFound) co_return std::move(fetched).error();
    const std::string& why = fetched.error().message;
    if (!why.empty()) looked_at += (looked_at.empty() ? "" : "; ") + why;
  }
  co_return make_error(ErrorKind::kDenied,
                       "No S3 credentials found" +
                           (looked_at.empty() ? "" : " (" + looked_at + ")") +
                           ". Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or add a profile to "
                           "~/.aws/credentials, or use --no-sign-request for public buckets");
}

void CredentialsCache::keep(Credentials fetched, WallTime now) {
  refresh_at_.reset();
  if (fetched.expires) {
    // Whoever hands out what ends soon must not be asked at each request.
    const auto left = *fetched.expires - now;
    refresh_at_ =
        std::max({*fetched.expires - kRefreshEarly, now + left / 2, now + kAskedNoSooner});
  }
  credentials_ = std::make_shared<const Credentials>(std::move(fetched));
}

Task<Result<CredentialsCache::Pointer>> CredentialsCache::refresh() {
  const Loop& loop = co_await current_loop();
  CO_TRY(const Semaphore::Permit permit, co_await fetching_.acquire());
  if (Pointer made_meanwhile = ready(loop.wall_now())) co_return made_meanwhile;
  auto fetched = co_await fetch();
  if (!fetched) {
    const WallTime now = loop.wall_now();
    if (!credentials_ || !credentials_->expires || now >= *credentials_->expires) {
      co_return std::move(fetched).error();
    }
    refresh_at_ = std::min(*credentials_->expires, now + kAskedAgainAfter);
  }
  co_return credentials_;
}

Task<Result<bool>> CredentialsCache::replace(Pointer refused) {
  CO_TRY(const Semaphore::Permit permit, co_await fetching_.acquire());
  if (credentials_ && *credentials_ == *refused) CO_TRY_VOID(co_await fetch());
  co_return credentials_ && *credentials_ != *refused;
}

}  // namespace telpher
