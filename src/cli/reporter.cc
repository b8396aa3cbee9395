#include "cli/reporter.h"

#include "base/units.h"
#include "cli/json_event.h"
#include "store/layers/retry.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(250);
constexpr auto kJsonInterval = std::chrono::milliseconds(1000);
constexpr std::string_view kInterruption = "Network interruption: ";

std::string duration_text(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  if (seconds >= 60) {
    return format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(duration));
  }
  char text[32];
  std::snprintf(text, sizeof text, seconds < 10 ? "%.2fs" : "%.1fs", seconds);
  return text;
}

std::string speed_of(ByteCount bytes, Duration duration) {
  const double seconds = std::max(1e-6, std::chrono::duration<double>(duration).count());
  return format_size(static_cast<ByteCount>(static_cast<double>(bytes) / seconds)) + "/s";
}

ByteCount bytes_resumed_in(const TransferResult& result) {
  return std::min(result.size, result.part_size * static_cast<ByteCount>(result.parts_resumed));
}

void write_line(std::FILE* file, std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), file);
  std::fputc('\n', file);
}

}  // namespace

Reporter::Reporter(OutputOptions options, Loop& loop)
    : options_(options), loop_(loop), started_(loop.now()) {
  draw_ = !options_.quiet && (options_.progress == ShowProgress::kAlways ||
                              (options_.progress == ShowProgress::kAuto && !options_.json &&
                               Terminal::is_capable(stderr)));
}

Reporter::~Reporter() { clear_progress(); }

Duration Reporter::elapsed() const { return loop_.now() - started_; }

Reporter::Copy& Reporter::start(CopyNames names) {
  active_.push_back(std::make_unique<Copy>());
  Copy& copy = *active_.back();
  copy.self = std::prev(active_.end());
  copy.names = std::move(names);
  copy.started = loop_.now();
  if (options_.json && !options_.quiet) result_line(json_started(copy.names));
  return copy;
}

void Reporter::count(const TransferResult& result) {
  if (result.mode == TransferMode::kSkipped) {
    if (sync_) {
      ++files_unchanged_;
    } else {
      ++files_skipped_;
    }
  } else {
    ++files_done_;
    bytes_ended_ += result.size;
    bytes_resumed_ += bytes_resumed_in(result);
  }
}

void Reporter::done(Copy& copy, const TransferResult& result) {
  count(result);
  print_done(copy.names, result, loop_.now() - copy.started);
  active_.erase(copy.self);
}

void Reporter::failed(Copy& copy, const Error& error, ExitCode code) {
  ++files_failed_;
  Error shown = error;
  const TransferProgress& progress = copy.progress;
  const bool network = error.kind == ErrorKind::kNetwork || error.kind == ErrorKind::kTimeout;
  const bool said = error.message.contains(kInterruption);  // by the reader of a single stream
  if (network && !said && progress.size && *progress.size > 0 && progress.bytes_done > 0) {
    shown.message += ". " + std::string(kInterruption) + std::to_string(progress.bytes_done) +
                     " of " + std::to_string(*progress.size) + " bytes transferred (" +
                     std::to_string(progress.bytes_done * 100 / *progress.size) + "%)";
  }
  print_failed(copy.names, shown, code, progress.bytes_done);
  active_.erase(copy.self);
}

void Reporter::cancelled(Copy& copy) {
  cut_off_ = copy.progress;
  active_.erase(copy.self);
}

void Reporter::done(const CopyNames& names, const TransferResult& result) {
  count(result);
  if (options_.json) print_done(names, result, std::nullopt);
}

void Reporter::failed(const CopyNames& names, const Error& error, ExitCode code) {
  ++files_failed_;
  print_failed(names, error, code, bytes_done());
}

void Reporter::planned(const CopyNames& names, const CopyPlan& plan) {
  if (plan.skipped && sync_) {
    ++files_unchanged_;
    return;
  }
  if (plan.skipped) {
    ++files_skipped_;
  } else {
    ++files_done_;
    bytes_ended_ += plan.size.value_or(0);
  }
  if (options_.json) return result_line(json_planned(names, plan));
  result_line((plan.skipped ? "would skip "
               : move_      ? "would move "
                            : "would copy ") +
              printable(names.source) + " -> " + printable(names.destination) + ": " + plan.how);
}

void Reporter::removed(const std::string& name) {
  ++files_removed_;
  if (options_.json && !options_.quiet) result_line(json_removed(name));
}

void Reporter::would_remove(const std::string& name) {
  ++files_removed_;
  result_line(options_.json ? json_would_remove(name) : "would remove " + printable(name));
}

void Reporter::watch_retries(RetryStats& retries) {
  retries_ = &retries;
  if (!options_.json || options_.quiet) return;
  retries.told = [this](const RetryNotice& notice) { result_line(json_retry(notice)); };
}

void Reporter::unwatch() { set_ = nullptr; }

void Reporter::print_done(const CopyNames& names, const TransferResult& result,
                          std::optional<Duration> took) {
  if (options_.quiet) return;
  if (options_.json) return result_line(json_done(names, result, took));
  if (several_) return;  // the closing line counts them
  std::string line = printable(names.source) + " -> " + printable(names.destination) + ": ";
  if (result.mode == TransferMode::kSkipped) {
    line += "skipped, " + result.note;
  } else {
    const ByteCount resumed = bytes_resumed_in(result);
    line += format_size(result.size);
    if (resumed > 0) line += ", " + format_size(resumed) + " of it there already,";
    if (took) {
      line += " in " + duration_text(*took) + " (" + speed_of(result.size - resumed, *took) + ")";
    }
    if (result.parts > 1) line += ", " + std::to_string(result.parts) + " parts";
    line += result.verified_by.empty() ? ", not verified" : ", verified by " + result.verified_by;
    if (!result.note.empty()) line += "; " + result.note;
  }
  result_line(line);
}

std::string Reporter::advice(const Error& error, ExitCode code, ByteCount bytes_begun) const {
  // What has gone to standard output is out, and a pipe cannot be read twice.
  if (code == kExitIntegrity && options_.results_to_stderr) return {};
  if (code == kExitGaveUp && !options_.continues) return {};
  return advice_for(error, code, bytes_begun > 0 ? Begun::kSomething : Begun::kNothing);
}

void Reporter::print_failed(const CopyNames& names, const Error& error, ExitCode code,
                            ByteCount bytes_begun) {
  if (options_.json) result_line(json_failed(names, error, code));
  std::string text = printable(names.source);
  if (!names.destination.empty()) {
    text += (text.empty() ? "" : " -> ") + printable(names.destination);
  }
  if (!text.empty()) text += ": ";
  text += printable(error.message);
  const std::string what_to_do = advice(error, code, bytes_begun);
  if (!what_to_do.empty()) text += (text.ends_with('.') ? " " : ". ") + what_to_do;
  error_line(text);
}

void Reporter::note(std::string_view text) {
  if (options_.quiet) return;
  clear_progress();
  write_line(stderr, "telpher: " + std::string(text));
}

void Reporter::error_line(std::string_view text) {
  clear_progress();
  std::fflush(results());
  write_line(stderr, "telpher: " + std::string(text));
}

void Reporter::result_line(std::string_view line) {
  clear_progress();
  write_line(results(), line);
  // A person, or a program that follows the events, reads along; a set of small files does not
  // wait for each line.
  if (active_.size() <= 1 && !set_) std::fflush(results());
}

void Reporter::clear_progress() {
  if (draw_) terminal_.clear();
}

ByteCount Reporter::bytes_done() const {
  ByteCount bytes = bytes_ended_;
  for (const auto& copy : active_) bytes += copy->progress.bytes_done;
  if (set_) {
    for (const auto& active : set_->active) bytes += active->progress.bytes_done;
  }
  return bytes;
}

std::optional<ByteCount> Reporter::size_known() const {
  if (several_ || active_.size() != 1) return std::nullopt;
  return active_.front()->progress.size;
}

namespace {

/// All of it is there once the store has said so: until then a byte is missing.
ByteCount shown_bytes(ByteCount done, const std::optional<ByteCount>& size, bool in_flight) {
  return in_flight && size && *size > 0 && done >= *size ? *size - 1 : done;
}

}  // namespace

ProgressView Reporter::view() {
  ++views_made_;
  ProgressView view;
  view.several = several_;
  view.files_done = files_done_ + files_skipped_;
  view.files_failed = files_failed_;
  view.files_total = files_total_;
  view.bytes_done = bytes_done();
  int parts = 0;
  const auto add = [&](std::string name, const TransferProgress& progress) {
    view.active.push_back({.name = std::move(name),
                           .phase = progress.phase,
                           .size = progress.size,
                           .bytes_done = shown_bytes(progress.bytes_done, progress.size,
                                                     progress.parts_in_flight > 0),
                           .parts_in_flight = progress.parts_in_flight});
    parts += progress.parts_in_flight;
  };
  for (const auto& copy : active_) {
    const std::string& source = copy->names.source;
    const std::size_t slash = source.find_last_of('/', source.size() < 2 ? 0 : source.size() - 2);
    add(slash == std::string::npos ? source : source.substr(slash + 1), copy->progress);
  }
  if (set_) {
    for (const auto& active : set_->active) add(active->key, active->progress);
    if (set_->all_found) view.files_total = static_cast<int>(set_->files_found);
  }
  view.size = size_known();
  if (set_ && set_->all_found && set_->sizes_known) view.size = set_begin_ + set_->bytes_found;
  view.bytes_done = shown_bytes(view.bytes_done, view.size, parts > 0);
  if (retries_ && retries_->waiting > 0) {
    const RetryNotice& last = retries_->last;
    view.waiting = "retrying (" + std::to_string(last.attempt) + " of " +
                   std::to_string(last.attempts_max) + "): " + last.cause;
  }
  parts_sum_ += parts;
  ++parts_samples_;
  const SpeedMeter::Seconds now = loop_.now() - started_;
  ByteCount resumed = bytes_resumed_;
  for (const auto& copy : active_) resumed += copy->progress.bytes_resumed;
  // What an earlier run did is no speed of this one.
  speed_.sample(now, view.bytes_done - std::min(view.bytes_done, resumed));
  view.speed = speed_.now_per_second();
  view.speed_average = speed_.average_per_second();
  return view;
}

void Reporter::show() {
  const ProgressView now = view();
  if (options_.json) {
    if (!options_.quiet) {
      write_line(results(), json_progress(now));
      ++views_shown_;
    }
    std::fflush(results());
  } else if (draw_) {
    const Terminal::Size size = terminal_.size();
    // The last column stays free: some terminals wrap when it is written.
    const auto lines = render_progress(now, size.columns - 1, std::min(size.rows - 1, 20));
    if (!lines.empty()) {
      terminal_.draw(lines);
      ++views_shown_;
    }
  }
}

Task<Result<void>> Reporter::run() {
  speed_.sample(SpeedMeter::Seconds(0), 0);
  const Duration interval = options_.interval.value_or(options_.json ? kJsonInterval : kRedraw);
  for (;;) {
    CO_TRY_VOID(co_await sleep_for(interval));
    show();
  }
}

double Reporter::parts_in_flight_mean() const {
  return parts_samples_ ? parts_sum_ / static_cast<double>(parts_samples_) : 0;
}

RunFigures Reporter::figures() const {
  return {.elapsed = elapsed(),
          .bytes_done = bytes_done(),
          .bytes_resumed = bytes_resumed(),
          .views_made = views_made(),
          .views_shown = views_shown(),
          .parts_in_flight_mean = parts_in_flight_mean()};
}

std::string Reporter::closing_line() const {
  const std::string files = std::to_string(files_done_) + (files_done_ == 1 ? " file" : " files");
  const std::string would = dry_run_ ? " would be" : "";
  std::string line = files + would + (move_ ? " moved" : " copied");
  if (files_done_ > 0) line += ", " + format_size(bytes_ended_);
  if (!dry_run_ && files_done_ == 0) line += " in " + duration_text(elapsed());
  if (!dry_run_ && files_done_ > 0) {
    line += " in " + duration_text(elapsed()) + " (" + speed_of(bytes_ended_, elapsed()) + ")";
  }
  if (files_skipped_ > 0) line += ", " + std::to_string(files_skipped_) + would + " skipped";
  if (files_removed_ > 0) line += ", " + std::to_string(files_removed_) + would + " removed";
  if (files_unchanged_ > 0) line += ", " + std::to_string(files_unchanged_) + " unchanged";
  if (files_failed_ > 0) line += ", " + std::to_string(files_failed_) + " failed";
  return line;
}

void Reporter::finish(const std::vector<StatsGroup>& stats) {
  clear_progress();
  const Totals totals{.done = files_done_,
                      .skipped = files_skipped_,
                      .failed = files_failed_,
                      .removed = files_removed_,
                      .unchanged = files_unchanged_,
                      .bytes = bytes_ended_,
                      .bytes_resumed = bytes_resumed_,
                      .seconds = std::chrono::duration<double>(elapsed()).count(),
                      .dry_run = dry_run_};
  if (options_.json) {
    result_line(json_summary(totals, stats));
    std::fflush(results());
    return;
  }
  if (several_ && !options_.quiet) result_line(closing_line());
  const auto width = static_cast<std::size_t>(std::clamp(terminal_.size().columns, 60, 120));
  for (const StatsGroup& group : stats) {
    constexpr std::size_t kIndent = 15;
    std::string line = group.name + ":";
    line.resize(kIndent, ' ');
    for (std::size_t i = 0; i < group.values.size(); ++i) {
      const std::string piece = group.values[i].name + ' ' + group.values[i].text;
      const bool last = i + 1 == group.values.size();
      if (line.size() + piece.size() + 1 > width && line.size() > kIndent) {
        result_line(line);
        line.assign(kIndent, ' ');
      }
      line += piece + (last ? "" : ", ");
    }
    result_line(line);
  }
  std::fflush(results());
}

}  // namespace telpher
