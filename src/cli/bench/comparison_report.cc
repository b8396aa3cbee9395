#include "cli/bench/comparison.h"
#include "codec/plain_numbers.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace telpher {
namespace {

namespace json = boost::json;

/// `text` in `width` columns; UTF-8.
std::string padded(std::string_view text, std::size_t width, bool to_the_right = false) {
  const auto columns = static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
  const std::string blanks(width > columns ? width - columns : 0, ' ');
  return to_the_right ? blanks + std::string(text) : std::string(text) + blanks;
}

std::string number_text(double value) {
  char text[40];
  const int decimals = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// "-9.0%"; "+350%"; ten times and more as "×12".
std::string change_text(double change) {
  char text[40];
  if (change >= 9) {
    std::snprintf(text, sizeof text, "×%.0f", std::min(change + 1, 99999.0));
  } else {
    const double percent = change * 100;
    std::snprintf(text, sizeof text, "%+.*f%%", std::abs(percent) >= 100 ? 0 : 1, percent);
  }
  return text;
}

std::string time_asked(double seconds) {
  const auto whole = static_cast<long>(seconds);
  return whole > 60 ? std::to_string(whole / 60) + "m" : std::to_string(whole) + "s";
}

struct Label {
  std::string_view figure;
  std::string_view in_table;
  std::string_view in_text;
};
constexpr Label kLabels[] = {{"ops_per_s", "ops/s", "ops/s"},
                             {"mib_per_s", "MiB/s", "MiB/s"},
                             {"p50_ms", "p50 ms", "p50"},
                             {"p95_ms", "p95 ms", "p95"},
                             {"p99_ms", "p99 ms", "p99"},
                             {"client_cpu_us_per_op", "client µs", "client CPU"},
                             {"server_cpu_us_per_op", "server µs", "server CPU"}};

const Label& label_of(const Difference& one) {
  return *std::find_if(std::begin(kLabels), std::end(kLabels) - 1,
                       [&](const Label& label) { return label.figure == one.figure; });
}

std::string verdict_text(const Difference& one) {
  if (one.verdict != Verdict::kTooShort) return std::string(to_string(one.verdict, one.is_cost));
  return one.needed_s > 0 ? "too short: " + time_asked(one.needed_s) : "too uneven";
}

std::string row(const Difference& one, bool first_of_operation) {
  const std::string_view operation = one.is_cost ? "CPU/op" : std::string_view(one.operation);
  std::string text = padded(first_of_operation ? operation : "", 7) +
                     padded(label_of(one).in_table, 10) + padded(number_text(one.before), 9, true) +
                     padded(number_text(one.now), 9, true);
  text += padded(one.has_interval ? change_text(one.change) : "–", 9, true);
  text += one.has_interval ? padded(change_text(one.low), 9, true) + " to" +
                                 padded(change_text(one.high), 8, true)
                           : std::string(20, ' ');
  return text + "  " + verdict_text(one) + '\n';
}

std::string run_text(std::string_view label, const RunComparison::Run& run) {
  std::string text = padded(label, 8) + (run.name.empty() ? "this run" : run.name);
  char length[40];
  std::snprintf(length, sizeof length, "%.1f s", run.seconds);
  text += ": " + run.target + ", " + length;
  if (!run.name.empty()) text += ", " + run.saved_at;
  return text + '\n';
}

/// "put ops/s, put p99, client CPU"
std::string names_of(const RunComparison& comparison, Verdict verdict) {
  std::string text;
  for (const Difference& one : comparison.differences) {
    if (one.verdict != verdict) continue;
    if (!text.empty()) text += ", ";
    if (!one.is_cost) text += one.operation + ' ';
    text += label_of(one).in_text;
  }
  return text;
}

std::string conclusion(const RunComparison& comparison) {
  const std::vector<Difference>& all = comparison.differences;
  const auto count = [&](auto&& is) { return std::count_if(all.begin(), all.end(), is); };
  const auto unsure =
      count([](const Difference& one) { return one.verdict == Verdict::kTooShort; });
  const auto uneven = count(
      [](const Difference& one) { return one.verdict == Verdict::kTooShort && one.needed_s == 0; });
  std::string text;
  const std::string worse = names_of(comparison, Verdict::kWorse);
  const std::string better = names_of(comparison, Verdict::kBetter);
  if (!worse.empty()) text += "Worse: " + worse + ".\n";
  if (!better.empty()) text += "Better: " + better + ".\n";
  if (comparison.has(Verdict::kNone) && text.empty()) {
    text += std::string("No difference that can be told") +
            (unsure > 0 ? " by the figures that tell" : "") + ".\n";
  }
  if (unsure > uneven) {
    text += "Too short to tell by " + std::to_string(unsure - uneven) + " of " +
            std::to_string(all.size()) +
            " figures: both runs should last about as long as stands there (--duration).\n";
  }
  if (uneven > 0) {
    text +=
        "Too uneven: these varied so much that an hour would not do. Is something else at "
        "work?\n";
  }
  return text;
}

/// At most 80 columns wide, broken at blanks.
std::string wrapped(std::string_view text) {
  constexpr std::size_t kColumns = 80;
  std::string lines;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    if (end > kColumns) {
      const std::size_t blank = text.rfind(' ', kColumns);
      end = blank == std::string_view::npos || blank == 0 ? std::min(text.find(' '), end) : blank;
    }
    lines.append(text.substr(0, end)).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

json::object object_of(const RunComparison::Run& run) {
  json::object object;
  if (!run.name.empty()) object["file"] = run.name;
  object["target"] = run.target;
  object["saved_at"] = run.saved_at;
  object["seconds"] = run.seconds;
  object["errors"] = run.failed;
  return object;
}

}  // namespace

std::string comparison_table(const RunComparison& comparison) {
  std::string text =
      wrapped(run_text("before:", comparison.before) + run_text("now:", comparison.now));
  text += '\n' + padded("", 17) + "   before      now   change            interval  verdict\n";
  std::string operation;
  for (const Difference& one : comparison.differences) {
    text += row(one, one.operation != operation);
    operation = one.operation;
  }
  text += '\n';
  if (comparison.before.failed + comparison.now.failed > 0) {
    text += "Operations failed: " + std::to_string(comparison.before.failed) + " before, " +
            std::to_string(comparison.now.failed) + " now; the figures are of the others.\n";
  }
  return text + wrapped(conclusion(comparison));
}

std::string comparison_json(const RunComparison& comparison) {
  json::object object;
  object["event"] = "comparison";
  object["before"] = object_of(comparison.before);
  object["now"] = object_of(comparison.now);
  json::array differences;
  for (const Difference& one : comparison.differences) {
    json::object item;
    item["operation"] = one.operation;
    item["figure"] = one.figure;
    item["before"] = one.before;
    item["now"] = one.now;
    if (one.has_interval) {
      item["change"] = one.change;
      item["low"] = one.low;
      item["high"] = one.high;
    }
    item["verdict"] = to_string(one.verdict, one.is_cost);
    if (one.needed_s > 0) item["needed_s"] = one.needed_s;
    differences.push_back(std::move(item));
  }
  object["differences"] = std::move(differences);
  object["worse"] = comparison.has(Verdict::kWorse);
  return plain_numbers(json::serialize(object));
}

}  // namespace telpher
