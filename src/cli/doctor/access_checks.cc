// Who asks, and whether the bucket lets them in.

#include "base/units.h"
#include "cli/doctor/examination.h"
#include "cli/json_event.h"
#include "cli/time_text.h"
#include "session/exit_code.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

/// About who asks, not about what is asked for.
bool is_about_keys(const Error& error) {
  static constexpr std::array<std::string_view, 10> kCodes = {"InvalidAccessKeyId",
                                                              "SignatureDoesNotMatch",
                                                              "ExpiredToken",
                                                              "TokenRefreshRequired",
                                                              "InvalidToken",
                                                              "RequestTimeTooSkewed",
                                                              "RequestExpired",
                                                              "AuthorizationHeaderMalformed",
                                                              "IllegalLocationConstraintException",
                                                              "AccountProblem"};
  return std::ranges::find(kCodes, error.context.code) != kCodes.end();
}

/// Only as much of the access key as tells it from others.
std::string end_of(const std::string& access_key) {
  constexpr std::size_t kShown = 4;
  if (access_key.size() <= kShown) return "…";
  return "…" + access_key.substr(access_key.size() - kShown);
}

}  // namespace

Examination::CheckTask Examination::check_credentials() {
  // Asked for before there is a client for the store: it may be out of reach.
  CredentialsCache cache(std::move(config_.credentials));
  CO_TRY(keys_, co_await cache.refresh());
  known_.keys_from = keys_->source;
  if (!keys_->anonymous()) known_.access_key = end_of(keys_->access_key);
  if (keys_->anonymous()) co_return ok("none: requests go out unsigned (" + keys_->source + ")");
  std::string text = "key " + known_.access_key + " of " + keys_->source;
  if (!keys_->session_token.empty()) text += ", with a session token";
  Finding finding = ok("");
  if (keys_->expires) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*keys_->expires - loop_.wall_now());
    if (left.count() <= 0) {
      co_return failure(kExitDestination, text + " has expired at " + time_text(*keys_->expires),
                        "Sign in again (aws sso login), or get new temporary keys");
    }
    text += ", until " + time_text(*keys_->expires) + " (" + format_duration(left) + ")";
    finding.facts.emplace_back("expires", json_string(time_text(*keys_->expires)));
  }
  finding.found = std::move(text);
  finding.facts.emplace_back("source", json_string(keys_->source));
  finding.facts.emplace_back("access_key_end", json_string(known_.access_key));
  co_return finding;
}

/// Able to do all: what is refused is to be refused by the store, not by what is thought of it.
Task<Result<void>> Examination::open_store() {
  if (store_) co_return Result<void>();
  if (is_local()) {
    CO_TRY(store_, session_.store(Address::Kind::kLocal));
    co_return Result<void>();
  }
  Capabilities& can = provider_.capabilities;
  can.checksums = can.conditional_writes = can.conditional_complete = can.tagging = true;
  provider_.checksums_unproven = true;
  S3StoreOptions options;
  options.endpoint = config_.endpoint;
  options.provider = &provider_;
  options.region = config_.region;
  options.credentials.push_back(make_fixed_credentials(*keys_));
  s3_ = std::make_unique<S3Store>(loop_, *http_, std::move(options));
  store_ = s3_.get();
  co_return Result<void>();
}

/// A request whose refusal says why; asked again after it has taught something (clock, address).
Task<Result<ListPage>> Examination::ask_for_listing() {
  constexpr int kAttempts = 3;
  Result<ListPage> page = co_await store_->list(bucket_, {.max_keys = 10});
  for (int i = 1; i < kAttempts && !page && page.error().kind == ErrorKind::kDenied &&
                  page.error().is_temporary();
       ++i) {
    page = co_await store_->list(bucket_, {.max_keys = 10});
  }
  co_return page;
}

Examination::CheckTask Examination::check_sign_in() {
  CO_TRY_VOID(co_await open_store());
  if (is_anonymous()) co_return skipped("");
  std::optional<Error> error;
  if (bucket_.empty()) {
    Result<std::vector<BucketInfo>> buckets = co_await store_->list_buckets();
    if (!buckets && buckets.error().is_temporary()) buckets = co_await store_->list_buckets();
    if (!buckets) error = buckets.error();
  } else {
    listing_ = co_await ask_for_listing();
    if (!*listing_) error = listing_->error();
  }
  const bool answered = !error || (error->context.http_status >= 400 &&
                                   error->context.http_status < 500 && !is_about_keys(*error));
  if (!answered) co_return *std::move(error);
  co_return ok("the store takes the key " + known_.access_key);
}

Examination::CheckTask Examination::check_region() {
  const std::string now(s3_->region_of(bucket_));
  const std::string from = config_.region_from.empty() ? "default" : config_.region_from;
  if (now == known_.region) co_return ok(now + " (" + from + ")");
  Finding finding =
      warning("the bucket is in " + now + ", not in " + known_.region + " (" + from + ")",
              "Telpher has corrected itself; other tools may be refused. Say so: --region " + now +
                  ", AWS_REGION=" + now + ", or region = " + now + " in " + config_.config_path);
  finding.facts = {{"region", json_string(now)}};
  co_return finding;
}

Examination::CheckTask Examination::check_buckets() {
  CO_TRY(const std::vector<BucketInfo> buckets, co_await store_->list_buckets());
  if (buckets.empty()) co_return ok("none yet; to make one: telpher mb s3://NAME");
  constexpr std::size_t kShown = 5;
  std::string names;
  for (std::size_t i = 0; i < std::min(buckets.size(), kShown); ++i) {
    names += (i == 0 ? "" : ", ") + buckets[i].name;
  }
  if (buckets.size() > kShown) names += " …";
  co_return ok(std::to_string(buckets.size()) + ": " + names +
               "; to try one: telpher doctor s3://" + buckets.front().name);
}

Examination::CheckTask Examination::check_bucket() {
  CO_TRY_VOID(co_await open_store());
  if (!listing_) listing_ = co_await ask_for_listing();
  if (*listing_) co_return ok("'" + bucket_ + "' is there");
  const Error& error = listing_->error();
  if (error.kind == ErrorKind::kDenied) {
    const Result<BucketInfo> seen = co_await store_->head_bucket(bucket_);
    if (seen) co_return ok("'" + bucket_ + "' is there");
    // Who may not look learns no more; other rights may still be there.
    if (seen.error().kind == ErrorKind::kDenied) {
      co_return skipped("whether '" + bucket_ + "' is there is not told " +
                        (keys_->anonymous() ? "without keys" : "to these keys"));
    }
    co_return seen.error();
  }
  if (error.context.code != "NoSuchBucket") co_return error;
  Finding finding = explain(error, known_);
  const Result<std::vector<BucketInfo>> buckets = co_await store_->list_buckets();
  if (buckets && !buckets->empty()) {
    finding.remedy +=
        ". Those that are there: telpher ls " + std::string(is_local() ? "local://" : "s3://");
  }
  co_return finding;
}

Examination::CheckTask Examination::check_list() {
  CO_TRY(const ListPage page, std::move(*listing_));
  for (const ListEntry& entry : page.objects) {
    if (entry.size > 0 && !subject_) subject_ = ObjectAddress{bucket_, entry.key};
  }
  const bool empty = page.objects.empty();
  co_return ok(empty ? "allowed; there is nothing in it" : "allowed");
}

}  // namespace telpher
