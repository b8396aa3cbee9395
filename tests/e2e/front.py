"""A gateway before an endpoint that hands on what it is asked, or answers itself."""

import http.client
import http.server
import threading


class Front:
    """A gateway before the endpoint: `decide(handler)` may answer in its place and return True."""

    def __init__(self, server, decide, hidden=()):
        host = server.base.removeprefix("http://")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_expect_100(self):
                return True  # sent once the body is wanted

            def answer(self):
                if decide(self):
                    return
                if self.headers.get("Expect"):
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                behind = http.client.HTTPConnection(host)
                behind.putrequest(self.command, self.path, skip_host=True,
                                  skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("expect", "connection"):
                        behind.putheader(name, value)
                behind.endheaders(body)
                got = behind.getresponse()
                content = got.read()
                self.send_response_only(got.status)
                for name, value in got.getheaders():
                    if name.lower() not in ("connection", *hidden):
                        self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
                behind.close()

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients may be killed
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
