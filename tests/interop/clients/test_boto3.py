"""boto3 against the endpoint: what its users do most."""

import concurrent.futures
import io
import urllib.request

import boto3.s3.transfer
import pytest
from conftest import MIB, body_of, http, put_all, random_bytes, refused


def test_bucket_put_get_delete(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/b c", Body=b"content", Metadata={"colour": "blue"})
    got = s3.get_object(Bucket=bucket, Key="a/b c")
    assert body_of(got) == b"content" and got["Metadata"] == {"colour": "blue"}
    s3.delete_object(Bucket=bucket, Key="a/b c")
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="a/b c")
    s3.delete_bucket(Bucket=bucket)
    with refused("404", 404):
        s3.head_bucket(Bucket=bucket)


def test_range(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert body_of(got) == b"234" and got["ContentRange"] == "bytes 2-4/10"


def test_list_more_than_a_page(s3, bucket):
    keys = [f"{i % 3}/{i:04}" for i in range(1105)]
    put_all(s3, bucket, keys)
    for name in ("list_objects", "list_objects_v2"):
        pages = list(s3.get_paginator(name).paginate(Bucket=bucket))
        assert [len(page["Contents"]) for page in pages] == [1000, 105]
        assert [e["Key"] for page in pages for e in page["Contents"]] == sorted(keys)
        pages = list(s3.get_paginator(name).paginate(Bucket=bucket, Prefix="1", Delimiter="/"))
        assert [p["Prefix"] for page in pages for p in page["CommonPrefixes"]] == ["1/"]


def test_multipart_and_copy(s3, bucket, middle_file, tmp_path):
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB,
                                              multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_file(str(middle_file.path), bucket, "from", Config=config)
    assert s3.head_object(Bucket=bucket, Key="from")["ETag"].endswith('-4"')
    s3.copy({"Bucket": bucket, "Key": "from"}, bucket, "by parts", Config=config)
    s3.copy_object(Bucket=bucket, Key="at once", CopySource={"Bucket": bucket, "Key": "from"})
    for key in ("from", "by parts", "at once"):
        s3.download_file(bucket, key, str(tmp_path / "back"), Config=config)
        assert middle_file.same_as(tmp_path / "back"), key


def test_presigned_get_and_put(s3, bucket):
    put = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k+ü"})
    urllib.request.urlopen(urllib.request.Request(put, method="PUT", data=b"by link")).read()
    get = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k+ü",
                                                   "ResponseContentType": "text/x-test"})
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"by link" and answer.headers["Content-Type"] == "text/x-test"


def test_300_mib(s3, bucket, big_file, tmp_path):
    s3.upload_file(str(big_file.path), bucket, "big")
    assert s3.head_object(Bucket=bucket, Key="big")["ContentLength"] == big_file.size
    s3.download_file(bucket, "big", str(tmp_path / "big"))
    assert big_file.same_as(tmp_path / "big")
    s3.delete_object(Bucket=bucket, Key="big")


def test_a_stream_of_unknown_length(s3, bucket):
    data = random_bytes(11 * MIB)
    s3.upload_fileobj(io.BytesIO(data), bucket, "stream")
    back = io.BytesIO()
    s3.download_fileobj(bucket, "stream", back)
    assert back.getvalue() == data


@pytest.mark.differs("RADOS gateway 16: no checksums but MD5")
@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums(s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"content", ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[name] == put[name] and body_of(got) == b"content"  # botocore compares as it reads


def test_the_resource_interface(endpoint, bucket):
    """What boto3.resource adds: objects.all(), delete() of many, wait_until_exists()."""
    import boto3
    resource = boto3.resource("s3", endpoint_url=endpoint.url, region_name=endpoint.region,
                              aws_access_key_id=endpoint.access_key,
                              aws_secret_access_key=endpoint.secret_key)
    box = resource.Bucket(bucket)
    for name in ("x", "y", "z"):
        box.put_object(Key=name, Body=name.encode()).wait_until_exists()
    assert [o.key for o in box.objects.all()] == ["x", "y", "z"]
    assert resource.Object(bucket, "y").get()["Body"].read() == b"y"
    deleted = box.objects.delete()
    assert sorted(d["Key"] for d in deleted[0]["Deleted"]) == ["x", "y", "z"]
    assert bucket in [b.name for b in resource.buckets.all()]


def test_many_at_once_on_one_key(s3, bucket):
    """A reader sees one of the writers' contents, whole."""
    contents = [bytes([i]) * 100_000 for i in range(8)]
    s3.put_object(Bucket=bucket, Key="k", Body=contents[0])

    def write(content):
        s3.put_object(Bucket=bucket, Key="k", Body=content)

    def read(_):
        got = s3.get_object(Bucket=bucket, Key="k")
        return got["ETag"], body_of(got)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        writes = [pool.submit(write, content) for content in contents * 3]
        for _, seen in pool.map(read, range(48)):
            assert seen in contents
        for done in writes:
            done.result()


@pytest.mark.differs("RADOS gateway 16: no Server header")
def test_dates_and_server_headers(s3, bucket):
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"")
    headers = http(answer)
    assert headers["x-amz-request-id"] and headers["date"].endswith("GMT") and "server" in headers
