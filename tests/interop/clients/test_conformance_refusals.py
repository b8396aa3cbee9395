"""What is refused, in AWS's words and with nothing of the object in it."""

import base64
import hashlib

import pytest
from wire import EMPTY_SHA256, UNSIGNED, sha256_hex

MESSAGES = [
    ("GET", "/{b}/nothing", [], "NoSuchKey", "The specified key does not exist."),
    ("GET", "/telpher-no-such-bucket", [], "NoSuchBucket", "The specified bucket does not exist"),
    ("GET", "/{b}/k", [("uploadId", "none")], "NoSuchUpload",
     "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
     "aborted or completed."),
    ("DELETE", "/{b}", [], "BucketNotEmpty", "The bucket you tried to delete is not empty"),
    ("PUT", "/Not_A_Name", [], "InvalidBucketName", "The specified bucket is not valid."),
]


@pytest.mark.parametrize("method,path,query,code,message", MESSAGES, ids=lambda v: str(v)[:30])
@pytest.mark.differs("RADOS gateway 16: no Message")
def test_messages(wire, bucket, method, path, query, code, message):
    wire.put(f"/{bucket}/k", b"content")
    answer = wire.request(method, path.replace("{b}", bucket), query)
    assert (answer.code, answer.text("Message")) == (code, message)


OF_THE_OBJECT = {"Content-Encoding": "gzip", "Content-Type": "text/x", "Cache-Control": "no-store",
                 "Content-Language": "de", "Content-Disposition": "inline", "x-amz-meta-a": "1"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers,status", [
    ({"If-Match": '"other"'}, 412), ({"Range": "bytes=100-"}, 416),
    ({"Range": "bytes=18446744073709551616-"}, 416),
    ({"If-Match": '"other"', "Range": "bytes=0-1"}, 412)], ids=str)
def test_nothing_of_the_object(wire, bucket, method, headers, status):
    wire.put(f"/{bucket}/k", b"content", headers=OF_THE_OBJECT)
    answer = wire.request(method, f"/{bucket}/k", headers=headers)
    assert answer.status == status, answer
    assert not set(answer.headers) & {"etag", "last-modified", "cache-control", "content-encoding",
                                      "content-language", "content-disposition", "x-amz-meta-a",
                                      "accept-ranges", "content-range"}, answer.headers
    assert answer.headers.get("content-type") in ("application/xml", None)
    assert answer.headers["x-amz-request-id"] and answer.headers["date"]


@pytest.mark.differs("RADOS gateway 16: ignores it")
def test_the_owner_of_a_source(wire, s3, bucket):
    wire.put(f"/{bucket}/from", b"content")
    owner = s3.list_buckets()["Owner"]["ID"]
    copy = {"x-amz-copy-source": f"{bucket}/from"}
    name = "x-amz-source-expected-bucket-owner"
    answer = wire.put(f"/{bucket}/to", b"", headers=copy | {name: "somebody"})
    assert (answer.status, answer.code) == (403, "AccessDenied"), answer
    assert wire.put(f"/{bucket}/to", b"", headers=copy | {name: owner}).status == 200


KEYS = {"algorithm": "AES256", "key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "key-MD5": "dnF5x6K/8ZZRzpfSlMMM+w=="}


@pytest.mark.parametrize("method,prefix", [
    ("GET", "x-amz-server-side-encryption-customer-"),
    ("HEAD", "x-amz-server-side-encryption-customer-"),
    ("PUT", "x-amz-server-side-encryption-customer-"),
    ("PUT", "x-amz-copy-source-server-side-encryption-customer-")])
@pytest.mark.differs("RADOS gateway: has encryption")
def test_keys_of_the_client_are_not_ignored(wire, bucket, method, prefix):
    wire.put(f"/{bucket}/k", b"content")
    headers = {prefix + name: value for name, value in KEYS.items()}
    path = f"/{bucket}/k"
    if "copy-source" in prefix:
        headers["x-amz-copy-source"], path = f"{bucket}/k", f"/{bucket}/to"
    answer = wire.request(method, path, headers=headers)
    assert answer.status in (400, 501), answer


@pytest.mark.parametrize("payload_hash,code", [
    ("zzz", "InvalidArgument"), ("", "InvalidRequest"),
    ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "InvalidArgument"),
    ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "InvalidArgument"),
    (sha256_hex(b"another body"), "XAmzContentSHA256Mismatch")], ids=lambda v: str(v)[:36])
@pytest.mark.differs("RADOS gateway 16: does not look")
def test_the_hash_of_a_body_that_is_none(wire, bucket, payload_hash, code):
    wire.put(f"/{bucket}/k", b"content")
    for method in ("GET", "DELETE"):
        answer = wire.request(method, f"/{bucket}/k", payload_hash=payload_hash)
        assert (answer.status, answer.code) == (400, code), answer
    for good in (EMPTY_SHA256, UNSIGNED):
        assert wire.get(f"/{bucket}/k", payload_hash=good).body == b"content"


def test_names_with_a_prefix(wire, bucket):
    """What libraries of XML make of a namespace."""
    wire.put(f"/{bucket}/k", b"content")
    xml = (b'<d:Delete xmlns:d="http://s3.amazonaws.com/doc/2006-03-01/"><d:Object><d:Key>k</d:Key>'
           b"</d:Object></d:Delete>")
    md5 = base64.b64encode(hashlib.md5(xml).digest()).decode()
    answer = wire.post(f"/{bucket}", xml, ("delete", None), headers={"Content-MD5": md5})
    assert answer.status == 200 and answer.texts("Deleted/Key") == ["k"], answer
    assert wire.get(f"/{bucket}/k").status == 404


@pytest.mark.parametrize("data,status,reason", [
    (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "Bad Request"),
    (b"HEAD / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "Bad Request"),
    (b"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "Not Implemented")],
    ids=["GET", "HEAD", "coding"])
@pytest.mark.differs("RADOS gateway: another form")
def test_what_http_refuses(wire, data, status, reason):
    method = data.split(b" ")[0].decode()
    with wire.connect() as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, body = received.split(b"\r\n\r\n", 1)
    assert head.startswith(f"HTTP/1.1 {status} {reason}\r\n".encode()), head
    names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    assert {b"date", b"server", b"x-amz-request-id", b"x-amz-id-2"} <= names, head
    assert (body == b"") == (method == "HEAD"), body
