"""Peak memory is the budget and a little, whatever the size and the way."""

import json
import os
import subprocess

import pytest

from conftest import MIB

pytestmark = pytest.mark.slow
GIB = 1 << 30


def peak_rss(telpher, *args, **kwargs):
    done = telpher.events(*args, "--stats", timeout=1200, **kwargs)
    assert done.returncode == 0, done.err
    return done.events[-1]["stats"]["cost"]["rss_peak"], done.events[-2]["bytes"]


@pytest.fixture
def sparse(tmp_path):
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.truncate(20 * GIB)
    return path


@pytest.mark.parametrize("budget", [64, 256])
def test_cp_url_of_20_gib(telpher, nginx, sparse, budget, null_store):
    os.link(sparse, nginx.root / f"sparse{budget}")
    rss, size = peak_rss(telpher, "cp", nginx.url(f"sparse{budget}"), null_store,
                         "--memory", f"{budget}MiB")
    assert size == 20 * GIB
    assert rss <= (budget + 64) * MIB, f"{rss / MIB:.0f} MiB"


def test_cp_file_of_20_gib(telpher, sparse, null_store):
    rss, size = peak_rss(telpher, "cp", sparse, null_store)
    assert size == 20 * GIB
    assert rss <= (256 + 64) * MIB, f"{rss / MIB:.0f} MiB"


def test_cp_pipe_of_4_gib(telpher, null_store):
    with subprocess.Popen(["head", "-c", str(4 * GIB), "/dev/zero"],
                          stdout=subprocess.PIPE) as zeros:
        done = subprocess.run(
            telpher.command(["cp", "-", null_store, "--memory", "128MiB", "--json", "--stats"]),
            env=telpher.env, stdin=zeros.stdout,
            capture_output=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["stats"]["cost"]["rss_peak"] <= (128 + 64) * MIB
