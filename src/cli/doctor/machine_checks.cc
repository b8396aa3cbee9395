// What this machine has for Telpher.

#include "base/units.h"
#include "cli/doctor/examination.h"
#include "session/exit_code.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace telpher {

Examination::CheckTask Examination::check_home() {
  Result<Journal*> journal = co_await session_.journal();
  if (!journal) {
    co_return failure(
        kExitDestination, "nothing can be resumed: " + journal.error().message,
        "Make " + settings_.home + " writable for this user, or name another folder: TELPHER_HOME");
  }
  CO_TRY(const std::vector<JournalEntry> entries, co_await (*journal)->unfinished());
  struct statvfs space{};
  std::string text = settings_.home;
  if (::statvfs(settings_.home.c_str(), &space) == 0) {
    const ByteCount free = static_cast<ByteCount>(space.f_bavail) * space.f_frsize;
    text += ", " + format_size(free) + " free";
    if (free < 100 * kMiB) {
      co_return warning(text, "Free some room: journals and local:// are kept there");
    }
  }
  if (!entries.empty()) {
    text += ", " + std::to_string(entries.size()) +
            (entries.size() == 1 ? " unfinished transfer" : " unfinished transfers") +
            " (telpher jobs)";
  }
  co_return ok(std::move(text));
}

Examination::CheckTask Examination::check_memory() {
  const ByteCount all = machine_memory();
  std::string text =
      format_size(settings_.memory) + " for buffers, of " + format_size(all) + " here";
  if (settings_.memory > all / 2) {
    co_return warning(std::move(text), "Lower TELPHER_MEMORY: the rest of the machine needs some");
  }
  if (settings_.memory < 32 * kMiB) {
    co_return warning(std::move(text),
                      "Large transfers are slow with so little: raise TELPHER_MEMORY");
  }
  co_return ok(std::move(text));
}

Examination::CheckTask Examination::check_open_files() {
  constexpr rlim_t kEnough = 1024;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) co_return skipped("");
  std::string text = limit.rlim_cur == RLIM_INFINITY
                         ? "no limit"
                         : "at most " + std::to_string(limit.rlim_cur) + " at a time";
  if (limit.rlim_cur >= kEnough) co_return ok(std::move(text));
  co_return warning(std::move(text), "Raise it for many transfers side by side: ulimit -n 4096");
}

Examination::CheckTask Examination::check_files() {
  // Errors of the files and of an unknown profile are those of the endpoint, too: found there.
  Result<S3Config> config = resolve_s3_config(options_.access.s3, settings_.environment);
  if (!config) co_return skipped("");
  std::string read;
  std::string open_to_all;
  for (const std::string* path : {&config->config_path, &config->credentials_path}) {
    struct stat info{};
    if (::stat(path->c_str(), &info) != 0) continue;
    read += (read.empty() ? "" : ", ") + *path;
    const bool is_secret = path == &config->credentials_path;
    if (is_secret && (info.st_mode & (S_IRGRP | S_IROTH)) != 0) open_to_all = *path;
  }
  if (read.empty()) co_return skipped("");
  std::string text = "'" + config->profile + "' of " + read;
  if (open_to_all.empty()) co_return ok(std::move(text));
  co_return warning(text + "; others on this machine may read the keys",
                    "Keep them to yourself: chmod 600 " + open_to_all);
}

}  // namespace telpher
