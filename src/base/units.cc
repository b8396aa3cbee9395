#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace telpher {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

/// Splits "1.5GiB" into 1.5 and the factor of its unit, matched without regard to case.
Result<double> parse_quantity(std::string_view text, std::span<const Unit> units,
                              std::string_view what) {
  const auto invalid = [&] {
    return make_error(ErrorKind::kInvalid,
                      "'" + std::string(text) + "' is not a " + std::string(what));
  };
  double number = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || !std::isfinite(number) || number < 0) return invalid();
  const std::string_view unit_text(rest, static_cast<std::size_t>(text.end() - rest));
  for (const Unit& unit : units) {
    if (unit.name.size() != unit_text.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < unit.name.size(); ++i) {
      same = same && (unit.name[i] | 0x20) == (unit_text[i] | 0x20);
    }
    if (same) return number * unit.factor;
  }
  return invalid();
}

constexpr double kBinary = 1024;
constexpr std::array kSizeUnits = std::to_array<Unit>({
    {"", 1},
    {"b", 1},
    {"k", kBinary},
    {"kib", kBinary},
    {"kb", 1e3},
    {"m", kBinary* kBinary},
    {"mib", kBinary* kBinary},
    {"mb", 1e6},
    {"g", kBinary* kBinary* kBinary},
    {"gib", kBinary* kBinary* kBinary},
    {"gb", 1e9},
    {"t", kBinary* kBinary* kBinary* kBinary},
    {"tib", kBinary* kBinary* kBinary* kBinary},
    {"tb", 1e12},
});

constexpr std::array kDurationUnits = std::to_array<Unit>({
    {"", 1e3},
    {"ms", 1},
    {"s", 1e3},
    {"m", 60e3},
    {"h", 3600e3},
    {"d", 86400e3},
});

}  // namespace

Result<ByteCount> parse_size(std::string_view text) {
  TRY(const double bytes, parse_quantity(text, kSizeUnits, "size (try 16MiB)"));
  if (bytes >= 0x1p63) {
    return make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is too large");
  }
  return static_cast<ByteCount>(bytes);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  TRY(const double ms, parse_quantity(text, kDurationUnits, "duration (try 30s)"));
  if (ms >= 0x1p53) {
    return make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is too long");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

std::string format_size(ByteCount bytes) {
  constexpr std::array kNames = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  char text[32];
  if (bytes < kKiB) {
    std::snprintf(text, sizeof text, "%llu B", static_cast<unsigned long long>(bytes));
    return text;
  }
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kNames.size()) {
    value /= kBinary;
    ++unit;
  }
  std::snprintf(text, sizeof text, "%.*f %s", value < 9.995 ? 2 : 1, value, kNames[unit]);
  return text;
}

std::string format_duration(std::chrono::milliseconds duration) {
  const long long seconds = (duration.count() + 500) / 1000;
  char text[48];
  if (seconds < 60) {
    std::snprintf(text, sizeof text, "%llds", seconds);
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof text, "%lldm %02llds", seconds / 60, seconds % 60);
  } else {
    std::snprintf(text, sizeof text, "%lldh %02lldm", seconds / 3600, seconds / 60 % 60);
  }
  return text;
}

}  // namespace telpher
