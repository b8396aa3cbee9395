"""DeleteObjects."""

import base64
import hashlib
from xml.sax.saxutils import escape

import pytest
from conftest import put_all, refused
from wire import crc_base64, trailer_body, trailer_headers


def request(keys, quiet=None, tail=""):
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    flag = "" if quiet is None else f"<Quiet>{quiet}</Quiet>"
    return (f'<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/'
            f'2006-03-01/">{flag}{objects}{tail}</Delete>').encode()


def post(wire, bucket, body, headers=None):
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    return wire.post(f"/{bucket}", body, ("delete", None),
                     headers={"Content-MD5": md5} if headers is None else headers)


def left(s3, bucket):
    return [e["Key"] for e in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_some(s3, wire, bucket):
    put_all(s3, bucket, ["a", "b", "c"])
    answer = post(wire, bucket, request(["c", "a", "missing"]))
    assert answer.status == 200 and answer.xml.tag == "DeleteResult"
    assert sorted(answer.texts("Deleted/Key")) == ["a", "c", "missing"]
    assert answer.texts("Error") == [] and left(s3, bucket) == ["b"]


@pytest.mark.parametrize("quiet,told", [("true", 0), ("false", 2)])
def test_quiet(s3, wire, bucket, quiet, told):
    put_all(s3, bucket, ["a", "b"])
    answer = post(wire, bucket, request(["a", "b"], quiet))
    assert answer.status == 200 and len(answer.texts("Deleted")) == told
    assert left(s3, bucket) == []


def test_odd_keys(s3, bucket):
    keys = ["with space", "a&b<c>", "ü", "a+b%41", "line\nbreak", "trailing/", "'\""]
    put_all(s3, bucket, keys)
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys]})
    assert sorted(d["Key"] for d in answer["Deleted"]) == sorted(keys) and left(s3, bucket) == []


def test_1000_at_once(s3, wire, bucket):
    keys = [f"{i:04}" for i in range(1000)]
    put_all(s3, bucket, keys[:20])
    assert post(wire, bucket, request(keys)).status == 200
    assert left(s3, bucket) == []


@pytest.mark.differs("RADOS gateway 16: takes 1001")
def test_1001_at_once(s3, wire, bucket):
    put_all(s3, bucket, ["0000"])
    answer = post(wire, bucket, request([f"{i:04}" for i in range(1001)]))
    assert (answer.status, answer.code) == (400, "MalformedXML"), answer
    assert left(s3, bucket) == ["0000"]


@pytest.mark.parametrize("body", [
    b"", b"no XML", b"<Delete>", b"<Delete></Delete>", b"<Other><Object><Key>a</Key></Object></Other>",
    b"<Delete><Object></Object></Delete>", b"<Delete><Object><Key></Key></Object></Delete>",
    b'<!DOCTYPE d [<!ENTITY e "a">]><Delete><Object><Key>&e;</Key></Object></Delete>',
], ids=lambda body: body.decode()[:40])
@pytest.mark.differs("RADOS gateway 16: takes some of them")
def test_malformed(s3, wire, bucket, body):
    put_all(s3, bucket, ["a"])
    answer = post(wire, bucket, body)
    assert answer.status == 400, answer
    assert answer.code in ("MalformedXML", "UserKeyMustBeSpecified", "MissingRequestBodyError"), answer
    assert left(s3, bucket) == ["a"]


def test_the_same_twice(s3, wire, bucket):
    put_all(s3, bucket, ["a"])
    answer = post(wire, bucket, request(["a", "a"]))
    assert answer.status == 200 and set(answer.texts("Deleted/Key")) == {"a"}


@pytest.mark.differs("RADOS gateway 16: asks for none")
def test_a_digest_is_required(s3, wire, bucket):
    """Content-MD5, or any checksum in its place."""
    put_all(s3, bucket, ["a"])
    for promise in ({}, {"x-amz-checksum-algorithm": "SHA256"}, {"x-amz-checksum-type": "COMPOSITE"},
                    {"x-amz-trailer": "x-amz-checksum-crc32"}):  # no trailer can follow
        answer = post(wire, bucket, request(["a"]), headers=promise)
        assert answer.status == 400 and answer.code in ("InvalidRequest", "MissingContentMD5"), answer
    assert left(s3, bucket) == ["a"]


def test_another_digest_in_its_place(s3, wire, bucket):
    put_all(s3, bucket, ["a"])
    body = request(["a"])
    answer = post(wire, bucket, body, {"x-amz-checksum-crc32": crc_base64("crc32", body)})
    assert answer.status == 200 and left(s3, bucket) == [], answer


@pytest.mark.differs("RADOS gateway 16: no trailers")
def test_a_digest_in_the_trailer(s3, wire, bucket):
    """What newer SDKs send."""
    put_all(s3, bucket, ["a"])
    body = request(["a"])
    wrapped = trailer_body(body, "crc32", crc_base64("crc32", body))
    headers = trailer_headers(body, "crc32")
    answer = wire.post(f"/{bucket}", wrapped, ("delete", None), headers=headers,
                       payload_hash=headers["x-amz-content-sha256"])
    assert answer.status == 200 and left(s3, bucket) == [], answer


@pytest.mark.differs("RADOS gateway 16: no checksums")
def test_a_wrong_digest(s3, wire, bucket):
    put_all(s3, bucket, ["a"])
    for headers in ({"Content-MD5": base64.b64encode(b"0" * 16).decode()},
                    {"x-amz-checksum-crc32": "AAAAAA=="}):
        answer = post(wire, bucket, request(["a"]), headers)
        assert (answer.status, answer.code) == (400, "BadDigest"), answer
    assert left(s3, bucket) == ["a"]


def test_in_a_bucket_that_is_not_there(s3, wire):
    answer = post(wire, "telpher-no-such-bucket", request(["a"]))
    assert (answer.status, answer.code) == (404, "NoSuchBucket"), answer
    with refused("NoSuchBucket", 404):
        s3.delete_object(Bucket="telpher-no-such-bucket", Key="a")


@pytest.mark.differs("RADOS gateway 16: ignores conditions")
def test_one_key_with_and_without_a_condition(s3, wire, bucket):
    """In their order, each with its own answer."""
    put_all(s3, bucket, ["a", "b"])
    tail = under_condition("b", "<ETag>*</ETag>") * 2
    answer = post(wire, bucket, request(["a"], tail=under_condition("a", "<ETag>another</ETag>") + tail))
    assert answer.texts("Deleted/Key") == ["a", "b"], answer
    assert answer.texts("Error/Key") == ["a", "b"]  # gone by then
    assert set(answer.texts("Error/Code")) == {"NoSuchKey"} and left(s3, bucket) == []


def under_condition(key, condition):
    return f"<Object><Key>{key}</Key>{condition}</Object>"


@pytest.mark.differs("RADOS gateway 16: ignores it")
@pytest.mark.parametrize("condition,code", [
    ("<ETag>another</ETag>", "PreconditionFailed"), ("<Size>99</Size>", "NotImplemented"),
    ("<LastModifiedTime>Sat, 01 Jan 2000 00:00:00 GMT</LastModifiedTime>", "NotImplemented")])
def test_a_condition_is_not_ignored(s3, wire, bucket, condition, code):
    """An entry's own; the others go. Size and time are for directory buckets."""
    put_all(s3, bucket, ["a", "b"])
    answer = post(wire, bucket, request(["a"], tail=under_condition("b", condition)))
    assert answer.status == 200 and answer.texts("Deleted/Key") == ["a"], answer
    assert answer.texts("Error/Key") == ["b"] and left(s3, bucket) == ["b"]
    assert answer.text("Error/Code") == code


@pytest.mark.differs("RADOS gateway 16: ignores it")
def test_conditions_that_hold(s3, wire, bucket):
    put_all(s3, bucket, ["a", "b", "c"])
    tag = escape(s3.head_object(Bucket=bucket, Key="a")["ETag"], {'"': "&quot;"})
    tail = (under_condition("a", f"<ETag>{tag}</ETag>") + under_condition("b", "<ETag>*</ETag>") +
            under_condition("missing", "<ETag>*</ETag>"))
    answer = post(wire, bucket, request(["c"], tail=tail))
    assert sorted(answer.texts("Deleted/Key")) == ["a", "b", "c"] and left(s3, bucket) == []
    assert (answer.texts("Error/Key"), answer.text("Error/Code")) == (["missing"], "NoSuchKey"), answer


@pytest.mark.differs("RADOS gateway: has versions")
def test_a_version_id(s3, bucket):
    """Only "null" is there; another is an error of that entry, or no such version: nothing is lost."""
    put_all(s3, bucket, ["a", "b"])
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": "a", "VersionId": "null"}]})
    assert not answer.get("Errors") and left(s3, bucket) == ["b"]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": "b", "VersionId": "3HL4kqtJvjVBH40Nrjfkd"}]})
    assert answer["Errors"][0]["Key"] == "b" and left(s3, bucket) == ["b"]
    assert answer["Errors"][0]["Code"] in ("NoSuchVersion", "InvalidArgument", "NotImplemented")
