#include "s3/service/user.h"

#include "base/random.h"

#include <boost/json.hpp>
#include <openssl/rand.h>

#include <algorithm>
#include <set>

namespace telpher {
namespace {

/// `size` characters of `alphabet` (64 of them at most), from the system's random source.
std::string random_text(std::size_t size, std::string_view alphabet) {
  std::string text(size, '\0');
  // Without entropy there are no keys to be had: nothing sensible can follow.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(text.data()), static_cast<int>(size)) != 1) {
    std::abort();
  }
  for (char& c : text) c = alphabet[static_cast<unsigned char>(c) % alphabet.size()];
  return text;
}

Error refused(std::size_t index, std::string_view what) {
  return make_error(ErrorKind::kInvalid,
                    "credentials: user " + std::to_string(index + 1) + ": " + std::string(what));
}

Result<void> set_field(S3User& user, std::size_t index, std::string_view name,
                       const boost::json::value& value) {
  if (!value.is_string()) return refused(index, "'" + std::string(name) + "' is no text");
  std::string text(value.get_string());
  if (name == "access_key") {
    user.access_key = std::move(text);
  } else if (name == "secret_key") {
    user.secret_key = std::move(text);
  } else if (name == "session_token") {
    user.session_token = std::move(text);
  } else if (name == "id") {
    user.id = std::move(text);
  } else if (name == "display_name") {
    user.display_name = std::move(text);
  } else {
    return refused(index, "unknown field '" + std::string(name) + "'");
  }
  return {};
}

}  // namespace

Result<std::vector<S3User>> parse_users(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value document =
      boost::json::parse(boost::json::string_view(json.data(), json.size()), error);
  if (error) return make_error(ErrorKind::kInvalid, "credentials: no JSON: " + error.message());
  const auto* object = document.if_object();
  const auto* list = object ? object->if_contains("users") : nullptr;
  if (!list || !list->is_array() || list->get_array().empty() || object->size() != 1) {
    return make_error(
        ErrorKind::kInvalid,
        "credentials: expected {\"users\": [{\"access_key\": …, \"secret_key\": …}]}");
  }
  std::vector<S3User> users;
  std::set<std::string> keys;
  for (const boost::json::value& item : list->get_array()) {
    const std::size_t index = users.size();
    if (!item.is_object()) return refused(index, "no object");
    S3User user;
    for (const auto& [name, value] : item.get_object()) {
      TRY_VOID(set_field(user, index, std::string_view(name.data(), name.size()), value));
    }
    if (user.access_key.empty() || user.access_key.find('/') != std::string::npos) {
      return refused(index, "'access_key' is missing, or contains '/'");
    }
    if (user.secret_key.empty()) return refused(index, "'secret_key' is missing");
    if (!keys.insert(user.access_key).second) return refused(index, "access key used twice");
    if (user.id.empty()) user.id = user.access_key;
    if (user.display_name.empty()) user.display_name = user.id;
    users.push_back(std::move(user));
  }
  return users;
}

S3User make_user() {
  constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  constexpr std::string_view kAny =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  S3User user{.access_key = "TK" + random_text(18, kUpper), .secret_key = random_text(40, kAny)};
  user.id = user.access_key;
  user.display_name = "telpher";
  return user;
}

}  // namespace telpher
