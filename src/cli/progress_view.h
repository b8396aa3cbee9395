#pragma once
// What the progress looks like: state in, lines out. Pure, so that every width and every moment can
// be tested without a terminal.

#include "base/bytes.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

struct FileView {
  std::string name;
  std::string_view phase;  // as TransferProgress
  std::optional<ByteCount> size;
  ByteCount bytes_done = 0;
  int parts_in_flight = 0;
};

struct ProgressView {
  std::vector<FileView> active;
  int files_done = 0;
  int files_failed = 0;
  std::optional<int> files_total;  // empty while they are still being found
  bool several = false;            // more than one file: a line each and a total
  std::optional<ByteCount> size;   // of all, as far as known
  ByteCount bytes_done = 0;
  double speed = 0;          // bytes per second over the last seconds
  double speed_average = 0;  // since the start
  std::string waiting;       // what keeps things from moving just now: "retrying (3 of 8): …"
};

/// Lines of at most `width` columns each and at most `height` in number (≥ 2). What does not fit is
/// left out from the least useful on.
std::vector<std::string> render_progress(const ProgressView& view, int width, int height);

/// Columns of a terminal that `text` (UTF-8) takes.
int display_width(std::string_view text);

/// `text` without control characters, so that a name cannot command the terminal; what is not UTF-8
/// becomes "?".
std::string printable(std::string_view text);

/// The speed over the last few seconds, from samples of a rising byte count. Pure.
class SpeedMeter {
 public:
  using Seconds = std::chrono::duration<double>;
  /// `bytes` may fall (a part is sent again): that counts as no progress.
  void sample(Seconds now, ByteCount bytes);
  double now_per_second() const;
  double average_per_second() const;

 private:
  struct Sample {
    Seconds at;
    ByteCount bytes;
  };
  static constexpr Seconds kWindow{5};
  std::optional<Sample> first_;
  std::vector<Sample> recent_;
};

}  // namespace telpher
