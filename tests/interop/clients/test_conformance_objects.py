"""Objects: contents, headers, metadata, keys."""

import datetime
import email.header
import re

import botocore.exceptions
import pytest
from conftest import body_of, http, md5_hex, random_bytes, refused
from wire import quote_key


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 65536, 1_000_003, 8 << 20])
def test_sizes(s3, bucket, size):
    data = random_bytes(size, seed=size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert put["ETag"] == got["ETag"] == f'"{md5_hex(data)}"'
    assert got["ContentLength"] == size and body_of(got) == data


def test_what_a_put_answers(wire, bucket):
    answer = wire.put(f"/{bucket}/k", b"content")
    assert answer.status == 200 and answer.body == b""
    assert answer.headers["etag"] == '"9a0364b9e99bb480dd25e1f0284c8555"'
    assert answer.headers["content-length"] == "0" and "last-modified" not in answer.headers


def test_overwriting(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"long content", Metadata={"a": "1"},
                  ContentType="text/plain")
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == b"new" and got["Metadata"] == {}
    assert got["ContentType"] == "binary/octet-stream"
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Size"] == 3


def test_deleting(s3, wire, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert wire.delete(f"/{bucket}/k").status == 204
    assert wire.delete(f"/{bucket}/k").status == 204, "what is gone is gone"
    for call in (s3.get_object, s3.get_object_tagging):
        with refused("NoSuchKey", 404):
            call(Bucket=bucket, Key="k")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


CONTENT_HEADERS = {
    "ContentType": "text/html; charset=utf-8", "ContentEncoding": "gzip",
    "ContentLanguage": "de-DE, en", "ContentDisposition": 'attachment; filename="a b.txt"',
    "CacheControl": "max-age=3600, public",
}


def test_content_headers_come_back(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=datetime.datetime(2031, 5, 6),
                  **CONTENT_HEADERS)
    for call in (s3.get_object, s3.head_object):
        got = call(Bucket=bucket, Key="k")
        assert {name: got[name] for name in CONTENT_HEADERS} == CONTENT_HEADERS
        assert http(got)["expires"] == "Tue, 06 May 2031 00:00:00 GMT"


def test_a_multipart_object_keeps_its_headers_too(s3, bucket):
    of = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(Metadata={"a": "1"}, **CONTENT_HEADERS, **of)["UploadId"]
    part = s3.upload_part(UploadId=upload, PartNumber=1, Body=b"x", **of)
    s3.complete_multipart_upload(UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}, **of)
    got = s3.head_object(**of)
    assert {name: got[name] for name in CONTENT_HEADERS} == CONTENT_HEADERS
    assert got["Metadata"] == {"a": "1"}


def test_expires_is_any_text(wire, bucket):
    """Stored as sent: it is of no concern to the server."""
    assert wire.put(f"/{bucket}/k", b"x", headers={"Expires": "whenever"}).status == 200
    assert wire.get(f"/{bucket}/k").headers["expires"] == "whenever"


@pytest.mark.parametrize("sent,kept", [
    (None, "binary/octet-stream"), ("", "binary/octet-stream"), ("text/plain", "text/plain"),
    ("x", "x")])
@pytest.mark.differs("RADOS gateway: another default")
def test_content_type(wire, bucket, sent, kept):
    headers = {} if sent is None else {"Content-Type": sent}
    assert wire.put(f"/{bucket}/k", b"x", headers=headers).status == 200
    assert wire.get(f"/{bucket}/k").headers["content-type"] == kept


def test_user_metadata(s3, wire, bucket):
    metadata = {"one": "1", "with-dash": "a b", "odd": "=,;\"'", "long": "x" * 1000, "empty": ""}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata)
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == metadata
    wire.put(f"/{bucket}/k", b"x", headers={"X-Amz-Meta-MiXed": "Value"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"mixed": "Value"}


@pytest.mark.differs("RADOS gateway 16: keeps the last")
def test_metadata_sent_twice_is_joined(wire, bucket):
    headers = [("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")]
    signed = wire.signed("PUT", f"/{bucket}/k", (), [("x-amz-meta-a", "1,2")],
                         "UNSIGNED-PAYLOAD")
    rest = [h for h in signed if h[0] != "x-amz-meta-a"]
    answer = wire.send("PUT", f"/{bucket}/k", headers + rest, b"x")
    assert answer.status == 200, answer
    assert wire.get(f"/{bucket}/k").headers["x-amz-meta-a"] == "1,2"


@pytest.mark.differs("RADOS gateway 16: as it came")
def test_metadata_beyond_ascii_comes_back_as_rfc_2047(wire, bucket):
    """User Guide, "User-defined object metadata": through REST, what is not US-ASCII is answered
    in the form of RFC 2047. Its octets are UTF-8."""
    value = "grün ☃"
    signed = wire.signed("PUT", f"/{bucket}/k", (), [("x-amz-meta-u", value)], "UNSIGNED-PAYLOAD")
    head = "\r\n".join([f"PUT /{bucket}/k HTTP/1.1", "Connection: close", "Content-Length: 1"] +
                       [f"{k}: {v}" for k, v in signed]).encode()
    answer = wire.raw(head + b"\r\n\r\nx", "PUT")
    assert answer.status == 200, answer
    got = wire.get(f"/{bucket}/k").headers["x-amz-meta-u"]
    assert str(email.header.make_header(email.header.decode_header(got))) == value


@pytest.mark.differs("RADOS gateway: another limit")
def test_metadata_of_more_than_2_kib(s3, bucket):
    """The sum of the names' and values' bytes."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"name": "v" * 2044})
    with refused("MetadataTooLarge", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"name": "v" * 2045})


def test_head_is_a_get_without_the_body(wire, bucket):
    wire.put(f"/{bucket}/k", b"content", headers={"Content-Type": "text/x", "x-amz-meta-a": "1"})
    got, head = wire.get(f"/{bucket}/k"), wire.request("HEAD", f"/{bucket}/k")
    assert head.status == 200 and head.body == b"" and head.headers["content-length"] == "7"
    own = {"date", "x-amz-request-id", "x-amz-id-2", "connection"}
    assert ({k: v for k, v in got.headers.items() if k not in own} ==
            {k: v for k, v in head.headers.items() if k not in own})
    assert head.headers["accept-ranges"] == "bytes"


def test_last_modified(s3, wire, bucket):
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    after = datetime.datetime.now(datetime.timezone.utc)
    got = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert before <= got <= after + datetime.timedelta(seconds=1)
    listed = wire.get(f"/{bucket}").text("Contents/LastModified")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", listed)
    parsed = datetime.datetime.fromisoformat(listed.replace("Z", "+00:00"))
    assert parsed.replace(microsecond=0) == got


# --- ranges --------------------------------------------------------------------------------------

@pytest.mark.parametrize("range,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=0-4", 0, 4), ("bytes=5-5", 5, 5), ("bytes=3-", 3, 9),
    ("bytes=9-9", 9, 9), ("bytes=9-", 9, 9), ("bytes=-1", 9, 9), ("bytes=-4", 6, 9),
    ("bytes=-10", 0, 9), ("bytes=-11", 0, 9), ("bytes=0-9", 0, 9), ("bytes=0-10", 0, 9),
    ("bytes=4-99999999999", 4, 9)])
def test_range(s3, bucket, range, first, last):
    data = b"0123456789"
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k", Range=range)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {first}-{last}/10"
    assert got["ContentLength"] == last - first + 1 and body_of(got) == data[first:last + 1]
    head = s3.head_object(Bucket=bucket, Key="k", Range=range)
    assert http(head)["content-range"] == f"bytes {first}-{last}/10"
    assert head["ETag"] == got["ETag"]


@pytest.mark.parametrize("range", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999-"])
@pytest.mark.differs("RADOS gateway 16: takes a suffix of nothing")
def test_range_beyond_the_end(wire, s3, bucket, range):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = wire.get(f"/{bucket}/k", headers={"Range": range})
    assert (answer.status, answer.code) == (416, "InvalidRange"), answer
    assert answer.text("RangeRequested") == range and answer.text("ActualObjectSize") == "10"


@pytest.mark.parametrize("range", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_range_of_nothing(s3, bucket, range):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="k", Range=range)


@pytest.mark.parametrize("range", ["bytes", "bytes=", "bytes=a-b", "0-4", "lines=0-4",
                                   "bytes=0-1,3-4", "bytes=--1"])
@pytest.mark.differs("RADOS gateway 16: refuses some")
def test_range_that_is_none_is_ignored(s3, bucket, range):
    """RFC 9110: what is not understood does not count. Several ranges: S3 serves the whole."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=range)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200 and body_of(got) == b"0123456789"


def test_range_turned_round(wire, s3, bucket):
    """AWS documents nothing; by RFC 9110 it is no range and is ignored. Never a partial answer."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    assert wire.get(f"/{bucket}/k", headers={"Range": "bytes=5-2"}).status in (200, 416)


def test_range_in_a_large_object(s3, bucket):
    data = random_bytes(5 << 20, seed=5)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    for first, last in ((0, 0), (65535, 65537), ((1 << 20) - 1, 1 << 20), (5 * (1 << 20) - 1,) * 2):
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}")
        assert body_of(got) == data[first:last + 1]


# --- response-* ----------------------------------------------------------------------------------

OVERRIDES = {"ResponseContentType": "text/x-other", "ResponseContentLanguage": "fr",
             "ResponseExpires": datetime.datetime(2030, 1, 1),
             "ResponseCacheControl": "no-cache", "ResponseContentEncoding": "x-odd",
             "ResponseContentDisposition": 'attachment; filename="bla u.txt"'}


def test_response_headers_as_asked(s3, wire, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **CONTENT_HEADERS)
    headers = http(s3.get_object(Bucket=bucket, Key="k", **OVERRIDES))
    query = [("response-content-type", "text/x-other"), ("response-content-language", "fr"),
             ("response-expires", "Tue, 01 Jan 2030 00:00:00 GMT"),
             ("response-cache-control", "no-cache"), ("response-content-encoding", "x-odd"),
             ("response-content-disposition", 'attachment; filename="bla u.txt"')]
    for headers in headers, wire.request("HEAD", f"/{bucket}/k", query).headers:
        assert headers["content-type"] == "text/x-other"
        assert headers["content-language"] == "fr"
        assert headers["expires"] == "Tue, 01 Jan 2030 00:00:00 GMT"
        assert headers["cache-control"] == "no-cache"
        assert headers["content-encoding"] == "x-odd"
        assert headers["content-disposition"] == 'attachment; filename="bla u.txt"'
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == CONTENT_HEADERS["ContentType"]


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\0b"])
def test_response_headers_cannot_break_the_answer(wire, s3, bucket, value):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = wire.get(f"/{bucket}/k", ("response-content-type", value))
    assert "x-evil" not in answer.headers and answer.status in (200, 400), answer


# --- keys ----------------------------------------------------------------------------------------

KEYS = ["simple", "with space", "a+b", "100%", "%41", "a%2Fb", "ünï-cödé", "日本語/キー", "🚀",
        "/leading", "trailing/", "double//slash", "//", "a/./b", "a/../b", "./dot", "../up", ".", "..",
        "../../../../etc/passwd", "a\\b", "?query=1", "#fragment", "a&b=c", "a;b", "a:b@c", "'quote\"",
        "<xml>&amp;", "*", "~tilde", "{brace}", "^`|[]", " ", " leading space", "trailing space ",
        "tab\there", "line\nbreak", "carriage\rreturn", "\x01control", "\x7fdelete", "uploads",
        "x" * 1024, "ü" * 512, "a/" * 512, "C:\\con", "-", "_", "null"]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: repr(key[:24]))
def test_key(s3, bucket, key):
    """Each is put, read, listed, copied from and to, and deleted; the neighbour stays."""
    s3.put_object(Bucket=bucket, Key="neighbour", Body=b"n")
    s3.put_object(Bucket=bucket, Key=key, Body=b"content")
    assert body_of(s3.get_object(Bucket=bucket, Key=key)) == b"content"
    for call in (s3.list_objects, s3.list_objects_v2):
        found = [e["Key"] for e in call(Bucket=bucket)["Contents"]]  # boto3 asks for escaped keys
        assert found == sorted(["neighbour", key], key=str.encode)
    s3.copy_object(Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": key})
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": "neighbour"})
    assert body_of(s3.get_object(Bucket=bucket, Key=key)) == b"n"
    assert body_of(s3.get_object(Bucket=bucket, Key="copied")) == b"content"
    s3.delete_object(Bucket=bucket, Key=key)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key=key)
    left = [e["Key"] for e in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert left == ["copied", "neighbour"]


@pytest.mark.parametrize("key", ["x" * 1025, "ü" * 513], ids=["ASCII", "UTF-8"])
@pytest.mark.differs("RADOS gateway 16: InvalidObjectName")
def test_key_of_more_than_1024_bytes(s3, bucket, key):
    with refused("KeyTooLongError", 400):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")


@pytest.mark.differs("RADOS gateway 16: another code")
def test_key_that_is_not_utf8(wire, bucket):
    path = f"/{bucket}/" + quote_key(b"\xff\xfe")
    answer = wire.put(path, b"x")
    assert answer.status == 400 and answer.code in ("InvalidURI", "InvalidArgument"), answer


@pytest.mark.parametrize("target", ["%zz", "%4", "%"])
def test_path_with_a_broken_escape(wire, bucket, target):
    headers = wire.signed("GET", f"/{bucket}/{target}")
    answer = wire.send("GET", f"/{bucket}/{target}", headers)
    assert answer.status in (400, 403), answer


def test_keys_differ_by_case_and_normal_form(s3, bucket):
    keys = ["key", "KEY", "Key", "\u00e9", "e\u0301"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in keys:
        assert body_of(s3.get_object(Bucket=bucket, Key=key)) == key.encode()
    assert [e["Key"] for e in s3.list_objects_v2(Bucket=bucket)["Contents"]] == sorted(
        keys, key=lambda k: k.encode())


def test_a_key_may_begin_like_another(s3, bucket):
    """No directories: "a" and "a/b" live side by side."""
    for key in ("a", "a/", "a/b", "a/b/c"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in ("a", "a/", "a/b", "a/b/c"):
        assert body_of(s3.get_object(Bucket=bucket, Key=key)) == key.encode()
    s3.delete_object(Bucket=bucket, Key="a")
    assert body_of(s3.get_object(Bucket=bucket, Key="a/b")) == b"a/b"


# --- storage class, encryption, ACL: what can be said without having it --------------------------

@pytest.mark.differs("RADOS gateway 16: names it")
def test_standard_storage_class(s3, wire, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="STANDARD")
    assert "x-amz-storage-class" not in wire.request("HEAD", f"/{bucket}/k").headers
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == "STANDARD"


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
@pytest.mark.differs("RADOS gateway: has no archive")
def test_an_archived_object_is_not_read(s3, wire, bucket, storage_class):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=storage_class)
    answer = wire.get(f"/{bucket}/k")
    assert (answer.status, answer.code) == (403, "InvalidObjectState"), answer
    assert answer.text("Message") == "The operation is not valid for the object's storage class"
    assert answer.text("StorageClass") == storage_class
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == storage_class


@pytest.mark.differs("RADOS gateway 16: takes any name")
def test_unknown_storage_class(s3, bucket):
    with refused("InvalidStorageClass", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="NO_SUCH")


def test_canned_acl_private(s3, bucket):
    for acl in ("private", "bucket-owner-full-control"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL=acl)


@pytest.mark.parametrize("options", [
    {"ACL": "public-read"}, {"GrantRead": "id=somebody"}, {"WebsiteRedirectLocation": "/other"},
    {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime.datetime(2040, 1, 1)},
    {"ObjectLockLegalHoldStatus": "ON"}, {"ServerSideEncryption": "aws:kms"},
    {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}],
    ids=lambda options: next(iter(options)))
@pytest.mark.differs("RADOS gateway: has some of them")
def test_what_is_not_implemented_is_never_pretended(endpoint, s3, bucket, options):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **options)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] in (400, 501), response
    assert response["Error"]["Code"] in ("NotImplemented", "AccessControlListNotSupported",
                                         "InvalidRequest"), response
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")
