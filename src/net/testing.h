#pragma once
// For tests of this module: runs a server beside a client task on one loop.

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/tcp.h"

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

/// Sends `bytes` as they are and returns all that comes until the server closes.
inline Task<Result<std::string>> talk_raw(std::uint16_t port, std::string bytes) {
  CO_TRY(std::unique_ptr<Socket> socket,
         co_await connect_tcp({*SocketAddress::parse("127.0.0.1", port)}, kNever));
  HttpConnection connection(std::make_unique<PlainStream>(std::move(socket)), 4096);
  CO_TRY_VOID(co_await write_message(connection, bytes, {}, std::chrono::seconds(5)));
  Loop& loop = co_await current_loop();
  for (;;) {
    CO_TRY(const IoStep step, connection.fill());
    if (step.bytes == 0 && !step.blocked) co_return std::string(as_text(connection.input()));
    if (step.blocked) {
      CO_TRY_VOID(
          co_await connection.stream().wait(FdWatch::kRead, loop.now() + std::chrono::seconds(5)));
    }
  }
}

}  // namespace telpher::testing
