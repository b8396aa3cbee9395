"""What is shown: help, version, progress on a terminal and on none."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time

import pytest

from conftest import MIB, TELPHER, random_bytes


@pytest.mark.parametrize("args", [["--help"], ["help"], ["-h"]])
def test_help(telpher, args):
    out = telpher.ok(*args).out
    assert "cp " in out and "Examples" in out


@pytest.mark.parametrize("verb", ["cp", "ls", "stat", "cat", "rm", "du", "presign", "verify", "mb",
                                  "rb", "jobs", "bench", "sweep", "doctor"])
def test_help_of_verbs_has_examples(telpher, verb):
    assert f"telpher {verb}" in telpher.ok(verb, "--help").out
    assert telpher.ok("help", verb).out == telpher.ok(verb, "--help").out


def test_version(telpher):
    assert re.fullmatch(r"telpher \d+\.\d+\.\d+\n", telpher.ok("--version").out)


def test_nothing_at_all_is_wrong_usage(telpher):
    assert telpher.run().returncode == 2


def test_ls(telpher):
    telpher.ok("cp", "-", "local://bucket/dir/a", input=b"abc")
    telpher.ok("cp", "-", "local://bucket/b", input=b"x")
    assert "bucket" in telpher.ok("ls", "local://").out
    out = telpher.ok("ls", "local://bucket").out
    assert "dir/" in out and "dir/a" not in out and " b\n" in out
    assert "dir/a" in telpher.ok("ls", "-r", "local://bucket").out


def test_no_progress_without_a_terminal(telpher, nginx):
    done = telpher.ok("cp", nginx.put("f", random_bytes(20 * MIB)), "local://bucket/f")
    assert done.err == ""
    assert done.out.count("\n") == 1


def test_quiet_says_nothing(telpher, nginx):
    done = telpher.ok("cp", nginx.put("f", b"x"), "local://bucket/f", "--quiet")
    assert done.out + done.err == ""


def run_on_terminal(telpher, args, columns=80, env=None):
    """Everything that appeared on a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = telpher.start(*args, env={"TERM": "xterm"} | (env or {}), stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    return process.wait(), seen.decode()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_progress_on_a_terminal(telpher, web, columns):
    server = web([{"path": "/f", "size": 24 * MIB, "etag": '"1"', "rate": 8 * MIB}])
    code, seen = run_on_terminal(telpher, ["cp", server.url("/f"), "local://bucket/f",
                                           "--source-connections", "2"], columns)
    assert code == 0, seen
    assert "%" in seen and "/s" in seen
    for line in re.split(r"\r|\n", seen):
        drawn = re.sub(r"\x1b\[[0-9]*[A-Za-z]", "", line)
        if "verified by" not in drawn:
            assert len(drawn) < columns, drawn
    # The progress is gone at the end; the result stays.
    assert "verified by" in seen.split("\x1b[J")[-1]


# --- when progress is shown ----------------------------------------------------------------------

@pytest.fixture
def slow_url(web):
    """Takes some pictures' time."""
    return web([{"path": "/f", "size": 8 * MIB, "etag": '"1"', "rate": 4 * MIB}]).url("/f")


@pytest.mark.parametrize("option, drawn", [
    (["--progress", "auto"], True), (["--progress", "always"], True),
    (["--progress", "never"], False), (["--no-progress"], False), (["--quiet"], False),
])
def test_progress_options_on_a_terminal(telpher, slow_url, option, drawn):
    code, seen = run_on_terminal(telpher, ["cp", slow_url, "local://bucket/f", *option])
    assert code == 0, seen
    assert ("\x1b[" in seen) == drawn, seen
    assert ("verified by" in seen) == (option != ["--quiet"])


@pytest.mark.parametrize("option, drawn", [
    (["--progress", "auto"], False), (["--progress", "always"], True),
    (["--progress", "never"], False), (["--no-progress"], False),
])
def test_progress_options_without_a_terminal(telpher, slow_url, option, drawn):
    done = telpher.ok("cp", slow_url, "local://bucket/f", *option)
    assert ("%" in done.err) == drawn, done.err
    assert "verified by" in done.out


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"NO_COLOR": ""}, {}])
def test_no_colours(telpher, slow_url, env):
    """Progress moves, and nothing is coloured: neither it, nor what went wrong."""
    code, seen = run_on_terminal(telpher, ["cp", slow_url, "local://bucket/f"], env=env)
    assert code == 0 and "%" in seen
    _, failed = run_on_terminal(telpher, ["cp", "nowhere", "local://bucket/f"], env=env)
    assert "telpher: " in failed
    assert not re.search(r"\x1b\[[0-9;]*m", seen + failed)


def test_dumb_terminal_gets_no_progress(telpher, slow_url):
    code, seen = run_on_terminal(telpher, ["cp", slow_url, "local://bucket/f"], env={"TERM": "dumb"})
    assert code == 0 and "\x1b" not in seen
