"""ls, cat, rm, du, verify on bad days and on very many objects."""

import json
import signal

import pytest

from conftest import MIB, random_bytes, wait_for_event
from peak_memory import run_measured


@pytest.fixture
def many(telpher, s3, tmp_path):
    """An endpoint with 2500 objects below s3://bucket/m/: three requests to remove them."""
    server = s3()
    (tmp_path / "m").mkdir()
    for i in range(2500):
        (tmp_path / "m" / f"{i}").write_bytes(b"x")
    telpher.ok("cp", "-q", "m", "s3://bucket/m/")
    return server


def left(telpher):
    return len(telpher.run("ls", "-r", "s3://bucket/m/").out.splitlines())


def test_rm_where_no_request_takes_many_keys(telpher, many):
    many.faults([{"on": "DeleteObjects", "do": "status", "status": 501, "code": "NotImplemented"}])
    assert telpher.ok("rm", "-r", "s3://bucket/m/").out == "removed 2500 objects\n"
    assert left(telpher) == 0


@pytest.mark.parametrize("rule", [
    {"do": "status", "status": 503, "code": "SlowDown"},
    {"do": "lose_answer"},
    {"do": "reset", "after_bytes": 100},
])
def test_rm_overcomes_faults(telpher, many, rule):
    many.faults([{"on": "DeleteObjects", "count": 2} | rule])
    telpher.ok("rm", "-r", "s3://bucket/m/")
    assert left(telpher) == 0
    assert many.stats()["faults_all_met"]


def test_rm_without_permission_says_so_once(telpher, many):
    many.faults([{"on": "DeleteObjects", "do": "status", "status": 403, "code": "AccessDenied"}])
    done = telpher.run("rm", "-r", "s3://bucket/m/")
    assert done.returncode == 4
    assert done.err.count("\n") == 1 and "bucket" in done.err
    assert left(telpher) == 2500


def test_rm_names_each_object_it_could_not_remove(telpher, many):
    many.faults([{"on": "DeleteObjects", "do": "status", "status": 501, "code": "NotImplemented"},
                 {"on": "DeleteObject", "count": 2, "do": "status", "status": 403,
                  "code": "AccessDenied"}])
    done = telpher.run("rm", "-r", "--json", "s3://bucket/m/")
    assert done.returncode == 1
    events = [json.loads(line) for line in done.out.splitlines()]
    failed = [event["address"] for event in events if event["event"] == "failed"]
    assert len(failed) == 2 and all(address in done.err for address in failed)
    assert events[-1] == {"event": "summary", "removed": 2498, "failed": 2}
    assert left(telpher) == 2


def test_rm_gives_up_and_goes_on_when_run_again(telpher, many):
    many.faults([{"on": "DeleteObjects", "do": "status", "status": 500}])
    done = telpher.run("rm", "-r", "s3://bucket/m/", "--retries", "2")
    assert done.returncode == 5
    assert "Run the same command again" in done.err
    many.faults([])
    telpher.ok("rm", "-r", "s3://bucket/m/")
    assert left(telpher) == 0


def test_rm_interrupted(telpher, many):
    many.faults([{"on": "DeleteObjects", "after": 1, "do": "stall", "ms": 120_000}])
    process = telpher.start("rm", "-r", "--json", "--concurrency", "1", "s3://bucket/m/")
    wait_for_event(process, lambda event: event["event"] == "removed")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"interrupted after" in err


def test_rb_force_ends_open_uploads(telpher, s3, tmp_path):
    server = s3([{"on": "UploadPart", "after": 1, "do": "status", "status": 500}])
    (tmp_path / "f").write_bytes(random_bytes(20 * MIB))
    assert telpher.run("cp", "f", "s3://bucket/k", "--part-size", "5MiB", "--retries",
                       "1").returncode != 0
    assert server.stats()["open_uploads"] == 1
    telpher.ok("rb", "--force", "s3://bucket")
    assert server.stats()["open_uploads"] == 0
    assert telpher.jobs() == []


def test_cat_goes_on_where_a_connection_broke(telpher, s3, tmp_path):
    data = random_bytes(3 * MIB)
    (tmp_path / "f").write_bytes(data)
    server = s3()
    telpher.ok("cp", "-q", "f", "s3://bucket/k")
    server.faults([{"on": "GetObject", "count": 2, "do": "reset", "after_bytes": 1_000_000}])
    assert telpher.ok("cat", "s3://bucket/k").stdout == data
    assert server.stats()["faults_all_met"]
    server.faults([{"on": "GetObject", "count": 1, "do": "reset", "after_bytes": 100_000}])
    assert telpher.ok("cat", "--range", "1000000-1999999", "s3://bucket/k").stdout == \
        data[1_000_000:2_000_000]


def test_cat_of_damaged_bytes(telpher, s3, tmp_path):
    (tmp_path / "f").write_bytes(random_bytes(MIB))
    server = s3()
    telpher.ok("cp", "-q", "f", "s3://bucket/k")
    server.faults([{"on": "GetObject", "do": "corrupt"}])
    done = telpher.run("cat", "s3://bucket/k")
    assert done.returncode == 6
    assert "do not use them" in done.err


def test_verify_deep_believes_no_checksum(telpher, s3, tmp_path):
    """What is kept as a checksum may be right, and the bytes behind it are not."""
    (tmp_path / "f").write_bytes(random_bytes(MIB))
    server = s3()
    for key in ("a", "b"):
        telpher.ok("cp", "-q", "f", f"s3://bucket/{key}")
    args = ["verify", "s3://bucket/a", "s3://bucket/b"]
    server.faults([{"on": "GetObject", "key": "b", "do": "corrupt"}])
    assert "at both ends" in telpher.ok(*args).out
    assert telpher.run(*args, "--deep").returncode == 6
    server.faults([])
    assert "read at both ends" in telpher.ok(*args, "--deep").out


def test_names_cannot_command_the_terminal(telpher):
    telpher.ok("cp", "-", "local://bucket/a\x1b[2Jb", input=b"x")
    for args in (["ls"], ["ls", "-r"], ["stat", "local://bucket/*"], ["rm", "-v", "local://bucket/*"]):
        done = telpher.ok(args[0], *args[1:], *([] if "//" in args[-1] else ["local://bucket"]))
        assert "\x1b" not in done.out


@pytest.mark.slow
def test_a_million_objects(telpher, serve):
    """Memory does not depend on how many there are."""
    served = serve("--store", "memory", "--bucket", "bucket")
    telpher.env |= {"AWS_ENDPOINT_URL": served.base, "AWS_ACCESS_KEY_ID": "its-access-key",
                    "AWS_SECRET_ACCESS_KEY": "its-secret-key"}
    count = 1_000_000
    telpher.ok("bench", "s3://bucket", "--mix", "put", "--size", "1", "--requests", count, "--keep",
               "-q", timeout=1200)
    for args in (["ls", "-r"], ["du", "--depth", "3"], ["rm", "-r"]):
        last, peak, lines = run_measured(telpher, *args, "s3://bucket")
        assert str(count) in last or lines == count
        assert peak <= 150 * MIB, f"{args}: {peak / MIB:.0f} MiB"
    assert telpher.ok("ls", "-r", "s3://bucket").out == ""
