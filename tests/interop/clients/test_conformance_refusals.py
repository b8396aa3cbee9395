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


PUTS = [  # headers of a PUT, code, message, details
    ({"If-None-Match": "*"}, "PreconditionFailed",
     "At least one of the pre-conditions you specified did not hold", {"Condition": "If-None-Match"}),
    ({"If-Match": '"other"'}, "PreconditionFailed",
     "At least one of the pre-conditions you specified did not hold", {"Condition": "If-Match"}),
    ({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "BadDigest",
     "The Content-MD5 you specified did not match what we received.", {}),
    ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest",
     "The CRC32 you specified did not match the calculated checksum.", {}),
    ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, "BadDigest",
     "The CRC64NVME you specified did not match the calculated checksum.", {}),
    ({"x-amz-storage-class": "NO_SUCH"}, "InvalidStorageClass",
     "The storage class you specified is not valid", {}),
    ({"x-amz-meta-a": "x" * 2048}, "MetadataTooLarge",
     "Your metadata headers exceed the maximum allowed metadata size", {}),
    ({"x-amz-server-side-encryption": "aws:kms"}, "NotImplemented",
     "A header you provided implies functionality that is not implemented",
     {"Header": "x-amz-server-side-encryption"}),
    ({"x-amz-acl": "public-read"}, "NotImplemented",
     "A header you provided implies functionality that is not implemented", {"Header": "x-amz-acl"}),
    ({"x-amz-copy-source": "{b}/k", "x-amz-metadata-directive": "NO_SUCH"}, "InvalidArgument",
     "Unknown metadata directive.", {}),
]


@pytest.mark.parametrize("headers,code,message,details", PUTS, ids=lambda v: str(v)[:40])
@pytest.mark.differs("RADOS gateway 16: no Message")
def test_messages_of_a_put(wire, bucket, headers, code, message, details):
    wire.put(f"/{bucket}/k", b"content")
    headers = {name: value.replace("{b}", bucket) for name, value in headers.items()}
    body = b"" if "x-amz-copy-source" in headers else b"new"
    answer = wire.put(f"/{bucket}/k", body, headers=headers)
    assert (answer.code, answer.text("Message")) == (code, message), answer
    assert {name: answer.text(name) for name in details} == details, answer
    assert wire.get(f"/{bucket}/k").body == b"content"


def test_messages_of_a_long_key(wire, bucket):
    answer = wire.put(f"/{bucket}/" + "k" * 1025, b"x")
    assert (answer.status, answer.code) == (400, "KeyTooLongError"), answer
    assert answer.text("Message") == "Your key is too long"


@pytest.mark.differs("RADOS gateway 16: no Message")
def test_messages_of_complete(wire, bucket):
    path = f"/{bucket}/k"
    upload = wire.post(path, b"", ("uploads", None)).text("UploadId")
    tags = [wire.put(path, b"x", ("uploadId", upload), ("partNumber", n)).headers["etag"]
            for n in "12"]

    def complete(*parts):
        named = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
                        for number, tag in parts)
        xml = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()
        answer = wire.post(path, xml, ("uploadId", upload))
        return answer.code, answer.text("Message")

    assert complete((1, tags[0]), (2, tags[1])) == (
        "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    assert complete((2, tags[1]), (1, tags[0])) == (
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.")
    assert complete((3, tags[0])) == (
        "InvalidPart", "One or more of the specified parts could not be found.  The part may not "
        "have been uploaded, or the specified entity tag may not match the part's entity tag.")


@pytest.mark.differs("RADOS gateway: says less")
def test_what_errors_tell_beside_their_message(wire, bucket):
    answer = wire.get(f"/{bucket}/k", ("uploadId", "none"))
    assert (answer.code, answer.text("UploadId")) == ("NoSuchUpload", "none")
    for path, kind in ((f"/{bucket}/k", "OBJECT"), ("/", "SERVICE")):
        answer = wire.post(path, b"")
        assert (answer.status, answer.code) == (405, "MethodNotAllowed"), answer
        assert (answer.text("Method"), answer.text("ResourceType")) == ("POST", kind), answer
    answer = wire.get(f"/{bucket}", access_key="NOBODY")
    assert (answer.code, answer.text("AWSAccessKeyId")) == ("InvalidAccessKeyId", "NOBODY")
    answer = wire.get(f"/{bucket}", when="20200101T000000Z")
    assert (answer.code, answer.text("RequestTime")) == ("RequestTimeTooSkewed", "20200101T000000Z")
    assert answer.text("MaxAllowedSkewMilliseconds") == "900000" and answer.text("ServerTime")
    answer = wire.send("GET", wire.presigned("GET", f"/{bucket}", when="20200101T000000Z"))
    assert (answer.code, answer.text("Message")) == ("AccessDenied", "Request has expired"), answer
    assert answer.text("X-Amz-Expires") == "300" and answer.text("Expires") == "2020-01-01T00:05:00Z"
    answer = wire.get(f"/{bucket}", secret_key="x" * 40)
    assert answer.code == "SignatureDoesNotMatch" and answer.text("AWSAccessKeyId")
    canonical, to_sign = answer.text("CanonicalRequest"), answer.text("StringToSign")
    assert canonical.startswith(f"GET\n/{bucket}\n\nhost:{wire.host}\n"), answer
    assert to_sign.endswith("\n" + sha256_hex(canonical.encode()))
    assert bytes.fromhex(answer.text("CanonicalRequestBytes")) == canonical.encode()
    assert bytes.fromhex(answer.text("StringToSignBytes")) == to_sign.encode()


@pytest.mark.parametrize("path", ["/{b}/%zz", "/{b}/k%", "/%zz"])
@pytest.mark.differs("RADOS gateway: takes some")
def test_a_path_that_is_none(wire, bucket, path):
    answer = wire.send("GET", path.replace("{b}", bucket), [("Host", wire.host)])
    assert (answer.status, answer.code) == (400, "InvalidURI"), answer
    assert answer.text("Message") == "Couldn't parse the specified URI."


@pytest.mark.parametrize("sent,kept", [
    ("gzip, br", "gzip, br"), ("gzip,br", "gzip,br"), ("aws-chunked, gzip", "gzip"),
    ("gzip", "gzip"), ("aws-chunked", None)])
@pytest.mark.differs("RADOS gateway: keeps it all")
def test_content_encoding(wire, bucket, sent, kept):
    wire.put(f"/{bucket}/k", b"x", headers={"Content-Encoding": sent})
    assert wire.get(f"/{bucket}/k").headers.get("content-encoding") == kept


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
