#include "cli/bench/report.h"

#include "base/units.h"
#include "codec/plain_numbers.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace telpher {
namespace {

namespace json = boost::json;

__attribute__((format(printf, 1, 2))) std::string text_of(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

double per_second(double amount, std::chrono::duration<double> elapsed) {
  return elapsed.count() > 0 ? amount / elapsed.count() : 0;
}

double mib(ByteCount bytes) { return static_cast<double>(bytes) / static_cast<double>(kMiB); }

double us_per_operation(double cpu_s, const LoadTallies& tallies) {
  const auto finished = static_cast<double>(tallies.all.finished());
  return finished > 0 ? cpu_s * 1e6 / finished : 0;
}

std::string sizes_text(const SizeRange& sizes) {
  const std::string max = format_size(sizes.max);
  return sizes.min == sizes.max ? max : format_size(sizes.min) + " to " + max;
}

std::string model_text(const LoadSettings& settings) {
  if (settings.rate > 0) {
    return text_of("open model: %.6g operations/s are due, latency counts from when each was due",
                   settings.rate);
  }
  return text_of(
      "closed model: %d at once, each waits for its answer before it sends the next;\n"
      "a slow server is asked less (--rate avoids that)",
      settings.concurrency);
}

constexpr double kQuantiles[] = {0.5, 0.9, 0.95, 0.99, 0.999};
constexpr const char* kQuantileNames[] = {"p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms"};

/// At least three digits, and in most cases no more than six characters.
std::string digits_text(double value, int decimals) {
  if (value >= 1000) decimals = 0;
  if (value >= 100) decimals = std::min(decimals, 1);
  if (value >= 10) decimals = std::min(decimals, 2);
  return text_of("%.*f", decimals, value);
}

constexpr std::size_t kColumns = 80;
constexpr const char* kTableHead =
    "          count errors   ops/s  MiB/s p50 ms    p90    p95    p99  p99.9    max\n";

/// As wide as kTableHead: no wider than kColumns.
std::string table_row(std::string_view name, const LoadTally& tally,
                      std::chrono::duration<double> elapsed) {
  std::string row =
      text_of("%-6s %8llu %6llu %7s %6s", std::string(name).c_str(),
              static_cast<unsigned long long>(tally.finished()),
              static_cast<unsigned long long>(tally.failed),
              digits_text(per_second(static_cast<double>(tally.finished()), elapsed), 1).c_str(),
              digits_text(per_second(mib(tally.bytes), elapsed), 1).c_str());
  // Latencies are those of what succeeded.
  if (tally.finished() == tally.failed) {
    for (std::size_t i = 0; i <= std::size(kQuantiles); ++i) row += "      –";
    return row + '\n';
  }
  for (const double q : kQuantiles) {
    row += text_of(" %6s", digits_text(tally.latency_ms(q), 3).c_str());
  }
  return row + text_of(" %6s\n", digits_text(tally.latency_max_ms(), 3).c_str());
}

/// What was done to what, in one line if it fits.
std::string title(const LoadReport& report) {
  const LoadSettings& settings = report.settings;
  std::string what =
      sizes_text(settings.sizes) + ", " + std::to_string(settings.concurrency) + " at once";
  if (report.connections > 0) {
    what += " over " + std::to_string(report.connections) + " connections";
  }
  what += text_of(", %.2f s, seed %llu\n", report.elapsed.count(),
                  static_cast<unsigned long long>(settings.seed));
  const bool fits = report.target.size() + 2 + what.size() - 1 <= kColumns;
  return report.target + (fits ? ": " : ":\n") + what;
}

std::string errors_text(std::string_view name, const LoadTally& tally) {
  if (tally.failed == 0) return {};
  std::string text = std::string(name) + ":";
  const char* separator = " ";
  for (const auto& [code, count] : tally.errors) {
    text += separator + std::to_string(count) + " × " + code;
    separator = ", ";
  }
  return text +
         text_of("; the longest took %.3f ms\n", static_cast<double>(tally.failed_max_ns) / 1e6);
}

json::object object_of(const LoadTally& tally, std::chrono::duration<double> elapsed) {
  json::object object;
  object["count"] = tally.finished();
  object["errors"] = tally.failed;
  object["bytes"] = tally.bytes;
  object["ops_per_s"] = per_second(static_cast<double>(tally.finished()), elapsed);
  object["mib_per_s"] = per_second(mib(tally.bytes), elapsed);
  for (std::size_t i = 0; i < std::size(kQuantiles); ++i) {
    object[kQuantileNames[i]] = tally.latency_ms(kQuantiles[i]);
  }
  object["max_ms"] = tally.latency_max_ms();
  json::object codes;
  for (const auto& [code, count] : tally.errors) codes[code] = count;
  object["error_codes"] = std::move(codes);
  return object;
}

}  // namespace

std::string load_table(const LoadReport& report) {
  const LoadSettings& settings = report.settings;
  std::string text = title(report) + model_text(settings) + "\n\n" + kTableHead;
  int kinds = 0;
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    const LoadTally& tally = report.tallies.by_operation[i];
    if (!settings.mix.has(static_cast<LoadOperation>(i)) && tally.finished() == 0) continue;
    text += table_row(to_string(static_cast<LoadOperation>(i)), tally, report.elapsed);
    ++kinds;
  }
  if (kinds > 1) text += table_row("all", report.tallies.all, report.elapsed);
  text += text_of("\nCPU per operation: client %.1f µs",
                  us_per_operation(report.client_cpu_s, report.tallies));
  if (report.server) {
    text += text_of(", server %.1f µs\nserver: process %d, now %s resident",
                    us_per_operation(report.server->cpu_s, report.tallies),
                    static_cast<int>(report.server->pid),
                    format_size(report.server->at_end.resident).c_str());
  }
  text += '\n';
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    text += errors_text(to_string(static_cast<LoadOperation>(i)), report.tallies.by_operation[i]);
  }
  if (report.not_started > 0) {
    text += text_of("%llu operations were due and could not be started: too slow for --rate\n",
                    static_cast<unsigned long long>(report.not_started));
  }
  if (report.ran_dry) text += "ended early: nothing was left to delete (--objects)\n";
  if (report.interrupted) text += "interrupted: these are the figures so far\n";
  return text;
}

std::string load_json(const LoadReport& report) {
  const LoadSettings& settings = report.settings;
  json::object object;
  object["event"] = "bench";
  object["target"] = report.target;
  object["model"] = settings.rate > 0 ? "open" : "closed";
  if (settings.rate > 0) object["rate"] = settings.rate;
  object["seed"] = settings.seed;
  object["concurrency"] = settings.concurrency;
  object["connections"] = report.connections;
  object["size_min"] = settings.sizes.min;
  object["size_max"] = settings.sizes.max;
  object["elapsed_s"] = report.elapsed.count();
  json::object operations;
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    const LoadTally& tally = report.tallies.by_operation[i];
    if (!settings.mix.has(static_cast<LoadOperation>(i)) && tally.finished() == 0) continue;
    operations[to_string(static_cast<LoadOperation>(i))] = object_of(tally, report.elapsed);
  }
  object["operations"] = std::move(operations);
  object["all"] = object_of(report.tallies.all, report.elapsed);
  object["not_started"] = report.not_started;
  object["ran_dry"] = report.ran_dry;
  object["interrupted"] = report.interrupted;
  object["client_cpu_s"] = report.client_cpu_s;
  object["client_cpu_us_per_op"] = us_per_operation(report.client_cpu_s, report.tallies);
  object["client_rss_peak_bytes"] = report.client_rss_peak;
  if (report.server) {
    json::object server;
    server["pid"] = report.server->pid;
    server["cpu_s"] = report.server->cpu_s;
    server["cpu_us_per_op"] = us_per_operation(report.server->cpu_s, report.tallies);
    server["rss_bytes"] = report.server->at_end.resident;
    server["rss_peak_bytes"] = report.server->at_end.resident_peak;
    object["server"] = std::move(server);
  }
  return plain_numbers(json::serialize(object));
}

std::string load_progress(const LoadTallies& tallies, double seconds, double rate,
                          double bytes_per_second) {
  std::string line = text_of("%6.1f s  %8.0f ops/s  %s/s  p50 %.3f ms  p99 %.3f ms", seconds, rate,
                             format_size(static_cast<ByteCount>(bytes_per_second)).c_str(),
                             tallies.all.latency_ms(0.5), tallies.all.latency_ms(0.99));
  if (tallies.all.failed > 0) {
    line += text_of("  %llu failed", static_cast<unsigned long long>(tallies.all.failed));
  }
  return line;
}

}  // namespace telpher
