"""Debian's rclone."""

import json
import shutil
import subprocess
import urllib.request

import pytest
from conftest import needs, new_name, put_all

pytestmark = needs("rclone", shutil.which("rclone"))


@pytest.fixture
def rclone(endpoint, tmp_path):
    (tmp_path / "rclone.conf").write_text(f"""[there]
type = s3
provider = Other
endpoint = {endpoint.url}
access_key_id = {endpoint.access_key}
secret_access_key = {endpoint.secret_key}
region = us-east-1
force_path_style = true
chunk_size = 5Mi
upload_cutoff = 5Mi
copy_cutoff = 10Mi
""")
    # Not AWS_CA_BUNDLE: with it the Go SDK wants a transport of its own and rclone fails.
    environment = {k: v for k, v in endpoint.environment(tmp_path).items()
                   if not k.startswith("AWS_")}

    def run(*args, ok=True, input=None):
        done = subprocess.run(["rclone", "--config", str(tmp_path / "rclone.conf"), "--retries", "1",
                               "--low-level-retries", "1", *map(str, args)], env=environment,
                              cwd=tmp_path, input=input, capture_output=True, timeout=120)
        if ok:
            assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done

    return run


def test_make_put_get_list_remove(rclone, s3):
    name = new_name()
    rclone("mkdir", f"there:{name}")
    rclone("rcat", f"there:{name}/dir/a b+c.txt", input=b"from a pipe")
    assert rclone("cat", f"there:{name}/dir/a b+c.txt").stdout == b"from a pipe"
    assert rclone("lsf", f"there:{name}").stdout == b"dir/\n"
    assert rclone("lsf", "-R", "--files-only", f"there:{name}").stdout == b"dir/a b+c.txt\n"
    assert name + "/" in rclone("lsf", "there:").stdout.decode().splitlines()
    rclone("deletefile", f"there:{name}/dir/a b+c.txt")
    rclone("rmdir", f"there:{name}")
    assert name + "/" not in rclone("lsf", "there:").stdout.decode().splitlines()


def test_range(rclone, bucket, s3):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    assert rclone("cat", "--offset", 3, "--count", 4, f"there:{bucket}/k").stdout == b"3456"
    assert rclone("cat", "--tail", 2, f"there:{bucket}/k").stdout == b"89"


def test_list_more_than_a_page(rclone, bucket, s3):
    put_all(s3, bucket, [f"p/{i:04}" for i in range(1003)] + ["q/1", "r"])
    assert len(rclone("lsf", f"there:{bucket}/p").stdout.splitlines()) == 1003
    assert rclone("lsf", f"there:{bucket}").stdout.split() == [b"p/", b"q/", b"r"]
    assert len(rclone("lsf", "-R", "--files-only", "--fast-list",
                      f"there:{bucket}").stdout.splitlines()) == 1005


def test_sync_there_and_back(rclone, bucket, tmp_path):
    for name in ("one", "sub/two", "sub/deep/ünï cödé %41", "empty"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty" else name)
    rclone("sync", "tree", f"there:{bucket}/tree")
    rclone("check", "tree", f"there:{bucket}/tree")  # sizes and MD5
    rclone("sync", f"there:{bucket}/tree", "back")
    rclone("check", "tree", "back")
    rclone("purge", f"there:{bucket}/tree")
    assert rclone("lsf", f"there:{bucket}").stdout == b""


def test_modification_times_are_kept(rclone, bucket, tmp_path):
    """rclone keeps them in metadata, and changes them by a copy onto itself."""
    (tmp_path / "f").write_text("x")
    rclone("copy", "f", f"there:{bucket}")
    rclone("touch", "-t", "2020-02-03T04:05:06", f"there:{bucket}/f")
    listed = json.loads(rclone("lsjson", f"there:{bucket}").stdout)
    assert listed[0]["ModTime"].startswith("2020-02-03T04:05:06")


def test_multipart_and_copy(rclone, bucket, s3, middle_file, tmp_path):
    rclone("copyto", middle_file.path, f"there:{bucket}/from")
    assert s3.head_object(Bucket=bucket, Key="from")["ETag"].endswith('-4"')
    rclone("copyto", f"there:{bucket}/from", f"there:{bucket}/to")  # by parts: above copy_cutoff
    rclone("copyto", f"there:{bucket}/to", "back")
    assert middle_file.same_as(tmp_path / "back")
    rclone("moveto", f"there:{bucket}/to", f"there:{bucket}/moved")
    assert rclone("lsf", f"there:{bucket}").stdout.split() == [b"from", b"moved"]


def test_presign(rclone, bucket, s3):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"linked")
    link = rclone("link", "--expire", "5m", f"there:{bucket}/a b").stdout.decode().strip()
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"linked"


def test_300_mib(rclone, bucket, s3, big_file, tmp_path):
    rclone("copyto", big_file.path, f"there:{bucket}/big")
    rclone("copyto", f"there:{bucket}/big", "big")
    assert big_file.same_as(tmp_path / "big")
    s3.delete_object(Bucket=bucket, Key="big")
