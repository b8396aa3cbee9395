"""telpher bench: a load on an endpoint and on the embedded store, and what it says about it."""

import json
import re
import signal

import pytest

from conftest import MIB, ROOT
from test_output import run_on_terminal


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


# --- options of a load ----------------------------------------------------------------------------

def test_every_option_is_tried_here(telpher):
    """Those of stores and networks are every verb's."""
    help = telpher.ok("bench", "--help").out
    assert max(map(len, help.split("Examples:")[0].splitlines())) <= 80
    own = help[help.index("\nLoad:"):help.index("\nStores and network:")]
    options = re.findall(r"^ {2}(?:-\w, |    )(--[a-z-]+)", own, re.M)
    assert len(options) >= 21
    source = (ROOT / "tests/e2e/test_bench.py").read_text()
    assert [option for option in options if f'"{option}"' not in source] == []


def test_list_keys_limits_each_listing(telpher, s3):
    server = s3([])

    def bytes_of(*more):
        before = server.stats()["body_bytes_sent"]
        telpher.ok("bench", "s3://bucket", "--mix", "list", "--objects", "100", "--requests", "20",
                   "--concurrency", "1", "--seed", "7", *more)
        return server.stats()["body_bytes_sent"] - before

    assert bytes_of("--list-keys", "2") * 3 < bytes_of()


def test_checksum_is_sent_with_each_object(telpher, s3):
    client = s3([]).client()
    telpher.ok("bench", "s3://bucket", "--requests", "5", "--size", "100", "--checksum", "crc32c",
               "--keep")
    objects = client.list_objects_v2(Bucket="bucket")["Contents"]
    assert len(objects) == 5
    for entry in objects:
        head = client.head_object(Bucket="bucket", Key=entry["Key"], ChecksumMode="ENABLED")
        assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-checksum-crc32c"]


def test_connections_are_a_limit(telpher, s3):
    server = s3(args=["--latency", "20ms"])
    telpher.ok("bench", "s3://bucket", "--requests", "40", "--concurrency", "8", "--connections", "2")
    assert server.stats()["under_way_max"] == 2


def test_same_seed_makes_the_same_objects(telpher, s3):
    client = s3([]).client()
    made = []
    for _ in range(2):
        telpher.ok("bench", "s3://bucket", "--requests", "10", "--size", "1..1KiB", "--seed", "3",
                   "--keep")
        made.append([(entry["Key"], entry["ETag"])
                     for entry in client.list_objects_v2(Bucket="bucket")["Contents"]])
    assert len(made[0]) == 10 and made[0] == made[1]


def test_progress_on_a_terminal_unless_quiet(telpher, s3):
    s3([])
    args = ["bench", "s3://bucket", "--duration", "1200ms", "--concurrency", "2"]
    code, seen = run_on_terminal(telpher, args, 80)
    assert code == 0 and re.search(r"\d ops/s  .*p50 [\d.]+ ms", seen), seen
    code, seen = run_on_terminal(telpher, [*args, "--quiet"], 80)
    assert code == 0 and "\x1b" not in seen and "ops/s " in seen, seen


def test_json_has_plain_numbers(telpher, s3):
    s3([])
    out = telpher.ok("bench", "s3://bucket", "--rate", "100", "--requests", "50", "--json").out
    assert re.search(r'"rate":100[,.}]', out) and not re.search(r"\dE[-+]?\d", out), out


# --- compared with another run ----------------------------------------------------------------------

LOAD = ["--mix", "put,get", "--objects", "10", "--concurrency", "16"]


def comparison(done):
    return json.loads(done.out.splitlines()[-1])


def verdicts(done):
    """{("put", "p50_ms"): "slower", …}"""
    return {(one["operation"], one["figure"]): one["verdict"]
            for one in comparison(done)["differences"]}


@pytest.fixture
def saved(telpher, s3):
    """A run that is kept in run.json, on an endpoint that answers after 20 ms."""
    server = s3(args=["--latency", "20ms"])
    telpher.ok("bench", "s3://bucket", *LOAD, "--duration", "1s", "--save", "run.json")
    return server


def test_the_same_again_is_not_called_slower(telpher, saved):
    done = telpher.run("bench", "s3://bucket", *LOAD, "--duration", "1s", "--compare", "run.json",
                       "--json")
    # What the endpoint takes to answer decides; CPU time is the machine's affair.
    told = {found for (operation, figure), found in verdicts(done).items()
            if figure in ("ops_per_s", "p50_ms")}
    assert told <= {"no difference", "too short"}, done.out
    assert result_of_first_line(done)["all"]["count"] > 0
    assert telpher.ok("ls", "-r", "s3://bucket").out == ""


def result_of_first_line(done):
    return json.loads(done.out.splitlines()[0])


def test_a_slower_endpoint_is_found(telpher, saved, s3):
    s3(args=["--latency", "100ms"])
    done = telpher.run("bench", "s3://bucket", *LOAD, "--duration", "2s", "--compare", "run.json",
                       "--save", "slow.json")
    assert done.returncode == 1, done.out + done.err
    assert re.search(r"^put +ops/s .* slower$", done.out, re.M), done.out
    assert re.search(r"^ +p50 ms .* slower$", done.out, re.M), done.out
    assert re.search(r"^Worse: put ops/s", done.out, re.M), done.out
    assert max(map(len, done.out.splitlines())) <= 80, done.out
    # The same from the files, and the other way round.
    again = telpher.run("bench", "--compare", "run.json", "slow.json")
    assert again.returncode == 1 and "slow.json" in again.out
    back = telpher.run("bench", "--compare", "slow.json", "run.json", "--json")
    assert verdicts(back)["put", "ops_per_s"] == "faster"
    assert back.returncode == comparison(back)["worse"]


def test_a_run_compared_with_itself(telpher, saved):
    done = telpher.ok("bench", "--compare", "run.json", "run.json")
    assert "slower" not in done.out and "faster" not in done.out


def test_server_cpu_is_compared_when_both_have_it(telpher, s3):
    server = s3([])
    args = ["bench", "s3://bucket", "--duration", "1s", "--server-pid", server.process.pid]
    telpher.ok(*args, "--save", "run.json")
    assert ("all", "server_cpu_us_per_op") in verdicts(
        telpher.run("bench", "--compare", "run.json", "run.json", "--json"))


def test_too_short_says_how_long(telpher, s3):
    s3([])
    telpher.ok("bench", "s3://bucket", "--requests", "20", "--concurrency", "1", "--save", "run.json")
    done = telpher.ok("bench", "--compare", "run.json", "run.json")
    assert re.search(r"p99 ms .* too short: \d+[sm]$", done.out, re.M), done.out
    assert "--duration" in done.out


def test_other_settings_are_refused_before_the_run(telpher, saved):
    before = saved.stats()["requests_total"]
    done = telpher.run("bench", "s3://bucket", *LOAD, "--size", "1KiB", "--mix", "get",
                       "--compare", "run.json")
    assert done.returncode == 2
    assert "--mix (put,get, now get)" in done.err and "--size (10240, now 1024)" in done.err
    assert "--concurrency" not in done.err and done.err.count("\n") == 1
    assert saved.stats()["requests_total"] == before


def test_files_of_different_settings_are_refused(telpher, saved):
    telpher.ok("bench", "s3://bucket", *LOAD, "--verify", "--requests", "5", "--save", "other.json")
    done = telpher.run("bench", "--compare", "run.json", "other.json")
    assert done.returncode == 2 and "--verify (not given, now given)" in done.err


@pytest.mark.parametrize("change, message", [
    (lambda text: "", "is no run saved by telpher bench --save"),
    (lambda text: '{"event":"bench"}', "is no run saved by telpher bench --save"),
    (lambda text: text[:len(text) // 2], "is no run saved by telpher bench --save"),
    (lambda text: text.replace('"version":1', '"version":9'), "was saved by another version of telpher"),
    (lambda text: text.replace('"slices":[', '"slices":[7,'), "is damaged"),
])  # fmt: skip
def test_damaged_files_are_refused(telpher, saved, tmp_path, change, message):
    (tmp_path / "bad.json").write_text(change((tmp_path / "run.json").read_text()))
    for args in (["--compare", "bad.json", "run.json"], ["--compare", "run.json", "bad.json"],
                 ["s3://bucket", *LOAD, "--compare", "bad.json"]):
        done = telpher.run("bench", *args)
        assert done.returncode == 2 and done.out == ""
        assert f"'bad.json' {message}" in done.err and done.err.count("\n") == 1


def test_an_interrupted_run_leaves_the_kept_one(telpher, saved, tmp_path):
    kept = (tmp_path / "run.json").read_bytes()
    process = telpher.start("bench", "s3://bucket", *LOAD, "--duration", "1h", "--save", "run.json")
    done = saved.stats()["requests"]["PutObject"]
    while saved.stats()["requests"]["PutObject"] < done + 30:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "run.json").read_bytes() == kept
    assert [path.name for path in tmp_path.glob("run.json*")] == ["run.json"]


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
    (["s3://bucket", "--save", "none/f"], "--save: no file can be made in 'none/'"),
    (["s3://bucket", "--save", "."], "--save: '.' is no file"),
    (["s3://bucket", "--compare", "none"], "'none' cannot be read: No such file"),
    (["none", "--compare", "none"], "'none' cannot be read: No such file"),
    (["none", "--compare", "none", "--mix", "get"], "takes no options of a load"),
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
