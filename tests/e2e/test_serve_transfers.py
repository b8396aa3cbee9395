"""telpher serve: URLs that are fetched into the store."""

import hashlib
import hmac
import http.server
import json
import random
import signal
import threading
import time

import pytest
from conftest import MIB, ended, free_port, random_bytes, sha256
from test_serve import error_of, events_of, wait_for

FINAL = ("completed", "failed", "cancelled")


def begin(served, url, **fields):
    body = {"sourceUrl": url, "bucketName": "files"} | fields
    answer = served.ask("POST", "/transfers", body)
    assert answer.status == 202, answer
    return answer.json["transferId"]


def state_of(served, transfer):
    return served.ok("GET", f"/transfers/{transfer}")


def wait_until(served, transfer, *states, seconds=60):
    return wait_for(served, lambda: (seen := state_of(served, transfer))["status"] in states and seen,
                    f"{transfer} is {states}: {state_of(served, transfer)}", seconds)


@pytest.fixture
def private(service):
    """A service that may fetch from this machine."""
    return lambda *args, **kwargs: service("--no-auth", "--allow-private-sources", *args, **kwargs)


@pytest.mark.parametrize("store", ["memory", "local", "s3"])
def test_a_url_becomes_an_object(private, nginx, s3, store):
    data = random_bytes(40 * MIB)
    url = nginx.put("folder/big file.bin", data).replace(" ", "%20")
    if store == "s3":
        endpoint = s3([{"on": "UploadPart", "count": 2, "do": "status", "status": 503}])
        served = private("--store", "s3://bucket", env=endpoint.client_env())
    else:
        served = private("--store", store)
    bucket = "bucket" if store == "s3" else "files"
    transfer = begin(served, url + "?token=secret", bucketName=bucket, keyPrefix="in")
    done = wait_until(served, transfer, *FINAL)
    assert done["status"] == "completed" and done["error"] is None
    progress, told = done["progress"], done["metadata"]
    assert progress["bytesTransferred"] == progress["totalBytes"] == len(data)
    assert progress["percentage"] == 100 and set(progress["parts"]) == {"d"}
    assert told["s3Key"] == "in/big file.bin" and "secret" not in json.dumps(done)
    assert sha256(served.get(f"/objects/{bucket}/in/big%20file.bin").body) == sha256(data)
    assert served.ok("GET", "/transfers")["counts"]["completed"] == 1
    transfer = begin(served, url, bucketName=bucket, keyPrefix="in", overwrite="fail")
    failed = wait_until(served, transfer, *FINAL)
    assert failed["error"]["code"] == "PRECONDITION_FAILED" and not failed["error"]["retryable"]


def test_what_cannot_be_accepted(service):
    served = service("--no-auth")
    good = {"sourceUrl": "http://example.org/f", "bucketName": "files"}
    for change, code, field in [
            ({"sourceUrl": "no url"}, "INVALID_URL", "sourceUrl"),
            ({"sourceUrl": "ftp://example.org/f"}, "INVALID_URL", "sourceUrl"),
            ({"sourceUrl": None}, "VALIDATION_ERROR", None),
            ({"bucketName": "A"}, "VALIDATION_ERROR", "bucketName"),
            ({"key": "a\u0000b"}, "VALIDATION_ERROR", "key"),
            ({"headers": {"Host": "x"}}, "VALIDATION_ERROR", "headers"),
            ({"checksum": "sha256:zz"}, "VALIDATION_ERROR", None),
            ({"overwrite": "perhaps"}, "VALIDATION_ERROR", None),
            ({"priority": 1000}, "VALIDATION_ERROR", None),
            ({"notBefore": "soon"}, "VALIDATION_ERROR", None),
            ({"webhook": "http://127.0.0.1/x"}, "FORBIDDEN_ADDRESS", "webhook"),
            ({"more": 1}, "VALIDATION_ERROR", None)]:
        answer = served.ask("POST", "/transfers", good | change)
        assert answer.status in (400, 403), (change, answer)
        error = error_of(answer)
        assert error["code"] == code and error["retryable"] is False, (change, error)
        assert field is None or field in error["details"], (change, error)
    missing = served.get("/transfers/000000000000000000000000")
    assert missing.status == 404 and error_of(missing)["code"] == "TRANSFER_NOT_FOUND"


def test_the_same_request_twice_is_one_transfer(private, nginx):
    served = private()
    body = {"sourceUrl": nginx.put("once", b"1"), "bucketName": "files"}
    ask = lambda body: served.ask("POST", "/transfers", body, headers={"Idempotency-Key": "k1"})
    first, again = ask(body), ask(body)
    assert (first.status, again.status) == (202, 202)
    assert first.json["transferId"] == again.json["transferId"]
    assert ask(body | {"key": "another"}).status == 409


def slow_web(web, size=48 * MIB, rate=4 * MIB):
    return web([{"path": "/f", "size": size, "etag": '"1"', "rate": rate, "ranges": True}])


def test_paused_resumed_cancelled_and_tried_again(private, web, telpher, s3):
    server = slow_web(web)
    endpoint = s3()
    served = private("--store", "s3://bucket", env=endpoint.client_env())
    transfer = begin(served, server.url("/f"), bucketName="bucket", key="k")
    verb = lambda name: served.ask("POST", f"/transfers/{transfer}/{name}")
    wait_for(served, lambda: state_of(served, transfer)["progress"]["bytesTransferred"] > 0, "moves")
    paused = verb("pause").json
    assert paused["status"] == "paused"
    assert verb("pause").status == 409 and verb("retry").status == 409
    assert verb("resume").json["status"] in ("pending", "starting", "in-progress")
    cancelled = served.ask("DELETE", f"/transfers/{transfer}")
    assert cancelled.json["status"] == "cancelled"
    assert endpoint.stats()["open_uploads"] == 0
    assert served.ask("DELETE", f"/transfers/{transfer}").status == 409
    assert verb("retry").status == 200
    served.ask("DELETE", f"/transfers/{transfer}")


def test_failures_say_why(private, nginx, web):
    served = private()
    for url, code, retryable in [
            (nginx.url("nothing"), "URL_FETCH_ERROR", False),
            (nginx.url("secret/x"), "URL_FETCH_ERROR", False),
            (nginx.put("wrong", b"x"), "VALIDATION_ERROR", False)]:
        fields = {"checksum": "sha256:" + "0" * 64} if url.endswith("wrong") else {}
        failed = wait_until(served, begin(served, url, **fields), *FINAL)
        assert failed["status"] == "failed", failed
        assert failed["error"]["retryable"] is retryable, failed
        assert failed["error"]["message"], failed
        if not fields:
            assert failed["error"]["code"] == code, failed


def test_events_follow_a_transfer(private, web):
    served = private()
    server = slow_web(web, size=8 * MIB)
    transfer = begin(served, server.url("/f"))
    seen = []
    for kind, data, _ in events_of(served, f"/transfers/{transfer}/events"):
        assert data["transferId"] == transfer
        seen.append((kind, data.get("status")))
        if data.get("status") in FINAL:
            break
    assert ("transfer", "completed") in seen
    assert any(kind == "progress" for kind, _ in seen)


def test_a_batch_of_rows(private, nginx, telpher):
    served = private("--store", "local")
    urls = [nginx.put(f"row{n}", str(n).encode()) for n in range(20)]
    manifest = "url,key\n" + "".join(f"{url},k{n}\n" for n, url in enumerate(urls))
    path = "/transfers/batch?bucketName=files&keyPrefix=rows"
    accepted = served.ask("POST", path, manifest, headers={"Content-Type": "text/csv"})
    assert accepted.status == 202 and accepted.json["count"] == 20, accepted
    batch = accepted.json["batchId"]
    wait_for(served, lambda: served.ok("GET", f"/transfers/batches/{batch}")["counts"]["completed"]
             == 20, "all rows are there")
    for n in range(20):
        assert served.get(f"/objects/files/rows/k{n}").body == str(n).encode()
    listed = served.ok("GET", f"/transfers?batch={batch}&limit=15")
    assert len(listed["transfers"]) == 15
    rest = served.ok("GET", f"/transfers?batch={batch}&limit=15&cursor={listed['nextCursor']}")
    assert len(rest["transfers"]) == 5 and rest["nextCursor"] is None
    bad = served.ask("POST", path, manifest + "no url,x\nhttp://10.0.0.1:99999/,y\n",
                     headers={"Content-Type": "text/csv"})
    assert bad.status == 400
    assert [row["row"] for row in error_of(bad)["details"]["rows"]] == [21, 22]
    assert served.ok("GET", "/transfers")["counts"]["completed"] == 20


def test_callers_see_and_steer_what_is_theirs(service, nginx):
    served = service("--allow-private-sources")
    one, two = served.add_key("uploader"), served.add_key("uploader")
    operator, near = served.add_key("operator"), served.add_key("uploader", buckets=["files/in/"])
    body = {"sourceUrl": nginx.put("mine", b"1"), "bucketName": "files"}
    mine = served.ask("POST", "/transfers", body, key=one).json["transferId"]
    assert served.get(f"/transfers/{mine}", key=one).status == 200
    assert served.get(f"/transfers/{mine}", key=operator).status == 200
    assert served.get(f"/transfers/{mine}", key=two).status == 404
    assert served.ask("DELETE", f"/transfers/{mine}", key=two).status == 404
    assert served.get("/transfers", key=two).json["transfers"] == []
    assert served.ask("POST", "/transfers", body, key=near).status == 403
    assert served.ask("POST", "/transfers", body | {"keyPrefix": "in/"}, key=near).status == 202
    outside = "/transfers/batch?bucketName=files&keyPrefix=other"
    assert served.ask("POST", outside, "url\n", key=near).status == 403


# --- where it may not lead -----------------------------------------------------------------------

HOSTILE = [
    # loopback, in every way to write it
    "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://2130706433/",
    "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://017700000001/",
    "http://127.0.0.1./", "http://127.255.255.254/", "http://localhost/", "http://localhost./",
    "http://LOCALHOST/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/",
    "http://0.0.0.0/", "http://0/", "http://0.1.2.3/",
    # this network
    "http://10.0.0.1/", "http://10.255.255.255/", "http://172.16.0.1/", "http://172.31.255.255/",
    "http://192.168.0.1/", "http://192.168.255.255/", "http://100.64.0.1/",
    "http://100.127.255.254/", "http://[fc00::1]/", "http://[fd12:3456::1]/", "http://167772161/",
    "http://0xa000001/", "http://012.0.0.1/",
    # metadata and link-local
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/", "http://[fd00:ec2::254]/", "http://169.254.170.2/v2/credentials",
    "http://100.100.100.200/", "http://[fe80::1]/", "http://169.254.0.1/",
    # addresses within addresses
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:169.254.169.254]/",
    "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::169.254.169.254]/",
    "http://[2002:7f00:1::]/", "http://[2002:a9fe:a9fe::1]/", "http://[2001:0:53aa:64c::]/",
    "http://[::ffff:0:127.0.0.1]/",
    # nobody's
    "http://224.0.0.1/", "http://239.255.255.255/", "http://255.255.255.255/", "http://240.0.0.1/",
    "http://192.0.2.1/", "http://198.51.100.1/", "http://203.0.113.1/", "http://198.18.0.1/",
    "http://192.0.0.1/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[100::1]/",
    # names and ports that hide one
    "http://user@127.0.0.1/", "http://example.org@127.0.0.1/", "http://127.0.0.1:80@localhost/",
    "http://127.0.0.1#@example.org/", "http://127.0.0.1:22/", "http://example.org:22/",
    "http://example.org:6379/", "http://example.org:25/", "http://foo.localhost/",
    # no web at all
    "file:///etc/passwd", "gopher://127.0.0.1:70/", "ftp://127.0.0.1/", "dict://127.0.0.1:11211/",
    "sftp://127.0.0.1/", "ldap://127.0.0.1/", "s3://bucket/key", "//127.0.0.1/", "http:///x",
]


def test_hostile_addresses_are_refused(service):
    assert len(HOSTILE) >= 60
    served = service("--no-auth", "--max-transfers", "64")
    port = served.host.rsplit(":", 1)[1]
    begun = {}
    for url in [*HOSTILE, f"http://127.0.0.1:{port}/health", f"http://[::1]:{port}/"]:
        for field in ("sourceUrl", "webhook"):
            body = {"sourceUrl": "http://example.org/f", "bucketName": "files"} | {field: url}
            if field == "sourceUrl":
                answer = served.ask("POST", "/transfers", body)
            else:
                answer = served.ask("POST", "/transfers", body | {"notBefore": "2199-01-01"})
            if answer.status == 202:
                begun[answer.json["transferId"]] = (field, url)
                continue
            error = error_of(answer)
            assert error["code"] in ("FORBIDDEN_ADDRESS", "INVALID_URL"), (url, error)
        manifest = served.ask("POST", "/transfers/batch?bucketName=files", f"url\n{url}\n",
                              headers={"Content-Type": "text/csv"})
        if manifest.status == 202:
            [listed] = served.ok("GET", f"/transfers?batch={manifest.json['batchId']}")["transfers"]
            begun[listed["transferId"]] = ("manifest", url)
    # What only a look-up tells is refused when it is connected to.
    for transfer, (field, url) in begun.items():
        if field == "webhook":
            continue  # a name: it is looked up when there is something to tell
        error = wait_until(served, transfer, "failed")["error"]
        # A resolver that does not know the name at all has led nowhere either.
        assert error["code"] == "FORBIDDEN_ADDRESS" or "DNS lookup failed" in error["message"], (
            url, error)


def test_only_hosts_that_are_named(private, nginx):
    served = private("--source-host", "*.example.org", "--source-host", "127.0.0.1")
    begin(served, nginx.put("named", b"1"))
    for url in ("http://example.org/f", "http://localhost/f", "http://a.example.org.evil/f"):
        answer = served.ask("POST", "/transfers", {"sourceUrl": url, "bucketName": "files"})
        assert answer.status == 403 and error_of(answer)["code"] == "FORBIDDEN", (url, answer)


@pytest.mark.parametrize("place", [
    "http://169.254.169.254/", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0:80/",
    "file:///etc/passwd", "http://2852039166/"])
def test_every_redirect_is_checked(private, web, place):
    hops = web([
        {"path": "/a", "status": 302, "headers": {"Location": "/b"}},
        {"path": "/b", "status": 307, "headers": {"Location": place}}])
    served = private()
    failed = wait_until(served, begin(served, hops.url("/a")), *FINAL)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] in ("FORBIDDEN_ADDRESS", "URL_FETCH_ERROR"), failed
    assert "169.254" not in place or failed["error"]["code"] == "FORBIDDEN_ADDRESS", failed


def test_even_friends_may_not_ask_the_service_itself(private):
    served = private()
    body = {"sourceUrl": served.base + "/health", "bucketName": "files"}
    answer = served.ask("POST", "/transfers", body)
    assert answer.status == 403 and error_of(answer)["code"] == "FORBIDDEN_ADDRESS"


def test_proxies_of_the_environment_are_not_for_strangers(private, nginx):
    proxy = f"http://127.0.0.1:{free_port()}"
    served = private(env={"http_proxy": proxy, "HTTP_PROXY": proxy, "all_proxy": proxy})
    assert wait_until(served, begin(served, nginx.put("p", b"1")), *FINAL)["status"] == "completed"


# --- webhooks ------------------------------------------------------------------------------------

@pytest.fixture
def hook():
    """A listener that notes what it is told."""
    told = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url, server.told = f"http://127.0.0.1:{server.server_port}/hook", told
    yield server
    server.shutdown()


def test_webhooks_are_signed(private, nginx, hook, telpher):
    served = private("--store", "local")
    transfer = begin(served, nginx.put("hooked", b"1"), webhook=hook.url)
    [(headers, body)] = wait_for(served, lambda: hook.told, "it was told")
    assert headers["X-Telpher-Event"] == "transfer.completed"
    assert json.loads(body)["transfer"]["transferId"] == transfer
    secret = (telpher.home / "webhook_secret").read_text().strip()
    text = headers["X-Telpher-Timestamp"].encode() + b"." + body
    expected = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    assert headers["X-Telpher-Signature"] == f"sha256={expected}"
    assert (telpher.home / "webhook_secret").stat().st_mode & 0o077 == 0
    assert secret not in served.log_text()


def test_alerts_reach_a_webhook(private, hook, telpher):
    served = private("--alert-webhook", hook.url)
    served.ok("PUT", "/monitor/settings", {
        "windowSeconds": 12, "alerts": {"byOperation": {"http_get_buckets": {"durationMs": 0.001}},
                                        "samplesMin": 3}})
    for _ in range(5):
        served.get("/buckets")
    wait_for(served, lambda: len(hook.told) == 2, "it fired, and was resolved", seconds=60)
    events = [headers["X-Telpher-Event"] for headers, _ in hook.told]
    assert events == ["alert.firing", "alert.resolved"]
    assert json.loads(hook.told[0][1])["alert"]["operation"] == "http_get_buckets"
    assert telpher.run("serve", "--alert-webhook", "ftp://x/").returncode == 2


# --- kill -9 -------------------------------------------------------------------------------------

def kill_at_random_while_it_works(start, served, done, kills, rng):
    for _ in range(kills):
        before = done(served)
        deadline = time.monotonic() + 60
        while done(served) <= before and time.monotonic() < deadline:
            ended(served.process, within_s=rng.uniform(0.01, 0.2))
        served.process.send_signal(signal.SIGKILL)
        served.process.wait()
        served = start()
    return served


@pytest.mark.parametrize("count, kills", [
    (60, 2), pytest.param(1000, 10, marks=pytest.mark.slow)])
def test_killed_at_random_nothing_is_lost(private, nginx, s3, telpher, count, kills):
    rng = random.Random(7)
    contents = {f"k{n}": random_bytes(rng.choice([1, 5000, 300_000]) if n % 50 else 12 * MIB, seed=n)
                for n in range(count)}
    manifest = "url,key\n" + "".join(
        f"{nginx.put(f'{telpher.cwd.name}/{key}', data)},{key}\n" for key, data in contents.items())
    endpoint = s3()
    start = lambda: private("--store", "s3://bucket", env=endpoint.client_env())
    served = start()
    accepted = served.ask("POST", "/transfers/batch?bucketName=bucket", manifest,
                          headers={"Content-Type": "text/csv"}).json
    completed = lambda of: of.ok("GET", f"/transfers/batches/{accepted['batchId']}")["counts"]["completed"]
    served = kill_at_random_while_it_works(start, served, completed, kills, rng)
    wait_for(served, lambda: completed(served) == count, "all are completed", seconds=300)
    listed = {}
    cursor = ""
    while cursor is not None:
        page = served.ok("GET", f"/objects?bucket=bucket&delimiter=&limit=1000&cursor={cursor}")
        listed |= {o["key"]: o["size"] for o in page["objects"]}
        cursor = page["nextCursor"]
    assert listed == {key: len(data) for key, data in contents.items()}
    for key in rng.sample(sorted(contents), min(count, 100)):
        assert served.get(f"/objects/bucket/{key}").body == contents[key], key
    assert endpoint.stats()["open_uploads"] == 0
