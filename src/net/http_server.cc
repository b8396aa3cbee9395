#include "net/http_server.h"

#include "codec/http_date.h"
#include "net/http_server_connection.h"

#include <algorithm>

namespace telpher {

HttpRefusal HttpHandler::refusal(int status, const Error& error) {
  HttpRefusal refusal{.status = status, .body = error.message + "\n"};
  refusal.headers.add("Content-Type", "text/plain");
  return refusal;
}

Result<std::unique_ptr<HttpServer>> HttpServer::open(Loop& loop, HttpHandler& handler,
                                                     HttpServerOptions options) {
  TRY(std::unique_ptr<Listener> listener, Listener::open(loop, options.listen));
  return std::unique_ptr<HttpServer>(
      new HttpServer(loop, handler, std::move(options), std::move(listener)));
}

std::string_view HttpServer::date() {
  const auto now = std::chrono::floor<std::chrono::seconds>(loop_.wall_now());
  if (now != date_of_) {
    date_of_ = now;
    date_text_ = format_http_date(now);
  }
  return date_text_;
}

Task<Result<void>> HttpServer::run_connection(std::unique_ptr<Socket> socket) {
  ++stats_.connections;
  ++stats_.connections_open;
  ServerConnection connection(*this, std::move(socket));
  co_await connection.run();
  --stats_.connections_open;
  co_return Result<void>();  // the failure of one connection is not the server's
}

Task<Result<void>> HttpServer::serve() {
  constexpr std::chrono::milliseconds kPause{50};
  TaskGroup group(co_await current_context());
  for (;;) {
    Result<std::unique_ptr<Socket>> socket = co_await listener_->accept();
    if (!socket) {
      // Out of descriptors: some connection will end and give its own back.
      if (socket.error().is_temporary() && co_await sleep_for(kPause)) continue;
      group.cancel();
      const Result<void> joined = co_await group.join();
      if (co_await is_cancelled() || !joined) co_return Result<void>();
      co_return socket.error();
    }
    if (group.size() >= options_.connections_max) continue;
    group.spawn(run_connection(*std::move(socket)));
  }
}

}  // namespace telpher
