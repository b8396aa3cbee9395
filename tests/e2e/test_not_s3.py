"""What answers in the place of the store is a web server: nothing it says is believed."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def serve(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Answering(BaseHTTPRequestHandler):
    """Answers every request with 200, `page` and `headers`."""
    protocol_version = "HTTP/1.1"
    page = b"<html>please log in</html>"
    headers_sent = {"Content-Type": "text/html; charset=utf-8"}

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.page)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(telpher):
    started = []

    def start(handler):
        started.append(serve(handler))
        telpher.env |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{started[-1].server_port}",
                        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("args", [
    ["cp", "f", "s3://bucket/x"],
    ["cp", "f", "s3://bucket/x", "--checksum", "none"],
    ["cp", "f", "s3://bucket/x", "--checksum", "md5"],
    ["cp", "f", "s3://bucket/x", "--overwrite", "never"],
    ["cp", "empty", "s3://bucket/x", "--checksum", "md5"],
    ["cp", "-r", "d", "s3://bucket/d/"],
    ["cp", "s3://bucket/x", "y"],
    ["mv", "s3://bucket/x", "y"],
    ["cat", "s3://bucket/x"],
    ["stat", "s3://bucket/x"],
    ["rm", "s3://bucket/x"],
    ["mb", "s3://bucket"],
    ["rb", "s3://bucket"],
], ids=" ".join)
def test_page_instead_of_a_store(telpher, endpoint, tmp_path, args):
    endpoint(Answering)
    (tmp_path / "f").write_bytes(b"bytes")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "g").write_bytes(b"bytes")
    done = telpher.run(*[arg for arg in args if arg != "-r"])
    assert done.returncode in (3, 4), done.out + done.err
    assert "does not look like an S3 service" in done.err and "telpher doctor" in done.err
    assert not (tmp_path / "y").exists()
    assert b"log in" not in done.stdout


def test_etag_that_is_the_md5_of_other_bytes(telpher, endpoint, tmp_path):
    class Damaging(Answering):
        page = b""
        headers_sent = {"ETag": f'"{hashlib.md5(b"other bytes").hexdigest()}"'}

    endpoint(Damaging)
    (tmp_path / "f").write_bytes(b"bytes")
    for algorithm in ("crc64nvme", "md5"):
        done = telpher.run("cp", "f", "s3://bucket/x", "--checksum", algorithm, "--retries", "2")
        assert done.returncode == 6, done.out + done.err


def test_nothing_is_called_verified_that_is_not(telpher, s3, tmp_path):
    (tmp_path / "f").write_bytes(b"bytes")
    s3()
    assert "not verified" in telpher.ok("cp", "f", "s3://bucket/k", "--checksum", "none").out


def test_if_none_match_sends_nothing_when_something_is_there(telpher, s3, tmp_path):
    server = s3()
    (tmp_path / "f").write_bytes(bytes(12 << 20))
    telpher.ok("cp", "f", "s3://bucket/k")
    before = server.stats()["requests"].get("UploadPart", 0)
    done = telpher.run("cp", "f", "s3://bucket/k", "--if-none-match", "--part-size", "5MiB")
    assert done.returncode == 4 and "exists already" in done.err
    assert server.stats()["requests"].get("UploadPart", 0) == before
    assert server.stats()["open_uploads"] == 0 and telpher.jobs() == []
