"""Small real proxies: HTTP (CONNECT and absolute-form requests, with a log-in if wanted) and SOCKS 5.
They look names up in a table of their own, so that tests can use any."""

import base64
import contextlib
import select
import socket
import socketserver
import threading
import urllib.parse


def pump(a, b):
    """Carries bytes both ways until one side ends."""
    with contextlib.suppress(OSError):
        while True:
            for ready in select.select([a, b], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                (b if ready is a else a).sendall(data)


class Proxy:
    def __init__(self):
        outer = self
        self.asked = []  # "CONNECT host:port", "PUT http://host:port/…", "SOCKS host:port"
        self.hosts = {}  # "host" -> (address, port)
        self.refuse_with = None  # a status, for all

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError, ValueError):
                    outer.serve(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def dial(self, host, port):
        return socket.create_connection(self.hosts.get(host, (host, port)))


class HttpProxy(Proxy):
    def __init__(self, log_in=""):
        super().__init__()
        self.log_in = log_in
        self.url = f"http://127.0.0.1:{self.port}"

    def url_with(self, log_in):
        return f"http://{log_in}@127.0.0.1:{self.port}"

    def serve(self, handler):
        upstreams = {}
        while line := handler.rfile.readline():
            method, target, _ = line.decode().split()
            fields = {}
            while (field := handler.rfile.readline()) not in (b"\r\n", b""):
                name, value = field.decode().split(":", 1)
                fields[name.lower()] = value.strip()
            self.asked.append(f"{method} {target}")
            wanted = "Basic " + base64.b64encode(self.log_in.encode()).decode()
            status = self.refuse_with
            if self.log_in and fields.pop("proxy-authorization", None) != wanted:
                status = 407
            if status:
                handler.wfile.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n"
                                    "Connection: close\r\n\r\n".encode())
                return
            if method == "CONNECT":
                host, port = target.rsplit(":", 1)
                with self.dial(host.strip("[]"), int(port)) as upstream:
                    handler.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    pump(handler.connection, upstream)
                return
            self.forward(handler, upstreams, method, target, fields)

    def forward(self, handler, upstreams, method, target, fields):
        url = urllib.parse.urlsplit(target)
        assert url.scheme == "http", target
        if url.netloc not in upstreams:
            upstreams[url.netloc] = self.dial(url.hostname, url.port or 80).makefile("rwb")
        upstream = upstreams[url.netloc]
        path = target.split(url.netloc, 1)[1]
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in fields.items())
        upstream.write(head.encode() + b"\r\n")
        self.copy(handler.rfile, upstream, int(fields.get("content-length", 0)))
        upstream.flush()
        answer = [upstream.readline()]
        while answer[-1] not in (b"\r\n", b""):
            answer.append(upstream.readline())
        handler.wfile.write(b"".join(answer))
        size = next((int(line.split(b":")[1]) for line in answer
                     if line.lower().startswith(b"content-length:")), 0)
        self.copy(upstream, handler.wfile, 0 if method == "HEAD" else size)
        handler.wfile.flush()

    @staticmethod
    def copy(source, destination, size):
        while size > 0:
            data = source.read(min(size, 1 << 16))
            if not data:
                raise OSError("cut")
            destination.write(data)
            size -= len(data)


class SocksProxy(Proxy):
    """SOCKS 5 without a log-in, names looked up here (socks5h)."""

    @property
    def url(self):
        return f"socks5h://127.0.0.1:{self.port}"

    def serve(self, handler):
        read = handler.rfile.read
        _, methods = read(2)
        read(methods)
        handler.wfile.write(b"\x05\x00")
        _, _, _, kind = read(4)
        host = socket.inet_ntoa(read(4)) if kind == 1 else read(read(1)[0]).decode()
        port = int.from_bytes(read(2), "big")
        self.asked.append(f"SOCKS {host}:{port}")
        with self.dial(host, port) as upstream:
            handler.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
            pump(handler.connection, upstream)
