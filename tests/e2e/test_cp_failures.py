"""Exit codes and wordings: what a user, or a script, sees when a copy cannot be made."""

import os
import resource
import subprocess

import pytest

from conftest import MIB, random_bytes, wait_for_event


def failing(telpher, code, text, *args, **kwargs):
    done = telpher.run(*args, **kwargs)
    assert done.returncode == code, f"exit {done.returncode}: {done.err}"
    assert text in done.err, done.err
    assert done.err.startswith("telpher: ")
    return done


# --- wrong usage: 2 ------------------------------------------------------------------------------

@pytest.mark.parametrize("option", [
    ["--content-type", "a/b"], ["--content-encoding", "gzip"], ["--content-language", "de"],
    ["--content-disposition", "inline"], ["--cache-control", "no-store"], ["--metadata", "a=b"],
    ["--storage-class", "GLACIER"], ["--sse", "AES256"], ["--acl", "private"],
])
@pytest.mark.parametrize("destination", ["out", "./out/", "-"])
def test_options_of_objects_are_refused_for_files(telpher, tmp_path, option, destination):
    (tmp_path / "f").write_text("x")
    failing(telpher, 2, option[0] + " is about an object", "cp", "f", destination, *option)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("args, text", [
    (["cp"], "needs SOURCE… DESTINATION"),
    (["cp", "a"], "needs SOURCE… DESTINATION"),
    (["cp", "", "local://bucket/k"], "URL is required"),
    (["cp", "http://", "local://bucket/k"], "Invalid URL format"),
    (["cp", "gopher://x/y", "local://bucket/k"], "Invalid URL format"),
    (["cp", "a", "http://x/y"], "cannot write to a URL"),
    (["cp", "a", "b", "local://bucket/k"], "ends in '/'"),
    (["cp", "a", "local://UPPER/k"], "bucket"),
    (["cp", "a", "local://bucket/" + "k" * 1025], "1024"),
    (["cp", "a", "local://bucket/k", "--concurrency", "257"], "from 1 to 256"),
    (["cp", "a", "local://bucket/k", "--part-size", "1MiB"], "--part-size"),
    (["cp", "a", "local://bucket/k", "--expect", "none:"], "--expect"),
    (["cp", "a", "local://bucket/k", "--nonsense"], "unknown option '--nonsense'"),
    (["cp", "-", "local://bucket/"], "standard input has no name"),
    (["cp", "a", "-", "--if-none-match"], "--if-none-match"),
    (["cp", "local://bucket/a", "local://bucket/a"], "onto itself"),
    (["cp", "s3://bucket/a", "s3://bucket/a"], "onto itself"),
    (["cp", "s3://bucket/p/a", "s3://bucket/p/"], "onto itself"),
    (["cp", "local://bucket/p/", "local://bucket/p"], "onto itself"),
    (["cp", "s3://bucket", "s3://bucket/"], "onto itself"),
    (["cp", "-n", "local://bucket/a", "local://bucket/a"], "onto itself"),
    (["frobnicate"], "unknown verb 'frobnicate'"),
])
def test_wrong_usage(telpher, args, text):
    failing(telpher, 2, text, *args)


def test_concurrency_of_the_environment_is_checked(telpher):
    failing(telpher, 2, "MAX_CONCURRENT_UPLOADS", "cp", "a", "local://bucket/k",
            env={"MAX_CONCURRENT_UPLOADS": "1000"})


# --- the source: 3 -------------------------------------------------------------------------------

def test_url_that_is_not_there(telpher, nginx):
    failing(telpher, 3, "Source file not found: HTTP 404", "cp", nginx.url("nothing"),
            "local://bucket/k")
    assert not telpher.exists("local://bucket/k")


def test_url_that_is_refused(telpher, nginx):
    failing(telpher, 3, "403", "cp", nginx.url("secret/f"), "local://bucket/k")


def test_host_that_is_unknown(telpher):
    failing(telpher, 3, "Unable to resolve URL: DNS lookup failed", "cp",
            "http://no-such-host.invalid/f", "local://bucket/k", "--retries", "1")


def test_file_that_is_not_there(telpher):
    failing(telpher, 3, "No such file", "cp", "nothing.bin", "local://bucket/k")


def test_glob_that_matches_nothing(telpher, tmp_path):
    (tmp_path / "a.txt").write_text("x")
    assert telpher.run("cp", "*.bin", "local://bucket/").returncode != 0


def test_object_that_is_not_there(telpher):
    telpher.ok("mb", "local://bucket")
    failing(telpher, 3, "nothing", "cp", "local://bucket/nothing", "./f")


def test_bucket_whose_aws_host_is_unknown(telpher):
    """Who has a service of their own has forgotten to name it: the message says how."""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "no-such-region-1"}
    done = failing(telpher, 3, "DNS lookup failed for 'bucket.s3.no-such-region-1.amazonaws.com'",
                   "cp", "s3://bucket/k", "f", "--retries", "1", env=keys)
    assert "without --endpoint-url or AWS_ENDPOINT_URL requests go to AWS" in done.err
    done = failing(telpher, 3, "DNS lookup failed", "cp", "s3://bucket/k", "f", "--retries", "1",
                   "--endpoint-url", "http://no-such-host.invalid", env=keys)
    assert "AWS_ENDPOINT_URL" not in done.err


# --- the destination: 4 --------------------------------------------------------------------------

def test_object_that_must_not_exist(telpher, tmp_path):
    (tmp_path / "f").write_text("one")
    telpher.ok("cp", "f", "local://bucket/k")
    (tmp_path / "f").write_text("two")
    failing(telpher, 4, "", "cp", "f", "local://bucket/k", "--if-none-match")
    assert telpher.read("local://bucket/k") == b"one"


@pytest.mark.parametrize("size", [1, 20 * MIB])
def test_file_that_must_not_exist(telpher, tmp_path, size):
    data = random_bytes(size)
    telpher.ok("cp", "-", "local://bucket/k", input=data)
    telpher.ok("cp", "local://bucket/k", "out", "--if-none-match")
    assert (tmp_path / "out").read_bytes() == data
    (tmp_path / "out").write_text("mine")
    failing(telpher, 4, "exists already", "cp", "local://bucket/k", "out", "--if-none-match")
    assert (tmp_path / "out").read_text() == "mine"
    assert telpher.jobs() == []


def test_overwrite_never_skips(telpher, tmp_path):
    (tmp_path / "f").write_text("one")
    telpher.ok("cp", "f", "local://bucket/k")
    (tmp_path / "f").write_text("two")
    assert "skipped" in telpher.ok("cp", "f", "local://bucket/k", "--overwrite", "never").out
    assert telpher.read("local://bucket/k") == b"one"


def test_destination_directory_that_is_not_there(telpher, tmp_path):
    (tmp_path / "f").write_text("x")
    telpher.ok("cp", "f", "local://bucket/k")
    done = telpher.run("cp", "local://bucket/k", "/proc/nowhere/f")
    assert done.returncode == 4, done.err


@pytest.fixture
def disk(tmp_path):
    """A disk of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("state, text", [("full", "No space left"), ("read-only", "Read-only")])
def test_destination_disk_that_is_full_or_read_only(telpher, tmp_path, disk, state, text, old):
    (tmp_path / "f").write_bytes(random_bytes(20 * MIB))
    telpher.ok("cp", "f", "local://bucket/k")
    if old:
        (disk / "f").write_bytes(old)
    if state == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    failing(telpher, 4, text, "cp", "local://bucket/k", disk / "f")
    assert {path.name: path.read_bytes() for path in disk.iterdir()} == ({"f": old} if old else {})


@pytest.mark.parametrize("old", [None, b"old"])
def test_destination_file_that_may_not_grow(telpher, tmp_path, old):
    """The same without root: a limit on file sizes."""
    (tmp_path / "f").write_bytes(random_bytes(20 * MIB))
    telpher.ok("cp", "f", "local://bucket/k")
    out = tmp_path / "out"
    out.mkdir()
    if old:
        (out / "f").write_bytes(old)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MIB, 4 * MIB))

    done = telpher.run("cp", "local://bucket/k", "./out/f", preexec_fn=limit)
    assert done.returncode == 4, f"{done.returncode} {done.err}"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == ({"f": old} if old else {})


# --- this machine has no more: 1 -----------------------------------------------------------------

def at_most(limit, value):
    return lambda: resource.setrlimit(limit, (value, value))


@pytest.mark.slow
def test_too_few_descriptors(telpher, s3, tmp_path):
    """Said at once, not after eight attempts, and never a crash, however few there are. What goes
    without (a journal) is warned of, and the copy is whole. Not with sanitizers, which need
    descriptors of their own."""
    s3([])
    content = random_bytes(MIB)
    (tmp_path / "f").write_bytes(content)
    codes = []
    # With three not even its libraries can be loaded.
    for count in range(4, 13):
        done = telpher.run("cp", "f", f"s3://bucket/{count}", timeout=20,
                           preexec_fn=at_most(resource.RLIMIT_NOFILE, count))
        codes.append(done.returncode)
        assert done.returncode in (0, 1), f"{count}: {done.returncode} {done.err}"
        said = done.err if done.returncode or done.err else "ulimit -n"
        assert "ulimit -n" in said and "attempts" not in said, f"{count}: {done.err}"
        there = telpher.run("cat", f"s3://bucket/{count}")
        assert (there.stdout == content) == (done.returncode == 0), count
    assert codes[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("mebibytes", [40, 60, 80, 120, 300])
def test_too_little_address_space(telpher, mebibytes):
    """Not with sanitizers, whose shadow is terabytes of address space."""
    zeros = subprocess.Popen(["head", "-c", "600M", "/dev/zero"], stdout=subprocess.PIPE)
    done = telpher.run("cp", "-", "local://bucket/k", "--concurrency", "64", stdin=zeros.stdout,
                       preexec_fn=at_most(resource.RLIMIT_AS, mebibytes * MIB))
    zeros.stdout.close()
    zeros.wait()
    assert done.returncode == 1, f"{done.returncode} {done.err}"
    assert "not enough memory" in done.err and "--memory" in done.err


# --- gave up: 5 ----------------------------------------------------------------------------------

def test_server_that_is_down(telpher):
    failing(telpher, 5, "Connection refused", "cp", "http://127.0.0.1:9/f", "local://bucket/k",
            "--retries", "1")


@pytest.mark.parametrize("size", [1, 40 * MIB])
def test_store_that_is_down_from_the_start(telpher, tmp_path, size):
    (tmp_path / "f").write_bytes(random_bytes(size))
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x",
           "AWS_SECRET_ACCESS_KEY": "y"}
    done = failing(telpher, 5, "Connection refused", "cp", "f", "s3://bucket/k", "--retries", "1",
                   env=env)
    assert "where it stopped" not in done.err


def test_home_that_cannot_be_used(telpher, tmp_path):
    (tmp_path / "f").write_text("x")
    env = {"TELPHER_HOME": "/dev/null/home"}
    for args in (["f", "local://bucket/k"], ["local://bucket/k", "./out"],
                 ["f", "f", "local://bucket/p/"], ["local://bucket/p/", "./out/"]):
        failing(telpher, 4, "", "cp", *args, env=env)


@pytest.mark.parametrize("args", [
    ["nofile", "x"], ["nofile", "local://bucket/x"], ["local://bucket/nokey", "x"],
    ["local://bucket/nokey", "local://bucket/x"], ["nofile", "./"]])
def test_dry_run_without_a_source_fails_as_the_copy_would(telpher, args):
    telpher.ok("mb", "local://bucket")
    for dry_run in ([], ["-n"]):
        failing(telpher, 3, "", "cp", *args, *dry_run)


# --- one cause that refuses everything -----------------------------------------------------------

@pytest.mark.parametrize("code, args", [
    (3, ["s3://no-such-bucket/p/", "./out/"]),
    (3, ["s3://no-such-bucket/p/", "s3://bucket/p/"]),
    (3, ["s3://no-such-bucket/p/", "local://bucket/p/"]),
    (3, ["s3://no-such-bucket/a", "s3://no-such-bucket/b", "./out/"]),
    (3, ["local://no-such-bucket/p/", "./out/"]),
    (3, ["local://no-such-bucket/p/", "local://bucket/p/"]),
    (3, ["*.nothing", "local://bucket/p/"]),
    (3, ["*.nothing", "./out/"]),
    (3, ["local://bucket/*.nothing", "./out/"]),
    (4, ["tree", "s3://no-such-bucket/p/"]),
    (4, ["tree/a", "tree/b", "s3://no-such-bucket/p/"]),
])
def test_everything_is_refused_alike(telpher, s3, tmp_path, code, args):
    s3([])
    telpher.ok("mb", "local://bucket")
    (tmp_path / "tree").mkdir()
    for name in ("a", "b"):
        (tmp_path / "tree" / name).write_text(name)
    done = failing(telpher, code, "", "cp", *args)
    assert not done.err.startswith("telpher:  ->"), done.err


# --- several: 1, each named ----------------------------------------------------------------------

def test_one_of_several_fails(telpher, nginx):
    one = nginx.put("one", b"1")
    done = failing(telpher, 1, "nothing-here", "cp", one, nginx.url("nothing-here"),
                   nginx.put("two", b"2"), "local://bucket/")
    assert telpher.read("local://bucket/one") == b"1"
    assert telpher.read("local://bucket/two") == b"2"
    assert "one: " not in done.err


@pytest.mark.parametrize("destination", ["local://bucket/t/", "out/"])
def test_entries_of_a_tree_are_named(telpher, tmp_path, destination):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/good").write_text("x")
    (tmp_path / "tree/dangling").symlink_to("/nowhere/at/all")
    done = telpher.events("cp", "tree", destination)
    assert done.returncode == 1, done.err
    failed = [event for event in done.events if event["event"] == "failed"]
    assert [(e["source"], e["destination"]) for e in failed] == [
        ("tree/dangling", destination + "dangling")]


def test_unreadable_standard_output(telpher, tmp_path):
    (tmp_path / "f").write_bytes(random_bytes(MIB))
    telpher.ok("cp", "f", "local://bucket/k")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(telpher.command(["cp", "local://bucket/k", "-"]), env=telpher.env,
                              stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 4, done.stderr


def test_standard_descriptors_that_are_closed(telpher, tmp_path):
    """None of them becomes a file of ours; a copy from or to one fails."""
    def run(*args):
        return subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *telpher.command(args)],
                              env=telpher.env, cwd=tmp_path).returncode

    data = random_bytes(3 * MIB)
    (tmp_path / "f").write_bytes(data)
    assert run("cp", "f", "local://bucket/k") == 0
    assert run("cp", "local://bucket/k", "./back") == 0
    assert (tmp_path / "back").read_bytes() == data
    assert telpher.read("local://bucket/k") == data
    assert run("cp", "local://bucket/k", "-") == 4
    assert run("cp", "-", "local://bucket/nothing") == 3
    assert not telpher.exists("local://bucket/nothing")


# --- a file that changes while it is read --------------------------------------------------------

@pytest.mark.parametrize("change", ["grow", "shrink", "in place"])
def test_file_that_changes_meanwhile(telpher, tmp_path, change):
    path = tmp_path / "f"
    path.write_bytes(random_bytes(64 * MIB))
    process = telpher.start("cp", "f", "local://bucket/k", "--rate", "16MiB/s", "--json",
                            "--progress-interval", "100ms", "--part-size", "8MiB")
    wait_for_event(process, lambda e: e["event"] == "progress" and e["bytes"] > 0)
    if change == "grow":
        with open(path, "ab") as file:
            file.write(b"more")
    elif change == "in place":  # where it has been read already
        with open(path, "r+b") as file:
            file.write(b"changed")
    else:
        os.truncate(path, 50 * MIB)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 6, err
    assert b"the source changed while it was being copied" in err
    assert not telpher.exists("local://bucket/k")
