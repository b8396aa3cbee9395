"""Debian's s3cmd."""

import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import MIB, needs, new_name, put_all

pytestmark = needs("s3cmd", shutil.which("s3cmd"))


@pytest.fixture
def s3cmd(endpoint, tmp_path):
    (tmp_path / "s3cfg").write_text(f"""[default]
access_key = {endpoint.access_key}
secret_key = {endpoint.secret_key}
host_base = {endpoint.host}
host_bucket = {endpoint.host}
use_https = False
signature_v2 = False
bucket_location = us-east-1
multipart_chunk_size_mb = 5
multipart_copy_chunk_size_mb = 5
""")

    def run(*args, ok=True, input=None):
        done = subprocess.run(["s3cmd", "-c", str(tmp_path / "s3cfg"), "--no-progress", *map(str, args)],
                              env=endpoint.environment(tmp_path), cwd=tmp_path, input=input,
                              capture_output=True, timeout=180)
        if ok:
            assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done

    return run


def test_make_put_get_list_remove(s3cmd, tmp_path):
    name = new_name()
    (tmp_path / "f").write_text("content")
    s3cmd("mb", f"s3://{name}")
    s3cmd("put", "f", f"s3://{name}/dir/a b+c ü.txt")
    s3cmd("get", f"s3://{name}/dir/a b+c ü.txt", "back")
    assert (tmp_path / "back").read_text() == "content"
    assert f"DIR  s3://{name}/dir/" in s3cmd("ls", f"s3://{name}").stdout.decode()
    assert "a b+c ü.txt" in s3cmd("ls", "-r", f"s3://{name}").stdout.decode()
    assert f"s3://{name}" in s3cmd("ls").stdout.decode()
    s3cmd("rm", f"s3://{name}/dir/a b+c ü.txt")
    s3cmd("rb", f"s3://{name}")
    assert f"s3://{name}" not in s3cmd("ls").stdout.decode()


@pytest.mark.differs("RADOS gateway: its zone group is the location")
def test_info_asks_for_what_is_not_there(s3cmd, bucket, s3):
    """ACL, policy, CORS, lifecycle, location, payer: each answered as for a bucket without."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", ContentType="text/x-test")
    info = s3cmd("info", f"s3://{bucket}").stdout.decode()
    assert "Location:  us-east-1" in info and "Payer:     BucketOwner" in info
    info = s3cmd("info", f"s3://{bucket}/k").stdout.decode()
    assert "File size: 7" in info and "MIME type: text/x-test" in info
    assert "9a0364b9e99bb480dd25e1f0284c8555" in info and "FULL_CONTROL" in info


def test_range(s3cmd, bucket, s3, tmp_path):
    """A download goes on where it ended."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    (tmp_path / "k").write_bytes(b"01234")
    s3cmd("get", "--continue", f"s3://{bucket}/k", "k")
    assert (tmp_path / "k").read_bytes() == b"0123456789"


def test_list_more_than_a_page(s3cmd, bucket, s3):
    put_all(s3, bucket, [f"p/{i:04}" for i in range(1003)] + ["q/1", "r"])
    assert len(s3cmd("ls", f"s3://{bucket}/p/").stdout.splitlines()) == 1003
    assert len(s3cmd("ls", f"s3://{bucket}").stdout.splitlines()) == 3
    s3cmd("del", "-r", "-f", f"s3://{bucket}")  # DeleteObjects, 1000 at a time
    assert s3cmd("ls", f"s3://{bucket}").stdout == b""


def test_sync_there_and_back(s3cmd, bucket, tmp_path):
    for name in ("one", "sub/two", "sub/deep/three", "empty"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty" else name)
    s3cmd("sync", "tree/", f"s3://{bucket}/tree/")
    assert b"upload:" not in s3cmd("sync", "tree/", f"s3://{bucket}/tree/").stdout
    (tmp_path / "back").mkdir()
    s3cmd("sync", f"s3://{bucket}/tree/", "back/")
    assert (tmp_path / "back/sub/deep/three").read_text() == "sub/deep/three"
    assert (tmp_path / "back/empty").read_bytes() == b""


def test_multipart_and_copy(s3cmd, bucket, s3, middle_file, tmp_path):
    s3cmd("put", middle_file.path, f"s3://{bucket}/from")
    assert s3.head_object(Bucket=bucket, Key="from")["ETag"].endswith('-4"')
    s3cmd("cp", f"s3://{bucket}/from", f"s3://{bucket}/to")
    s3cmd("mv", f"s3://{bucket}/to", f"s3://{bucket}/moved")
    s3cmd("get", f"s3://{bucket}/moved", "back")
    assert middle_file.same_as(tmp_path / "back")


def test_open_uploads_are_seen_and_ended(s3cmd, bucket, s3):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="open")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="open", UploadId=upload, PartNumber=1, Body=b"x" * MIB)
    assert upload in s3cmd("multipart", f"s3://{bucket}").stdout.decode()
    assert "1048576" in s3cmd("listmp", f"s3://{bucket}/open", upload).stdout.decode()
    s3cmd("abortmp", f"s3://{bucket}/open", upload)
    assert upload not in s3cmd("multipart", f"s3://{bucket}").stdout.decode()


def test_changed_metadata(s3cmd, bucket, s3):
    """`modify` is a copy onto itself with other headers."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", ContentType="text/x-test")
    s3cmd("modify", "--add-header=Cache-Control: no-store", f"s3://{bucket}/k")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["CacheControl"] == "no-store" and head["ContentType"] == "text/x-test"


@pytest.mark.differs("it takes signature version 2")
def test_presigned_links_are_refused(s3cmd, bucket, s3):
    """s3cmd presigns with signature version 2 only: refused with an error that says so."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    link = s3cmd("signurl", f"s3://{bucket}/k", "+60").stdout.decode().strip()
    assert "AWSAccessKeyId=" in link and "Signature=" in link
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link, timeout=30)
    text = refused.value.read().decode()
    assert refused.value.code == 400 and "<Code>InvalidRequest</Code>" in text
    assert "AWS4-HMAC-SHA256" in text


def test_300_mib(s3cmd, bucket, s3, big_file, tmp_path):
    s3cmd("put", "--multipart-chunk-size-mb=32", big_file.path, f"s3://{bucket}/big")
    s3cmd("get", f"s3://{bucket}/big", "big")
    assert big_file.same_as(tmp_path / "big")
    s3.delete_object(Bucket=bucket, Key="big")
