"""The rows of tests/failure_table.md with the compiled binary against `telpher s3`: exit code,
message, bytes, open uploads, and that each fault was met. Rows that stand elsewhere are named there."""

import contextlib
import gzip
import subprocess
import threading

import pytest

from conftest import MIB, kill, random_bytes, swallowing

PART = 5 * MIB
SIZE = 3 * PART + 1000
PARTS = 4
CP = ["--part-size", str(PART), "--concurrency", "2"]


@pytest.fixture
def data(tmp_path):
    content = random_bytes(SIZE)
    (tmp_path / "f").write_bytes(content)
    return content


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small").write_bytes(b"small")
    return b"small"


def requests(server, operation):
    return server.stats()["requests"].get(operation, 0)


def check(telpher, server, key, content, met=True):
    """All faults were met, the object is right (or not there), nothing is left open."""
    stats = server.stats()
    assert stats["faults_all_met"] == met, stats
    assert stats["open_uploads"] == 0
    server.faults([])
    if content is None:
        assert not telpher.exists(f"s3://bucket/{key}")
    else:
        assert telpher.read(f"s3://bucket/{key}") == content
    assert telpher.jobs() == []


def refused(telpher, code, text, *args, **kwargs):
    done = telpher.run(*args, **kwargs)
    assert done.returncode == code, f"exit {done.returncode}: {done.err}"
    assert text in done.err, done.err
    return done


def send_error(handler, status, code, message, **headers):
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    handler.send_response_only(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(text)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(text)
    handler.close_connection = True
    return True


# --- answers that are wrong, or do not come ------------------------------------------------------

def test_error_in_200_on_complete_and_copy(telpher, s3, data):
    server = s3([{"on": "CompleteMultipartUpload", "count": 2, "do": "error_in_200"},
                 {"on": "CopyObject", "count": 2, "do": "error_in_200"}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP)
    telpher.ok("cp", "s3://bucket/k", "s3://bucket/copy")
    assert requests(server, "CompleteMultipartUpload") == 3
    assert requests(server, "CopyObject") == 3
    check(telpher, server, "copy", data)


def test_error_in_200_that_stays_is_a_failure(telpher, s3, data):
    server = s3([{"on": "CopyObject", "do": "error_in_200", "code": "InternalError"}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP)
    refused(telpher, 5, "InternalError", "cp", "s3://bucket/k", "s3://bucket/copy", "--retries", "2")
    check(telpher, server, "copy", None)


def test_complete_whose_answer_was_lost(telpher, s3, data):
    server = s3([{"on": "CompleteMultipartUpload", "count": 1, "do": "lose_answer"}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP)
    assert requests(server, "CompleteMultipartUpload") == 2
    assert requests(server, "UploadPart") == PARTS  # nothing was sent again
    check(telpher, server, "k", data)


def test_conditional_put_meets_its_own_412(telpher, s3, tmp_path, small):
    server = s3([{"on": "PutObject", "count": 1, "do": "lose_answer"}])
    telpher.ok("cp", "small", "s3://bucket/k", "--if-none-match")
    assert requests(server, "PutObject") == 2
    check(telpher, server, "k", small)
    # Somebody else's is believed.
    (tmp_path / "small").write_bytes(b"other")
    server.faults([{"on": "PutObject", "count": 1, "do": "status", "status": 500}])
    refused(telpher, 4, "", "cp", "small", "s3://bucket/k", "--if-none-match")
    check(telpher, server, "k", small)


def test_409_is_repeated_412_is_not(telpher, s3, small):
    server = s3([{"on": "PutObject", "count": 2, "do": "status", "status": 409,
                  "code": "ConditionalRequestConflict"}])
    telpher.ok("cp", "small", "s3://bucket/k", "--if-none-match")
    assert requests(server, "PutObject") == 3
    check(telpher, server, "k", small)
    server.faults([{"on": "PutObject", "count": 1, "do": "status", "status": 412}])
    refused(telpher, 4, "", "cp", "small", "s3://bucket/new", "--if-none-match")
    assert requests(server, "PutObject") == 4
    check(telpher, server, "new", None)


def test_create_whose_answer_was_lost(telpher, s3, data):
    server = s3([{"on": "CreateMultipartUpload", "count": 1, "do": "lose_answer"}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP)
    assert requests(server, "CreateMultipartUpload") == 2
    check(telpher, server, "k", data)


def test_create_that_takes_effect_after_its_sender_was_killed(telpher, s3, front, data):
    """A gateway holds the request until the same command has been started again."""
    server = s3()
    arrived, may_go_on = threading.Event(), threading.Event()

    def decide(handler):
        if handler.command == "POST" and handler.path.endswith("uploads=") and not arrived.is_set():
            arrived.set()
            assert may_go_on.wait(60)
        return False

    env = {"AWS_ENDPOINT_URL": front(server, decide).base}
    process = telpher.start("cp", "f", "s3://bucket/k", *CP, env=env)
    assert arrived.wait(60)
    kill(process)
    again = telpher.start("cp", "f", "s3://bucket/k", *CP, env=env)
    assert requests(server, "CreateMultipartUpload") == 0
    may_go_on.set()
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err.decode()
    assert requests(server, "CreateMultipartUpload") == 2
    assert requests(server, "AbortMultipartUpload") == 1
    check(telpher, server, "k", data)


def test_part_sent_again_whole_after_500(telpher, s3, data):
    server = s3([{"on": "UploadPart", "count": 1, "do": "error_after", "status": 500},
                 {"on": "UploadPart", "count": 1, "do": "status", "status": 500},
                 {"on": "UploadPart", "after": 3, "count": 1, "do": "reset", "after_bytes": MIB}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP)
    assert requests(server, "UploadPart") == PARTS + 3
    check(telpher, server, "k", data)


def test_kept_connections_that_the_server_has_closed(telpher, s3, tmp_path):
    """Replaced without a word: nothing counts as a retry."""
    server = s3([{"on": "PutObject", "count": 20, "do": "close"}])
    (tmp_path / "tree").mkdir()
    for i in range(40):
        (tmp_path / "tree" / f"{i}").write_bytes(bytes([i]))
    telpher.ok("cp", "tree", "s3://bucket/p/", "--concurrency", "2", "--retries", "1")
    assert server.history()["failed_puts"] == 0
    check(telpher, server, "p/7", bytes([7]))


# --- clock, region, credentials ------------------------------------------------------------------

@pytest.mark.parametrize("minutes", [30, -600])
def test_request_time_too_skewed(telpher, s3, data, minutes):
    server = s3([{"on": "*", "count": 1, "do": "skew", "minutes": minutes}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP)
    telpher.ok("cp", "f", "s3://bucket/j", *CP, "--retries", "2")  # a command later, the same
    check(telpher, server, "k", data)


def test_bucket_in_another_region(telpher, s3, data):
    server = s3(args=["--region", "eu-north-1"])
    done = telpher.ok("cp", "f", "s3://bucket/k", *CP, env={"AWS_REGION": "us-east-1"})
    assert "eu-north-1" in done.err
    telpher.env["AWS_REGION"] = "eu-north-1"
    check(telpher, server, "k", data)


def test_token_that_expires_and_is_replaced(telpher, s3, tmp_path, data):
    """Another program renews the credentials file while parts are on their way."""
    def write_token(token):
        keys = server.client_env()
        (tmp_path / "new").write_text("[default]\n"
                                      f"aws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
                                      f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
                                      f"aws_session_token = {token}\n")
        (tmp_path / "new").rename(tmp_path / "credentials")

    server = s3([{"on": "UploadPart", "count": 2, "do": "delay", "ms": 2000},
                 {"on": "UploadPart", "after": 2, "count": 1, "do": "expire_token"}])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del telpher.env[name]
    telpher.env["AWS_SHARED_CREDENTIALS_FILE"] = str(tmp_path / "credentials")
    write_token("first")
    process = telpher.start("cp", "f", "s3://bucket/k", *CP)
    while requests(server, "UploadPart") < 2:
        assert process.poll() is None, process.communicate()
    write_token("second")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    check(telpher, server, "k", data)


def test_token_that_expires_and_cannot_be_replaced(telpher, s3, data):
    server = s3([{"on": "UploadPart", "after": 1, "count": 1, "do": "expire_token"}])
    refused(telpher, 4, "ExpiredToken", "cp", "f", "s3://bucket/k", *CP)
    assert requests(server, "UploadPart") <= 3  # two were under way
    assert server.stats()["faults_all_met"]
    server.faults([])
    assert not telpher.exists("s3://bucket/k")
    telpher.ok("cp", "f", "s3://bucket/k", *CP)  # goes on with the same keys, good again
    check(telpher, server, "k", data)


# --- throttling, refusals ------------------------------------------------------------------------

def test_slow_down_storm(telpher, s3, tmp_path):
    """Fewer than 1.2 requests for each that is needed."""
    server = s3([{"on": "PutObject", "after": 20, "count": 12, "do": "status", "status": 503,
                  "code": "SlowDown"}])
    (tmp_path / "tree").mkdir()
    for i in range(100):
        (tmp_path / "tree" / f"{i}").write_bytes(bytes([i]))
    telpher.ok("cp", "tree", "s3://bucket/p/", "--concurrency", "4")
    assert requests(server, "PutObject") == 112
    check(telpher, server, "p/99", bytes([99]))


@pytest.mark.parametrize("status, code, exit_code", [
    (403, "AccessDenied", 4), (400, "InvalidArgument", 4), (404, "NoSuchBucket", 4),
    (501, "NotImplemented", 4)])
def test_permanent_errors_are_asked_once(telpher, s3, small, status, code, exit_code):
    server = s3([{"on": "PutObject", "do": "status", "status": status, "code": code}])
    refused(telpher, exit_code, "bucket", "cp", "small", "s3://bucket/k")
    assert requests(server, "PutObject") == 1
    check(telpher, server, "k", None)


@pytest.mark.parametrize("kind", ["rejects", "ignores"])
def test_store_without_checksum_headers(telpher, s3, front, data, kind):
    """MD5 proves it instead."""
    server = s3()
    seen = []

    def decide(handler):
        named = [n for n in handler.headers if n.lower().startswith("x-amz-checksum")]
        if named and kind == "rejects":
            seen.append(named[0])
            handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            return send_error(handler, 400, "InvalidArgument",
                              f"Unsupported header '{named[0]}' received for this API call.")
        return False

    hidden = ["x-amz-checksum-type", "x-amz-checksum-algorithm", "x-amz-checksum-crc64nvme"]
    gateway = front(server, decide, hidden)
    telpher.env["AWS_ENDPOINT_URL"] = gateway.base
    done = telpher.ok("cp", "f", "s3://bucket/k", *CP)
    assert f"{kind} checksum headers: sending Content-MD5 instead" in done.err
    assert bool(seen) == (kind == "rejects")
    telpher.env["AWS_ENDPOINT_URL"] = server.base
    check(telpher, server, "k", data)


def test_403_while_the_body_is_still_being_sent(telpher, s3, front, tmp_path):
    (tmp_path / "f").write_bytes(bytes(15 * MIB))
    server = s3()
    gateway = front(server, lambda handler: handler.command == "PUT" and
                    send_error(handler, 403, "AccessDenied", "no"))
    refused(telpher, 4, "Insufficient permissions to write to bucket 'bucket'", "cp", "f",
            "s3://bucket/k", env={"AWS_ENDPOINT_URL": gateway.base})
    refused(telpher, 4, "", "cp", "f", "s3://bucket/k", env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert server.stats()["body_bytes_received"] == 0  # it did not have to be read to be refused
    check(telpher, server, "k", None)


def test_307_while_the_body_is_still_being_sent(telpher, s3, front, tmp_path):
    data = random_bytes(15 * MIB)
    (tmp_path / "f").write_bytes(data)
    server = s3()
    gateway = front(server, lambda handler: send_error(
        handler, 307, "TemporaryRedirect", "over there", Location=server.base + handler.path))
    telpher.ok("cp", "f", "s3://bucket/k", env={"AWS_ENDPOINT_URL": gateway.base})
    check(telpher, server, "k", data)


# --- time ----------------------------------------------------------------------------------------

def test_stall_at_byte_k(telpher, s3, tmp_path, data):
    """Given up by the idle time-out, in either direction, and continued."""
    server = s3([{"on": "UploadPart", "count": 1, "do": "stall", "ms": 120000, "after_bytes": MIB},
                 {"on": "GetObject", "count": 1, "do": "stall", "ms": 120000, "after_bytes": MIB}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP, "--idle-timeout", "2s")
    assert requests(server, "UploadPart") >= PARTS + 1
    telpher.ok("cp", "s3://bucket/k", "back", *CP, "--idle-timeout", "2s")
    assert (tmp_path / "back").read_bytes() == data
    check(telpher, server, "k", data)


def test_slow_link_is_no_time_out(telpher, s3, tmp_path):
    """Both take longer than the idle time-out, and bytes move all the time."""
    data = random_bytes(40 * MIB)
    (tmp_path / "f").write_bytes(data)
    server = s3([{"on": "UploadPart", "count": 1, "do": "throttle", "bytes_per_second": 10 * MIB},
                 {"on": "GetObject", "count": 1, "do": "throttle", "bytes_per_second": 50_000}])
    telpher.ok("cp", "f", "s3://bucket/k", "--part-size", "32MiB", "--idle-timeout", "2s")
    assert requests(server, "UploadPart") == 2
    (tmp_path / "f").write_bytes(data[:150_000])
    telpher.ok("cp", "f", "s3://bucket/small")
    telpher.ok("cp", "s3://bucket/small", "back", "--idle-timeout", "2s")
    assert (tmp_path / "back").read_bytes() == data[:150_000]
    assert requests(server, "GetObject") == 1
    check(telpher, server, "k", data)


@pytest.mark.parametrize("dead", ["refuses", "swallows"])
def test_several_addresses_one_dead(telpher, s3, tmp_path, dead):
    """A name with two addresses, as far as this command sees: its /etc/hosts is one of its own."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "mount", "--bind", "/etc/hosts", "/etc/hosts"]).returncode != 0:
        pytest.skip("a command may not have an /etc/hosts of its own here")
    (tmp_path / "hosts").write_text("127.0.0.2 two.test\n127.0.0.1 two.test\n")
    (tmp_path / "tree").mkdir()
    for i in range(40):
        (tmp_path / "tree" / f"{i}").write_bytes(bytes([i]))
    server = s3()
    port = int(server.base.rsplit(":", 1)[1])
    with contextlib.ExitStack() as stack:
        if dead == "swallows":
            stack.enter_context(swallowing("127.0.0.2", port))
        command = telpher.command(["cp", "tree", "s3://bucket/p/", "--concurrency", "8",
                                   "--retries", "1", "--endpoint-url", f"http://two.test:{port}"])
        done = subprocess.run([*alone, "sh", "-c", 'mount --bind hosts /etc/hosts && exec "$@"', "-",
                               *command], env=telpher.env, cwd=tmp_path, capture_output=True,
                              timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert requests(server, "PutObject") == 40
    check(telpher, server, "p/7", bytes([7]))


def test_parts_acknowledged_out_of_order(telpher, s3, data):
    server = s3([{"on": "UploadPart", "count": 1, "do": "delay", "ms": 700}])
    telpher.ok("cp", "f", "s3://bucket/k", *CP)
    check(telpher, server, "k", data)


# --- sources -------------------------------------------------------------------------------------

SOURCE = {"path": "/f", "size": SIZE, "etag": '"1"'}


@pytest.mark.parametrize("name, rules", {
    "ranges are ignored": [SOURCE | {"ranges": False}],
    "bodies end early": [SOURCE | {"method": "GET", "header": "Range", "times": 2,
                                   "close_at": MIB}, SOURCE],
    "a body is reset": [SOURCE | {"method": "GET", "header": "Range", "times": 1,
                                  "reset_at": MIB}, SOURCE],
    "a body stalls": [SOURCE | {"method": "GET", "header": "Range", "times": 1,
                                "stall_at": MIB}, SOURCE],
    "a wrong Content-Range": [SOURCE | {"method": "HEAD"}, SOURCE | {"content_range_shift": 1}],
    "a wrong Content-Range, once": [SOURCE | {"method": "GET", "header": "Range", "times": 1,
                                              "content_range_shift": 1}, SOURCE],
}.items())
def test_source_that_fails_is_overcome(telpher, s3, web, name, rules):
    """From a web server into the endpoint."""
    server = s3()
    source = web(rules)
    telpher.ok("cp", source.url("/f"), "s3://bucket/k", *CP, "--idle-timeout", "2s")
    check(telpher, server, "k", source.content("/f"))


def test_source_that_changes(telpher, s3, web):
    server = s3()
    source = web([SOURCE | {"method": "HEAD"}, SOURCE | {"etag": '"2"', "seed": 2}])
    refused(telpher, 6, "the source changed while it was being copied", "cp", source.url("/f"),
            "s3://bucket/k", *CP)
    check(telpher, server, "k", None)


def test_gzip_despite_identity(telpher, s3, web):
    """Copied as it came, and called what it is."""
    server = s3()
    source = web([{"path": "/f", "body": "hello " * 1000, "gzip": True, "etag": '"1"'}])
    telpher.ok("cp", source.url("/f"), "s3://bucket/k")
    assert gzip.decompress(telpher.read("s3://bucket/k")) == b"hello " * 1000
    signed = server.client()
    assert signed.head_object(Bucket="bucket", Key="k")["ContentEncoding"] == "gzip"
    assert server.stats()["open_uploads"] == 0


@pytest.mark.parametrize("status", [404, 403])
def test_source_that_refuses_is_asked_once(telpher, s3, web, status):
    server = s3()
    source = web([{"path": "/f", "status": status}])
    refused(telpher, 3, str(status), "cp", source.url("/f"), "s3://bucket/k")
    assert len([r for r in source.requests() if r["method"] == "HEAD"]) == 1
    check(telpher, server, "k", None)


# --- shapes --------------------------------------------------------------------------------------

def test_empty_stream(telpher, s3):
    server = s3()
    telpher.ok("cp", "-", "s3://bucket/k", input=b"")
    check(telpher, server, "k", b"")


def test_unknown_length_says_from_the_start_how_far_it_reaches(telpher):
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x",
           "AWS_SECRET_ACCESS_KEY": "x"}
    args = ["cp", "-", "s3://bucket/k", "--dry-run", "--part-size", "5MiB"]
    assert "at most 48.8 GiB" in telpher.ok(*args, env=env).out


def test_store_that_wants_equal_parts(telpher):
    env = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    grows = telpher.ok("cp", "-", "s3://bucket/k", "--dry-run", env=env | {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    equal = telpher.ok("cp", "-", "s3://bucket/k", "--dry-run", env=env | {
        "AWS_ENDPOINT_URL": "https://account.r2.cloudflarestorage.com"})
    assert "growing" in grows.out
    assert "growing" not in equal.out and "parts of" in equal.out
