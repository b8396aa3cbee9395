#include "server/key_file.h"

#include "base/unique_fd.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "server/api_call.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace telpher {
namespace {

namespace json = boost::json;

constexpr std::size_t kFileBytesMax = 16 * 1024 * 1024;

json::value to_json(const AccessKey& key) {
  json::array scopes;
  for (const Scope& scope : key.scopes) scopes.emplace_back(to_string(scope));
  json::object object{{"id", key.id},
                      {"name", key.name},
                      {"role", to_string(key.role)},
                      {"buckets", std::move(scopes)},
                      {"created", api_time(key.created)},
                      {"sha256", key.secret_sha256}};
  if (key.expires) object["expires"] = api_time(*key.expires);
  if (key.revoked) object["revoked"] = true;
  return object;
}

Result<std::chrono::sys_seconds> time_field(const json::object& object, std::string_view name) {
  TRY(const std::string text, text_field(object, name));
  TRY(const auto time, parse_api_time(text));
  return std::chrono::floor<std::chrono::seconds>(time);
}

Result<AccessKey> key_of(const json::object& object) {
  AccessKey key;
  TRY(key.id, text_field(object, "id"));
  TRY(key.name, text_field(object, "name"));
  TRY(key.secret_sha256, text_field(object, "sha256"));
  TRY(const std::string role, text_field(object, "role"));
  TRY(key.role, parse_role(role));
  TRY(key.created, time_field(object, "created"));
  if (object.contains("expires")) {
    TRY(key.expires, time_field(object, "expires"));
  }
  const json::value* revoked = object.if_contains("revoked");
  key.revoked = revoked && *revoked != json::value(false);  // in doubt, yes
  const json::value* scopes = object.if_contains("buckets");
  if (!scopes || !scopes->is_array()) return field_error("buckets", "is to be a list");
  for (const json::value& scope : scopes->get_array()) {
    if (!scope.is_string()) return field_error("buckets", "is to be a list of texts");
    TRY(Scope parsed, parse_scope(std::string_view(scope.get_string())));
    key.scopes.push_back(std::move(parsed));
  }
  return key;
}

Result<std::string> read_file(const std::string& path, struct stat& seen) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return make_errno_error(errno, "open '" + path + "'");
  if (::fstat(fd.get(), &seen) != 0) return make_errno_error(errno, "look at '" + path + "'");
  std::string text;
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0) return make_errno_error(errno, "read '" + path + "'");
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kFileBytesMax) {
      return make_error(ErrorKind::kInvalid, "'" + path + "' is too long for a file of keys");
    }
  }
}

Result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const UniqueFd fd(::open(fresh.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd) return make_errno_error(errno, "create '" + fresh + "'");
  while (!text.empty()) {
    const ssize_t count = ::write(fd.get(), text.data(), text.size());
    if (count < 0) return make_errno_error(errno, "write '" + fresh + "'");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(fd.get()) != 0) return make_errno_error(errno, "write '" + fresh + "'");
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return make_errno_error(errno, "replace '" + path + "'");
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const UniqueFd directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (directory) ::fsync(directory.get());
  return {};
}

}  // namespace

std::string random_base64url(std::size_t bytes) {
  std::string random(bytes, '\0');
  // Without entropy there are no keys to be had: nothing sensible can follow.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), static_cast<int>(bytes)) != 1) {
    std::abort();
  }
  std::string text = base64_encode(as_bytes(random));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string sha256_hex(std::string_view text) {
  std::array<std::byte, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
             EVP_sha256(), nullptr);
  return hex_encode(Bytes(digest.data(), size));
}

std::string hmac_hex(std::string_view key, std::string_view text) {
  std::array<std::byte, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(digest.data()), &size);
  return hex_encode(Bytes(digest.data(), size));
}

bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<KeyFile> KeyFile::open(std::string path) {
  KeyFile file(std::move(path));
  TRY_VOID(file.read());
  return file;
}

Result<void> KeyFile::read() {
  struct stat seen{};
  Result<std::string> text = read_file(path_, seen);
  if (!text && text.error().kind == ErrorKind::kNotFound) {
    keys_.clear();
    seen_ = {};
    return {};
  }
  if (!text) return std::move(text).error();
  boost::system::error_code failed;
  const json::value document = json::parse(*text, failed);
  const json::object* object = document.if_object();
  const json::value* list = object ? object->if_contains("keys") : nullptr;
  if (failed || !list || !list->is_array()) {
    return make_error(ErrorKind::kInvalid, "'" + path_ + "' is no file of keys");
  }
  std::vector<AccessKey> keys;
  for (const json::value& entry : list->get_array()) {
    Result<AccessKey> key = entry.is_object() ? key_of(entry.get_object())
                                              : Result<AccessKey>(field_error("keys", "is odd"));
    if (!key) {
      return make_error(ErrorKind::kInvalid, "'" + path_ + "': " + key.error().message);
    }
    keys.push_back(*std::move(key));
  }
  TRY(cookie_secret_, text_field(*object, "cookie_secret"));
  keys_ = std::move(keys);
  seen_ = seen;
  return {};
}

Result<void> KeyFile::write() {
  json::array keys;
  for (const AccessKey& key : keys_) keys.push_back(to_json(key));
  json::object document{{"keys", std::move(keys)}, {"cookie_secret", cookie_secret_}};
  TRY_VOID(replace_file(path_, json::serialize(document) + "\n"));
  if (::stat(path_.c_str(), &seen_) != 0) return make_errno_error(errno, "look at '" + path_ + "'");
  return {};
}

template <class Change>
Result<void> KeyFile::change(Change change) {
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  std::error_code failed;
  if (!folder.empty() && std::filesystem::create_directories(folder, failed)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  }
  if (failed) return make_errno_error(failed.value(), "create folder '" + folder.string() + "'");
  const std::string lock = path_ + ".lock";
  const UniqueFd fd(::open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) return make_errno_error(errno, "create '" + lock + "'");
  if (::flock(fd.get(), LOCK_EX) != 0) return make_errno_error(errno, "lock '" + lock + "'");
  TRY_VOID(read());
  if (cookie_secret_.empty()) cookie_secret_ = random_base64url(32);
  TRY_VOID(change());
  return write();
}

Result<KeyFile::Made> KeyFile::add(AccessKey key, std::chrono::system_clock::time_point now) {
  if (key.name.empty() || key.name.size() > 100) {
    return make_error(ErrorKind::kInvalid, "a key's name has 1 to 100 bytes");
  }
  key.created = std::chrono::floor<std::chrono::seconds>(now);
  if (key.expires && *key.expires <= key.created) {
    return make_error(ErrorKind::kInvalid, "the key would have expired already");
  }
  Made made{.key = std::move(key), .secret = "tk_" + random_base64url(32)};
  made.key.id = "k_" + random_base64url(9);
  made.key.secret_sha256 = sha256_hex(made.secret);
  TRY_VOID(change([&]() -> Result<void> {
    if (keys_.size() >= kKeysMax) {
      return make_error(ErrorKind::kLimit,
                        "there are " + std::to_string(kKeysMax) + " keys already");
    }
    keys_.push_back(made.key);
    return {};
  }));
  return made;
}

Result<void> KeyFile::revoke(std::string_view id) {
  return change([&]() -> Result<void> {
    const auto found = std::ranges::find(keys_, id, &AccessKey::id);
    if (found == keys_.end()) {
      return make_error(ErrorKind::kNotFound, "there is no key '" + std::string(id) + "'");
    }
    found->revoked = true;
    return {};
  });
}

Result<void> KeyFile::refresh() {
  struct stat now{};
  if (::stat(path_.c_str(), &now) != 0) now = {};
  const bool same = now.st_ino == seen_.st_ino && now.st_size == seen_.st_size &&
                    now.st_mtim.tv_sec == seen_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec;
  return same ? Result<void>() : read();
}

const AccessKey* KeyFile::find(std::string_view secret) const {
  const std::string hash = sha256_hex(secret);
  const auto found = std::ranges::find_if(
      keys_, [&](const AccessKey& key) { return equal_secrets(key.secret_sha256, hash); });
  return found == keys_.end() ? nullptr : &*found;
}

const AccessKey* KeyFile::find_id(std::string_view id) const {
  const auto found = std::ranges::find(keys_, id, &AccessKey::id);
  return found == keys_.end() ? nullptr : &*found;
}

}  // namespace telpher
