"""CopyObject."""

import datetime

import pytest
from conftest import body_of, new_name, put_all, random_bytes, refused
from wire import crc_base64, quote_key


@pytest.fixture
def source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"content", ContentType="text/x", Metadata={"a": "1"},
                  CacheControl="no-store", Tagging="t=v")
    return f"{bucket}/from"


@pytest.mark.differs("RADOS gateway 16: no quotes")
def test_a_plain_copy(s3, bucket, source):
    answer = s3.copy_object(Bucket=bucket, Key="to", CopySource=source)["CopyObjectResult"]
    head = s3.head_object(Bucket=bucket, Key="to")
    assert answer["ETag"] == head["ETag"] == '"9a0364b9e99bb480dd25e1f0284c8555"'
    assert answer["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert head["ContentType"] == "text/x" and head["Metadata"] == {"a": "1"}
    assert head["CacheControl"] == "no-store"
    assert body_of(s3.get_object(Bucket=bucket, Key="to")) == b"content"
    assert body_of(s3.get_object(Bucket=bucket, Key="from")) == b"content"


@pytest.mark.differs("RADOS gateway 16: no quotes")
def test_the_answer(wire, bucket, source):
    answer = wire.put(f"/{bucket}/to", b"", headers={"x-amz-copy-source": "/" + source})
    assert answer.status == 200 and answer.xml.tag == "CopyObjectResult"
    assert answer.text("ETag") == '"9a0364b9e99bb480dd25e1f0284c8555"' and "etag" not in answer.headers


def test_tags_go_along(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "t", "Value": "v"}]


@pytest.mark.differs("RADOS gateway 16: TaggingDirective is ignored")
def test_tags_replaced(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, TaggingDirective="REPLACE",
                   Tagging="other=1&more=2")
    tags = s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"]
    assert sorted(t["Key"] for t in tags) == ["more", "other"]


def test_metadata_replaced(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE",
                   Metadata={"b": "2"}, ContentType="text/y")
    head = s3.head_object(Bucket=bucket, Key="to")
    assert head["Metadata"] == {"b": "2"} and head["ContentType"] == "text/y"
    assert "CacheControl" not in head


def test_replaced_by_nothing(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE")
    head = s3.head_object(Bucket=bucket, Key="to")
    assert head["Metadata"] == {} and head["ContentType"] == "binary/octet-stream"


def test_metadata_sent_with_directive_copy_is_ignored(s3, bucket, source):
    for directive in ({"MetadataDirective": "COPY"}, {}):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, Metadata={"b": "2"},
                       ContentType="text/y", **directive)
        head = s3.head_object(Bucket=bucket, Key="to")
        assert head["Metadata"] == {"a": "1"} and head["ContentType"] == "text/x"


@pytest.mark.parametrize("name", ["x-amz-metadata-directive", "x-amz-tagging-directive"])
@pytest.mark.differs("RADOS gateway 16: takes any")
def test_directive_that_is_none(wire, bucket, source, name):
    answer = wire.put(f"/{bucket}/to", b"", headers={"x-amz-copy-source": source, name: "MERGE"})
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer


def test_onto_itself(s3, bucket, source):
    """Refused where nothing changes; the way to change metadata otherwise."""
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="from", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="from", CopySource=source, MetadataDirective="REPLACE",
                   Metadata={"new": "1"})
    got = s3.get_object(Bucket=bucket, Key="from")
    assert got["Metadata"] == {"new": "1"} and body_of(got) == b"content"
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="from", CopySource=source, TaggingDirective="REPLACE",
                       Tagging="a=b")
    # To name a class is to change it: the usual way to touch an object.
    s3.copy_object(Bucket=bucket, Key="from", CopySource=source, StorageClass="STANDARD")
    assert s3.get_object(Bucket=bucket, Key="from")["Metadata"] == {"new": "1"}


@pytest.mark.parametrize("size", [0, 1, 6 << 20])
def test_sizes(s3, bucket, size):
    data = random_bytes(size)
    s3.put_object(Bucket=bucket, Key="from", Body=data)
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    assert body_of(s3.get_object(Bucket=bucket, Key="to")) == data


def test_between_buckets(s3, make_bucket):
    one, other = make_bucket(), make_bucket()
    put_all(s3, one, ["k"])
    s3.copy_object(Bucket=other, Key="k", CopySource=f"{one}/k")
    s3.delete_object(Bucket=one, Key="k")
    assert body_of(s3.get_object(Bucket=other, Key="k")) == b"k"


@pytest.mark.parametrize("key", ["a b", "a+b", "ü", "100%", "a%2Fb", "?x=1", "a/../b", "/lead", "#"])
def test_source_names_are_escaped(s3, wire, bucket, key):
    put_all(s3, bucket, [key])
    for source in (f"{bucket}/{quote_key(key)}", f"/{bucket}/{quote_key(key)}"):
        answer = wire.put(f"/{bucket}/to", b"", headers={"x-amz-copy-source": source})
        assert answer.status == 200, answer
        assert wire.get(f"/{bucket}/to").body == key.encode()


def test_source_with_the_slash_escaped(s3, wire, bucket):
    """Some SDKs escape everything."""
    put_all(s3, bucket, ["a/b"])
    answer = wire.put(f"/{bucket}/to", b"", headers={"x-amz-copy-source": f"{bucket}%2Fa%2Fb"})
    assert answer.status == 200, answer


def test_source_with_a_query_mark_escaped_or_a_version(s3, wire, bucket):
    put_all(s3, bucket, ["k"])
    answer = wire.put(f"/{bucket}/to", b"", headers={"x-amz-copy-source":
                                                    f"{bucket}/k?versionId=null"})
    assert answer.status == 200, answer


def test_source_that_is_not_there(s3, bucket, source):
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/nothing")
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{new_name()}/nothing")
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=new_name(), Key="to", CopySource=source)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="to")


@pytest.mark.parametrize("source", ["", "/", "no-slash", "/only-bucket/", "bucket/"])
def test_source_that_is_no_name(wire, bucket, source):
    answer = wire.put(f"/{bucket}/to", b"", headers={"x-amz-copy-source": source})
    assert (answer.status, answer.code) in ((400, "InvalidArgument"), (404, "NoSuchBucket")), answer


def test_a_multipart_object_gets_a_plain_etag(s3, bucket):
    of = {"Bucket": bucket, "Key": "from"}
    upload = s3.create_multipart_upload(**of)["UploadId"]
    tag = s3.upload_part(UploadId=upload, PartNumber=1, Body=b"content", **of)["ETag"]
    s3.complete_multipart_upload(UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": tag}]}, **of)
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    assert body_of(s3.get_object(Bucket=bucket, Key="to")) == b"content"


@pytest.mark.differs("RADOS gateway 16: no checksums")
def test_a_checksum_goes_along(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="from", Body=b"content", ChecksumAlgorithm="SHA256")
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")["CopyObjectResult"]
    assert copied["ChecksumSHA256"] == put["ChecksumSHA256"]
    other = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from",
                           ChecksumAlgorithm="CRC32")["CopyObjectResult"]
    assert other["ChecksumCRC32"] == crc_base64("crc32", b"content")


def test_a_copy_keeps_nothing_of_what_was_there(s3, bucket, source):
    s3.put_object(Bucket=bucket, Key="to", Body=b"old and longer content", Metadata={"old": "1"},
                  Tagging="old=1", Expires=datetime.datetime(2030, 1, 1))
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    got = s3.get_object(Bucket=bucket, Key="to")
    assert body_of(got) == b"content" and got["Metadata"] == {"a": "1"} and "Expires" not in got
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "t", "Value": "v"}]
