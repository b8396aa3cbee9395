#include "codec/http_date.h"

#include "codec/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace telpher {
namespace {

using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct DateFields {
  std::string_view day;
  std::string_view month;
  std::string_view year;
  std::string_view time;  // hh:mm:ss
};

// Two digits at `at`, or 99.
unsigned two_digits(std::string_view text, std::size_t at) {
  return parse_decimal<unsigned>(text.substr(at, 2)).value_or(99);
}

std::optional<sys_seconds> assemble(const DateFields& fields) {
  const auto month = std::ranges::find(kMonths, fields.month);
  const auto day = parse_decimal<unsigned>(fields.day);
  auto year = parse_decimal<unsigned>(fields.year);
  if (month == kMonths.end() || !day || !year || fields.time.size() != 8 || fields.time[2] != ':' ||
      fields.time[5] != ':') {
    return std::nullopt;
  }
  if (fields.year.size() == 2) *year += *year < 70 ? 2000 : 1900;
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(*year)),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(*day)};
  const unsigned hour = two_digits(fields.time, 0);
  const unsigned minute = two_digits(fields.time, 3);
  const unsigned second = two_digits(fields.time, 6);
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(std::min(second, 59u));
}

}  // namespace

std::string format_http_date(sys_seconds time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  char text[40];
  std::snprintf(
      text, sizeof(text), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      kDays[std::chrono::weekday(days).c_encoding()].data(), static_cast<unsigned>(date.day()),
      kMonths[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return text;
}

std::optional<sys_seconds> parse_http_date(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) {
    // "Sun Nov  6 08:49:37 1994"
    if (text.size() != 24 || text[3] != ' ' || text[7] != ' ' || text[10] != ' ' ||
        text[19] != ' ') {
      return std::nullopt;
    }
    const std::size_t day_at = text[8] == ' ' ? 9 : 8;
    return assemble({text.substr(day_at, 10 - day_at), text.substr(4, 3), text.substr(20, 4),
                     text.substr(11, 8)});
  }
  // " 06 Nov 1994 08:49:37 GMT" or " 06-Nov-94 08:49:37 GMT"
  const std::string_view rest = text.substr(comma + 1);
  const bool long_year = rest.size() == 25;
  const char separator = long_year ? ' ' : '-';
  const std::size_t time_at = long_year ? 13 : 11;
  if ((!long_year && rest.size() != 23) || rest[0] != ' ' || rest[3] != separator ||
      rest[7] != separator || rest[time_at - 1] != ' ' || !rest.ends_with(" GMT")) {
    return std::nullopt;
  }
  return assemble({rest.substr(1, 2), rest.substr(4, 3), rest.substr(8, long_year ? 4 : 2),
                   rest.substr(time_at, 8)});
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, sys_seconds now) {
  value = trim_blanks(value);
  if (const auto seconds = parse_decimal<std::uint32_t>(value)) {
    return std::chrono::seconds(*seconds);
  }
  const auto date = parse_http_date(value);
  if (!date) return std::nullopt;
  return std::max(*date - now, std::chrono::seconds(0));
}

}  // namespace telpher
