"""A million objects and lists of 100,000 rows: memory stays flat, and each is done once."""

import json
import os
import pathlib
import shutil
import signal
import tempfile
import time

import pytest

from conftest import MIB, Nginx, kill, stop
from peak_memory import run_measured

pytestmark = pytest.mark.slow
FLAT = 150 * MIB


@pytest.fixture
def ram_folder():
    """A million files: on a disk they would be what is measured."""
    folder = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    yield pathlib.Path(folder)
    shutil.rmtree(folder)


def test_a_million_objects_are_synced_listed_and_removed(telpher, s3, ram_folder):
    server = s3([], args=["--capacity", "8GiB"])
    for folder in range(100):
        where = ram_folder / f"{folder:02}"
        where.mkdir()
        for i in range(10_000):
            (where / f"{i:05}").write_bytes(b"small one")
    tree = str(ram_folder)

    line, rss, _ = run_measured(telpher, "sync", tree, "s3://bucket/p/")
    assert line.startswith("1000000 files copied"), line
    assert rss <= FLAT, f"sync: {rss / MIB:.0f} MiB"
    assert server.stats()["requests"]["PutObject"] == 1_000_000

    line, rss, _ = run_measured(telpher, "sync", tree, "s3://bucket/p/", "--delete", "--size-only")
    assert "1000000 unchanged" in line, line
    assert rss <= FLAT, f"sync of what is the same: {rss / MIB:.0f} MiB"
    assert server.stats()["requests"]["PutObject"] == 1_000_000

    _, rss, lines = run_measured(telpher, "ls", "-r", "s3://bucket/p/")
    assert lines == 1_000_000
    assert rss <= FLAT, f"ls: {rss / MIB:.0f} MiB"

    line, rss, _ = run_measured(telpher, "du", "s3://bucket/p/")
    assert rss <= FLAT, f"du: {rss / MIB:.0f} MiB"

    # What only the destination has: half of it.
    for folder in range(50):
        shutil.rmtree(ram_folder / f"{folder:02}")
    line, rss, _ = run_measured(telpher, "sync", tree, "s3://bucket/p/", "--delete", "--size-only")
    assert "500000 removed" in line, line
    assert rss <= FLAT, f"sync --delete: {rss / MIB:.0f} MiB"

    _, rss, _ = run_measured(telpher, "rm", "-r", "s3://bucket/p/")
    assert rss <= FLAT, f"rm: {rss / MIB:.0f} MiB"
    requests = server.stats()["requests"]
    assert requests["DeleteObjects"] <= 1_100, requests  # batches, not one by one
    assert requests.get("DeleteObject", 0) == 0
    assert telpher.ok("ls", "-r", "s3://bucket/").out == ""


ROWS = 100_000


@pytest.fixture
def rows_server(tmp_path):
    """Every address below /row/ is a small page of its own."""
    server = Nginx(tmp_path, "location /row/ { default_type text/plain; return 200 $uri; }")
    yield server
    stop(server.process)


def test_a_list_of_100_000_rows_interrupted_five_times(telpher, s3, rows_server, tmp_path):
    server = s3([], args=["--capacity", "8GiB"])
    with open(tmp_path / "list.csv", "w") as rows:
        rows.write("url,key\n")
        for i in range(ROWS):
            rows.write(f"{rows_server.url(f'row/{i}')},{i}\n")
    command = ["cp", "--from-file", "list.csv", "s3://bucket/l/"]
    for turn in range(5):
        process = telpher.start(*command, "--quiet")
        wanted = (turn + 1) * ROWS // 7
        while server.stats()["requests"].get("PutObject", 0) < wanted:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.05)  # the endpoint tells nobody by itself
        if turn % 2:
            kill(process)
        else:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            assert process.returncode == 130, err
    done = telpher.ok(*command, "--json", "--quiet", timeout=600)
    summary = json.loads(done.out.splitlines()[-1])
    assert summary["failed"] == 0
    assert summary["done"] + summary["skipped"] == ROWS
    # Each row once: none is missing, and what was there was not written again.
    stored = server.stats()
    assert stored["requests"]["PutObject"] <= ROWS + 5 * 10, "at most what was under way each time"
    line, _, lines = run_measured(telpher, "ls", "-r", "s3://bucket/l/")
    assert lines == ROWS
    for i in (0, 1, 49_999, 99_999):
        assert telpher.read(f"s3://bucket/l/{i}") == f"/row/{i}".encode()
