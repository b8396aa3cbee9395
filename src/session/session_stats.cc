// What --stats shows.

#include "base/units.h"
#include "session/session.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <sys/resource.h>

namespace telpher {
namespace {

StatsGroup::Value number(std::string name, std::uint64_t value) {
  return {std::move(name), static_cast<double>(value), std::to_string(value)};
}

StatsGroup::Value size(std::string name, ByteCount value) {
  return {std::move(name), static_cast<double>(value), format_size(value)};
}

StatsGroup::Value real(std::string name, double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text, "%.3f%s", value, unit);
  return {std::move(name), value, text};
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// Of this program alone: ru_maxrss also remembers the process that started it, before the exec.
ByteCount peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * kKiB;
  }
  return 0;
}

StatsGroup cost_stats(const RunFigures& figures) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const double cpu = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  const double wall = std::chrono::duration<double>(figures.elapsed).count();
  const ByteCount bytes = figures.bytes_done - figures.bytes_resumed;
  const double gib = static_cast<double>(bytes) / static_cast<double>(kGiB);
  StatsGroup group{"cost", {}};
  group.values.push_back(real("cpu_seconds", cpu, "s"));
  group.values.push_back(real("cpu_seconds_per_gib", gib > 0 ? cpu / gib : 0, "s"));
  group.values.push_back(size("rss_peak", peak_resident_bytes()));
  group.values.push_back(real("wall_seconds", wall, "s"));
  group.values.push_back(
      size("bytes_per_second",
           static_cast<ByteCount>(wall > 0 ? static_cast<double>(bytes) / wall : 0)));
  return group;
}

}  // namespace

StatsGroup Session::network_stats() const {
  std::uint64_t opened = 0, reused = 0, stale = 0, connect_ms = 0;
  ByteCount sent = 0, received = 0;
  const auto add = [&](const HttpClient* client) {
    if (!client) return;
    const HttpClient::Stats& stats = client->stats();
    opened += stats.connections_opened;
    reused += stats.connections_reused;
    stale += stats.stale_connections;
    connect_ms += stats.connect_ms_total;
    sent += stats.bytes_sent;
    received += stats.bytes_received;
  };
  add(source_client_.get());
  add(s3_client_);
  StatsGroup group{"network", {}};
  group.values = {number("connections_opened", opened),
                  number("connections_reused", reused),
                  number("connections_stale", stale),
                  number("connect_ms", connect_ms),
                  size("bytes_sent", sent),
                  size("bytes_received", received),
                  number("retries_throttled", retry_stats_.throttled.value()),
                  number("retries_timeout", retry_stats_.timeout.value()),
                  number("retries_network", retry_stats_.network.value()),
                  number("retries_server", retry_stats_.server.value()),
                  number("retries_corrupt", retry_stats_.corrupt.value()),
                  number("retries_other", retry_stats_.other.value()),
                  number("retries_source", transfer_stats_.part_retries.value()),
                  size("bytes_resent",
                       retry_stats_.bytes_resent.value() + transfer_stats_.bytes_resent.value())};
  return group;
}

std::vector<StatsGroup> Session::stats(const CopySettings& copy, const RunFigures& figures) const {
  const BufferPool::Stats pool = buffers_ ? buffers_->stats() : BufferPool::Stats{};
  const TransferStats& t = transfer_stats_;
  const double paused_ms = static_cast<double>(t.paused_us.value()) / 1000;
  const auto pauses = t.pauses.value();
  const auto active_us = t.active_us.value();
  const double wall_ms = std::chrono::duration<double, std::milli>(figures.elapsed).count();
  const double shown = static_cast<double>(figures.views_shown);
  std::vector<StatsGroup> groups;
  groups.push_back(
      {"buffers",
       {number("allocations", pool.allocations), number("reuses", pool.reuses),
        size("copied", t.copies_through_buffers.value()), size("read", t.bytes_read.value()),
        size("written", t.bytes_written.value()), size("peak", pool.bytes_peak)}});
  groups.push_back({"concurrency",
                    {number("configured", static_cast<std::uint64_t>(copy.transfer.concurrency)),
                     number("peak", static_cast<std::uint64_t>(t.parts_in_flight.peak())),
                     real("mean", figures.parts_in_flight_mean, "")}});
  groups.push_back(
      {"backpressure",
       {number("pauses", pauses), number("resumes", t.resumes.value()),
        real("paused_ms", paused_ms, ""),
        real("paused_ms_mean", pauses ? paused_ms / static_cast<double>(pauses) : 0, ""),
        real("paused_share",
             active_us ? static_cast<double>(t.paused_us.value()) / static_cast<double>(active_us)
                       : 0,
             "")}});
  groups.push_back(
      {"progress",
       {number("calculations", figures.views_made), number("updates", figures.views_shown),
        real("interval_ms_mean", shown > 0 ? wall_ms / shown : 0, "")}});
  groups.push_back(network_stats());
  groups.push_back(cost_stats(figures));
  return groups;
}

}  // namespace telpher
