#include "cli/service_state.h"

#include "base/unique_fd.h"
#include "server/key_file.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace telpher {
namespace {

Result<std::string> read_secret(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return make_errno_error(errno, "open '" + path + "'");
  std::array<char, 256> buffer;
  const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
  if (count < 0) return make_errno_error(errno, "read '" + path + "'");
  std::string secret(buffer.data(), static_cast<std::size_t>(count));
  while (secret.ends_with('\n')) secret.pop_back();
  return secret;
}

}  // namespace

Result<std::string> webhook_secret(const std::string& path) {
  Result<std::string> kept = read_secret(path);
  if (kept && !kept->empty()) return kept;
  if (!kept && kept.error().kind != ErrorKind::kNotFound) return kept;
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  const std::string secret = random_base64url(32);
  const UniqueFd fd(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd) return make_errno_error(errno, "create '" + path + "'");
  const std::string line = secret + "\n";
  if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(fd.get()) != 0) {
    return make_errno_error(errno, "write '" + path + "'");
  }
  return secret;
}

}  // namespace telpher
