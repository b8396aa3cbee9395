#include "s3/credentials.h"

#include "s3/profile.h"

namespace telpher {
namespace {

constexpr std::chrono::minutes kRefreshEarly{5};

class FixedCredentials final : public CredentialsSource {
 public:
  explicit FixedCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Task<Result<Credentials>> fetch() override { co_return credentials_; }

 private:
  const Credentials credentials_;
};

class ProfileCredentials final : public CredentialsSource {
 public:
  ProfileCredentials(std::string profile, std::string credentials_file, std::string config_file)
      : profile_(std::move(profile)),
        credentials_file_(std::move(credentials_file)),
        config_file_(std::move(config_file)) {}

  // The files are small and local; they are read where we stand.
  Task<Result<Credentials>> fetch() override {
    CO_TRY(const ProfileFiles files, read_profile_files(credentials_file_, config_file_));
    co_return credentials_of_profile(files, profile_);
  }

 private:
  const std::string profile_;
  const std::string credentials_file_;
  const std::string config_file_;
};

}  // namespace

std::unique_ptr<CredentialsSource> make_fixed_credentials(Credentials credentials) {
  return std::make_unique<FixedCredentials>(std::move(credentials));
}

std::unique_ptr<CredentialsSource> make_profile_credentials(std::string profile,
                                                            std::string credentials_file,
                                                            std::string config_file) {
  return std::make_unique<ProfileCredentials>(std::move(profile), std::move(credentials_file),
                                              std::move(config_file));
}

CredentialsCache::CredentialsCache(std::vector<std::unique_ptr<CredentialsSource>> sources)
    : sources_(std::move(sources)) {}

Task<Result<void>> CredentialsCache::fetch() {
  for (const auto& source : sources_) {
    auto fetched = co_await source->fetch();
    if (!fetched) {
      if (fetched.error().kind == ErrorKind::kNotFound) continue;
      co_return std::move(fetched).error();
    }
    refresh_at_.reset();
    if (fetched->expires) refresh_at_ = *fetched->expires - kRefreshEarly;
    credentials_ = std::make_shared<const Credentials>(*std::move(fetched));
    co_return Result<void>();
  }
  co_return make_error(ErrorKind::kDenied,
                       "No S3 credentials found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                       "or add a profile to ~/.aws/credentials, or use --no-sign-request for "
                       "public buckets");
}

Task<Result<CredentialsCache::Pointer>> CredentialsCache::refresh() {
  const Loop& loop = co_await current_loop();
  CO_TRY(const Semaphore::Permit permit, co_await fetching_.acquire());
  if (Pointer made_meanwhile = ready(loop.wall_now())) co_return made_meanwhile;
  auto fetched = co_await fetch();
  if (!fetched) {
    // Until they have really expired, old ones are better than none.
    if (!credentials_ || !credentials_->expires || loop.wall_now() >= *credentials_->expires) {
      co_return std::move(fetched).error();
    }
    refresh_at_ = credentials_->expires;
  }
  co_return credentials_;
}

Task<Result<bool>> CredentialsCache::replace(Pointer refused) {
  CO_TRY(const Semaphore::Permit permit, co_await fetching_.acquire());
  if (credentials_ && *credentials_ == *refused) CO_TRY_VOID(co_await fetch());
  co_return credentials_ && *credentials_ != *refused;
}

}  // namespace telpher
