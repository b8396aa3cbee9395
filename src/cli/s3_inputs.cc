#include "cli/s3_inputs.h"

#include "base/unique_fd.h"
#include "cli/progress_view.h"

#include <boost/json.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

std::string quoted(std::string_view option, std::string_view path) {
  return std::string(option) + " '" + std::string(path) + "'";
}

Error wrong(std::string_view what, std::string_view why) {
  return make_error(ErrorKind::kInvalid, std::string(what) + ": " + std::string(why));
}

}  // namespace

Result<std::string> read_input(std::string_view option, const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::error_code unreadable;
  if (file && std::filesystem::is_directory(path, unreadable)) {
    return wrong(quoted(option, path), "it is a directory");
  }
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return make_error(ErrorKind::kInvalid,
                      make_errno_error(errno ? errno : EIO, quoted(option, path)).message);
  }
  return std::move(text).str();
}

namespace {

std::string to_json(const S3User& user) {
  namespace json = boost::json;
  const json::object object{{"access_key", user.access_key},
                            {"secret_key", user.secret_key},
                            {"id", user.id},
                            {"display_name", user.display_name}};
  return json::serialize(json::object{{"users", json::array{object}}}) + "\n";
}

/// Makes the file, whole and readable for its owner alone, unless it is there: then returns false.
Result<bool> keep_user(const std::string& path, const S3User& user) {
  const std::string text = to_json(user);
  const std::string draft = path + "." + std::to_string(::getpid());
  ::unlink(draft.c_str());
  const UniqueFd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return make_errno_error(errno, "create '" + path + "'");
  const bool written =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(fd.get()) == 0;
  const bool kept = written && ::link(draft.c_str(), path.c_str()) == 0;
  const int problem = errno;
  ::unlink(draft.c_str());
  if (!kept && !(written && problem == EEXIST)) {
    return make_errno_error(problem, "write '" + path + "'");
  }
  if (!kept) return false;
  // Who is told these keys finds them again after a power cut.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const UniqueFd names(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!names || ::fsync(names.get()) != 0) return make_errno_error(errno, "sync '" + folder + "'");
  return true;
}

Result<std::vector<S3User>> read_users(std::string_view option, const std::string& path) {
  TRY(const std::string text, read_input(option, path));
  Result<std::vector<S3User>> users = parse_users(text);
  if (!users) return wrong(quoted(option, path), users.error().message);
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0) {
    std::fprintf(stderr, "telpher: others can read the secret keys in '%s': chmod 600 it\n",
                 printable(path).c_str());
  }
  return users;
}

/// A variable that is empty was passed on without having been set.
std::string value_of(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

}  // namespace

Result<Users> find_given_users(const S3EndpointOptions& options, const Environment& environment) {
  constexpr std::string_view kAccess = "TELPHER_S3_ACCESS_KEY";
  constexpr std::string_view kSecret = "TELPHER_S3_SECRET_KEY";
  const std::string access_key = value_of(environment, kAccess);
  const std::string secret_key = value_of(environment, kSecret);
  const bool some = !access_key.empty() || !secret_key.empty();
  if (!options.credentials.empty()) {
    if (some) return wrong("--credentials", "TELPHER_S3_ACCESS_KEY is set too: which is it?");
    TRY(std::vector<S3User> users, read_users("--credentials", options.credentials));
    return Users{.users = std::move(users)};
  }
  if (!some) return Users();
  if (access_key.empty()) return wrong(kAccess, "it is not set, and TELPHER_S3_SECRET_KEY is");
  if (secret_key.empty()) return wrong(kSecret, "it is not set, and TELPHER_S3_ACCESS_KEY is");
  // Signatures name the key, a slash, and where it is valid.
  if (access_key.contains('/')) return wrong(kAccess, "an access key has no '/'");
  return Users{.users = {{.access_key = access_key,
                          .secret_key = secret_key,
                          .session_token = {},
                          .id = access_key,
                          .display_name = access_key}}};
}

Result<Users> find_kept_users(const std::string& root) {
  if (root.empty()) return Users{.users = {make_user()}, .made = true};
  const std::string path = root + "/s3-credentials.json";
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable)) {
    const S3User user = make_user();
    TRY(const bool kept, keep_user(path, user));
    if (kept) return Users{.users = {user}, .kept_in = path, .made = true};
  }
  TRY(std::vector<S3User> users, read_users("the keys in", path));
  return Users{.users = std::move(users), .kept_in = path};
}

Result<FaultScript> read_faults(const S3EndpointOptions& options) {
  FaultScript script;
  if (!options.faults.empty()) {
    TRY(const std::string text, read_input("--faults", options.faults));
    Result<FaultScript> parsed = parse_fault_script(text);
    if (!parsed) return wrong(quoted("--faults", options.faults), parsed.error().message);
    script = *std::move(parsed);
  }
  if (options.latency) script.latency = *options.latency;
  return script;
}

Result<std::unique_ptr<TlsServerContext>> read_tls(const std::string& cert,
                                                   const std::string& key) {
  if (cert.empty() != key.empty()) {
    return make_error(ErrorKind::kInvalid,
                      "--tls-cert and --tls-key belong together: one is missing");
  }
  if (cert.empty()) return std::unique_ptr<TlsServerContext>();
  TlsServerOptions tls;
  TRY(tls.certificate_pem, read_input("--tls-cert", cert));
  TRY(tls.private_key_pem, read_input("--tls-key", key));
  Result<std::unique_ptr<TlsServerContext>> context = TlsServerContext::make(tls);
  if (context) return context;
  return wrong(quoted("--tls-cert", cert) + " and " + quoted("--tls-key", key),
               context.error().message);
}

}  // namespace telpher
