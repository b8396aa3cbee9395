"""Object tagging."""

import pytest
from conftest import put_all, refused


def tags(s3, bucket, key="k"):
    return {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def tag_set(tags):
    return {"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]}


@pytest.fixture
def k(s3, bucket):
    put_all(s3, bucket, ["k"])
    return {"Bucket": bucket, "Key": "k"}


def test_put_get_delete(s3, wire, bucket, k):
    assert tags(s3, bucket) == {}
    s3.put_object_tagging(Tagging=tag_set({"a": "1", "b": ""}), **k)
    assert tags(s3, bucket) == {"a": "1", "b": ""}
    s3.put_object_tagging(Tagging=tag_set({"c": "3"}), **k)
    assert tags(s3, bucket) == {"c": "3"}, "replaced as a whole"
    assert wire.delete(f"/{bucket}/k", ("tagging", None)).status == 204
    assert tags(s3, bucket) == {}
    assert s3.get_object(**k)["Body"].read() == b"k", "the object stays"


def test_the_answer(s3, wire, bucket, k):
    s3.put_object_tagging(Tagging=tag_set({"b": "2", "a": "1"}), **k)
    answer = wire.get(f"/{bucket}/k", ("tagging", None))
    assert answer.xml.tag == "Tagging" and sorted(answer.texts("TagSet/Tag/Key")) == ["a", "b"]


def test_by_header(s3, wire, bucket):
    wire.put(f"/{bucket}/k", b"x", headers={"x-amz-tagging": "a=1&b=two%20words&c=%3D%2B%2F&d=&e"})
    assert tags(s3, bucket) == {"a": "1", "b": "two words", "c": "=+/", "d": "", "e": ""}
    wire.put(f"/{bucket}/k", b"x")
    assert tags(s3, bucket) == {}, "tags go with the object they were put on"


@pytest.mark.differs("RADOS gateway 16: forgets them")
def test_on_a_multipart_upload(s3, bucket):
    of = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(Tagging="a=1&b=2", **of)["UploadId"]
    tag = s3.upload_part(UploadId=upload, PartNumber=1, Body=b"x", **of)["ETag"]
    s3.complete_multipart_upload(UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": tag}]}, **of)
    assert tags(s3, bucket) == {"a": "1", "b": "2"}


def test_the_count(s3, wire, bucket, k):
    assert "x-amz-tagging-count" not in wire.get(f"/{bucket}/k").headers
    s3.put_object_tagging(Tagging=tag_set({"a": "1", "b": "2"}), **k)
    assert wire.get(f"/{bucket}/k").headers["x-amz-tagging-count"] == "2"
    assert wire.request("HEAD", f"/{bucket}/k").headers["x-amz-tagging-count"] == "2"


def test_limits(s3, bucket, k):
    most = {f"{i:0128}": "v" * 256 for i in range(10)}
    s3.put_object_tagging(Tagging=tag_set(most), **k)
    assert tags(s3, bucket) == most


@pytest.mark.parametrize("bad,code", [
    ({str(i): "" for i in range(11)}, "BadRequest"), ({"k" * 129: ""}, "InvalidTag"),
    ({"k": "v" * 257}, "InvalidTag"), ({"": "v"}, "InvalidTag"), ({"aws:mine": "v"}, "InvalidTag")],
    ids=["eleven", "long key", "long value", "no key", "reserved"])
@pytest.mark.differs("RADOS gateway 16: other codes, no reserved names")
def test_beyond_limits(s3, bucket, k, bad, code):
    s3.put_object_tagging(Tagging=tag_set({"old": "1"}), **k)
    with refused((code, "InvalidTag"), 400):
        s3.put_object_tagging(Tagging=tag_set(bad), **k)
    assert tags(s3, bucket) == {"old": "1"}


@pytest.mark.differs("RADOS gateway 16: the last counts")
def test_a_key_twice(s3, k):
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Tagging={"TagSet": [{"Key": "a", "Value": "1"}] * 2}, **k)


@pytest.mark.parametrize("value", ["&".join(f"k{i}=v" for i in range(11)), "a=1&a=2",
                                   "k=" + "v" * 257, "=v"])
@pytest.mark.differs("RADOS gateway 16: takes some")
def test_beyond_limits_by_header(wire, s3, bucket, value):
    answer = wire.put(f"/{bucket}/k", b"x", headers={"x-amz-tagging": value})
    assert answer.status == 400, answer
    assert answer.code in ("InvalidTag", "BadRequest", "InvalidArgument"), answer
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("body", [b"", b"no XML", b"<Tagging/>", b"<Other/>",
                                  b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"])
@pytest.mark.differs("RADOS gateway 16: takes some")
def test_malformed(wire, bucket, k, body):
    answer = wire.put(f"/{bucket}/k", body, ("tagging", None))
    assert answer.status == 400, answer
    assert answer.code in ("MalformedXML", "InvalidTag", "MissingRequestBodyError"), answer


def test_of_what_is_not_there(s3, bucket):
    of = {"Bucket": bucket, "Key": "nothing"}
    for call in (lambda: s3.get_object_tagging(**of), lambda: s3.delete_object_tagging(**of),
                 lambda: s3.put_object_tagging(Tagging=tag_set({"a": "1"}), **of)):
        with refused("NoSuchKey", 404):
            call()


def test_what_tags_may_hold(s3, bucket, k):
    """Letters, digits, white space and + - = . _ : / @ in any script."""
    odd = {"größe": "日本 42", "+-=._:/@": "+-=._:/@"}
    s3.put_object_tagging(Tagging=tag_set(odd), **k)
    assert tags(s3, bucket) == odd
