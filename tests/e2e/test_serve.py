"""telpher serve: who may what, what is in the store, what the monitor tells."""

import base64
import json
import os
import signal
import socket
import subprocess
import time

import pytest
from conftest import ended

ROLES = ["reader", "uploader", "operator", "admin"]

# Every route, and the least role that it takes; None = nobody is asked for a key.
ROUTES = [
    ("GET", "/", None),
    ("GET", "/health", None),
    ("GET", "/ready", None),
    ("GET", "/version", None),
    ("GET", "/openapi.json", None),
    ("POST", "/session", None),
    ("DELETE", "/session", None),
    ("GET", "/session", "reader"),
    ("GET", "/settings", "reader"),
    ("GET", "/buckets", "reader"),
    ("GET", "/objects", "reader"),
    ("GET", "/objects/files/nothing", "reader"),
    ("DELETE", "/objects/files/nothing", "operator"),
    ("GET", "/monitor", "reader"),
    ("GET", "/monitor/operations/http_get_health", "reader"),
    ("GET", "/monitor/operations/http_get_health/history", "reader"),
    ("DELETE", "/monitor/operations/http_get_health", "operator"),
    ("DELETE", "/monitor/operations", "operator"),
    ("GET", "/monitor/aggregates", "reader"),
    ("GET", "/monitor/export", "reader"),
    ("GET", "/monitor/settings", "reader"),
    ("PUT", "/monitor/settings", "operator"),
    ("GET", "/monitor/alerts", "reader"),
    ("POST", "/monitor/alerts/suppress", "operator"),
    ("GET", "/metrics", "reader"),
    ("POST", "/transfers", "uploader"),
    ("GET", "/transfers", "reader"),
    ("POST", "/transfers/batch", "uploader"),
    ("GET", "/transfers/batches/nothing", "reader"),
    ("GET", "/transfers/nothing", "reader"),
    ("GET", "/transfers/nothing/events", "reader"),
    ("POST", "/transfers/nothing/pause", "uploader"),
    ("POST", "/transfers/nothing/resume", "uploader"),
    ("POST", "/transfers/nothing/retry", "uploader"),
    ("DELETE", "/transfers/nothing", "uploader"),
    ("POST", "/upload", "uploader"),
    ("POST", "/api/upload", "uploader"),
    ("OPTIONS", "/tus/", "uploader"),
    ("POST", "/tus/", "uploader"),
    ("OPTIONS", "/tus/nothing", "uploader"),
    ("POST", "/tus/nothing", "uploader"),
    ("HEAD", "/tus/nothing", "uploader"),
    ("PATCH", "/tus/nothing", "uploader"),
    ("DELETE", "/tus/nothing", "uploader"),
    ("GET", "/events", "reader"),
    ("GET", "/faults", "operator"),
    ("PUT", "/faults", "operator"),
    ("DELETE", "/faults", "operator"),
    ("GET", "/keys", "admin"),
    ("POST", "/keys", "admin"),
    ("DELETE", "/keys/k_nobody", "admin"),
]


def error_of(answer):
    body = answer.json
    assert body["success"] is False
    assert set(body["error"]) <= {"code", "message", "details", "retryable"}
    return body["error"]


def test_first_start_prints_a_key(service, telpher):
    first = service("--store", "local")
    assert first.ok("GET", "/session")["role"] == "admin"
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(20) == 0
    again = service("--store", "local")
    assert again.ok("GET", "/session")["role"] == "admin"
    assert again.log_text().count("not shown again") == 1


def test_roles_can_do_what_they_should_and_nothing_else(service):
    served = service()
    keys = {role: served.add_key(role) for role in ROLES}
    for method, path, least in ROUTES:
        body = {} if method in ("POST", "PUT") else None
        anonymous = served.ask(method, path, body, key=None)
        assert (anonymous.status == 401) == (least is not None), (method, path, anonymous)
        for role in ROLES:
            answer = served.ask(method, path, body, key=keys[role])
            may = least is None or ROLES.index(role) >= ROLES.index(least)
            assert (answer.status not in (401, 403)) == may, (method, path, role, answer)
            if not may and method != "HEAD":
                assert error_of(answer)["code"] == "FORBIDDEN"


def test_keys_of_the_command_line_count_at_once(service, telpher):
    served = service()
    made = json.loads(telpher.ok("keys", "add", "--name", "app", "--role", "reader", "--json").out)
    assert served.get("/session", key=made["secret"]).json["name"] == "app"
    assert made["id"] in telpher.ok("keys").out and "valid" in telpher.ok("keys", "list").out
    telpher.ok("keys", "revoke", made["id"])
    refused = served.get("/session", key=made["secret"])
    assert refused.status == 401 and "revoked" in error_of(refused)["message"]
    assert "revoked" in telpher.ok("keys").out
    assert telpher.run("keys", "revoke", "k_none").returncode != 0
    assert telpher.run("keys", "add", "--name", "x", "--role", "king").returncode == 2


def test_keys_reach_what_they_are_given(service, telpher):
    served = service("--store", "local")
    (telpher.cwd / "f").write_text("content")
    for key in ("a/x", "b/x"):
        telpher.ok("cp", "f", f"local://files/{key}")
    made = json.loads(telpher.ok("keys", "add", "--name", "a only", "--role", "operator",
                                 "--buckets", "files/a/", "--expires", "2199-01-01", "--json").out)
    key = made["secret"]
    assert served.get("/objects/files/a/x", key=key).body == b"content"
    assert served.get("/objects/files/b/x", key=key).status == 403
    assert served.ask("DELETE", "/objects/files/b/x", key=key).status == 403
    assert served.get("/objects?bucket=files", key=key).status == 403
    listed = served.get("/objects?bucket=files&prefix=a/", key=key).json
    assert [o["key"] for o in listed["objects"]] == ["a/x"]
    assert served.ask("DELETE", "/objects/files/a/x", key=key).status == 204


def test_secrets_stay_where_they_are(service, telpher):
    served = service("--log", "json")
    served.get("/objects?key=tk_inaquery", key=served.key)
    served.get("/session", key="tk_wrongwrongwrong")
    with open(f"/proc/{served.process.pid}/cmdline", "rb") as file:
        assert served.key.encode() not in file.read()
    assert served.key not in served.log_text() and "tk_" not in served.log_text()
    kept = (telpher.home / "keys.json").read_text()
    assert served.key not in kept and "sha256" in kept
    assert os.stat(telpher.home / "keys.json").st_mode & 0o077 == 0
    for path in ("/keys", "/monitor/export", "/metrics"):
        assert served.key.encode() not in served.get(path).body


def test_sessions_of_browsers(service):
    served = service("--store", "local")
    answer = served.ask("POST", "/session", {"key": served.key}, key=None)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and served.key not in cookie
    cookie = cookie.split(";")[0]
    asked = served.get("/session", key=None, headers={"Cookie": f"a=b; {cookie}; c=d"})
    assert asked.json["auth"] == "cookie" and asked.json["role"] == "admin"
    forged = cookie.replace("=k_", "=k_A", 1)
    assert served.get("/session", key=None, headers={"Cookie": forged}).status == 401
    assert served.ask("POST", "/session", {"key": "tk_no"}, key=None).status == 401
    ended = served.ask("DELETE", "/session", key=None, headers={"Cookie": cookie})
    assert "Max-Age=0" in ended.headers["Set-Cookie"]


@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("127.0.0.1:1", 200), ("[::1]:8080", 200), ("app.localhost", 200),
    ("files.example", 200), ("evil.example", 403), ("localhost.evil.example", 403), ("", 403)])
def test_hosts_that_are_served(service, host, status):
    served = service("--no-auth", "--host", "files.example")
    assert served.get("/buckets", headers={"Host": host}).status == status


def test_pages_of_others_cannot_drive_it(service):
    served = service("--no-auth", "--cors-origin", "https://app.example")
    forbidden = served.ask("POST", "/monitor/alerts/suppress", {"seconds": 1},
                           headers={"Origin": "https://evil.example"})
    assert forbidden.status == 403
    for origin in (served.base, "https://app.example"):
        assert served.ask("POST", "/monitor/alerts/suppress", {"seconds": 1},
                          headers={"Origin": origin}).status == 204
    read = served.get("/buckets", headers={"Origin": "https://evil.example"})
    assert read.headers["Access-Control-Allow-Origin"] is None
    preflight = served.ask("OPTIONS", "/upload", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization"})
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
    preflight = served.ask("OPTIONS", "/upload", headers={
        "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    assert preflight.status == 403


def test_open_service_is_for_loopback_only(telpher):
    done = telpher.run("serve", "--no-auth", "--listen", "0.0.0.0:0")
    assert done.returncode == 2 and "loopback" in done.err


def test_what_is_not_there(service):
    served = service("--no-auth")
    assert error_of(served.get("/nothing"))["code"] == "NOT_FOUND"
    wrong = served.ask("DELETE", "/buckets")
    assert wrong.status == 405 and wrong.headers["Allow"] == "GET, HEAD"
    assert error_of(wrong)["code"] == "METHOD_NOT_ALLOWED"
    assert served.get("/objects/files/nokey").status == 404
    assert error_of(served.get("/objects?limit=0"))["code"] == "VALIDATION_ERROR"
    assert served.ask("POST", "/session", b"{", headers={
        "Content-Type": "application/json"}).status == 400
    assert served.ask("POST", "/session", b"x", headers={
        "Content-Type": "text/plain"}).status == 415
    assert served.ask("POST", "/session", b"x" * 100_000, headers={
        "Content-Type": "application/json"}).status == 413


def test_objects_are_listed_read_and_deleted(service, telpher):
    served = service("--store", "local", "--no-auth")
    (telpher.cwd / "f").write_bytes(bytes(range(256)))
    for key in ("a/1 ä.html", "a/b/2", "top"):
        telpher.ok("cp", "f", f"local://files/{key}")
    assert [b["name"] for b in served.ok("GET", "/buckets")["buckets"]] == ["files"]
    listed = served.ok("GET", "/objects")
    assert (listed["prefixes"], [o["key"] for o in listed["objects"]]) == (["a/"], ["top"])
    assert listed["objects"][0]["size"] == 256 and listed["nextCursor"] is None
    page = served.ok("GET", "/objects?delimiter=&limit=2")
    assert [o["key"] for o in page["objects"]] == ["a/1 ä.html", "a/b/2"]
    rest = served.ok("GET", f"/objects?delimiter=&limit=2&cursor={page['nextCursor']}")
    assert [o["key"] for o in rest["objects"]] == ["top"]

    path = "/objects/files/a/1%20%C3%A4.html"
    whole = served.get(path)
    assert whole.body == bytes(range(256)) and whole.headers["ETag"]
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    part = served.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, bytes(range(10, 20)))
    assert part.headers["Content-Range"] == "bytes 10-19/256"
    assert served.get(path, headers={"Range": "bytes=300-"}).status == 416
    etag = whole.headers["ETag"]
    assert served.get(path, headers={"If-None-Match": etag}).status == 304
    assert served.get(path, headers={"If-Match": '"other"'}).status == 412
    head = served.ask("HEAD", path)
    assert head.headers["Content-Length"] == "256" and head.body == b""
    saved = served.get(path + "?download=1").headers["Content-Disposition"]
    assert saved.startswith("attachment") and "%C3%A4.html" in saved
    assert served.ask("DELETE", "/objects/files/top").status == 204
    assert served.get("/objects/files/top").status == 404


# --- the monitor ---------------------------------------------------------------------------------

def operation(served, name):
    found = [o for o in served.ok("GET", "/monitor")["operations"] if o["name"] == name]
    return found[0] if found else None


def wait_for(served, condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        ended(served.process, within_s=0.05)
    raise AssertionError(what)


def test_monitor_counts_what_happens(service):
    served = service("--no-auth")
    served.ok("PUT", "/monitor/settings", {"windowSeconds": 12})
    for _ in range(5):
        served.get("/buckets")
    seen = wait_for(served, lambda: (o := operation(served, "http_get_buckets"))
                    and o["total"]["count"] == 5 and o, "five were counted")
    assert seen["total"]["failed"] == 0 and seen["total"]["p50Ms"] <= seen["total"]["maxMs"]
    samples = served.ok("GET", "/monitor/operations/http_get_buckets/history")["samples"]
    assert len(samples) == 5 and all(sample["success"] for sample in samples)
    text = served.get("/metrics").body.decode()
    assert 'telpher_operations_total{operation="http_get_buckets",outcome="success"} 5' in text
    assert "telpher_resident_memory_bytes" in text
    assert served.ask("DELETE", "/monitor/operations/http_get_buckets").status == 204
    assert operation(served, "http_get_buckets")["total"]["count"] == 0
    assert served.get("/monitor/operations/nothing").status == 404
    assert served.ask("PUT", "/monitor/settings", {"windowSeconds": 0}).status == 400
    assert served.ask("PUT", "/monitor/settings", {"unknown": 0}).status == 400


def test_the_summary_counts_each_byte_once(service, telpher):
    served = service("--no-auth")
    served.ok("PUT", "/monitor/settings", {"windowSeconds": 12})
    form = (b'--x\r\nContent-Disposition: form-data; name="files"; filename="f.txt"\r\n\r\n'
            + b"t" * 1000 + b"\r\n--x--\r\n")
    up = served.ok("POST", "/upload", form,
                   headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert len(served.get(f"/objects/files/{up['files'][0]['path']}").body) == 1000
    told = wait_for(served, lambda: (m := served.ok("GET", "/monitor"))["summary"]["total"]["count"]
                    == 2 and m, "one came, one went")
    assert told["summary"]["total"]["bytes"] == 2000
    assert told["summary"]["recent"]["bytes"] == 2000


def test_totals_survive_a_restart(service):
    served = service("--no-auth", "--store", "local")
    for _ in range(3):
        served.get("/buckets")
    served.ok("PUT", "/monitor/settings", {"alerts": {"errorRate": 0.5}})
    served.process.terminate()
    assert served.process.wait(20) == 0
    again = service("--no-auth", "--store", "local")
    again.get("/buckets")
    wait_for(again, lambda: (o := operation(again, "http_get_buckets")) and o["total"]["count"] == 4,
             "three and one are four")
    assert again.ok("GET", "/monitor/settings")["alerts"]["errorRate"] == 0.5


def events_of(served, path="/events", headers=None):
    """Yields (type, data, id) of a stream of events."""
    connection = served.connect()
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
    event = {}
    for line in answer:
        line = line.decode().rstrip("\n")
        if not line and "event" in event:
            yield event["event"], json.loads(event["data"]), event["id"]
            event = {}
        elif ": " in line and not line.startswith(":"):
            name, value = line.split(": ", 1)
            event[name] = value


def test_events_tell_the_monitor_every_second(service):
    served = service("--no-auth")
    events = events_of(served)
    kind, data, first = next(events)
    assert kind == "monitor" and "summary" in data and "operations" not in data
    missed = events_of(served, headers={"Last-Event-ID": first})
    assert next(missed)[0] == "monitor"
    old = events_of(served, headers={"Last-Event-ID": "1"})
    assert next(old)[0] == "reset"


def test_alerts_fire_once_and_resolve(service):
    served = service("--no-auth")
    served.ok("PUT", "/monitor/settings", {
        "windowSeconds": 12, "alerts": {"byOperation": {"http_get_buckets": {"durationMs": 0.001}},
                                        "samplesMin": 3}})
    events = events_of(served)
    for _ in range(5):
        served.get("/buckets")
    alert = next(data for kind, data, _ in events if kind == "alert")
    assert (alert["operation"], alert["metric"]) == ("http_get_buckets", "duration")
    assert alert["resolved"] is None
    assert [a["id"] for a in served.ok("GET", "/monitor/alerts")["firing"]] == [alert["id"]]
    over = next(data for kind, data, _ in events if kind == "alert")
    assert over["id"] == alert["id"] and over["resolved"]
    assert served.ok("GET", "/monitor/alerts")["firing"] == []
    assert "alert firing: http_get_buckets" in served.log_text()


def test_readiness_follows_the_store(service, s3):
    endpoint = s3()
    served = service("--no-auth", "--store", "s3://bucket", env=endpoint.client_env())
    assert served.get("/ready").status == 200
    endpoint.process.kill()
    endpoint.process.wait()
    answer = served.get("/ready")
    assert answer.status == 503 and answer.json["checks"]["store"] != "ok"
    assert served.get("/health").status == 200


def test_half_a_request_does_not_hold_it(service):
    served = service("--no-auth")
    host, port = served.host.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as half:
        half.sendall(b"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert b"400" in half.recv(1000).split(b"\r\n")[0]
    assert served.get("/health").status == 200


# --- limits and tokens ---------------------------------------------------------------------------

def test_callers_have_a_rate(service):
    served = service("--rate-limit", "0.1")
    answers = [served.get("/session") for _ in range(110)]
    refused = [answer for answer in answers if answer.status == 429]
    assert 5 <= len(refused) <= 10
    assert int(refused[0].headers["Retry-After"]) >= 1 and error_of(refused[0])["retryable"]
    assert served.get("/health").status == 200  # nobody's


def test_rates_that_are_none(telpher):
    for rate in ("0", "-1", "fast"):
        done = telpher.run("serve", "--rate-limit", rate)
        assert done.returncode == 2 and "--rate-limit" in done.err


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens with OpenSSL."""

    def __init__(self, folder):
        self.key = folder / "issuer.pem"
        self.openssl("genrsa", "-out", self.key, "2048")
        modulus = self.openssl("rsa", "-in", self.key, "-noout", "-modulus").split(b"=")[1]
        self.jwks = folder / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [{
            "kty": "RSA", "kid": "k1", "use": "sig", "e": "AQAB",
            "n": base64url(bytes.fromhex(modulus.strip().decode()))}]}))

    @staticmethod
    def openssl(*args, **kwargs):
        return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True,
                              **kwargs).stdout

    def token(self, **claims):
        claims = {"sub": "app", "role": "reader", "aud": "telpher", "iss": "us",
                  "exp": int(time.time()) + 600} | claims
        head = {"alg": "RS256", "kid": "k1"}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        signature = self.openssl("dgst", "-sha256", "-sign", self.key, input=text.encode())
        return f"{text}.{base64url(signature)}"


@pytest.mark.parametrize("by", ["file", "url"])
def test_tokens_of_others(service, nginx, tmp_path, by):
    issuer = Issuer(tmp_path)
    place = issuer.jwks if by == "file" else nginx.put("jwks.json", issuer.jwks.read_bytes())
    served = service("--jwt-keys", place, "--jwt-audience", "telpher", "--jwt-issuer", "us")
    session = served.get("/session", key=issuer.token(buckets=["files/a/"])).json
    assert (session["name"], session["role"], session["auth"]) == ("app", "reader", "jwt")
    assert session["buckets"] == ["files/a/"]
    assert served.ask("DELETE", "/objects/files/a/x", key=issuer.token()).status == 403
    assert served.ask("DELETE", "/objects/files/a/x", key=issuer.token(role="operator")).status == 204
    for wrong in ({"aud": "other"}, {"iss": "them"}, {"exp": int(time.time()) - 600},
                  {"role": "king"}, {"exp": None}):
        assert served.get("/session", key=issuer.token(**wrong)).status == 401, wrong
    token = issuer.token()
    assert served.get("/session", key=token[:-6] + "AAAAAA").status == 401
    assert token not in served.log_text()
    assert served.get("/session").json["auth"] == "key"


def test_tokens_need_to_be_for_somebody(telpher, tmp_path):
    (tmp_path / "jwks").write_text("{}")
    for args in (["--jwt-keys", "jwks"], ["--jwt-keys", "jwks", "--jwt-audience", "a"],
                 ["--jwt-keys", "nothing", "--jwt-audience", "a"],
                 ["--jwt-keys", "jwks", "--jwt-audience", "a", "--no-auth"]):
        done = telpher.run("serve", "--listen", "127.0.0.1:0", *args)
        assert done.returncode == 2 and "--jwt" in done.err, (args, done.err)
