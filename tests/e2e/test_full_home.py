"""What still works when the disk of TELPHER_HOME is full or read-only."""

import os
import subprocess

import pytest

from conftest import MIB, random_bytes


def mount(*args):
    return subprocess.run(["mount", *args]).returncode == 0


@pytest.fixture
def home(telpher, tmp_path):
    """TELPHER_HOME on a disk of its own, 20 MiB."""
    folder = tmp_path / "small-home"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    if not mount("-t", "tmpfs", "-o", "size=20m", "tmpfs", folder):
        pytest.skip("mounting is not allowed here")
    telpher.env["TELPHER_HOME"] = str(folder)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder):
    """To the last byte."""
    number = sum(name.startswith("filler") for name in os.listdir(folder))
    file = os.open(folder / f"filler{number}", os.O_WRONLY | os.O_CREAT)
    for size in (MIB, 4096, 1):
        try:
            while os.write(file, bytes(size)):
                pass
        except OSError:
            pass
    os.close(file)
    assert os.statvfs(folder).f_bavail == 0


@pytest.fixture
def stored(telpher, home, tmp_path):
    """m1, m2 (files of their own), small ones that share one; then the disk is full."""
    (tmp_path / "big").write_bytes(random_bytes(2 * MIB))
    tree = tmp_path / "tree"
    tree.mkdir()
    for i in range(30):
        (tree / f"s{i}").write_bytes(random_bytes(500, i))
    telpher.ok("cp", "big", "local://bucket/m1")
    telpher.ok("cp", "big", "local://bucket/m2")
    telpher.ok("cp", "-r", "tree/", "local://bucket/small/")
    fill(home)
    return home


def read_only(home):
    assert mount("-o", "remount,ro", home)


def keys(telpher):
    return telpher.ok("ls", "-r", "local://bucket").out


def test_objects_can_be_removed_from_a_full_disk(telpher, stored, tmp_path):
    assert "m1" in keys(telpher)
    telpher.ok("rm", "local://bucket/m1")
    fill(stored)
    telpher.ok("mv", "local://bucket/m2", "./back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "big").read_bytes()
    fill(stored)
    telpher.ok("rm", "-r", "local://bucket/small/")
    assert keys(telpher) == ""
    # Room that was given up for that is set aside again when there is some.
    for name in os.listdir(stored):
        if name.startswith("filler"):
            (stored / name).unlink()
    telpher.ok("cp", "big", "local://bucket/m1")
    fill(stored)
    telpher.ok("rb", "--force", "local://bucket")


def test_a_bucket_can_be_removed_from_a_full_disk(telpher, stored):
    telpher.ok("rb", "--force", "local://bucket")


def test_without_any_room_a_removal_says_what_to_do(telpher, stored):
    (stored / "store" / "reserve").unlink()
    fill(stored)
    done = telpher.run("rm", "local://bucket/m1")
    if done.returncode != 0:  # there may be room in the log
        assert done.returncode == 4 and "free 1 MiB on that disk" in done.err, done.err


@pytest.mark.parametrize("size", [1, 3 * MIB, 20 * MIB])
def test_a_copy_into_a_full_store_is_refused(telpher, stored, tmp_path, size):
    (tmp_path / "e").write_bytes(random_bytes(size))
    done = telpher.run("cp", "e", "local://bucket/e")
    assert done.returncode == 4, done.err
    assert "full: make room on it, or remove objects" in done.err
    assert "/e\n" not in keys(telpher)


@pytest.mark.parametrize("state, cause", [("full", "No space left"), ("read-only", "Read-only")])
def test_copies_elsewhere_go_on_without_a_journal(telpher, s3, stored, tmp_path, state, cause):
    server = s3()
    if state == "read-only":
        read_only(stored)
    data = random_bytes(20 * MIB)
    (tmp_path / "f").write_bytes(data)
    done = telpher.ok("cp", "f", "s3://bucket/f", "--part-size", "5MiB", env=server.client_env())
    assert "nothing can be resumed" in done.err and cause in done.err
    telpher.ok("cp", "s3://bucket/f", "./g", "--part-size", "5MiB", env=server.client_env())
    assert (tmp_path / "g").read_bytes() == data


def test_a_read_only_home_can_be_read(telpher, stored, tmp_path):
    read_only(stored)
    assert "m1" in keys(telpher)
    assert telpher.ok("cat", "local://bucket/m1").stdout == (tmp_path / "big").read_bytes()
    telpher.ok("cp", "local://bucket/m1", "./back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "big").read_bytes()
    for args in (["rm", "local://bucket/m1"], ["cp", "big", "local://bucket/n"]):
        done = telpher.run(*args)
        assert done.returncode == 4 and "cannot be written to: " in done.err \
            and "Read-only file system" in done.err, done.err


@pytest.mark.parametrize("home", ["/dev/null", "/proc/nowhere"])
def test_jobs_without_a_journal_is_an_error_and_nothing_else(telpher, home):
    done = telpher.run("jobs", env={"TELPHER_HOME": home})
    assert done.returncode not in (0, 1) and done.out == "" and done.err.count("\n") == 1, done.err


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_jobs_of_a_home_that_is_full_or_read_only(telpher, stored, state):
    """What is there to be read is told, or why it cannot be; never both."""
    if state == "read-only":
        read_only(stored)
    done = telpher.run("jobs")
    if done.returncode == 0:
        assert (done.out, done.err) == ("nothing is unfinished\n", "")
    else:
        assert done.out == "" and "journal" in done.err, done.err
