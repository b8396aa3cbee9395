#include "transfer/process_identity.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

namespace telpher {
namespace {

std::string read_small_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 1024> text;
  const ssize_t count = read(fd, text.data(), text.size());
  close(fd);
  return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count)) : std::string();
}

/// Field 22 of /proc/PID/stat; empty when there is no such process or it has ended and waits to be
/// reaped. The name before stands in brackets and may hold anything. Source: proc(5).
std::string start_time_of(pid_t pid) {
  const std::string stat = read_small_file("/proc/" + std::to_string(pid) + "/stat");
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos || at + 2 >= stat.size()) return {};
  const char state = stat[at + 2];
  if (state == 'Z' || state == 'X') return {};
  for (int field = 2; field < 22; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return {};
  }
  return stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

std::string boot_id() {
  std::string id = read_small_file("/proc/sys/kernel/random/boot_id");
  return id.substr(0, id.find('\n'));
}

std::string pid_namespace() {
  std::array<char, 64> name;
  const ssize_t count = readlink("/proc/self/ns/pid", name.data(), name.size());
  return count > 0 ? std::string(name.data(), static_cast<std::size_t>(count)) : std::string();
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t end = text.find('/');
    fields.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return fields;
    text.remove_prefix(end + 1);
  }
}

constexpr std::string_view kPid = "pid ";

}  // namespace

std::string process_identity(std::string_view instance) {
  return std::string(kPid) + std::to_string(getpid()) + "/" + start_time_of(getpid()) + "/" +
         boot_id() + "/" + pid_namespace() + "/" + std::string(instance);
}

Liveness liveness_of(std::string_view identity) {
  const std::vector<std::string_view> fields = split(identity);
  if (fields.size() != 5 || !fields[0].starts_with(kPid)) return Liveness::kUnknown;
  pid_t pid = 0;
  const std::string_view digits = fields[0].substr(kPid.size());
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (failed != std::errc() || end != digits.data() + digits.size()) return Liveness::kUnknown;
  if (fields[2] != boot_id()) return Liveness::kDead;
  if (fields[3] != pid_namespace()) return Liveness::kUnknown;
  const std::string start = start_time_of(pid);
  return !start.empty() && start == fields[1] ? Liveness::kAlive : Liveness::kDead;
}

std::string_view display_name(std::string_view identity) {
  return identity.substr(0, identity.find('/'));
}

}  // namespace telpher
