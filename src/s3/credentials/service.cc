#include "s3/credentials/service.h"

#include "s3/credentials/answers.h"

namespace telpher {
namespace {

constexpr std::size_t kAnswerBytesMax = 1024 * 1024;
constexpr std::chrono::milliseconds kFirstWait{100};

Task<Result<ServiceAnswer>> ask_once(HttpClient* http, Origin origin, HttpRequest request) {
  CO_TRY(const std::unique_ptr<HttpResponse> response,
         co_await http->send(std::move(origin), std::move(request)));
  ServiceAnswer answer;
  answer.status = response->status;
  CO_TRY(answer.body, co_await response->read_all(kAnswerBytesMax));
  answer.headers = std::move(response->headers);
  co_return answer;
}

}  // namespace

Task<Result<ServiceAnswer>> ask_service(HttpClient* http, Origin origin, HttpRequest request,
                                        std::string body, int attempts) {
  request.headers.add("user-agent", "telpher");
  request.body = Body::of(as_bytes(body));
  for (int attempt = 1;; ++attempt) {
    auto answer = co_await ask_once(http, origin, request);
    const bool temporary =
        answer ? answer->status == 429 || answer->status >= 500 : answer.error().is_temporary();
    if (!temporary || attempt >= attempts) co_return answer;
    CO_TRY_VOID(co_await sleep_for(kFirstWait * (1 << attempt)));
  }
}

std::string one_line(std::string_view text) {
  constexpr std::size_t kShown = 300;
  std::string line;
  for (const char c : text.substr(0, kShown)) {
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  // Not in the middle of a character.
  if (text.size() > kShown) {
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) {
      line.pop_back();
    }
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xc0) line.pop_back();
    line += "…";
  }
  return line;
}

std::string reason_of(const ServiceAnswer& answer) {
  const ServiceRefusal refusal = parse_service_refusal(answer.body);
  if (refusal.code.empty() && refusal.message.empty()) {
    return "HTTP " + std::to_string(answer.status);
  }
  const std::string separator = refusal.code.empty() || refusal.message.empty() ? "" : ": ";
  return one_line(refusal.code) + separator + one_line(refusal.message);
}

Error meant(std::string_view by_whom, Error error) {
  if (error.kind == ErrorKind::kCancelled) return error;
  if (error.kind == ErrorKind::kNotFound) error.kind = ErrorKind::kDenied;
  if (error.is_temporary()) error.persistence = Persistence::kRetriedOut;
  error.message = std::string(by_whom) + ": " + error.message;
  return error;
}

}  // namespace telpher
