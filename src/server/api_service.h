#pragma once
// ApiService: the HTTP API. It finds out who calls and what for, refuses what may not be, lets the
// route answer, and records and logs what came of it. One loop.

#include "metrics/operation_metrics.h"
#include "net/http_server.h"
#include "server/rate_limit.h"
#include "server/router.h"
#include "server/sign_in.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace telpher {

struct ApiServiceOptions {
  /// Names that the Host header may have besides addresses and localhost: any other name may be one
  /// that an attacker's page has been given this machine's address for.
  std::vector<std::string> hosts;
  std::vector<std::string> cors_origins;  // "https://app.example", or "*": without cookies
  double requests_per_second = 0;         // of one key, or one address; 0 = any number
  double burst = 100;
};

class ApiService final : public HttpHandler {
 public:
  /// All of them must outlive it. Routes are added before the first request.
  /// @param spans  may be null
  ApiService(Loop& loop, SignIn& sign_in, OperationRegistry& operations, SpanBuffer* spans,
             ApiServiceOptions options);

  void add(std::vector<Route> routes);
  std::span<const Route> routes() const { return router_.routes(); }

  Task<Result<void>> handle(ServerRequest& request, ServerResponse& response) override;
  HttpRefusal refusal(int status, const Error& error) override;

  struct Answered {
    const ApiCall& call;
    int status;
    Duration took;
    const Error* error;  // in full, also where the client was told less
  };
  /// Told of each request once it has been answered; unset = nobody is.
  std::function<void(const Answered&)> on_answer;

 private:
  Task<Result<void>> answer(ApiCall* call, const Route** route);
  Result<void> check_origin(const ApiCall& call);
  Result<void> admit(ApiCall& call, const Route& route);
  bool allows_origin(std::string_view origin) const;
  Task<Result<void>> answer_preflight(ApiCall* call);
  Task<Result<void>> send_failure(ApiCall* call, const Error* error);
  void record(const ApiCall& call, const Route* route, TimePoint began, const Error* error);

  Loop& loop_;
  SignIn& sign_in_;
  OperationRegistry& operations_;
  SpanBuffer* const spans_;
  const ApiServiceOptions options_;
  Router router_;
  RateLimit limit_;
  RateLimit sign_in_limit_;  // of wrong keys
  std::map<const Route*, OperationMetrics*> metrics_;
};

}  // namespace telpher
