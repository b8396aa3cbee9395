#pragma once
// One connection of an HttpServer: its requests, one after the other. Private to the server.

#include "net/http_server.h"

namespace telpher {

/// The reason phrase of a status.
std::string_view reason_of(int status);

class ServerConnection {
 public:
  ServerConnection(HttpServer& server, std::unique_ptr<Socket> socket)
      : server_(server), socket_(std::move(socket)) {}

  /// Until either side wants no more.
  Task<void> run();

 private:
  /// Waits for the next request's head; nullopt: there will be none.
  Task<std::optional<RequestHead>> next_head();
  /// Answers one request; false when it was the connection's last.
  Task<bool> answer(RequestHead head);
  Task<bool> finish_answer(Result<void> handled, ServerRequest& request, ServerResponse& response);
  /// Answers with the handler's words, by its copy of the error, and ends the connection.
  /// @param to_head  the request was HEAD: its answer has no body
  Task<void> refuse(Error error, bool to_head);
  /// Reads on for a moment after the last answer: closing at once would reset the connection, and
  /// the client might never see the answer.
  Task<void> linger();

  HttpServer& server_;
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<HttpConnection> connection_;
  SocketAddress peer_;
};

}  // namespace telpher
