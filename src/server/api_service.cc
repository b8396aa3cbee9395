#include "server/api_service.h"

#include "codec/percent.h"
#include "codec/text.h"

#include <algorithm>
#include <utility>

namespace telpher {
namespace {

/// "example.org:8080" without the port; in brackets, IPv6 addresses stay so.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

bool is_address(std::string_view host) {
  return host.starts_with('[') ||
         (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

/// Without the port, which every connection has its own of.
std::string address_of(const SocketAddress& peer) {
  const std::string text = peer.to_string();
  return text.substr(0, text.rfind(':'));
}

/// "http_get_transfers_id": a bounded number of names.
std::string operation_name(const Route& route) {
  if (route.pattern.starts_with("/assets/")) return "http_get_assets";  // others in each version
  std::string name = "http_" + to_lower(route.method);
  bool gap = true;
  for (const char c : route.pattern) {
    if (!is_ascii_alpha(c) && !is_ascii_digit(c) && c != '-') {
      gap = true;
      continue;
    }
    if (std::exchange(gap, false)) name += '_';
    name += c == '-' ? '_' : c;
  }
  return name;
}

QueryParameters parameters_of(std::string_view target) {
  QueryParameters parameters;
  std::string_view query = query_of(target);
  while (const auto raw = take_query_parameter(query)) {
    Result<std::string> name = form_decode(raw->name);
    Result<std::string> value = form_decode(raw->value);
    if (name && value) parameters.insert_or_assign(*std::move(name), *std::move(value));
  }
  return parameters;
}

bool changes_something(std::string_view method) { return method != "GET" && method != "HEAD"; }

}  // namespace

ApiService::ApiService(Loop& loop, SignIn& sign_in, OperationRegistry& operations,
                       SpanBuffer* spans, ApiServiceOptions options)
    : loop_(loop),
      sign_in_(sign_in),
      operations_(operations),
      spans_(spans),
      options_(std::move(options)),
      limit_(options_.requests_per_second, options_.burst),
      sign_in_limit_(10, 100) {}

void ApiService::add(std::vector<Route> routes) {
  for (Route& route : routes) router_.add(std::move(route));
  metrics_.clear();
  for (const Route& route : router_.routes()) {
    metrics_[&route] = &operations_.of(operation_name(route));
  }
}

Task<Result<void>> ApiService::handle(ServerRequest& request, ServerResponse& response) {
  const TimePoint began = loop_.now();
  const std::string& target = request.target();
  ApiCall call{.request = request,
               .response = response,
               .path = target.substr(0, target.find('?')),
               .captured = {},
               .query = parameters_of(target),
               .caller = {},
               .trace = {}};
  if (const auto parent = request.headers().find("traceparent")) {
    call.trace = parse_traceparent(*parent).value_or(TraceContext{});
  }
  call.parent = call.trace.span;
  if (spans_) {
    call.trace =
        call.trace.is_set() ? begin_span(call.trace, loop_.random()) : begin_trace(loop_.random());
  }
  response.headers.set("X-Content-Type-Options", "nosniff");
  const Route* route = nullptr;
  Result<void> answered = co_await answer(&call, &route);
  const Error* error = answered ? nullptr : &answered.error();
  if (error && error->kind == ErrorKind::kCancelled) co_return answered;
  Result<void> sent;
  if (error && !response.begun()) sent = co_await send_failure(&call, error);
  record(call, route, began, error);
  if (on_answer) on_answer({call, response.status, loop_.now() - began, error});
  co_return response.begun() && sent ? Result<void>() : answered;
}

Task<Result<void>> ApiService::answer(ApiCall* call, const Route** route) {
  CO_TRY_VOID(check_origin(*call));
  if (call->request.method() == "OPTIONS" &&
      call->request.headers().contains("access-control-request-method")) {
    co_return co_await answer_preflight(call);
  }
  Router::Found found = router_.find(call->request.method(), call->path);
  *route = found.route;
  if (!found.route) {
    if (found.allow.empty()) co_return not_found_error("there is nothing at " + call->path);
    call->response.headers.set("Allow", found.allow);
    co_return api_error(405, "METHOD_NOT_ALLOWED",
                        call->request.method() + " is not for " + call->path);
  }
  call->captured = std::move(found.captured);
  CO_TRY_VOID(admit(*call, *found.route));
  Gauge& in_flight = metrics_[found.route]->in_flight;
  in_flight.add(1);
  Result<void> done = co_await found.route->handler(*call);
  in_flight.add(-1);
  co_return done;
}

bool ApiService::allows_origin(std::string_view origin) const {
  return std::ranges::any_of(options_.cors_origins, [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

Result<void> ApiService::check_origin(const ApiCall& call) {
  const std::string authority(call.request.headers().find("host").value_or(""));
  const std::string host = to_lower(host_of(authority));
  const bool served = is_address(host) || host == "localhost" || host.ends_with(".localhost") ||
                      std::ranges::find(options_.hosts, host) != options_.hosts.end();
  if (!served) {
    return api_error(403, "FORBIDDEN", "'" + host + "' is not served here (--host " + host + ")");
  }
  const auto origin = call.request.headers().find("origin");
  if (!origin) return {};
  const std::string own = (call.request.is_secure() ? "https://" : "http://") + authority;
  if (iequals(*origin, own)) return {};
  // Behind something that ends TLS, the page's own origin is https.
  if (std::ranges::find(options_.hosts, host) != options_.hosts.end() &&
      iequals(*origin, "https://" + authority)) {
    return {};
  }
  if (allows_origin(*origin)) {
    call.response.headers.set("Access-Control-Allow-Origin", *origin);
    call.response.headers.set("Access-Control-Expose-Headers",
                              "ETag, Location, Tus-Checksum-Algorithm, Tus-Extension, "
                              "Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Concat, "
                              "Upload-Defer-Length, Upload-Expires, Upload-Length, "
                              "Upload-Metadata, Upload-Offset");
    call.response.headers.add("Vary", "Origin");
    return {};
  }
  const bool preflight = call.request.method() == "OPTIONS";
  if (!changes_something(call.request.method()) && !preflight)
    return {};  // it cannot be read there
  return api_error(403, "FORBIDDEN", "pages of other origins may not do that (--cors-origin)");
}

Task<Result<void>> ApiService::answer_preflight(ApiCall* call) {
  Headers& headers = call->response.headers;
  headers.set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
  if (const auto asked = call->request.headers().find("access-control-request-headers")) {
    headers.set("Access-Control-Allow-Headers", std::string(*asked));
  }
  headers.set("Access-Control-Max-Age", "600");
  co_return co_await call->send_nothing(204);
}

Result<void> ApiService::admit(ApiCall& call, const Route& route) {
  const std::string address = address_of(call.request.peer());
  if (route.access == Access::kCallers) {
    Result<Caller> caller = sign_in_.caller_of(call.request.headers(), loop_.wall_now());
    if (!caller) {
      call.response.headers.set("WWW-Authenticate", "Bearer");
      if (sign_in_limit_.take(address, loop_.now())) {
        return api_error(429, "RATE_LIMITED", "too many requests without a valid key");
      }
      return std::move(caller).error();
    }
    call.caller = *std::move(caller);
    if (!call.caller.may(route.role)) {
      return api_error(403, "FORBIDDEN",
                       "that takes the role " + std::string(to_string(route.role)) +
                           "; this key has " + std::string(to_string(call.caller.role)));
    }
  }
  const std::string& who = call.caller.id.empty() ? address : call.caller.id;
  if (const auto wait = limit_.take(who, loop_.now())) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*wait).count();
    call.response.headers.set("Retry-After", std::to_string(seconds));
    return api_error(429, "RATE_LIMITED",
                     "too many requests; wait " + std::to_string(seconds) + " s");
  }
  return {};
}

Task<Result<void>> ApiService::send_failure(ApiCall* call, const Error* error) {
  const ApiFailure failure = failure_of(*error);
  // What was not read of a body would be taken for the next request.
  if (!call->request.body_read()) call->response.close_after();
  co_return co_await call->send_json(failure.status, error_body(failure));
}

void ApiService::record(const ApiCall& call, const Route* route, TimePoint began,
                        const Error* error) {
  if (!route) return;
  const auto failed = error && failure_of(*error).status >= 500
                          ? std::optional<ErrorKind>(error->kind)
                          : std::nullopt;
  const bool goes_on = call.response.headers.find("content-type") == "text/event-stream";
  if (!goes_on) {
    metrics_[route]->record(
        {.ended = loop_.now(), .duration = loop_.now() - began, .error = failed});
  }
  if (!spans_ || !call.trace.sampled || goes_on) return;
  const auto took =
      std::chrono::duration_cast<std::chrono::system_clock::duration>(loop_.now() - began);
  spans_->add({.context = call.trace,
               .parent = call.parent,
               .name = call.request.method() + " " + std::string(route->pattern),
               .start = loop_.wall_now() - took,
               .duration = took,
               .error = failed});
}

HttpRefusal ApiService::refusal(int status, const Error& error) {
  const std::string_view code = status == 431   ? "VALIDATION_ERROR"
                                : status == 408 ? "TIMEOUT"
                                                : "VALIDATION_ERROR";
  HttpRefusal refusal{.status = status, .headers = {}, .body = {}};
  refusal.headers.add("Content-Type", "application/json; charset=utf-8");
  refusal.body = boost::json::serialize(
                     error_body({status, std::string(code), error.message, status == 408})) +
                 "\n";
  return refusal;
}

}  // namespace telpher
