"""telpher cp … s3://…, against an S3 service that fails on purpose."""

import signal

import pytest

from conftest import MIB, S3, kill, random_bytes, sha256, wait_for_event

PART = 8 * MIB
SIZE = 40 * MIB  # five parts
PARTS = SIZE // PART
STALL_MS = 120_000


@pytest.fixture
def data(tmp_path):
    content = random_bytes(SIZE)
    (tmp_path / "f").write_bytes(content)
    return content


def cp_args(source="f"):
    return ["cp", source, "s3://bucket/k", "--part-size", "8MiB", "--concurrency", "2"]


def check_end(telpher, server, data):
    """The object is right and no upload is open."""
    assert telpher.read("s3://bucket/k") == data
    assert telpher.open_uploads("s3://bucket") == []
    assert server.stats()["open_uploads"] == 0
    assert telpher.jobs() == []


# --- every way and back --------------------------------------------------------------------------

def test_cp_file_to_s3_and_back(telpher, s3, data, tmp_path):
    s3([])
    done = telpher.ok("cp", "f", "s3://bucket/a b/ü.bin")
    assert "verified by crc64nvme" in done.out
    telpher.ok("cp", "s3://bucket/a b/ü.bin", "back")
    assert (tmp_path / "back").read_bytes() == data


def test_cp_url_to_s3(telpher, s3, nginx):
    s3([])
    data = random_bytes(SIZE, seed=5)
    telpher.ok("cp", nginx.put("f", data), "s3://bucket/k")
    assert telpher.read("s3://bucket/k") == data


def test_cp_directory_to_s3_and_back(telpher, s3, tmp_path):
    s3([])
    (tmp_path / "many/deep").mkdir(parents=True)
    for i in range(300):
        (tmp_path / "many/deep" / f"{i}").write_bytes(random_bytes(500, seed=i))
    telpher.ok("cp", "many", "s3://bucket/m/")
    telpher.ok("cp", "s3://bucket/m/", "out/")
    for i in range(300):
        assert (tmp_path / "out/deep" / f"{i}").read_bytes() == random_bytes(500, seed=i)


def test_cp_inside_the_store_moves_no_bytes(telpher, s3, data):
    server = s3([])
    telpher.ok("cp", "f", "s3://bucket/k")
    before = server.stats()["body_bytes_received"]
    telpher.ok("cp", "s3://bucket/k", "s3://bucket/other")
    assert server.stats()["body_bytes_received"] - before < MIB
    assert telpher.read("s3://bucket/other") == data


def test_cp_from_s3_to_the_embedded_store(telpher, s3, data):
    s3([])
    telpher.ok("cp", "f", "s3://bucket/k")
    telpher.ok("cp", "s3://bucket/k", "local://bucket/k")
    assert telpher.read("local://bucket/k") == data


# --- refusals ------------------------------------------------------------------------------------

def test_bucket_that_does_not_exist(telpher, s3, data):
    s3([])
    done = telpher.run("cp", "f", "s3://no-such-bucket/k")
    assert done.returncode == 4, done.err
    assert "S3 bucket 'no-such-bucket' does not exist" in done.err
    assert "telpher mb s3://no-such-bucket" in done.err
    telpher.ok("mb", "s3://no-such-bucket")
    telpher.ok("cp", "f", "s3://no-such-bucket/k")


def test_credentials_that_are_wrong(telpher, s3, data):
    s3([])
    done = telpher.run(*cp_args(), env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.returncode == 4, done.err
    assert "wrong" not in done.err.replace("wrong secret", "")


def test_credentials_that_are_missing(telpher, s3, data):
    s3([])
    done = telpher.run(*cp_args(), env={"AWS_SECRET_ACCESS_KEY": "", "AWS_ACCESS_KEY_ID": ""})
    assert done.returncode == 4, done.err
    assert "credentials" in done.err


def test_bucket_that_may_not_be_written(telpher, s3, data):
    s3([{"on": op, "do": "status", "status": 403, "code": "AccessDenied"}
        for op in ("CreateMultipartUpload", "PutObject")])
    done = telpher.run(*cp_args())
    assert done.returncode == 4, done.err
    assert "Insufficient permissions to write to bucket 'bucket'" in done.err


# --- a bad day at the store ----------------------------------------------------------------------

@pytest.mark.parametrize("name, rules", {
    "slow down": [{"on": "UploadPart", "count": 6, "do": "status", "status": 503,
                   "code": "SlowDown"}],
    "internal error after the body": [{"on": "UploadPart", "count": 3, "do": "error_after",
                                       "status": 500}],
    "connections reset in the body": [{"on": "UploadPart", "count": 3, "do": "reset",
                                       "after_bytes": 1000000}],
    "answers lost": [{"on": "*", "count": 3, "do": "lose_answer"}],
    "complete answered by an error in 200": [{"on": "CompleteMultipartUpload", "count": 1,
                                              "do": "error_in_200"}],
    "complete done but the answer lost": [{"on": "CompleteMultipartUpload", "count": 1,
                                           "do": "lose_answer"}],
    "create done but the answer lost": [{"on": "CreateMultipartUpload", "count": 1,
                                         "do": "lose_answer"}],
    "a bit flipped on the way": [{"on": "UploadPart", "count": 2, "do": "corrupt"}],
    "kept connections turn out closed": [{"on": "UploadPart", "count": 3, "do": "close"}],
    "a clock that is off": [{"on": "CreateMultipartUpload", "count": 1, "do": "skew",
                             "minutes": 30}],
}.items())
def test_faults_that_are_overcome(telpher, s3, data, name, rules):
    server = s3(rules)
    done = telpher.ok(*cp_args())
    assert "verified by" in done.out, name
    check_end(telpher, server, data)


def test_downloads_whose_length_lies(telpher, s3, data, tmp_path):
    """`short` on GetObject is the source's fault: asked again, and given up as such."""
    server = s3()
    telpher.ok(*cp_args())
    get = ["cp", "s3://bucket/k", "out", "--part-size", "8MiB", "--retries", "3"]
    server.faults([{"on": "GetObject", "count": 2, "do": "short", "after_bytes": 100}])
    telpher.ok(*get)
    assert server.stats()["faults_all_met"]
    assert (tmp_path / "out").read_bytes() == data
    (tmp_path / "out").unlink()
    server.faults([{"on": "GetObject", "do": "short", "after_bytes": 100}])
    done = telpher.run(*get)
    assert done.returncode == 5, done.err
    assert "Content-Length and Content-Range differ" in done.err
    assert "Run the same command again" in done.err
    assert not (tmp_path / "out").exists()


def test_faults_that_last(telpher, s3, data):
    """Gives up with 5 and says how often; the same command later goes on."""
    server = s3([{"on": "UploadPart", "after": 2, "do": "status", "status": 500}])
    done = telpher.run(*cp_args(), "--retries", "2")
    assert done.returncode == 5, done.err
    assert "Failed to upload part" in done.err and "after 2 attempts" in done.err
    assert "same command again" in done.err
    server.faults([])
    result = telpher.events(*cp_args())
    assert result.returncode == 0, result.err
    assert result.events[-2]["parts_resumed"] >= 1
    check_end(telpher, server, data)


# --- kill -9 at every step of the journal --------------------------------------------------------

def stalled(operation, **more):
    return [{"on": operation, "count": 1, "ms": STALL_MS, **more}]


def lost(operation):
    """It is done, the answer is lost, and asking again takes forever."""
    return [{"on": operation, "count": 1, "do": "lose_answer"}, *stalled(operation, do="delay")]


STEPS = {
    "before the upload exists": stalled("CreateMultipartUpload", do="delay"),
    "upload made, its id not yet known": lost("CreateMultipartUpload"),
    "before the first part": stalled("UploadPart", do="delay"),
    "in the middle of a part": stalled("UploadPart", do="stall", after_bytes=1000000),
    "between parts": stalled("UploadPart", do="delay", after=3),
    "before the parts are joined": stalled("CompleteMultipartUpload", do="delay"),
    "joined, but the answer not yet seen": lost("CompleteMultipartUpload"),
}


@pytest.mark.parametrize("step", STEPS)
def test_kill_9_at_every_step(telpher, s3, data, step):
    server = s3(STEPS[step])
    process = telpher.start(*cp_args(), "--json")
    server.wait_until_met()
    acknowledged = server.stats()["requests"].get("UploadPart", 0)
    kill(process)
    server.faults([])
    before = server.stats()["requests"].get("UploadPart", 0)
    done = telpher.events(*cp_args())
    assert done.returncode == 0, done.err
    sent_again = server.stats()["requests"].get("UploadPart", 0) - before
    # Two parts are in flight at a time: only those may be sent twice.
    assert sent_again <= PARTS - max(0, acknowledged - 2), step
    check_end(telpher, server, data)


@pytest.mark.parametrize("step", STEPS)
def test_kill_9_at_every_step_then_sweep(telpher, s3, data, step):
    """Nobody runs the command again: sweep leaves no upload open."""
    server = s3(STEPS[step])
    process = telpher.start(*cp_args(), "--json")
    server.wait_until_met()
    kill(process)
    server.faults([])
    telpher.ok("sweep", "s3://bucket", "--abort")
    assert server.stats()["open_uploads"] == 0
    assert telpher.jobs() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_a_part_is_sent(telpher, s3, data, number):
    server = s3(stalled("UploadPart", do="stall", after_bytes=1000000))
    process = telpher.start(*cp_args())
    server.wait_until_met()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"The same command continues" in err and b"Sanitizer" not in err
    server.faults([])
    telpher.ok(*cp_args())
    check_end(telpher, server, data)


def test_two_identical_commands_at_once_on_s3(telpher, s3, data):
    server = s3([{"on": "UploadPart", "do": "throttle", "bytes_per_second": 8 * MIB}])
    both = [telpher.start(*cp_args()) for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in both]
    assert [p.returncode for p in both] == [0, 0], ends
    assert server.stats()["requests"]["UploadPart"] <= PARTS + 1
    check_end(telpher, server, data)
