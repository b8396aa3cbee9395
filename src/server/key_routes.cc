#include "server/key_routes.h"

#include "runtime/offload.h"

#include <utility>

namespace telpher {
namespace {

namespace json = boost::json;

json::array texts_of(const std::vector<Scope>& scopes) {
  json::array texts;
  for (const Scope& scope : scopes) texts.emplace_back(to_string(scope));
  return texts;
}

json::object session_of(const Caller& caller, std::string_view version) {
  return {{"name", caller.name},
          {"role", to_string(caller.role)},
          {"buckets", texts_of(caller.scopes)},
          {"auth", to_string(caller.way)},
          {"version", version}};
}

json::object to_json(const AccessKey& key) {
  return {{"id", key.id},
          {"name", key.name},
          {"role", to_string(key.role)},
          {"buckets", texts_of(key.scopes)},
          {"created", api_time(key.created)},
          {"expires", key.expires ? json::value(api_time(*key.expires)) : json::value()},
          {"revoked", key.revoked}};
}

Task<Result<void>> show_session(ApiCall& call, const std::string& version) {
  return call.send_success(session_of(call.caller, version));
}

Task<Result<void>> begin_session(ApiCall& call, SignIn& sign_in, const std::string& version) {
  CO_TRY(const json::object body, co_await call.read_json());
  CO_TRY_VOID(check_fields(body, {"key"}));
  CO_TRY(const std::string key, text_field(body, "key"));
  const WallTime now = (co_await current_loop()).wall_now();
  CO_TRY(call.caller, sign_in.caller_of_key(key, now));
  call.response.headers.set("Set-Cookie",
                            sign_in.cookie_for(call.caller, now, call.request.is_secure()));
  co_return co_await call.send_success(session_of(call.caller, version));
}

Task<Result<void>> end_session(ApiCall& call) {
  call.response.headers.set("Set-Cookie", SignIn::no_cookie(call.request.is_secure()));
  return call.send_nothing(204);
}

Error no_keys() { return api_error(409, "CONFLICT", "this service runs without keys (--no-auth)"); }

Task<Result<void>> list_keys(ApiCall& call, KeyFile* keys) {
  json::array list;
  if (keys) {
    CO_TRY_VOID(keys->refresh());
    for (const AccessKey& key : keys->keys()) list.push_back(to_json(key));
  }
  co_return co_await call.send_success({{"keys", std::move(list)}});
}

Result<AccessKey> key_in(const json::object& body) {
  TRY_VOID(check_fields(body, {"name", "role", "buckets", "expires"}));
  AccessKey key;
  TRY(key.name, text_field(body, "name"));
  TRY(const std::string role, text_field(body, "role"));
  TRY(key.role, parse_role(role));
  TRY(const std::string expires, text_field(body, "expires", ""));
  if (!expires.empty()) {
    TRY(const auto time, parse_api_time(expires));
    key.expires = std::chrono::floor<std::chrono::seconds>(time);
  }
  const json::value* buckets = body.if_contains("buckets");
  if (!buckets || buckets->is_null()) return key;
  if (!buckets->is_array()) return field_error("buckets", "is to be a list");
  for (const json::value& entry : buckets->get_array()) {
    if (!entry.is_string()) return field_error("buckets", "is to be a list of texts");
    TRY(Scope scope, parse_scope(std::string_view(entry.get_string())));
    key.scopes.push_back(std::move(scope));
  }
  return key;
}

Task<Result<void>> add_key(ApiCall& call, KeyFile* keys) {
  if (!keys) co_return no_keys();
  CO_TRY(const json::object body, co_await call.read_json());
  CO_TRY(AccessKey key, key_in(body));
  const WallTime now = (co_await current_loop()).wall_now();
  CO_TRY(const KeyFile::Made made,
         co_await offload([&] { return keys->add(std::move(key), now); }));
  json::object shown = to_json(made.key);
  shown["secret"] = made.secret;
  co_return co_await call.send_success({{"key", std::move(shown)}}, 201);
}

Task<Result<void>> revoke_key(ApiCall& call, KeyFile* keys) {
  if (!keys) co_return no_keys();
  CO_TRY_VOID(co_await offload([&] { return keys->revoke(call.captured[0]); }));
  co_return co_await call.send_nothing(204);
}

}  // namespace

std::vector<Route> key_routes(SignIn& sign_in, KeyFile* keys, std::string version) {
  return {
      {"GET", "/session", Role::kReader,
       [version](ApiCall& call) { return show_session(call, version); }},
      {"POST", "/session", Role::kReader,
       [&sign_in, version](ApiCall& call) { return begin_session(call, sign_in, version); },
       Access::kEverybody},
      {"DELETE", "/session", Role::kReader, end_session, Access::kEverybody},
      {"GET", "/keys", Role::kAdmin, [keys](ApiCall& call) { return list_keys(call, keys); }},
      {"POST", "/keys", Role::kAdmin, [keys](ApiCall& call) { return add_key(call, keys); }},
      {"DELETE", "/keys/{id}", Role::kAdmin,
       [keys](ApiCall& call) { return revoke_key(call, keys); }},
  };
}

}  // namespace telpher
