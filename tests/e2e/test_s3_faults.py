"""`telpher s3` keeps true books of what its fault script has done."""

import re
import urllib.error
import urllib.request

import pytest

from s3_command import refused


def acted(server):
    return [rule["acted"] for rule in server.admin("faults")["rules"]]


@pytest.mark.parametrize("fault", ["corrupt", "truncate", "short"])
def test_a_body_fault_without_a_body_is_not_met(s3, fault):
    server = s3([{"on": "GetObject", "count": 1, "do": fault, "after_bytes": 3},
                 {"on": "PutObject", "after": 1, "count": 1, "do": fault, "after_bytes": 3}])
    client = server.client()
    etag = client.put_object(Bucket="bucket", Key="k", Body=b"hello")["ETag"]
    with refused("304", 304):
        client.get_object(Bucket="bucket", Key="k", IfNoneMatch=etag)
    with refused("PreconditionFailed", 412):
        client.get_object(Bucket="bucket", Key="k", IfMatch='"other"')
    with refused("NoSuchKey", 404):
        client.get_object(Bucket="bucket", Key="none")
    with refused("NoSuchBucket", 404):
        client.put_object(Bucket="none", Key="k", Body=b"hello")
    assert acted(server) == [0, 0]
    assert not server.admin("faults")["all_met"]


@pytest.mark.parametrize("fault", ["reset", "skew", "expire_token", "status"])
def test_strangers_use_up_no_faults(s3, fault):
    """Not even those that a rule lets pass first."""
    server = s3([{"after": 1, "count": 1, "do": fault} |
                 ({"minutes": 30} if fault == "skew" else {})])
    client = server.client()
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError) as stranger:
            urllib.request.urlopen(f"{server.base}/bucket/k")
        assert stranger.value.code == 403
    client.list_buckets()
    assert acted(server) == [0]
    with pytest.raises(Exception):
        client.list_buckets()
    assert acted(server) == [1] and server.admin("faults")["all_met"]


def test_its_own_pages_are_not_requests_under_way(s3):
    server = s3()
    for page in ["faults", "history", "stats"]:
        server.admin(page)
    assert server.stats()["under_way_max"] == 0
    server.client().list_buckets()
    assert server.stats()["under_way_max"] == 1


def test_numbers_are_written_out(s3):
    server = s3([{"on": "PutObject", "key": "1E2", "probability": 0.5, "do": "throttle",
                  "bytes_per_second": 100}])
    server.client().put_object(Bucket="bucket", Key="1E2", Body=b"")
    assert re.search(r'"at":1\d{9}(\.\d+)?[,}]', server.read_page("history"))
    for page in ["faults", "stats"]:
        assert '"probability":0.5,' in server.read_page(page)
    assert server.admin("faults")["rules"][0] | {"acted": 0, "met": False} == {
        "do": "throttle", "on": "PutObject", "key": "1E2", "probability": 0.5,
        "bytes_per_second": 100, "index": 0, "acted": 0, "met": False}


def test_what_was_injected_is_told_once(telpher, s3, tmp_path):
    (tmp_path / "f").write_bytes(bytes(20 << 20))
    server = s3([{"on": "CompleteMultipartUpload", "count": 1, "do": "fake_success"}])
    done = telpher.run("cp", "f", "s3://bucket/k", "--part-size", "5MiB", "--quiet")
    assert done.returncode != 0
    assert done.err.count("Run the same command again") == 1, done.err
    server.faults([{"on": "CreateMultipartUpload", "do": "status", "status": 403}])
    done = telpher.run("cp", "f", "s3://bucket/other", "--part-size", "5MiB", "--quiet")
    assert done.err.count("AccessDenied") == 1, done.err
