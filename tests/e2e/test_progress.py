"""What the progress says while a copy is under way, against a gateway that reads as it is told."""

import hashlib
import json
import threading

from conftest import MIB, random_bytes

SIZE = 12 * MIB  # one PUT


class SlowGateway:
    """Takes half of each object's first PUT, then nothing until it is told; refuses it then, if so
    asked. Only what comes later reaches the endpoint behind it."""

    def __init__(self, refuse=False):
        self.refuse = refuse
        self.half_seen = threading.Event()
        self.nothing_seen = threading.Event()
        self.attempts = {}

    def decide(self, handler):
        if handler.command != "PUT":
            return False
        attempt = self.attempts[handler.path] = self.attempts.get(handler.path, 0) + 1
        if attempt > 1:
            assert self.nothing_seen.wait(30)
            return False
        if handler.headers.get("Expect"):
            handler.send_response_only(100)
            handler.end_headers()
        size = int(handler.headers["Content-Length"])
        body = handler.rfile.read(size // 2)
        assert self.half_seen.wait(30)
        body += handler.rfile.read(size - size // 2)
        if self.refuse:
            handler.send_response_only(503)
            handler.send_header("Retry-After", "1")
        else:
            handler.send_response_only(200)
            handler.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True


def events_of(process):
    for line in process.stdout:
        yield json.loads(line)


def test_files_that_go_in_one_put_each_move(telpher, s3, front, tmp_path):
    gateway = SlowGateway()
    telpher.env["AWS_ENDPOINT_URL"] = front(s3(), gateway.decide).base
    (tmp_path / "d").mkdir()
    for name in "ab":
        (tmp_path / "d" / name).write_bytes(random_bytes(SIZE))
    process = telpher.start("cp", "d", "s3://bucket/", "--json", "--progress-interval", "100ms")
    for event in events_of(process):
        if event["event"] == "progress" and event["bytes"] >= SIZE:
            if not gateway.half_seen.is_set():
                assert event["bytes"] < 2 * SIZE, "none of them has been acknowledged"
            gateway.half_seen.set()
    assert process.wait(60) == 0
    assert gateway.half_seen.is_set()


def test_what_a_failed_attempt_has_sent_is_taken_back(telpher, s3, front, tmp_path):
    gateway = SlowGateway(refuse=True)
    telpher.env["AWS_ENDPOINT_URL"] = front(s3(), gateway.decide).base
    (tmp_path / "f").write_bytes(random_bytes(SIZE))
    process = telpher.start("cp", "f", "s3://bucket/f", "--json", "--progress-interval", "100ms")
    said = []
    for event in events_of(process):
        said.append(event)
        if event["event"] != "progress":
            continue
        assert event["percent"] < 100 or gateway.nothing_seen.is_set()
        if event["bytes"] >= SIZE // 2:
            gateway.half_seen.set()
        if gateway.half_seen.is_set() and event["bytes"] == 0:
            gateway.nothing_seen.set()
    assert process.wait(60) == 0
    [retry] = [event for event in said if event["event"] == "retry"]
    assert (retry["attempt"], retry["attempts"]) == (2, 8)
    assert "503" in retry["cause"]
    assert said[-1]["event"] == "summary" and said[-1]["bytes"] == SIZE


def test_a_retry_is_said(telpher, s3, tmp_path):
    s3([{"on": "PutObject", "count": 2, "do": "status", "status": 503, "code": "SlowDown",
         "retry_after_s": 1}])
    (tmp_path / "f").write_bytes(b"x")
    done = telpher.ok("cp", "f", "s3://bucket/f", "--progress", "always", "--progress-interval",
                      "100ms")
    assert "retrying (2 of 8): " in done.err and "retrying (3 of 8): " in done.err
