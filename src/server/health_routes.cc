#include "server/health_routes.h"

#include "runtime/task_group.h"
#include "server/embedded_files.h"

#include <memory>
#include <utility>

namespace telpher {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

struct Health {
  ObjectStore& store;
  HealthOptions options;
};

Task<Result<void>> check_store(ObjectStore* store, std::string bucket) {
  CO_TRY_VOID(co_await store->head_bucket(std::move(bucket)));
  co_return Result<void>();
}

Task<Result<void>> show_ready(ApiCall& call, const Health& health) {
  json::object checks;
  bool ready = true;
  Loop& loop = co_await current_loop();
  const auto note = [&](std::string_view name, const Result<void>& checked) {
    // What is wrong is for those with a key: whoever asks without one learns that something is.
    checks[name] = checked ? "ok" : to_string(checked.error().kind);
    ready = ready && checked;
  };
  note("store", co_await with_deadline(check_store(&health.store, health.options.default_bucket),
                                       loop.now() + 5s));
  for (const auto& [name, check] : health.options.checks) {
    note(name, co_await with_deadline(check(), loop.now() + 5s));
  }
  co_return co_await call.send_json(ready ? 200 : 503, {{"status", ready ? "ready" : "not ready"},
                                                        {"checks", std::move(checks)}});
}

Task<Result<void>> show_openapi(ApiCall& call) {
  call.response.headers.set("Content-Type", "application/json; charset=utf-8");
  co_return co_await call.response.send(Body::of(as_bytes(openapi_files().front().bytes)));
}

}  // namespace

std::vector<Route> health_routes(ObjectStore& store, HealthOptions options) {
  const auto health = std::make_shared<const Health>(Health{store, std::move(options)});
  return {
      {"GET", "/health", Role::kReader,
       [](ApiCall& call) { return call.send_json(200, {{"status", "ok"}}); }, Access::kEverybody},
      {"GET", "/ready", Role::kReader,
       [health](ApiCall& call) { return show_ready(call, *health); }, Access::kEverybody},
      {"GET", "/version", Role::kReader,
       [health](ApiCall& call) {
         return call.send_json(200, {{"name", "telpher"}, {"version", health->options.version}});
       },
       Access::kEverybody},
      {"GET", "/settings", Role::kReader,
       [health](ApiCall& call) { return call.send_success(health->options.settings); }},
      {"GET", "/openapi.json", Role::kReader, show_openapi, Access::kEverybody},
  };
}

}  // namespace telpher
