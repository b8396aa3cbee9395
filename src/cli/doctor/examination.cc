#include "cli/doctor/examination.h"

#include "base/units.h"
#include "cli/progress_view.h"
#include "runtime/task_group.h"
#include "session/exit_code.h"

#include <algorithm>
#include <cstdio>

namespace telpher {
namespace {

/// What checks need of each other.
enum Step : unsigned {
  kEndpoint = 1,
  kNetwork = 2,
  kKeys = 4,
  kBucket = 8,
  kWritten = 16,
  kReadable = 32,
};

constexpr std::chrono::seconds kCheckLimit{60};
constexpr std::chrono::seconds kCleanUpLimit{15};

/// Hard to guess and hard to meet by chance.
std::string make_prefix(Random& random) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random.next()));
  return ".telpher-doctor/" + std::string(text) + '/';
}

std::string make_sample(Random& random) {
  constexpr std::size_t kBytes = 8 * 1024;
  std::string sample(kBytes, '\0');
  for (char& c : sample) c = static_cast<char>(random.below(256));
  return sample;
}

}  // namespace

Examination::Examination(Loop& loop, Settings settings, DoctorOptions options,
                         std::optional<Address> address)
    : loop_(loop),
      options_(std::move(options)),
      address_(std::move(address)),
      bucket_(address_ ? address_->object.bucket : std::string()),
      settings_(settings),
      session_(loop, std::move(settings), options_.access),
      prefix_(make_prefix(loop.random())),
      sample_(make_sample(loop.random())) {
  known_.bucket = bucket_;
  known_.is_local = is_local();
  known_.waited_to_connect = format_duration(options_.access.connect_timeout);
  known_.waited_for_answer = format_duration(options_.access.idle_timeout);
}

Examination::~Examination() = default;

std::vector<Examination::Check> Examination::plan() const {
  using E = Examination;
  static constexpr unsigned kSigned = kEndpoint | kNetwork | kKeys;
  static const std::vector<Check> kMachine = {
      {"home", &E::check_home},
      {"memory", &E::check_memory},
      {"open files", &E::check_open_files},
  };
  static const std::vector<Check> kService = {
      {"profile", &E::check_files},
      {"endpoint", &E::check_endpoint, 0, kEndpoint},
      {"proxy", &E::check_proxy, kEndpoint, kNetwork},
      {"name", &E::check_name, kEndpoint | kNetwork, kNetwork},
      {"connection", &E::check_connection, kEndpoint | kNetwork, kNetwork},
      {"TLS", &E::check_tls, kEndpoint | kNetwork, kNetwork},
      {"service", &E::check_service, kEndpoint | kNetwork, kNetwork},
      {"clock", &E::check_clock, kEndpoint | kNetwork},
      {"credentials", &E::check_credentials, kEndpoint, kKeys},
      {"sign-in", &E::check_sign_in, kSigned, kKeys},
  };
  static const std::vector<Check> kNoBucket = {{"buckets", &E::check_buckets, kSigned}};
  static const std::vector<Check> kWithBucket = {
      {"region", &E::check_region, kSigned},
      {"bucket", &E::check_bucket, kSigned, kBucket},
      {"list", &E::check_list, kBucket},
      {"write", &E::check_write, kBucket, kWritten},
      {"checksums", &E::check_checksums, kWritten},
      {"read", &E::check_read, kBucket, kReadable},
      {"ranges", &E::check_ranges, kReadable},
      {"multipart", &E::check_multipart, kWritten},
      {"no overwrite", &E::check_no_overwrite, kWritten},
      {"copy", &E::check_copy, kWritten},
      {"tags", &E::check_tags, kWritten},
      {"latency", &E::check_latency, kBucket},
      {"remove", &E::check_remove, kWritten},
      {"versions", &E::check_versions, kWritten},
      {"open uploads", &E::check_open_uploads, kBucket},
  };
  std::vector<Check> checks;
  const auto append = [&checks](const std::vector<Check>& more) {
    checks.insert(checks.end(), more.begin(), more.end());
  };
  if (!address_ || is_local()) append(kMachine);
  if (!is_local()) append(kService);
  append(bucket_.empty() ? kNoBucket : kWithBucket);
  if (is_local()) std::erase_if(checks, [](const Check& check) { return check.name == "region"; });
  if (options_.read_only) {
    std::erase_if(
        checks, [](const Check& check) { return ((check.needs | check.breaks) & kWritten) != 0; });
  }
  return checks;
}

Task<Finding> Examination::run_one(Check check) {
  // A write that is given up may be carried out after all, when nobody removes it any more: it is
  // waited for, as long as the store shows life.
  const bool writes = ((check.needs | check.breaks) & kWritten) != 0;
  const TimePoint deadline = loop_.now() + kCheckLimit;
  Result<Finding> found = writes ? co_await shielded((this->*check.run)(), kCheckLimit)
                                 : co_await with_deadline((this->*check.run)(), deadline);
  co_return found ? *std::move(found) : explain(found.error(), known_);
}

Task<Result<void>> Examination::run_all(const std::vector<Check>& checks, DoctorReport* report) {
  unsigned broken = 0;
  const TaskContext& context = co_await current_context();
  for (const Check& check : checks) {
    if ((broken & check.needs) != 0) {
      broken |= check.breaks;
      report->not_tried(check.name);
      continue;
    }
    report->begin(check.name);
    const Finding finding = co_await run_one(check);
    if (context.cancel->cancelled()) co_return to_result(WaitOutcome::kCancelled);
    if (finding.verdict == Verdict::kFailed) broken |= check.breaks;
    report->add(check.name, finding);
  }
  co_return Result<void>();
}

Task<int> Examination::run() {
  DoctorReport report(options_.json);
  const std::vector<Check> checks = plan();
  const Result<void> done = co_await run_all(checks, &report);
  const Result<void> cleaned = co_await shielded(clean_up(), kCleanUpLimit);
  if (!cleaned) {
    std::fprintf(stderr, "telpher: below %s something of this check may be left: %s\n",
                 destination_text(address_->kind, place("")).c_str(),
                 printable(cleaned.error().message).c_str());
  }
  (void)co_await session_.close();
  if (!done) co_return kExitInterrupted;
  co_return report.end(options_.read_only ? "; nothing was written (--read-only)" : "");
}

ObjectAddress Examination::place(std::string_view name) const {
  return {bucket_, prefix_ + std::string(name)};
}

ObjectAddress Examination::written_at(std::string_view name) {
  ObjectAddress object = place(name);
  if (std::ranges::find(written_, object.key) == written_.end()) written_.push_back(object.key);
  return object;
}

/// Also of what requests have done whose answers did not come.
Task<Result<void>> Examination::clean_up() {
  Result<void> ended;
  if (uploading_) ended = co_await end_uploads();
  Result<void> removed;
  if (!written_.empty()) removed = co_await remove_written();
  co_return ended ? std::move(removed) : std::move(ended);
}

Task<Result<void>> Examination::end_uploads() {
  CO_TRY(const UploadsPage page, co_await store_->list_uploads(bucket_, {.prefix = prefix_}));
  for (const UploadInfo& upload : page.uploads) {
    CO_TRY_VOID(co_await store_->abort({bucket_, upload.key}, upload.upload_id));
  }
  uploading_ = false;
  co_return Result<void>();
}

Task<Result<void>> Examination::remove_written() {
  // Without the answer to the first write it is not known whether there are versions.
  std::optional<ListPage> versions;
  if (keeps_versions_ || whole_.etag.empty()) {
    Result<ListPage> page = co_await store_->list(bucket_, {.prefix = prefix_, .versions = true});
    if (!page && keeps_versions_) co_return std::move(page).error();
    if (page) versions = *std::move(page);
  }
  if (versions) {
    for (const ListEntry& entry : versions->objects) {
      CO_TRY_VOID(co_await store_->remove({bucket_, entry.key, entry.version_id}));
    }
  } else {
    for (const std::string& key : written_) CO_TRY_VOID(co_await store_->remove({bucket_, key}));
  }
  written_.clear();
  co_return Result<void>();
}

}  // namespace telpher
