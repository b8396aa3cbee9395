#include "server/fault_routes.h"

#include "runtime/task_group.h"

#include <memory>
#include <utility>

namespace telpher {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kScriptBytesMax = 1024 * 1024;

Task<Result<void>> pass_on(ApiCall& call, const FaultyStore* store) {
  if (!store) {
    co_return not_found_error("this store does not fail on purpose, or its admin key is not known");
  }
  HttpRequest request{
      .method = call.request.method(), .target = "/_telpher/faults", .headers = {}, .body = {}};
  request.headers.add("Authorization", "Bearer " + store->admin_key);
  std::string script;
  if (request.method == "PUT") {
    CO_TRY(script, co_await call.request.read_all(kScriptBytesMax));
    request.body = Body::of(as_bytes(script));
    request.headers.add("Content-Type", "application/json");
  }
  Loop& loop = co_await current_loop();
  CO_TRY(const std::unique_ptr<HttpResponse> answer,
         co_await with_deadline(store->http.send(store->origin, std::move(request)),
                                loop.now() + 10s));
  CO_TRY(std::string text, co_await answer->read_all(kScriptBytesMax));
  boost::system::error_code failed;
  boost::json::value body = boost::json::parse(text, failed);
  if (answer->status / 100 == 2) {
    boost::json::object told = body.is_object() ? body.get_object() : boost::json::object();
    co_return co_await call.send_json(200, std::move(told));
  }
  if (answer->status == 400) co_return api_error(400, "VALIDATION_ERROR", std::move(text));
  co_return api_error(502, "STORE_ERROR",
                      "the endpoint answered HTTP " + std::to_string(answer->status));
}

}  // namespace

std::vector<Route> fault_routes(std::optional<FaultyStore> store) {
  const auto kept = store ? std::make_shared<const FaultyStore>(*std::move(store)) : nullptr;
  const ApiHandler handler = [kept](ApiCall& call) { return pass_on(call, kept.get()); };
  std::vector<Route> routes;
  for (const std::string_view method : {"GET", "PUT", "DELETE"}) {
    routes.push_back({method, "/faults", Role::kOperator, handler});
  }
  return routes;
}

}  // namespace telpher
