"""telpher bench: a load on an endpoint and on the embedded store, and what it says about it."""

import json
import re
import signal

import pytest

from conftest import MIB


def result(done):
    return json.loads(done.out)


def test_puts_gets_lists_and_deletes(telpher, s3):
    server = s3([])
    done = telpher.ok("bench", "s3://bucket/tmp/", "--mix", "put=40,get=30,head=10,list=10,delete=10",
                      "--size", "1KiB..64KiB", "--objects", "50", "--requests", "500",
                      "--concurrency", "16", "--verify", "--json",
                      "--server-pid", server.process.pid)
    figures = result(done)
    assert figures["all"]["count"] == 500 and figures["all"]["errors"] == 0
    assert sum(kind["count"] for kind in figures["operations"].values()) == 500
    assert set(figures["operations"]) == {"put", "get", "head", "list", "delete"}
    assert 0 < figures["all"]["p50_ms"] <= figures["all"]["p99_ms"] <= figures["all"]["max_ms"]
    assert figures["client_cpu_us_per_op"] > 0
    assert figures["server"]["pid"] == server.process.pid
    assert figures["server"]["rss_bytes"] > 0
    assert telpher.ok("ls", "-r", "s3://bucket").out == ""  # nothing is left


def test_large_objects_go_in_parts(telpher, s3):
    server = s3([])
    done = telpher.ok("bench", "s3://bucket", "--mix", "put,get", "--objects", "1", "--requests", "4",
                      "--size", "12MiB", "--part-size", "5MiB", "--verify", "--json")
    assert result(done)["all"]["bytes"] == 4 * 12 * 2**20
    requests = server.stats()["requests"]
    assert requests["UploadPart"] % 3 == 0 and requests.get("PutObject", 0) == 0


@pytest.mark.parametrize("keep", [[], ["--keep"]])
def test_upload_whose_create_was_not_answered_is_ended(telpher, s3, keep):
    server = s3([{"on": "CreateMultipartUpload", "count": 2, "do": "lose_answer"}])
    telpher.ok("bench", "s3://bucket", "--requests", "3", "--size", "6MiB", "--part-size", "5MiB",
               "--concurrency", "1", "--allow-errors", *keep)
    stats = server.stats()
    assert stats["faults_all_met"] and stats["open_uploads"] == 0


def test_uploads_are_looked_for_only_when_there_may_be_some(telpher, s3):
    """Not every store can list them."""
    server = s3([])
    telpher.ok("bench", "s3://bucket", "--requests", "3", "--size", "6MiB", "--part-size", "5MiB")
    assert "ListMultipartUploads" not in server.stats()["requests"]


def test_uploads_of_others_are_left_alone(telpher, s3):
    server = s3()
    client = server.client()
    for key in ("mine", "tmp/mine"):
        client.create_multipart_upload(Bucket="bucket", Key=key)
    telpher.ok("bench", "s3://bucket/tmp/", "--requests", "2", "--size", "6MiB", "--part-size", "5MiB")
    assert server.stats()["open_uploads"] == 2


def test_table_for_people(telpher, s3):
    s3([])
    out = telpher.ok("bench", "s3://bucket", "--mix", "put,get", "--objects", "10",
                     "--requests", "50").out
    assert "closed model" in out
    assert re.search(r"^put +\d+ +0 ", out, re.M) and re.search(r"^all +50 +0 ", out, re.M)
    assert re.search(r"CPU per operation: client [\d.]+ µs", out)


def test_table_fits_80_columns(telpher, s3):
    """Long targets have a line of their own, and what never succeeded has no latency."""
    server = s3([{"on": "HeadObject", "do": "status", "status": 500},
                 {"on": "GetObject", "do": "delay", "ms": 1100}])
    out = telpher.ok("bench", "s3://bucket/a/rather/long/prefix/", "--mix", "put,get,head,list,delete",
                     "--objects", "10", "--requests", "300", "--size", "1KiB..1MiB", "--allow-errors",
                     "--seed", "4294967295", "--server-pid", server.process.pid).out
    assert max(map(len, out.splitlines())) <= 80, out
    assert re.search(r"^head +(\d+) +\1 .*( +–){6}$", out, re.M), out
    assert re.search(r"^get +\d+ +0 .* \d{4} +\d{4}$", out, re.M), out


def test_open_model_keeps_its_rate(telpher, s3):
    s3([])
    done = telpher.ok("bench", "s3://bucket", "--rate", "100", "--duration", "1s", "--json")
    figures = result(done)
    assert figures["model"] == "open"
    assert figures["all"]["count"] + figures["not_started"] == 100


def test_failures_are_counted_shown_and_not_repeated(telpher, s3):
    s3([{"on": "PutObject", "count": 3, "do": "status", "status": 503, "code": "SlowDown"}])
    done = telpher.run("bench", "s3://bucket", "--requests", "20", "--concurrency", "1")
    assert done.returncode == 1
    assert "put: 3 × SlowDown" in done.out
    assert re.search(r"^put +20 +3 ", done.out, re.M)


def test_failures_may_be_allowed(telpher, s3):
    s3([{"on": "PutObject", "count": 3, "do": "status", "status": 403, "code": "AccessDenied"}])
    done = telpher.ok("bench", "s3://bucket", "--requests", "20", "--allow-errors", "--json")
    assert result(done)["operations"]["put"]["error_codes"] == {"AccessDenied": 3}


def test_wrong_bytes_are_found(telpher, s3):
    s3([{"on": "GetObject", "count": 1, "do": "corrupt"}])
    done = telpher.run("bench", "s3://bucket", "--mix", "get", "--objects", "5", "--requests", "20",
                       "--concurrency", "1", "--verify", "--json")
    assert done.returncode == 1
    assert result(done)["operations"]["get"]["error_codes"] == {"WrongContent": 1}


def test_keep_and_reuse(telpher, s3):
    server = s3([])
    telpher.ok("bench", "s3://bucket", "--mix", "get", "--objects", "30", "--requests", "10",
               "--seed", "5", "--keep")
    assert len(telpher.ok("ls", "-r", "s3://bucket").out.splitlines()) == 30
    before = server.stats()["requests"]["PutObject"]
    telpher.ok("bench", "s3://bucket", "--mix", "get,list", "--objects", "30", "--requests", "50",
               "--seed", "5", "--reuse", "--verify")
    assert server.stats()["requests"]["PutObject"] == before
    assert len(telpher.ok("ls", "-r", "s3://bucket").out.splitlines()) == 30


def test_embedded_store(telpher):
    telpher.ok("mb", "local://demo")
    done = telpher.ok("bench", "local://demo/x/", "--mix", "put,get,list,delete", "--objects", "10",
                      "--requests", "100", "--concurrency", "4", "--verify", "--json")
    assert result(done)["all"]["count"] == 100
    assert telpher.ok("ls", "-r", "local://demo").out == ""


def test_interrupted_shows_what_there_is_and_tidies_up(telpher, s3):
    server = s3([])
    process = telpher.start("bench", "s3://bucket", "--duration", "1h", "--json")
    while server.stats()["requests"].get("PutObject", 0) < 100:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    figures = json.loads(out)
    assert figures["interrupted"] and figures["all"]["count"] > 0
    assert telpher.ok("ls", "-r", "s3://bucket").out == ""


@pytest.mark.parametrize("args, message", [
    (["s3://bucket", "--mix", "post"], "--mix: no such operation: 'post'"),
    (["s3://bucket", "--mix", "put=0"], "--mix: all shares are 0"),
    (["s3://bucket", "--size", "2MiB..1MiB"], "--size: the smaller size comes first"),
    (["s3://bucket", "--rate", "0"], "--rate: must be operations a second"),
    (["s3://bucket", "--rate", "nan"], "--rate: must be operations a second"),
    (["s3://bucket", "--requests", "0"], "--requests: must be a number from 1"),
    (["s3://bucket", "--duration", "0s"], "--duration: must be above 0"),
    (["s3://bucket", "--part-size", "1MiB"], "--part-size: must be from 5MiB"),
    (["s3://bucket", "--concurrency", "2", "--connections", "3"], "would stay unused"),
    (["s3://bucket", "--reuse"], "--reuse needs the --seed"),
    (["s3://bucket", "--server-pid", "1073741823"], "there is no process"),
    (["/tmp/x"], "'/tmp/x' is no bucket"),
    (["s3://"], "is no bucket"),
    ([], "needs BUCKET"),
])  # fmt: skip
def test_wrong_usage(telpher, args, message):
    done = telpher.run("bench", *args, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert done.returncode == 2, done.err
    assert message in done.err and done.err.count("\n") == 1


def test_missing_bucket(telpher, s3):
    s3([])
    done = telpher.run("bench", "s3://absent", "--requests", "5")
    assert done.returncode == 4
    assert "absent" in done.err and done.out == ""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_requests(telpher, s3):
    s3([])
    done = telpher.ok("bench", "s3://bucket", "--requests", "100000", "--size", "0..64KiB",
                      "--mix", "put=50,delete=50", "--concurrency", "64", "--json")
    assert result(done)["client_rss_peak_bytes"] <= 40 * MIB
