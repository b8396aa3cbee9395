"""kill -9, Ctrl-C, SIGTERM, two at once: then the same command again."""

import json
import os
import random
import re
import signal
import subprocess
import time
import zlib

import pytest

from conftest import MIB, Imposter, kill, random_bytes, sha256, stop, wait_for_event

PART = 8 * MIB
SIZE = 64 * MIB


@pytest.fixture
def slow_web(web):
    """Each connection gets so little that a copy takes a second or two."""
    return web([{"path": "/f", "size": SIZE, "etag": '"1"', "rate": 6 * MIB}])


def copy_args(server):
    return ["cp", server.url("/f"), "local://bucket/f", "--part-size", "8MiB", "--json",
            "--progress-interval", "100ms", "--concurrency", "4", "--source-connections", "4"]


def ranges_fetched(server):
    return [r for r in server.requests() if r["method"] == "GET"]


def progressed(size):
    """Bytes count while their part is under way: past four parts, one at least is acknowledged."""
    return lambda event: event["event"] == "progress" and event["bytes"] >= size


def check_resumed(telpher, server, wanted):
    """The same command ends with the right object, and nothing is left."""
    done = telpher.run(*copy_args(server))
    done.events = [json.loads(line) for line in done.out.splitlines()]
    assert done.returncode == 0, done.err
    assert sha256(telpher.read("local://bucket/f")) == wanted
    assert telpher.open_uploads("local://bucket") == []
    assert telpher.jobs() == []
    return next(e for e in done.events if e["event"] == "done")


def test_kill_9_then_the_same_command(telpher, slow_web):
    wanted = sha256(slow_web.content("/f"))
    process = telpher.start(*copy_args(slow_web))
    wait_for_event(process, progressed(5 * PART))
    kill(process)
    assert not telpher.exists("local://bucket/f")
    assert len(telpher.jobs()) == 1
    slow_web.forget()
    result = check_resumed(telpher, slow_web, wanted)
    # At least one part was acknowledged; at most the four in flight are fetched again.
    assert result["parts_resumed"] >= 1
    assert len(ranges_fetched(slow_web)) <= SIZE // PART - result["parts_resumed"]


@pytest.mark.parametrize("checksum", ["crc64nvme", "none"])
def test_kill_9_then_the_same_command_with_an_expected_digest(telpher, slow_web, checksum):
    """Parts of the first run may lack the digest that is asked for: they are read again."""
    content = slow_web.content("/f")
    expect = ["--expect", f"crc32:{zlib.crc32(content):08x}", "--checksum", checksum]
    process = telpher.start(*copy_args(slow_web), *expect)
    wait_for_event(process, progressed(5 * PART))
    kill(process)
    done = telpher.run(*copy_args(slow_web), *expect)
    assert done.returncode == 0, done.err
    assert sha256(telpher.read("local://bucket/f")) == sha256(content)
    assert telpher.open_uploads("local://bucket") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_kill_9_at_random_times(telpher, slow_web, seed):
    wanted = sha256(slow_web.content("/f"))
    chance = random.Random(seed)
    kills = 0
    while kills < 4:
        process = telpher.start(*copy_args(slow_web))
        try:
            process.wait(chance.uniform(0, 1.5))
            process.stdout.close()
            process.stderr.close()
            break
        except Exception:
            kill(process)
            kills += 1
    check_resumed(telpher, slow_web, wanted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_says_how_to_go_on(telpher, slow_web, number):
    wanted = sha256(slow_web.content("/f"))
    process = telpher.start(*copy_args(slow_web))
    wait_for_event(process, progressed(5 * PART))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"The same command continues" in err
    assert b"Sanitizer" not in err, err
    assert not telpher.exists("local://bucket/f")
    assert check_resumed(telpher, slow_web, wanted)["parts_resumed"] >= 1


@pytest.mark.parametrize("verb, advice", [("cp", "starts anew"), ("sync", "copies what is left")])
def test_a_directory_interrupted_promises_no_job_that_is_not_there(telpher, tmp_path, verb, advice):
    """Small files go in one PUT each: nothing of them is kept for later."""
    (tmp_path / "d").mkdir()
    for number in range(8):
        (tmp_path / "d" / f"{number}").write_bytes(bytes(4096))
    process = telpher.start(verb, "d", "local://bucket/p", "--rate", "1KiB/s", "--json",
                            "--concurrency", "1", "--progress-interval", "100ms")
    wait_for_event(process, lambda event: event["event"] == "progress")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert telpher.jobs() == []
    assert b"telpher jobs" not in err
    assert f"The same command {advice}.".encode() in err


def test_interrupted_standard_input_promises_nothing(telpher):
    process = telpher.start("cp", "-", "local://bucket/f", "--json", "--progress-interval", "100ms",
                            stdin=subprocess.PIPE)
    process.stdin.write(bytes(1000))
    process.stdin.flush()
    wait_for_event(process, lambda event: event["event"] == "progress")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"continues" not in err


def test_the_second_of_two_says_what_it_waits_for(telpher, slow_web):
    first = telpher.start(*copy_args(slow_web))
    wait_for_event(first, progressed(PART))
    args = [arg for arg in copy_args(slow_web) if arg != "--json"]
    second = telpher.ok(*args, "--progress", "always")
    first.communicate(timeout=60)
    assert "waiting for another telpher" in second.err
    assert "retrying" not in second.err


def test_a_second_signal_stops_at_once(telpher, web):
    server = web([{"path": "/f", "size": SIZE, "etag": '"1"', "stall_at": 1000}])
    process = telpher.start(*copy_args(server))
    wait_for_event(process, lambda event: event["event"] == "progress")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)


def test_interrupted_with_no_resume_leaves_nothing(telpher, slow_web):
    process = telpher.start(*copy_args(slow_web))
    wait_for_event(process, progressed(5 * PART))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    done = telpher.ok(*copy_args(slow_web), "--no-resume")
    assert '"parts_resumed":0' in done.out
    assert telpher.open_uploads("local://bucket") == []


def test_two_identical_commands_at_once(telpher, slow_web):
    wanted = sha256(slow_web.content("/f"))
    slow_web.forget()
    both = [telpher.start(*copy_args(slow_web)) for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in both]
    assert [p.returncode for p in both] == [0, 0], ends
    assert sha256(telpher.read("local://bucket/f")) == wanted
    assert telpher.open_uploads("local://bucket") == []
    # Nothing was fetched twice.
    assert len(ranges_fetched(slow_web)) <= SIZE // PART + 1


def restarted(telpher, server, rules):
    """Another server where the first one was."""
    return Imposter("http_imposter", {"rules": rules}, telpher.cwd, "--listen",
                    server.base.removeprefix("http://"))


def test_a_source_that_dies_for_good(telpher, web):
    """How far it came is said, and that the same command goes on from there."""
    rules = [{"path": "/f", "size": SIZE, "etag": '"1"', "rate": 6 * MIB}]
    server = web(rules)
    wanted = sha256(server.content("/f"))
    process = telpher.start(*copy_args(server), "--retries", "2")
    wait_for_event(process, progressed(5 * PART))
    stop(server.process)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    said = re.search(r"Network interruption: (\d+) of (\d+) bytes transferred \((\d+)%\)",
                     err.decode())
    done, total, percent = map(int, said.groups())
    assert total == SIZE and 0 < done < SIZE and percent == pytest.approx(100 * done / total, abs=1)
    assert b"Run the same command again to continue where it stopped." in err
    assert err.count(b"Network interruption") == 1, err
    again = restarted(telpher, server, rules)
    try:
        assert check_resumed(telpher, again, wanted)["parts_resumed"] >= 1
    finally:
        stop(again.process)


def test_a_source_that_changed_since_is_not_continued(telpher, web):
    rules = [{"path": "/f", "size": SIZE, "etag": '"1"', "rate": 6 * MIB}]
    server = web(rules)
    process = telpher.start(*copy_args(server))
    wait_for_event(process, progressed(5 * PART))
    kill(process)
    stop(server.process)
    rules[0] |= {"etag": '"2"', "seed": 2}
    changed = restarted(telpher, server, rules)
    try:
        result = check_resumed(telpher, changed, sha256(changed.content("/f")))
        assert result["parts_resumed"] == 0
    finally:
        stop(changed.process)


def test_sweep_ends_what_was_left(telpher, slow_web):
    process = telpher.start(*copy_args(slow_web))
    wait_for_event(process, progressed(2 * PART))
    assert [u["outcome"] for u in telpher.open_uploads("local://bucket")] == ["in use"]
    kill(process)
    assert [u["outcome"] for u in telpher.open_uploads("local://bucket")] == ["ours, unfinished"]
    telpher.ok("sweep", "local://bucket", "--abort")
    assert telpher.open_uploads("local://bucket") == []
    assert telpher.jobs() == []


def test_sweep_names_what_ends_an_upload_of_others(telpher, s3):
    server = s3()
    client = server.client()
    client.create_multipart_upload(Bucket="bucket", Key="theirs")
    assert "bucket/theirs  not ours, begun" in telpher.ok("sweep", "s3://bucket").out
    out = telpher.ok("sweep", "s3://bucket", "--abort").out
    assert "left alone: not ours (telpher sweep … --abort --all --older-than TIME ends it)" in out
    assert server.stats()["open_uploads"] == 1
    telpher.ok("sweep", "s3://bucket", "--abort", "--all", "--older-than", "0s")
    assert server.stats()["open_uploads"] == 0


def test_download_killed_and_continued(telpher, tmp_path):
    data = random_bytes(SIZE)
    (tmp_path / "f").write_bytes(data)
    telpher.ok("cp", "f", "local://bucket/f")
    args = ["cp", "local://bucket/f", "./out", "--json", "--rate", "24MiB/s", "--progress-interval",
            "100ms"]
    process = telpher.start(*args)
    wait_for_event(process, lambda e: e["event"] == "progress" and e["bytes"] > 2 * PART)
    kill(process)
    assert not (tmp_path / "out").exists()
    telpher.ok(*args[:3])
    assert (tmp_path / "out").read_bytes() == data
    assert telpher.jobs() == []


def test_small_download_killed_leaves_nothing(telpher, web, tmp_path):
    """One part is not continued, so nothing of it is kept either."""
    server = web([{"path": "/f", "size": 4 * MIB, "etag": '"1"', "rate": 2 * MIB}])
    folder = tmp_path / "into"
    folder.mkdir()
    args = ["cp", server.url("/f"), "into/out", "--json", "--progress-interval", "100ms"]
    for before in (None, b"old"):
        if before:
            (folder / "out").write_bytes(before)
        process = telpher.start(*args)
        wait_for_event(process, progressed(1))
        kill(process)
        assert os.listdir(folder) == (["out"] if before else [])
        telpher.ok(*args)
        assert os.listdir(folder) == ["out"]
        assert (folder / "out").read_bytes() == server.content("/f")
        assert telpher.jobs() == []


# --- work that never waits -----------------------------------------------------------------------

def wait_until_open(process, path):
    """Until the process holds `path` open: it has begun to read there."""
    fds = f"/proc/{process.pid}/fd"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for fd in os.listdir(fds):
            try:
                if os.readlink(f"{fds}/{fd}").startswith(str(path)):
                    return
            except OSError:
                pass  # closed meanwhile
    raise AssertionError(f"{path} is not read: exit {process.poll()}")


@pytest.fixture
def loopy(tmp_path):
    """Directories linked to one another: each path through them is walked, which takes for ever."""
    names = [f"d{number}" for number in range(9)]
    for name in names:
        (tmp_path / "loopy" / name).mkdir(parents=True)
        for other in names:
            (tmp_path / "loopy" / name / other).symlink_to(f"../{other}")
    return tmp_path / "loopy"


WALKS = ["cp loopy local://bucket/ --exclude **", "cp loopy local://bucket/ -n",
         "cp loopy/**/nothing local://bucket/", "sync loopy local://bucket/p -n",
         "verify loopy local://bucket/"]


@pytest.mark.parametrize("command", WALKS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_walk_that_finds_nothing_is_interrupted(telpher, loopy, command, number):
    telpher.ok("mb", "local://bucket")
    process = telpher.start(*command.split(" "), stdout=subprocess.DEVNULL)
    wait_until_open(process, loopy / "d0")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Sanitizer" not in err, err
    if not command.startswith("verify"):
        assert b"stopping; Ctrl-C again stops at once" in err


def test_a_list_of_rows_that_need_nothing_is_interrupted(telpher, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "rows.csv").write_text("url,key,size\n" + "".join(
        f"{tmp_path}/f,{number},1\n" for number in range(200_000)))
    process = telpher.start("cp", "--from-file", "rows.csv", "d/", "-n")
    assert process.stdout.readline().startswith(b"would copy")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.count(b"would copy") < 100_000
