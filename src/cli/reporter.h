#pragma once
// Reporter: tells people (lines, a moving progress on a terminal) or programs (JSON lines) what a
// command does. One for each command, on its loop.

#include "cli/output_options.h"
#include "cli/progress_view.h"
#include "cli/terminal.h"
#include "session/exit_code.h"
#include "session/run_stats.h"
#include "transfer/transfer.h"
#include "transfer/upload_set.h"

#include <cstdio>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// Both ends of one copy, for people: without secrets.
struct CopyNames {
  std::string source;
  std::string destination;
};

/// What a copy would do.
struct CopyPlan {
  std::string how;                // for people; when skipped, why
  std::optional<ByteCount> size;  // empty = not known beforehand
  bool skipped = false;
};

struct RetryStats;

class Reporter {
 public:
  Reporter(OutputOptions options, Loop& loop);
  ~Reporter();

  /// Several copies: a line each and a total, and at the end one line for all.
  void expect_several() { several_ = true; }
  /// What is skipped was the same already.
  void expect_sync() { sync_ = true; }
  /// Sources go once they are copied.
  void expect_move() { move_ = true; }
  void expect_total(int files) { files_total_ = files; }

  /// A copy under way. Its progress is shown until done() or failed().
  struct Copy {
    CopyNames names;
    TransferProgress progress;
    TimePoint started;
    std::list<std::unique_ptr<Copy>>::iterator self;
  };
  Copy& start(CopyNames names);
  void done(Copy& copy, const TransferResult& result);
  void failed(Copy& copy, const Error& error, ExitCode code);
  /// It ended because everything was cancelled: no failure of its own.
  void cancelled(Copy& copy);

  /// The same for files of a set, whose progress is kept elsewhere.
  void watch(const SetProgress* set) {
    set_ = set;
    set_begin_ = bytes_ended_;
  }
  void done(const CopyNames& names, const TransferResult& result);
  void failed(const CopyNames& names, const Error& error, ExitCode code);
  /// The set has ended: its bytes count as done from now on.
  void unwatch();

  /// Says who waits for another attempt: in the progress, and as events.
  void watch_retries(RetryStats& retries);

  /// --dry-run: what a copy would do. The closing line counts these instead.
  void expect_dry_run() { dry_run_ = true; }
  void planned(const CopyNames& names, const CopyPlan& plan);

  /// Something went from the destination, or would go.
  void removed(const std::string& name);
  void would_remove(const std::string& name);
  /// So many were found the same and left alone.
  void unchanged(std::uint64_t files) { files_unchanged_ += files; }

  /// One line above the progress.
  void note(std::string_view text);
  /// A line of results on standard output (or a JSON object, already written out).
  void result_line(std::string_view line);
  void error_line(std::string_view text);

  /// Whether run() would show anything.
  bool wants_ticks() const { return draw_ || options_.json || options_.stats; }
  /// Whether somebody watches the progress.
  bool draws() const { return draw_; }
  /// Draws until cancelled. Errors: kCancelled.
  Task<Result<void>> run();

  /// Bytes copied or known to be there, so far.
  ByteCount bytes_done() const;
  ByteCount bytes_resumed() const { return bytes_resumed_; }
  std::optional<ByteCount> size_known() const;
  /// How far the last cancelled copy had come.
  const std::optional<TransferProgress>& cut_off() const { return cut_off_; }
  int copies_done() const { return files_done_; }
  int copies_failed() const { return files_failed_; }
  int copies_skipped() const { return files_skipped_; }
  std::uint64_t copies_unchanged() const { return files_unchanged_; }
  double parts_in_flight_mean() const;
  /// How often a picture was made, and how often it was shown.
  std::uint64_t views_made() const { return views_made_; }
  std::uint64_t views_shown() const { return views_shown_; }
  bool json() const { return options_.json; }
  bool several() const { return several_; }
  Duration elapsed() const;
  RunFigures figures() const;

  /// The closing line; with --stats the figures.
  void finish(const std::vector<StatsGroup>& stats);

 private:
  ProgressView view();
  void show();
  void clear_progress();
  void count(const TransferResult& result);
  void print_done(const CopyNames& names, const TransferResult& result,
                  std::optional<Duration> took);
  std::string advice(const Error& error, ExitCode code, ByteCount bytes_begun) const;
  void print_failed(const CopyNames& names, const Error& error, ExitCode code,
                    ByteCount bytes_begun);
  std::string closing_line() const;
  std::FILE* results() const { return options_.results_to_stderr ? stderr : stdout; }

  OutputOptions options_;
  Loop& loop_;
  Terminal terminal_{stderr};
  bool draw_ = false;
  bool several_ = false;
  bool dry_run_ = false;
  bool sync_ = false;
  bool move_ = false;
  TimePoint started_;
  std::optional<int> files_total_;
  int files_done_ = 0;
  int files_skipped_ = 0;
  int files_failed_ = 0;
  std::uint64_t files_removed_ = 0;
  std::uint64_t files_unchanged_ = 0;
  ByteCount bytes_ended_ = 0;  // of copies that have ended well
  ByteCount bytes_resumed_ = 0;
  std::optional<TransferProgress> cut_off_;
  std::list<std::unique_ptr<Copy>> active_;
  const SetProgress* set_ = nullptr;
  ByteCount set_begin_ = 0;  // bytes of copies that had ended before the set
  const RetryStats* retries_ = nullptr;
  SpeedMeter speed_;
  std::uint64_t views_made_ = 0;
  std::uint64_t views_shown_ = 0;
  double parts_sum_ = 0;
  std::uint64_t parts_samples_ = 0;
};

}  // namespace telpher
