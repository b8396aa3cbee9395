"""Debian's awscli: the high-level `aws s3` and the low-level `aws s3api`."""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

import pytest
from conftest import MIB, body_of, needs, new_name, put_all

AWS = "/usr/bin/aws"
pytestmark = needs("awscli", pathlib.Path(AWS).exists())


@pytest.fixture
def aws(endpoint, tmp_path):
    (tmp_path / "config").write_text(
        "[default]\ns3 =\n  addressing_style = path\n  multipart_threshold = 8MB\n"
        "  multipart_chunksize = 8MB\n")

    def run(*args, ok=True, input=None):
        done = subprocess.run([AWS, "--endpoint-url", endpoint.url, *map(str, args)],
                              env=endpoint.environment(tmp_path) |
                              {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PAGER": "",
                               "AWS_MAX_ATTEMPTS": "1"},
                              cwd=tmp_path, input=input, capture_output=True, timeout=120)
        if ok:
            assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()[-1000:]
        return done

    def api(*args):
        out = run("s3api", *args).stdout
        return json.loads(out) if out.strip() else {}

    run.api = api
    return run


@pytest.mark.differs("RADOS gateway 16: errors without a Message")
def test_make_put_get_list_move_remove(aws, s3, tmp_path):
    name = new_name()
    aws("s3", "mb", f"s3://{name}")
    aws("s3", "cp", "-", f"s3://{name}/dir/a b+c.txt", input=b"from a pipe")
    assert aws("s3", "cp", f"s3://{name}/dir/a b+c.txt", "-").stdout == b"from a pipe"
    assert b"PRE dir/" in aws("s3", "ls", f"s3://{name}/").stdout
    assert b"a b+c.txt" in aws("s3", "ls", "--recursive", f"s3://{name}").stdout
    aws("s3", "mv", f"s3://{name}/dir/a b+c.txt", f"s3://{name}/moved")
    assert [e["Key"] for e in s3.list_objects_v2(Bucket=name)["Contents"]] == ["moved"]
    assert b"BucketNotEmpty" in aws("s3", "rb", f"s3://{name}", ok=False).stderr
    aws("s3", "rb", "--force", f"s3://{name}")
    assert name.encode() not in aws("s3", "ls").stdout


def test_range(aws, bucket, s3, tmp_path):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = aws.api("get-object", "--bucket", bucket, "--key", "k", "--range", "bytes=3-5", "part")
    assert (tmp_path / "part").read_bytes() == b"345" and got["ContentRange"] == "bytes 3-5/10"


def test_list_more_than_a_page(aws, bucket, s3):
    put_all(s3, bucket, [f"p/{i:04}" for i in range(1003)] + ["q/1", "r"])
    assert len(aws("s3", "ls", "--recursive", f"s3://{bucket}").stdout.splitlines()) == 1005
    listed = aws.api("list-objects-v2", "--bucket", bucket, "--delimiter", "/")
    assert [p["Prefix"] for p in listed["CommonPrefixes"]] == ["p/", "q/"]
    assert [e["Key"] for e in listed["Contents"]] == ["r"]
    assert len(aws.api("list-objects-v2", "--bucket", bucket, "--prefix", "p/",
                       "--page-size", "100")["Contents"]) == 1003


def test_sync_there_and_back(aws, bucket, tmp_path):
    for name in ("one", "sub/two", "sub/deep/ünï cödé", "empty"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty" else name)
        os.utime(path, (0, time.time() - 60))  # objects have times in whole seconds
    aws("s3", "sync", "tree", f"s3://{bucket}/tree")
    assert aws("s3", "sync", "tree", f"s3://{bucket}/tree").stdout == b""  # nothing left to do
    aws("s3", "sync", f"s3://{bucket}/tree", "back")
    names = sorted(p.relative_to(tmp_path / "tree") for p in (tmp_path / "tree").rglob("*"))
    assert names == sorted(p.relative_to(tmp_path / "back") for p in (tmp_path / "back").rglob("*"))
    (tmp_path / "tree" / "one").unlink()
    aws("s3", "sync", "--delete", "tree", f"s3://{bucket}/tree")
    assert b"tree/one" not in aws("s3", "ls", "--recursive", f"s3://{bucket}").stdout
    aws("s3", "rm", "--recursive", f"s3://{bucket}")


def test_multipart_and_copy(aws, bucket, s3, middle_file, tmp_path):
    aws("s3", "cp", middle_file.path, f"s3://{bucket}/from")
    assert s3.head_object(Bucket=bucket, Key="from")["ETag"].endswith('-2"')
    aws("s3", "cp", f"s3://{bucket}/from", f"s3://{bucket}/to")  # UploadPartCopy
    aws("s3", "cp", f"s3://{bucket}/to", tmp_path / "back")
    assert middle_file.same_as(tmp_path / "back")


@pytest.mark.differs("RADOS gateway 16: Complete answers an empty ETag")
def test_multipart_by_hand(aws, bucket, tmp_path):
    (tmp_path / "part").write_bytes(b"x" * 5 * MIB)
    at = ("--bucket", bucket, "--key", "by hand")
    upload = aws.api("create-multipart-upload", *at, "--content-type", "text/plain")["UploadId"]
    assert [u["UploadId"] for u in aws.api("list-multipart-uploads", "--bucket", bucket)["Uploads"]] == [upload]
    tags = [aws.api("upload-part", *at, "--upload-id", upload, "--part-number", n, "--body",
                    "part")["ETag"] for n in (1, 2)]
    parts = aws.api("list-parts", *at, "--upload-id", upload)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in parts] == [(1, 5 * MIB), (2, 5 * MIB)]
    listed = {"Parts": [{"PartNumber": n + 1, "ETag": tag} for n, tag in enumerate(tags)]}
    done = aws.api("complete-multipart-upload", *at, "--upload-id", upload, "--multipart-upload",
                   json.dumps(listed))
    assert done["ETag"].endswith('-2"') and done["Bucket"] == bucket
    head = aws.api("head-object", *at)
    assert head["ContentLength"] == 10 * MIB and head["ContentType"] == "text/plain"
    aws.api("delete-object", *at)
    gone = aws.api("create-multipart-upload", *at)["UploadId"]
    aws.api("abort-multipart-upload", *at, "--upload-id", gone)
    assert b"NoSuchUpload" in aws("s3api", "list-parts", *at, "--upload-id", gone, ok=False).stderr


@pytest.mark.differs("RADOS gateway 16: no checksums but MD5")
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_checksums(aws, bucket, tmp_path, algorithm):
    (tmp_path / "file").write_bytes(b"content")
    at = ("--bucket", bucket, "--key", "k")
    put = aws.api("put-object", *at, "--body", "file", "--checksum-algorithm", algorithm)
    got = aws.api("get-object", *at, "--checksum-mode", "ENABLED", "back")
    name = f"Checksum{algorithm}"
    assert got[name] == put[name] and (tmp_path / "back").read_bytes() == b"content"


def test_presign(aws, bucket, s3):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"linked")
    link = aws("s3", "presign", f"s3://{bucket}/a b", "--expires-in", "300").stdout.decode().strip()
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"linked"


def test_tags_and_metadata(aws, bucket, s3, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    aws("s3", "cp", "file", f"s3://{bucket}/k", "--metadata", "a=1,b=two words", "--cache-control",
        "no-store")
    at = ("--bucket", bucket, "--key", "k")
    aws.api("put-object-tagging", *at, "--tagging", "TagSet=[{Key=t,Value=v}]")
    assert aws.api("get-object-tagging", *at)["TagSet"] == [{"Key": "t", "Value": "v"}]
    head = aws.api("head-object", *at)
    assert head["Metadata"] == {"a": "1", "b": "two words"} and head["CacheControl"] == "no-store"


def test_300_mib(aws, bucket, s3, big_file, tmp_path):
    aws("s3", "cp", big_file.path, f"s3://{bucket}/big")
    aws("s3", "cp", f"s3://{bucket}/big", tmp_path / "big")
    assert big_file.same_as(tmp_path / "big")
    s3.delete_object(Bucket=bucket, Key="big")


def test_what_a_pipe_brings(aws, bucket, s3, middle_file):
    """A body of unknown length: a multipart upload by parts that awscli cuts."""
    aws("s3", "cp", "-", f"s3://{bucket}/piped", input=middle_file.path.read_bytes())
    got = s3.get_object(Bucket=bucket, Key="piped")
    assert body_of(got) == middle_file.path.read_bytes()
