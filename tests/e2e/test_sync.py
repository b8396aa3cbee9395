"""telpher sync, mv and cp --from-file."""

import json
import os
import signal
import time

import boto3
import pytest

from conftest import MIB, kill, random_bytes, sha256, wait_for_event
from s3_command import KEYS, Served


def write_tree(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def read_tree(root):
    return {str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*") if path.is_file()}


def keys(telpher, prefix):
    """Keys below the prefix, without it."""
    listed = telpher.run("ls", "-r", "--json", prefix)
    assert listed.returncode in (0, 3), listed.err  # 3: there are none
    base = prefix.split("://", 1)[1].split("/", 1)[1]
    events = map(json.loads, listed.out.splitlines())
    return sorted(event["key"].removeprefix(base) for event in events if "key" in event)


def client_put_folders(telpher, bucket, folders):
    """Objects whose keys end in "/", as consoles make them: through the endpoint over the store."""
    served = None
    env = telpher.env
    if bucket.startswith("local://"):
        served = Served(telpher, ["--root", str(telpher.home / "store")], KEYS)
        client = served.client()
    else:
        client = boto3.client("s3", endpoint_url=env["AWS_ENDPOINT_URL"], region_name="us-east-1",
                              aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
                              aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"])
    for key, data in folders.items():
        client.put_object(Bucket="bucket", Key=key, Body=data)
    if served:
        served.end()


def age(path, seconds=10):
    """As if it had been written so long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def age_all(root, seconds=10):
    for path in root.rglob("*"):
        age(path, seconds)


@pytest.fixture(params=["s3", "local"])
def bucket(request, telpher):
    """A bucket's address: of our endpoint, of the embedded store."""
    if request.param == "s3":
        request.getfixturevalue("s3")([])
    telpher.ok("mb", f"{request.param}://bucket")
    return f"{request.param}://bucket"


FILES = {"a.txt": b"one", "d/b.txt": b"two", "d/e/c.bin": bytes(3 * MIB), "ü/ö x.txt": b"",
         "d.txt": b"sorts between", "d0": b"and behind"}


def summary(done):
    """The last event of a --json run."""
    event = json.loads(done.out.splitlines()[-1])
    return {name: event.get(name, 0) for name in ("done", "failed", "removed", "unchanged")}


# --- sync into a store ---------------------------------------------------------------------------

def test_sync_directory_copies_what_is_missing_or_different(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", FILES)
    age_all(tmp_path / "tree")
    first = telpher.ok("sync", "tree", f"{bucket}/p", "--json")
    assert summary(first) == {"done": 6, "failed": 0, "removed": 0, "unchanged": 0}
    assert keys(telpher, f"{bucket}/p/") == sorted(FILES)

    again = telpher.ok("sync", "tree", f"{bucket}/p/", "--json")
    assert summary(again) == {"done": 0, "failed": 0, "removed": 0, "unchanged": 6}

    (tmp_path / "tree/d/b.txt").write_bytes(b"another size")
    (tmp_path / "tree/new").write_bytes(b"new")
    third = telpher.ok("sync", "tree", f"{bucket}/p/", "--json")
    assert summary(third) == {"done": 2, "failed": 0, "removed": 0, "unchanged": 5}
    assert telpher.read(f"{bucket}/p/d/b.txt") == b"another size"


def test_sync_tells_a_touched_file_from_a_changed_one(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"same": b"12345", "other": b"12345"})
    age_all(tmp_path / "tree")
    telpher.ok("sync", "tree", f"{bucket}/p/")
    future = time.time() + 10
    os.utime(tmp_path / "tree/same", (future, future))
    (tmp_path / "tree/other").write_bytes(b"54321")
    os.utime(tmp_path / "tree/other", (future, future))
    done = telpher.ok("sync", "tree", f"{bucket}/p/", "--json")
    assert summary(done)["done"] == 1, done.out
    assert telpher.read(f"{bucket}/p/other") == b"54321"


def test_sync_compare_content_finds_what_time_and_size_hide(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"f": b"12345"})
    age_all(tmp_path / "tree")
    telpher.ok("sync", "tree", f"{bucket}/p/")
    (tmp_path / "tree/f").write_bytes(b"54321")
    age(tmp_path / "tree/f")
    assert summary(telpher.ok("sync", "tree", f"{bucket}/p/", "--json"))["done"] == 0
    assert summary(telpher.ok("sync", "tree", f"{bucket}/p/", "--compare", "content",
                              "--json"))["done"] == 1
    assert telpher.read(f"{bucket}/p/f") == b"54321"


def test_sync_size_only(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"f": b"12345"})
    telpher.ok("sync", "tree", f"{bucket}/p/")
    future = time.time() + 10
    os.utime(tmp_path / "tree/f", (future, future))
    (tmp_path / "tree/f").write_bytes(b"54321")
    done = telpher.ok("sync", "tree", f"{bucket}/p/", "--size-only", "--json")
    assert summary(done) == {"done": 0, "failed": 0, "removed": 0, "unchanged": 1}


def test_sync_delete_removes_what_the_source_does_not_have(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", FILES)
    telpher.ok("sync", "tree", f"{bucket}/p/")
    telpher.ok("cp", "-", f"{bucket}/outside", input=b"stays")
    (tmp_path / "tree/a.txt").unlink()
    (tmp_path / "tree/d/e/c.bin").unlink()
    kept = telpher.ok("sync", "tree", f"{bucket}/p/")
    assert len(keys(telpher, f"{bucket}/p/")) == 6, kept.out

    planned = telpher.ok("sync", "tree", f"{bucket}/p/", "--delete", "--dry-run")
    assert f"would remove {bucket}/p/a.txt" in planned.out
    assert len(keys(telpher, f"{bucket}/p/")) == 6

    done = telpher.ok("sync", "tree", f"{bucket}/p/", "--delete")
    assert "2 removed" in done.out
    assert keys(telpher, f"{bucket}/p/") == sorted(set(FILES) - {"a.txt", "d/e/c.bin"})
    assert telpher.read(f"{bucket}/outside") == b"stays"


def test_sync_delete_leaves_what_is_excluded(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"a": b"a"})
    for name in ("keep.log", "gone"):
        telpher.ok("cp", "-", f"{bucket}/p/{name}", input=b"x")
    telpher.ok("sync", "tree", f"{bucket}/p/", "--delete", "--exclude", "*.log")
    assert keys(telpher, f"{bucket}/p/") == ["a", "keep.log"]


def test_sync_delete_of_an_empty_directory_removes_nothing(telpher, bucket, tmp_path):
    """It may be a disk that is not mounted."""
    (tmp_path / "tree").mkdir()
    telpher.ok("cp", "-", f"{bucket}/p/precious", input=b"x")
    done = telpher.run("sync", "tree", f"{bucket}/p/", "--delete")
    assert done.returncode == 3
    assert "is empty" in done.err and "telpher rm -r" in done.err
    assert telpher.read(f"{bucket}/p/precious") == b"x"


def test_sync_delete_keeps_what_could_not_be_read(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"a": b"a", "m/x": b"x"})
    telpher.ok("sync", "tree", f"{bucket}/p/")
    telpher.ok("cp", "-", f"{bucket}/p/zzz", input=b"x")
    (tmp_path / "tree/m/x").unlink()
    (tmp_path / "tree/m/x").symlink_to("nowhere")
    done = telpher.run("sync", "tree", f"{bucket}/p/", "--delete")
    assert done.returncode == 1
    assert "nothing was removed" in done.err
    assert keys(telpher, f"{bucket}/p/") == ["a", "m/x", "zzz"]


def test_sync_delete_never_removes_its_own_source(telpher, bucket, tmp_path):
    write_tree(tmp_path / "l", {"sub/a": b"a"})
    telpher.ok("cp", "l", f"{bucket}/l/")
    for source, destination in (("l/sub", "l"), (f"{bucket}/l/sub/", f"{bucket}/l/"),
                                (f"{bucket}/l/", bucket)):
        done = telpher.run("sync", source, destination, "--delete")
        assert done.returncode == 2 and "remove the source itself" in done.err, done.err
    assert read_tree(tmp_path / "l") == {"sub/a": b"a"}
    assert keys(telpher, f"{bucket}/l/") == ["sub/a"]


def test_nothing_is_removed_behind_a_link_to_a_directory(telpher, bucket, tmp_path):
    write_tree(tmp_path, {"outside/precious": b"p", "there/old": b"o", "tree/a": b"a"})
    (tmp_path / "there/link").symlink_to(tmp_path / "outside")
    (tmp_path / "tree/link").symlink_to(tmp_path / "outside")
    telpher.ok("cp", "tree/a", f"{bucket}/p/a")
    telpher.ok("sync", f"{bucket}/p/", "there", "--delete")
    assert read_tree(tmp_path / "outside") == {"precious": b"p"}
    assert not (tmp_path / "there/old").exists()
    done = telpher.run("mv", "tree", f"{bucket}/m/")
    assert done.returncode == 1 and "behind a link" in done.err
    assert read_tree(tmp_path / "outside") == {"precious": b"p"}
    assert keys(telpher, f"{bucket}/m/") == ["a", "link/precious"]


def test_a_link_that_leads_nowhere_can_be_left_out(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"a": b"a"})
    (tmp_path / "tree/broken").symlink_to("nowhere")
    assert telpher.run("sync", "tree", f"{bucket}/p/").returncode == 1
    telpher.ok("cp", "-", f"{bucket}/p/old", input=b"x")
    telpher.ok("sync", "tree", f"{bucket}/p/", "--delete", "--exclude", "broken")
    assert keys(telpher, f"{bucket}/p/") == ["a"]


def test_one_refused_key_does_not_stop_the_others(telpher, s3, tmp_path):
    s3([{"on": "PutObject", "key": "p/17", "do": "status", "status": 403, "code": "AccessDenied"}])
    write_tree(tmp_path / "tree", {str(i): b"x" for i in range(60)})
    done = telpher.run("cp", "tree", "s3://bucket/p/")
    assert done.returncode == 1
    assert "p/17" in done.err and "59 files copied" in done.out
    assert len(keys(telpher, "s3://bucket/p/")) == 59


def test_sync_max_delete(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"a": b"a"})
    for name in ("x", "y", "z"):
        telpher.ok("cp", "-", f"{bucket}/p/{name}", input=b"x")
    done = telpher.run("sync", "tree", f"{bucket}/p/", "--delete", "--max-delete", "1")
    assert done.returncode == 1
    assert "3 that only the destination has, more than --max-delete allows" in done.err
    assert keys(telpher, f"{bucket}/p/") == ["a", "x", "y", "z"]


def test_sync_delete_removes_nothing_when_a_copy_fails(telpher, s3, tmp_path):
    """A file that was renamed would be there under neither name."""
    server = s3([])
    write_tree(tmp_path / "tree", {"a": b"a", "new name": b"b"})
    for name in ("a", "old name"):
        telpher.ok("cp", "-", f"s3://bucket/p/{name}", input=b"b")
    server.faults([{"on": "PutObject", "key": "p/new name", "do": "status", "status": 403,
                    "code": "AccessDenied"}])
    done = telpher.run("sync", "tree", "s3://bucket/p/", "--delete")
    assert done.returncode != 0 and "nothing was removed" in done.err, done.err
    assert "old name" in keys(telpher, "s3://bucket/p/")
    server.faults([])
    telpher.ok("sync", "tree", "s3://bucket/p/", "--delete")
    assert keys(telpher, "s3://bucket/p/") == ["a", "new name"]


def test_sync_delete_of_a_source_that_cannot_be_listed(telpher, s3, tmp_path):
    s3([{"on": "ListObjectsV2", "do": "status", "status": 403, "code": "AccessDenied"}])
    write_tree(tmp_path / "tree", {"a": b"a"})
    done = telpher.run("sync", "s3://bucket/p/", "tree", "--delete")
    assert done.returncode != 0 and "it is empty" not in done.err, done.err
    assert read_tree(tmp_path / "tree") == {"a": b"a"}


def test_folder_objects_keep_their_names(telpher, bucket):
    for key, data in (("p/d/", b"12345"), ("p/e/", b""), ("p/e/x", b"x")):
        telpher.ok("cp", "-", f"{bucket}/{key}marker", input=data)
    client_put_folders(telpher, bucket, {"p/d/": b"12345", "p/e/": b""})
    for _ in range(2):
        telpher.ok("sync", f"{bucket}/p/", f"{bucket}/q/", "--delete")
        assert {"d/", "e/"} <= set(keys(telpher, f"{bucket}/q/"))
    telpher.ok("mv", f"{bucket}/q/", f"{bucket}/r/")
    assert {"d/", "e/"} <= set(keys(telpher, f"{bucket}/r/"))


# --- and back, and between stores ----------------------------------------------------------------

def test_sync_prefix_to_directory(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", FILES)
    telpher.ok("sync", "tree", f"{bucket}/p/")
    telpher.ok("sync", f"{bucket}/p", "back")  # a prefix without its "/", as people type it
    assert read_tree(tmp_path / "back") == FILES
    again = telpher.ok("sync", f"{bucket}/p/", "back", "--json")
    assert summary(again) == {"done": 0, "failed": 0, "removed": 0, "unchanged": 6}

    write_tree(tmp_path / "back", {"extra/deep/f": b"x", "d/extra": b"y"})
    done = telpher.ok("sync", f"{bucket}/p/", "back", "--delete")
    assert "2 removed" in done.out
    assert read_tree(tmp_path / "back") == FILES
    assert not (tmp_path / "back/extra").exists()


def test_sync_directory_to_directory(telpher, tmp_path):
    write_tree(tmp_path / "tree", FILES)
    telpher.ok("sync", "tree", "copy")
    assert read_tree(tmp_path / "copy") == FILES
    assert summary(telpher.ok("sync", "tree", "copy", "--json"))["done"] == 0


def test_sync_prefix_to_prefix(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", FILES)
    telpher.ok("sync", "tree", f"{bucket}/p/")
    telpher.ok("sync", f"{bucket}/p/", f"{bucket}/q/")
    assert keys(telpher, f"{bucket}/q/") == sorted(FILES)
    assert summary(telpher.ok("sync", f"{bucket}/p/", f"{bucket}/q/", "--json"))["done"] == 0
    telpher.ok("cp", "-", f"{bucket}/q/extra", input=b"x")
    telpher.ok("sync", f"{bucket}/p/", f"{bucket}/q/", "--delete")
    assert keys(telpher, f"{bucket}/q/") == sorted(FILES)


def test_sync_refuses_what_it_cannot_compare(telpher, bucket, tmp_path):
    write_tree(tmp_path, {"file": b"x"})
    for source, word in (("file", "cp"), ("https://example.com/f", "is none"), ("-", "is none"),
                         ("*.txt", "--include")):
        done = telpher.run("sync", source, f"{bucket}/p/")
        assert done.returncode == 2, done.err
        assert word in done.err, done.err
    assert telpher.run("sync", "nowhere", f"{bucket}/p/").returncode == 3
    assert telpher.run("sync", f"{bucket}/nowhere/", "out").returncode == 3


# --- mv ------------------------------------------------------------------------------------------

def test_mv_file_and_back(telpher, bucket, tmp_path):
    write_tree(tmp_path, {"f": b"data"})
    telpher.ok("mv", "f", f"{bucket}/k")
    assert not (tmp_path / "f").exists()
    telpher.ok("mv", f"{bucket}/k", f"{bucket}/renamed")
    assert keys(telpher, f"{bucket}/") == ["renamed"]
    telpher.ok("mv", f"{bucket}/renamed", "g")
    assert (tmp_path / "g").read_bytes() == b"data"
    assert keys(telpher, f"{bucket}/") == []


def test_mv_directory_leaves_no_empty_folders(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", FILES)
    telpher.ok("mv", "tree", f"{bucket}/p/")
    assert keys(telpher, f"{bucket}/p/") == sorted(FILES)
    assert list((tmp_path / "tree").iterdir()) == []  # the folder that was named stays
    telpher.ok("mv", f"{bucket}/p/", "back/")
    assert read_tree(tmp_path / "back") == FILES
    assert keys(telpher, f"{bucket}/p/") == []


def test_mv_exclude_stays(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"a": b"a", "keep/b.log": b"b"})
    telpher.ok("mv", "tree", f"{bucket}/p/", "--exclude", "*.log")
    assert read_tree(tmp_path / "tree") == {"keep/b.log": b"b"}


def test_mv_does_not_believe_what_is_only_acknowledged(telpher, s3, tmp_path):
    s3([{"on": "PutObject", "do": "fake_success"}])
    write_tree(tmp_path, {"f": b"data", "tree/g": b"more"})
    for source, destination in (("f", "s3://bucket/f"), ("tree", "s3://bucket/t/")):
        done = telpher.run("mv", source, destination)
        assert done.returncode != 0 and "not removed" in done.err, done.err
    assert (tmp_path / "f").read_bytes() == b"data"
    assert (tmp_path / "tree/g").read_bytes() == b"more"


def test_mv_of_two_trees_with_the_same_name_in_them(telpher, bucket, tmp_path):
    write_tree(tmp_path, {"x/n": b"XX", "y/n": b"YYY"})
    done = telpher.run("mv", "x", "y", f"{bucket}/two/")
    assert done.returncode == 1 and "has become" in done.err, done.err
    assert telpher.read(f"{bucket}/two/n") == b"XX"
    assert (tmp_path / "y/n").read_bytes() == b"YYY"


def test_mv_to_what_keeps_nothing(telpher, tmp_path):
    write_tree(tmp_path, {"f": b"data"})
    done = telpher.run("mv", "f", "/dev/null")
    assert done.returncode != 0 and "keeps nothing" in done.err, done.err
    assert (tmp_path / "f").read_bytes() == b"data"


def test_mv_of_what_fails_keeps_the_source(telpher, s3, tmp_path):
    s3([{"on": "PutObject", "key": "p/bad", "do": "status", "status": 403, "code": "AccessDenied"}])
    write_tree(tmp_path / "tree", {"a": b"a", "bad": b"b"})
    done = telpher.run("mv", "tree/a", "tree/bad", "s3://bucket/p/")
    assert done.returncode != 0
    assert (tmp_path / "tree/bad").read_bytes() == b"b"


def test_mv_skipped_keeps_the_source(telpher, bucket, tmp_path):
    write_tree(tmp_path, {"f": b"new"})
    telpher.ok("cp", "-", f"{bucket}/f", input=b"old")
    telpher.ok("mv", "f", f"{bucket}/f", "--overwrite", "never")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert telpher.read(f"{bucket}/f") == b"old"


def test_mv_refuses_itself_and_what_cannot_be_removed(telpher, bucket, nginx):
    telpher.ok("cp", "-", f"{bucket}/f", input=b"x")
    assert telpher.run("mv", f"{bucket}/f", f"{bucket}/f").returncode == 2
    assert telpher.run("mv", nginx.url("whose"), f"{bucket}/g").returncode == 2
    assert telpher.run("mv", "-", f"{bucket}/g").returncode == 2
    assert telpher.read(f"{bucket}/f") == b"x"


def test_mv_of_an_object_to_itself_by_another_address(telpher, serve):
    """The endpoint serves the embedded store: both addresses are one object."""
    server = serve("--root", str(telpher.home / "store"))
    telpher.env |= {"AWS_ENDPOINT_URL": server.base, "AWS_ACCESS_KEY_ID": KEYS["TELPHER_S3_ACCESS_KEY"],
                    "AWS_SECRET_ACCESS_KEY": KEYS["TELPHER_S3_SECRET_KEY"]}
    telpher.ok("mb", "s3://bucket")
    telpher.ok("cp", "-", "s3://bucket/k", input=b"only one")
    for source, destination in (("s3://bucket/k", "local://bucket/k"),
                                ("local://bucket/k", "s3://bucket/"),
                                ("local://bucket/", "s3://bucket/")):
        done = telpher.run("mv", source, destination)
        assert done.returncode != 0
        assert telpher.read("s3://bucket/k") == b"only one"


# --- cp --from-file ------------------------------------------------------------------------------

def test_cp_from_file_csv(telpher, bucket, nginx, tmp_path):
    one, two = random_bytes(100_000, 1), b"two"
    (tmp_path / "list.csv").write_text(
        "url,key,size,sha256,content_type\n"
        f"{nginx.put('one', one)},x/one,{len(one)},{sha256(one)},text/x-one\n"
        f"{nginx.put('two', two)},,,,\n")
    done = telpher.ok("cp", "--from-file", "list.csv", f"{bucket}/l/", "--json")
    assert summary(done)["done"] == 2
    assert keys(telpher, f"{bucket}/l/") == ["two", "x/one"]
    assert telpher.read(f"{bucket}/l/x/one") == one
    again = telpher.ok("cp", "--from-file", "list.csv", f"{bucket}/l/", "--json")
    assert summary(again)["done"] == 0


def test_cp_from_file_json_lines_on_stdin(telpher, bucket, nginx):
    rows = [{"url": nginx.put(f"r{i}", b"%d" % i), "key": f"{i}"} for i in range(20)]
    rows.append({"url": nginx.url("r0"), "key": "0"})  # a second source for one object
    rows.append({"url": nginx.url("missing")})
    rows.append({"url": nginx.url("r1"), "key": "wrong", "md5": "0" * 32})
    done = telpher.run("cp", "--from-file", "-", f"{bucket}/l/", "--json",
                       input="\n".join(map(json.dumps, rows)).encode())
    assert done.returncode == 1
    assert summary(done) == {"done": 20, "failed": 3, "removed": 0, "unchanged": 0}
    assert len(keys(telpher, f"{bucket}/l/")) == 20


def test_cp_from_file_sends_each_row_its_headers(telpher, bucket, web):
    server = web([{"path": "/f", "body": "data"}])
    telpher.ok("cp", "--from-file", "-", f"{bucket}/l/",
               input=f"url,header.X-Token\n{server.url('/f')},secret\n".encode())
    assert all("secret" in request["headers"].values() for request in server.requests())


def test_cp_from_file_into_a_directory(telpher, nginx, tmp_path):
    (tmp_path / "list").write_text(f"url,key\n{nginx.put('f', b'x')},a/b\n{nginx.url('f')},../up\n")
    done = telpher.run("cp", "--from-file", "list", "out")
    assert done.returncode == 1
    assert read_tree(tmp_path / "out") == {"a/b": b"x"}


def test_cp_from_file_a_broken_row_costs_no_other(telpher, bucket, nginx):
    done = telpher.run("cp", "--from-file", "-", f"{bucket}/l/",
                       input=f'url,key\n{nginx.put("f", b"x")},a"b\n{nginx.url("f")},good\n'.encode())
    assert done.returncode == 1 and "row 1" in done.err
    assert keys(telpher, f"{bucket}/l/") == ["good"]


def test_cp_from_file_that_is_no_list(telpher, bucket, tmp_path):
    (tmp_path / "list").write_text("http://example.com/f\n")
    done = telpher.run("cp", "--from-file", "list", f"{bucket}/l/")
    assert done.returncode == 2 and "url" in done.err
    done = telpher.run("cp", "--from-file", "nowhere", f"{bucket}/l/")
    assert done.returncode == 2 and "nowhere" in done.err


def test_cp_from_file_a_wrong_size_is_refused(telpher, bucket, nginx):
    done = telpher.run("cp", "--from-file", "-", f"{bucket}/l/",
                       input=f"url,size\n{nginx.put('f', b'data')},5\n".encode())
    assert done.returncode == 6
    assert "has 4 bytes, the list says 5" in done.err
    assert keys(telpher, f"{bucket}/l/") == []


# --- resume, forget ------------------------------------------------------------------------------

def interrupted_upload(telpher, s3, tmp_path, *args):
    """A transfer of five parts that is killed in the middle. Returns its bytes."""
    data = random_bytes(40 * MIB)
    (tmp_path / "big").write_bytes(data)
    server = s3([{"on": "UploadPart", "after": 3, "count": 1, "do": "delay", "ms": 120_000}])
    process = telpher.start("cp", "big", "s3://bucket/k", "--part-size", "8MiB", "--concurrency",
                            "2", "--json", "--progress", "always", *args)
    wait_for_event(process, lambda e: e["event"] == "progress" and e["bytes"] >= 24 * MIB)
    kill(process)
    server.faults([])
    return data


def test_resume_continues_what_was_killed(telpher, s3, tmp_path):
    data = interrupted_upload(telpher, s3, tmp_path)
    [job] = telpher.jobs()
    assert "telpher cp big s3://bucket/k" in job["command"]
    (tmp_path / "elsewhere").mkdir()
    elsewhere = type(telpher)(tmp_path)
    elsewhere.env = {k: v for k, v in telpher.env.items() if not k.startswith("AWS_ENDPOINT")}
    elsewhere.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    elsewhere.cwd = tmp_path / "elsewhere"  # neither its folder nor its endpoint
    assert "telpher cp big" in elsewhere.ok("resume", "--dry-run").out
    done = elsewhere.ok("resume", job["id"])
    summary = json.loads(done.out.splitlines()[-1])
    assert summary["bytes_resumed"] > 0
    assert telpher.read("s3://bucket/k") == data
    assert telpher.jobs() == []
    assert "nothing is unfinished" in telpher.ok("resume").out


def test_resume_json_says_what_it_does_and_what_came_of_it(telpher, s3, tmp_path):
    interrupted_upload(telpher, s3, tmp_path)
    [job] = telpher.jobs()
    [planned] = telpher.events("resume", "--json", "-n").events
    assert (planned["event"], planned["id"], planned["command"]) == (
        "planned", job["id"], job["command"])
    events = telpher.events("resume", "--json").events
    assert [events[0]["event"], events[0]["id"], events[-1]["event"]] == [
        "resumed", job["id"], "summary"]
    assert events[-1]["bytes_resumed"] > 0


def test_resume_of_a_secret_says_what_to_do(telpher, s3, web, tmp_path):
    server = web([{"path": "/f", "size": 40 * MIB, "etag": '"1"'}])
    s3([{"on": "UploadPart", "after": 2, "count": 1, "do": "delay", "ms": 120_000}])
    process = telpher.start("cp", server.url("/f?token=hunter2"), "s3://bucket/k", "--part-size",
                            "8MiB", "--json", "--progress", "always")
    wait_for_event(process, lambda e: e["event"] == "progress" and e["bytes"] > 0)
    kill(process)
    done = telpher.run("resume")
    assert done.returncode == 1
    assert "by hand" in done.err and "hunter2" not in done.err


def test_forget_frees_the_upload(telpher, s3, tmp_path):
    interrupted_upload(telpher, s3, tmp_path)
    [job] = telpher.jobs()
    assert telpher.open_uploads("s3://bucket")
    assert telpher.run("forget").returncode == 2
    assert telpher.run("forget", "0123456789abcdef").returncode == 3
    [event] = telpher.events("forget", "--json", job["id"]).events
    assert (event["event"], event["id"], event["source"]) == ("done", job["id"], "big")
    assert telpher.jobs() == []
    assert telpher.open_uploads("s3://bucket") == []


def test_forget_keep_upload_leaves_what_the_store_has(telpher, s3, tmp_path):
    """For a store that is gone: nobody is asked."""
    interrupted_upload(telpher, s3, tmp_path)
    [job] = telpher.jobs()
    telpher.ok("forget", "--keep-upload", job["id"], env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert telpher.jobs() == []
    assert len(telpher.open_uploads("s3://bucket")) == 1


def test_forget_removes_half_a_download(telpher, s3, tmp_path):
    s3([{"on": "GetObject", "after": 2, "count": 1, "do": "delay", "ms": 120_000}])
    (tmp_path / "f").write_bytes(random_bytes(40 * MIB))
    telpher.ok("cp", "f", "s3://bucket/k")
    process = telpher.start("cp", "s3://bucket/k", "out", "--part-size", "8MiB", "--concurrency",
                            "1", "--json", "--progress", "always")
    wait_for_event(process, lambda e: e["event"] == "progress" and e["bytes"] >= 8 * MIB)
    kill(process)
    assert list(tmp_path.glob(".out.telpher-*"))
    telpher.ok("forget", "--all")
    assert not list(tmp_path.glob(".out.telpher-*"))
    assert telpher.jobs() == []


# --- links ---------------------------------------------------------------------------------------

@pytest.fixture
def linked(tmp_path):
    """A tree with links to a file, to a directory and to nothing."""
    write_tree(tmp_path / "tree", {"d/file": b"1"})
    age_all(tmp_path / "tree")
    (tmp_path / "tree/link").symlink_to("d/file")
    (tmp_path / "tree/there").symlink_to("d")
    (tmp_path / "tree/broken").symlink_to("nowhere")


LEFT = "telpher: 3 symbolic links were left alone\n"


@pytest.mark.parametrize("verb", ["cp", "mv", "sync"])
def test_links_are_left_alone_when_asked(telpher, bucket, linked, tmp_path, verb):
    done = telpher.ok(verb, "tree", f"{bucket}/p/", "--no-follow-symlinks")
    assert keys(telpher, f"{bucket}/p/") == ["d/file"]
    assert done.err == LEFT
    assert (tmp_path / "tree/link").is_symlink() and (tmp_path / "tree/there").is_symlink()


def test_links_are_left_alone_among_the_rest(telpher, bucket, linked, tmp_path):
    done = telpher.ok("cp", "tree", "out/", "--no-follow-symlinks", "--exclude", "broken", "-n")
    assert done.err == "telpher: 2 symbolic links were left alone\n"
    assert done.out.count("would copy") == 1
    # What the shell makes of tree/*.
    done = telpher.ok("cp", "tree/broken", "tree/d", "tree/link", "tree/there", f"{bucket}/q/",
                      "--no-follow-symlinks")
    assert done.err == LEFT
    assert keys(telpher, f"{bucket}/q/") == ["file"]
    done = telpher.ok("cp", "tree/li*", f"{bucket}/r/", "--no-follow-symlinks")
    assert done.err == "telpher: 1 symbolic link was left alone\n"
    # A directory's own name with "/" is what it leads to.
    telpher.ok("cp", "tree/there/", f"{bucket}/s/", "--no-follow-symlinks")
    assert keys(telpher, f"{bucket}/s/") == ["file"]


def test_verify_leaves_links_alone(telpher, bucket, linked):
    telpher.ok("cp", "tree", f"{bucket}/p/", "--no-follow-symlinks")
    done = telpher.ok("verify", "tree", f"{bucket}/p/", "--no-follow-symlinks")
    assert done.out.startswith("1 same") and done.err == LEFT
    assert telpher.run("verify", "tree", f"{bucket}/p/").returncode == 6


@pytest.mark.parametrize("verb", ["cp", "sync"])
def test_a_name_that_no_key_can_hold_may_be_left_out(telpher, bucket, tmp_path, verb):
    write_tree(tmp_path / "tree", {"good": b"1"})
    with open(os.fsencode(tmp_path) + b"/tree/a\xff.txt", "w") as file:
        file.write("1")
    assert telpher.run(verb, "tree", f"{bucket}/p/").returncode == 1
    done = telpher.ok(verb, "tree", f"{bucket}/q/", "--exclude", "*.txt")
    assert done.err == ""
    assert keys(telpher, f"{bucket}/q/") == ["good"]


# --- dry runs ------------------------------------------------------------------------------------

@pytest.mark.parametrize("source, destination", [
    ("tree", "{bucket}/p/"), ("{bucket}/p/", "tree"), ("{bucket}/p/", "{bucket}/q/")])
def test_sync_dry_run_finds_unchanged_what_a_sync_would(telpher, bucket, tmp_path, source,
                                                        destination):
    source, destination = source.format(bucket=bucket), destination.format(bucket=bucket)
    write_tree(tmp_path / "tree", {"a": b"1", "b": b"2"})
    telpher.ok("cp", "tree", f"{bucket}/p/")
    if destination != "tree":
        telpher.ok("cp", source, destination + ("" if destination[-1] == "/" else "/"))
    else:
        age_all(tmp_path / "tree", -10)
    # In doubt: neither is surely younger.
    future = time.time() + 10
    for path in (tmp_path / "tree").iterdir():
        os.utime(path, (future, future))
    dry = telpher.ok("sync", source, destination, "-n").out
    assert dry == "0 files would be copied, 2 unchanged\n"
    events = telpher.events("sync", source, destination, "-n", "--json").events
    assert [(event["event"], event["unchanged"]) for event in events] == [("summary", 2)]
    done = telpher.ok("sync", source, destination)
    assert ", 2 unchanged" in done.out and "0 files copied" in done.out


def test_sync_has_no_expect(telpher, tmp_path):
    assert "--expect" not in telpher.ok("sync", "--help").out
    assert "--expect" in telpher.ok("cp", "--help").out


def test_a_header_without_a_colon_is_refused_whatever_the_source(telpher, tmp_path):
    (tmp_path / "e").write_bytes(b"1")
    done = telpher.run("cp", "e", "local://bucket/x", "--header", "x")
    assert done.returncode == 2 and "--header: " in done.err
    assert not telpher.exists("local://bucket/x")


# --- verify --------------------------------------------------------------------------------------

def test_verify_names_what_no_file_can_be_called(telpher, bucket, tmp_path):
    keys_put = ["h/../evil", "h//abs", "h/good"]
    for key in keys_put:
        telpher.ok("cp", "-", f"{bucket}/{key}", input=b"1")
    write_tree(tmp_path / "hout", {"good": b"1"})
    done = telpher.run("verify", f"{bucket}/h/", "hout")
    assert done.returncode == 6, done.err
    assert "missing: hout/../evil (no file can be called so)\n" in done.out
    assert "missing: hout//abs (no file can be called so)\n" in done.out
    assert "0 different, 2 missing\n" in done.out
    events = map(json.loads, telpher.run("verify", f"{bucket}/h/", "hout", "--json").out.splitlines())
    missing = [event["address"] for event in events if event["event"] == "missing"]
    assert sorted(missing) == ["hout/../evil", "hout//abs"]


def test_verify_counts_what_could_not_be_compared(telpher, bucket, tmp_path):
    write_tree(tmp_path / "tree", {"a": b"1"})
    telpher.ok("cp", "tree", f"{bucket}/p/")
    (tmp_path / "tree/broken").symlink_to("nowhere")
    done = telpher.run("verify", "tree", f"{bucket}/p/")
    assert done.returncode == 1, done.err
    assert done.out.startswith("1 same") and done.out.endswith("0 missing, 1 failed\n")
    summary = telpher.run("verify", "tree", f"{bucket}/p/", "--json").out.splitlines()[-1]
    assert json.loads(summary)["failed"] == 1
