#include "cli/progress_view.h"

#include "base/units.h"
#include "codec/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace telpher {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};

/// The first character of valid UTF-8.
Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t count = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  char32_t code = lead & (0xffu >> (count + 1));
  for (std::size_t i = 1; i < count && i < text.size(); ++i) code = code << 6 | (byte(i) & 0x3f);
  return {code, std::min(count, text.size())};
}

int columns_of(char32_t code) {
  const bool combining = (code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f) ||
                         (code >= 0xfe00 && code <= 0xfe0f);
  if (combining) return 0;
  // East Asian wide and emoji, roughly: Unicode UAX #11.
  const bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                    (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
                    (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

std::string blanks(int count) { return std::string(static_cast<std::size_t>(count), ' '); }

/// The name in exactly `width` columns; a long one loses its middle, as its end tells more.
std::string fit_name(std::string_view name, int width) {
  const std::string safe = printable(name);
  const int columns = display_width(safe);
  if (columns <= width) return safe + blanks(width - columns);
  const int head = (width - 1) / 3;
  const int tail = width - 1 - head;
  std::string out;
  int used = 0;
  std::size_t at = 0;
  while (at < safe.size()) {
    const Character c = decode(std::string_view(safe).substr(at));
    if (used + columns_of(c.code) > head) break;
    used += columns_of(c.code);
    out += safe.substr(at, c.bytes);
    at += c.bytes;
  }
  int skip = columns - used - tail;  // columns that must go
  while (skip > 0 && at < safe.size()) {
    const Character c = decode(std::string_view(safe).substr(at));
    skip -= columns_of(c.code);
    at += c.bytes;
  }
  out += "~" + safe.substr(at);
  return out + blanks(std::max(0, width - display_width(out)));
}

std::string percent(ByteCount done, ByteCount size) {
  if (size == 0) return "100%";
  // 100 % only when it is: a transfer that waits for its last byte says 99 %.
  const auto value = static_cast<int>(static_cast<double>(done) / static_cast<double>(size) * 100);
  char text[16];
  std::snprintf(text, sizeof text, "%3d%%", done >= size ? 100 : std::min(value, 99));
  return text;
}

std::string bar(ByteCount done, ByteCount size, int width) {
  const double share =
      size == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(size));
  const auto room = static_cast<std::size_t>(width - 2);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(room));
  std::string out(room, ' ');
  std::fill_n(out.begin(), filled, '=');
  if (filled < out.size() && done > 0) out[filled] = '>';
  return '[' + out + ']';
}

std::string speed_text(double bytes_per_second) {
  return format_size(static_cast<ByteCount>(std::max(0.0, bytes_per_second))) + "/s";
}

/// The average beside the present speed, without the unit where both have one.
std::string average_text(const ProgressView& view) {
  if (view.speed_average <= 0) return {};
  const std::string now = speed_text(view.speed);
  std::string average = speed_text(view.speed_average);
  const std::size_t unit = average.find(' ');
  if (now.ends_with(std::string_view(average).substr(unit))) average.resize(unit);
  return "(avg " + average + ')';
}

std::string amount(ByteCount done, const std::optional<ByteCount>& size) {
  if (!size) return format_size(done);
  const std::string of = format_size(*size);
  std::string first = format_size(done);
  const std::string_view unit = std::string_view(of).substr(of.find(' '));
  if (first.ends_with(unit)) first.resize(first.size() - unit.size());
  return first + '/' + of;
}

std::string eta(const ProgressView& view) {
  if (!view.size || view.speed <= 0 || view.bytes_done >= *view.size) return {};
  const double seconds = static_cast<double>(*view.size - view.bytes_done) / view.speed;
  if (seconds > 100 * 86'400.0) return {};
  return "ETA " + format_duration(std::chrono::milliseconds(
                      static_cast<std::int64_t>(std::max(1.0, seconds)) * 1000));
}

/// A piece of a line; the pieces with the highest `rank` are dropped first, those of rank 0 never.
struct Piece {
  std::string text;
  int rank;
};

/// Joins pieces with two blanks, dropping until they fit.
std::string join_fitting(std::vector<Piece> pieces, int width) {
  for (;;) {
    std::string line;
    for (const Piece& piece : pieces) {
      if (piece.text.empty()) continue;
      if (!line.empty()) line += "  ";
      line += piece.text;
    }
    if (display_width(line) <= width) return line;
    const auto worst =
        std::max_element(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
          return (a.text.empty() ? -1 : a.rank) < (b.text.empty() ? -1 : b.rank);
        });
    if (worst == pieces.end() || worst->rank == 0) return fit_name(line, width);
    worst->text.clear();
  }
}

std::string parts_text(int parts) {
  if (parts <= 0) return {};
  return std::to_string(parts) + (parts == 1 ? " part" : " parts");
}

std::string phase_text(std::string_view phase) {
  return phase == "copying" ? std::string() : std::string(phase);
}

/// At most half a line: what moves is to be seen beside it.
std::string waiting_text(const ProgressView& view, int width) {
  const std::string text = printable(view.waiting);
  const int room = std::max(20, width / 2);
  if (display_width(text) <= room) return text;
  std::string out;
  int used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character c = decode(std::string_view(text).substr(at));
    used += columns_of(c.code);
    if (used > room - 1) break;
    out += text.substr(at, c.bytes);
    at += c.bytes;
  }
  return out + '~';
}

int name_width(int width) { return std::clamp(width / 3, 8, 80); }

std::string single_line(const ProgressView& view, const FileView& file, int width) {
  const std::string name = printable(file.name);
  const std::string phase = phase_text(file.phase);
  std::vector<Piece> pieces;
  pieces.push_back(
      {display_width(name) > name_width(width) ? fit_name(name, name_width(width)) : name, 0});
  if (view.size) {
    std::string share = percent(view.bytes_done, *view.size);
    share.erase(0, share.find_first_not_of(' '));
    pieces.push_back({std::move(share), 0});
  }
  if (view.size && width >= 120) pieces.push_back({bar(view.bytes_done, *view.size, 32), 6});
  pieces.push_back({amount(view.bytes_done, view.size), 2});
  pieces.push_back({speed_text(view.speed), 1});
  pieces.push_back({average_text(view), 5});
  pieces.push_back({phase.empty() ? eta(view) : phase, 3});
  pieces.push_back({parts_text(file.parts_in_flight), 4});
  pieces.push_back({waiting_text(view, width), 1});
  return join_fitting(std::move(pieces), width);
}

std::string file_line(const FileView& file, int width) {
  std::vector<Piece> pieces;
  pieces.push_back({fit_name(file.name, name_width(width)), 0});
  pieces.push_back({file.size ? percent(file.bytes_done, *file.size) : "    ", 0});
  if (file.size && width >= 120) pieces.push_back({bar(file.bytes_done, *file.size, 32), 3});
  pieces.push_back({amount(file.bytes_done, file.size), 2});
  pieces.push_back({phase_text(file.phase), 1});
  pieces.push_back({parts_text(file.parts_in_flight), 4});
  return join_fitting(std::move(pieces), width);
}

std::string total_line(const ProgressView& view, int width) {
  std::string files = std::to_string(view.files_done);
  if (view.files_total) files += " of " + std::to_string(*view.files_total);
  files += " files";
  std::vector<Piece> pieces;
  pieces.push_back({files, 0});
  if (view.files_failed > 0) pieces.push_back({std::to_string(view.files_failed) + " failed", 0});
  if (view.size) pieces.push_back({percent(view.bytes_done, *view.size), 1});
  pieces.push_back({amount(view.bytes_done, view.size), 3});
  pieces.push_back({speed_text(view.speed), 2});
  pieces.push_back({average_text(view), 6});
  pieces.push_back({eta(view), 4});
  int parts = 0;
  for (const FileView& file : view.active) parts += file.parts_in_flight;
  pieces.push_back({parts_text(parts), 5});
  pieces.push_back({waiting_text(view, width), 1});
  return join_fitting(std::move(pieces), width);
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character c = decode(text);
    width += columns_of(c.code);
    text.remove_prefix(c.bytes);
  }
  return width;
}

std::string printable(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = utf8 ? decode(text) : Character{static_cast<unsigned char>(text[0]), 1};
    const bool control = c.code < 0x20 || (c.code >= 0x7f && c.code < 0xa0);
    // Marks that reverse the direction of what follows can make one name look like another.
    const bool direction =
        (c.code >= 0x202a && c.code <= 0x202e) || (c.code >= 0x2066 && c.code <= 0x2069);
    if (control || direction || (!utf8 && c.code >= 0x80)) {
      out += '?';
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::vector<std::string> render_progress(const ProgressView& view, int width, int height) {
  width = std::max(width, 20);
  std::vector<std::string> lines;
  if (!view.several) {
    if (!view.active.empty()) lines.push_back(single_line(view, view.active.front(), width));
    return lines;
  }
  const std::size_t room = static_cast<std::size_t>(std::max(height, 2)) - 1;
  const std::size_t shown = view.active.size() > room ? room - 1 : view.active.size();
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(file_line(view.active[i], width));
  if (shown < view.active.size()) {
    lines.push_back("... and " + std::to_string(view.active.size() - shown) + " more");
  }
  lines.push_back(total_line(view, width));
  return lines;
}

void SpeedMeter::sample(Seconds now, ByteCount bytes) {
  if (!first_) first_ = Sample{now, bytes};
  if (!recent_.empty()) bytes = std::max(bytes, recent_.back().bytes);
  recent_.push_back({now, bytes});
  const auto fresh = std::find_if(recent_.begin(), recent_.end(),
                                  [&](const Sample& s) { return s.at > now - kWindow; });
  // One sample at or before the window's start stays, so that the window is full.
  if (fresh - recent_.begin() > 1) recent_.erase(recent_.begin(), fresh - 1);
}

double SpeedMeter::now_per_second() const {
  if (recent_.size() < 2) return 0;
  const double seconds = (recent_.back().at - recent_.front().at).count();
  if (seconds <= 0) return 0;
  return static_cast<double>(recent_.back().bytes - recent_.front().bytes) / seconds;
}

double SpeedMeter::average_per_second() const {
  if (recent_.size() < 2) return 0;
  const double seconds = (recent_.back().at - first_->at).count();
  if (seconds <= 0) return 0;
  return static_cast<double>(recent_.back().bytes - first_->bytes) / seconds;
}

}  // namespace telpher
