#pragma once
// For tests of this module: runs a server beside a client task on one loop.

#include "net/http_client.h"
#include "net/http_server.h"

#include <memory>
#include <string>
#include <utility>

namespace telpher::testing {

template <class T>
Task<Result<T>> serve_during(HttpServer* server, Task<Result<T>> client) {
  TaskGroup group(co_await current_context());
  group.spawn(server->serve());
  Result<T> result = co_await std::move(client);
  group.cancel();
  CO_TRY_VOID(co_await group.join());
  co_return result;
}

inline Body body_of(std::string_view text) { return Body::of(as_bytes(text)); }

/// `size` bytes that differ from place to place.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

struct Answer {
  int status = 0;
  std::string body;
  Headers headers;
};

inline Task<Result<Answer>> fetch(HttpClient* client, Origin origin, HttpRequest request) {
  CO_TRY(std::unique_ptr<HttpResponse> response,
         co_await client->send(std::move(origin), std::move(request)));
  Answer answer{response->status, {}, response->headers};
  CO_TRY(answer.body, co_await response->read_all(std::size_t{1} << 30));
  co_return answer;
}

}  // namespace telpher::testing
