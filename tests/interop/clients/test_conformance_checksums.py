"""Digests of content: Content-MD5, the five checksums in headers and trailers, GetObjectAttributes."""

import base64
import hashlib

import pytest
from conftest import MIB, body_of, random_bytes, refused
from wire import ALGORITHMS, crc_base64, sha256_hex, trailer_body, trailer_headers

CONTENT = b"content"
pytestmark = pytest.mark.differs("RADOS gateway 16: no checksums but MD5")
EACH = pytest.mark.parametrize("algorithm", ALGORITHMS)


def header(algorithm, data=CONTENT):
    return {f"x-amz-checksum-{algorithm}": crc_base64(algorithm, data)}


def wrong(algorithm):
    return crc_base64(algorithm, b"other content")


def stored(wire, bucket, key="k", **query):
    answer = wire.request("HEAD", f"/{bucket}/{key}", list(query.items()),
                          headers={"x-amz-checksum-mode": "ENABLED"})
    return {k: v for k, v in answer.headers.items() if k.startswith("x-amz-checksum-")}


# --- Content-MD5 ---------------------------------------------------------------------------------

def test_content_md5(wire, bucket):
    md5 = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()
    assert wire.put(f"/{bucket}/k", CONTENT, headers={"Content-MD5": md5}).status == 200


def test_content_md5_of_something_else(s3, wire, bucket):
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    answer = wire.put(f"/{bucket}/k", CONTENT, headers={"Content-MD5": md5})
    assert (answer.status, answer.code) == (400, "BadDigest"), answer
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("value", ["", "short", "YWJyYWNhZGFicmE=", "x" * 24, "AWS4 HAHAHA",
                                   "9a0364b9e99bb480dd25e1f0284c8555"])
def test_content_md5_that_is_none(wire, bucket, value):
    answer = wire.put(f"/{bucket}/k", CONTENT, headers={"Content-MD5": value})
    assert (answer.status, answer.code) == (400, "InvalidDigest"), answer


def test_the_signed_hash_is_checked(s3, wire, bucket):
    answer = wire.put(f"/{bucket}/k", CONTENT, payload_hash=sha256_hex(b"other"))
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch"), answer
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


# --- checksums in headers ------------------------------------------------------------------------

@EACH
def test_in_a_header(wire, bucket, algorithm):
    sent = header(algorithm)
    answer = wire.put(f"/{bucket}/k", CONTENT, headers=sent)
    assert answer.status == 200, answer
    expected = sent | {"x-amz-checksum-type": "FULL_OBJECT"}
    assert {k: v for k, v in answer.headers.items() if k.startswith("x-amz-checksum")} == expected
    assert stored(wire, bucket) == expected
    plain = wire.request("HEAD", f"/{bucket}/k").headers
    assert not [k for k in plain if k.startswith("x-amz-checksum")], "only when asked"
    got = wire.get(f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert got.headers[f"x-amz-checksum-{algorithm}"] == sent[f"x-amz-checksum-{algorithm}"]


@EACH
def test_wrong_in_a_header(s3, wire, bucket, algorithm):
    answer = wire.put(f"/{bucket}/k", CONTENT,
                      headers={f"x-amz-checksum-{algorithm}": wrong(algorithm)})
    assert (answer.status, answer.code) == (400, "BadDigest"), answer
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


@EACH
@pytest.mark.parametrize("value", ["", "AAAA", "not base64!", "====", "A" * 400])
def test_no_checksum_at_all_in_a_header(wire, bucket, algorithm, value):
    answer = wire.put(f"/{bucket}/k", CONTENT, headers={f"x-amz-checksum-{algorithm}": value})
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


def test_two_checksums(wire, bucket):
    answer = wire.put(f"/{bucket}/k", CONTENT, headers=header("crc32") | header("sha256"))
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


def test_an_algorithm_that_is_none(wire, bucket):
    answer = wire.put(f"/{bucket}/k", CONTENT, headers={"x-amz-sdk-checksum-algorithm": "CRC16"})
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


def test_unasked_the_server_keeps_crc64nvme(wire, bucket):
    """Since 2024: every object has a checksum."""
    wire.put(f"/{bucket}/k", CONTENT)
    assert stored(wire, bucket) == header("crc64nvme") | {"x-amz-checksum-type": "FULL_OBJECT"}


def test_a_range_brings_no_checksum_of_the_whole(wire, bucket):
    wire.put(f"/{bucket}/k", CONTENT, headers=header("crc32"))
    answer = wire.get(f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED",
                                              "Range": "bytes=0-2"})
    assert answer.status == 206 and "x-amz-checksum-crc32" not in answer.headers
    answer = wire.request("HEAD", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED",
                                                          "Range": "bytes=0-2"})
    assert answer.status == 206 and "x-amz-checksum-crc32" not in answer.headers


def test_a_checksum_in_a_header_and_another_in_the_trailer(wire, bucket):
    answer = put_trailer(wire, f"/{bucket}/k", CONTENT, "crc32", **header("sha1"))
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer
    assert wire.get(f"/{bucket}/k").status == 404


# --- in trailers ---------------------------------------------------------------------------------

def put_trailer(wire, path, data, algorithm, value=None, query=(), **headers):
    body = trailer_body(data, algorithm, crc_base64(algorithm, data) if value is None else value)
    sent = trailer_headers(data, algorithm, **headers)
    return wire.put(path, body, *query, headers=sent, payload_hash=sent["x-amz-content-sha256"])


@EACH
@pytest.mark.parametrize("size", [0, 7, 200_000])
def test_in_a_trailer(wire, bucket, algorithm, size):
    data = random_bytes(size)
    answer = put_trailer(wire, f"/{bucket}/k", data, algorithm)
    assert answer.status == 200, answer
    assert answer.headers["etag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert wire.get(f"/{bucket}/k").body == data
    assert stored(wire, bucket) == header(algorithm, data) | {"x-amz-checksum-type": "FULL_OBJECT"}
    assert "content-encoding" not in wire.request("HEAD", f"/{bucket}/k").headers


@EACH
def test_wrong_in_a_trailer(s3, wire, bucket, algorithm):
    answer = put_trailer(wire, f"/{bucket}/k", CONTENT, algorithm, wrong(algorithm))
    assert (answer.status, answer.code) == (400, "BadDigest"), answer
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_a_trailer_that_was_announced_and_does_not_come(wire, bucket):
    body = b"7\r\ncontent\r\n0\r\n\r\n"
    sent = trailer_headers(CONTENT, "crc32")
    answer = wire.put(f"/{bucket}/k", body, headers=sent, payload_hash=sent["x-amz-content-sha256"])
    assert (answer.status, answer.code) == (400, "MalformedTrailerError"), answer


def test_a_trailer_that_was_not_announced(wire, bucket):
    body = trailer_body(CONTENT, "sha1", crc_base64("sha1", CONTENT))
    sent = trailer_headers(CONTENT, "crc32")
    answer = wire.put(f"/{bucket}/k", body, headers=sent, payload_hash=sent["x-amz-content-sha256"])
    assert (answer.status, answer.code) == (400, "MalformedTrailerError"), answer


@pytest.mark.parametrize("length", ["6", "8", "x", "-1", None])
def test_a_decoded_length_that_is_not_so(s3, wire, bucket, length):
    body = trailer_body(CONTENT, "crc32", crc_base64("crc32", CONTENT))
    sent = trailer_headers(CONTENT, "crc32") | {"x-amz-decoded-content-length": length}
    if length is None:
        del sent["x-amz-decoded-content-length"]
    answer = wire.put(f"/{bucket}/k", body, headers=sent, payload_hash=sent["x-amz-content-sha256"])
    assert answer.status in (400, 411), answer
    assert answer.code in ("IncompleteBody", "MissingContentLength", "InvalidArgument",
                           "InvalidRequest", "MalformedTrailerError"), answer
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_other_encodings_stay(wire, bucket):
    answer = put_trailer(wire, f"/{bucket}/k", CONTENT, "crc32",
                         **{"Content-Encoding": "aws-chunked,gzip"})
    assert answer.status == 200, answer
    assert wire.request("HEAD", f"/{bucket}/k").headers["content-encoding"] == "gzip"


# --- multipart -----------------------------------------------------------------------------------

def create(wire, bucket, **headers):
    answer = wire.post(f"/{bucket}/k", b"", ("uploads", None), headers={
        name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status == 200, answer
    return answer


def complete(wire, bucket, upload, parts, **headers):
    """parts: (number, ETag, {element: value})."""
    xml = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag>" +
        "".join(f"<{k}>{v}</{k}>" for k, v in more.items()) + "</Part>" for n, tag, more in parts)
    return wire.post(f"/{bucket}/k", f"<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>".encode(),
                     ("uploadId", upload),
                     headers={name.replace("_", "-"): value for name, value in headers.items()})


def composite(algorithm, *parts):
    digests = b"".join(base64.b64decode(crc_base64(algorithm, part)) for part in parts)
    return f"{crc_base64(algorithm, digests)}-{len(parts)}"


PARTS = [b"\1" * (5 * MIB), b"the end"]  # Python's CRCs are slow: one value below is remembered
KNOWN = {}


def digest(algorithm, data):
    if (algorithm, data) not in KNOWN:
        if algorithm == "crc32":
            import zlib
            KNOWN[algorithm, data] = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        else:
            KNOWN[algorithm, data] = crc_base64(algorithm, data)
    return KNOWN[algorithm, data]


@pytest.mark.parametrize("algorithm", ["crc32", "sha1", "sha256"])
def test_composite(s3, wire, bucket, algorithm):
    """The checksum of the parts' checksums: the default but for CRC-64."""
    element = f"Checksum{algorithm.upper()}"
    started = create(wire, bucket, x_amz_checksum_algorithm=algorithm.upper())
    upload = started.text("UploadId")
    assert started.headers["x-amz-checksum-algorithm"] == algorithm.upper()
    assert started.headers["x-amz-checksum-type"] == "COMPOSITE"
    listed = []
    for number, part in enumerate(PARTS, 1):
        answer = wire.put(f"/{bucket}/k", part, ("partNumber", str(number)), ("uploadId", upload),
                          headers={f"x-amz-checksum-{algorithm}": digest(algorithm, part)})
        assert answer.status == 200, answer
        assert answer.headers[f"x-amz-checksum-{algorithm}"] == digest(algorithm, part)
        listed.append((number, answer.headers["etag"], {element: digest(algorithm, part)}))
    parts = wire.get(f"/{bucket}/k", ("uploadId", upload))
    assert parts.text("ChecksumAlgorithm") == algorithm.upper()
    assert parts.texts(f"Part/{element}") == [digest(algorithm, part) for part in PARTS]
    done = complete(wire, bucket, upload, listed)
    digests = b"".join(base64.b64decode(digest(algorithm, part)) for part in PARTS)
    value = f"{crc_base64(algorithm, digests)}-2"
    assert done.status == 200 and done.text(element) == value, done
    assert done.text("ChecksumType") == "COMPOSITE"
    assert stored(wire, bucket) == {f"x-amz-checksum-{algorithm}": value,
                                    "x-amz-checksum-type": "COMPOSITE"}


def test_composite_wants_the_checksum_of_each_part(wire, bucket):
    upload = create(wire, bucket, x_amz_checksum_algorithm="CRC32").text("UploadId")
    value = crc_base64("crc32", b"part")
    tag = wire.put(f"/{bucket}/k", b"part", ("partNumber", "1"), ("uploadId", upload),
                   headers={"x-amz-checksum-crc32": value}).headers["etag"]
    answer = complete(wire, bucket, upload, [(1, tag, {})])
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer
    assert answer.text("Message") == (
        "The upload was created using a crc32 checksum. The complete request must include the "
        "checksum for each part. It was missing for part 1 in the request.")
    assert complete(wire, bucket, upload, [(1, tag, {"ChecksumCRC32": value})]).status == 200


def test_a_checksum_header_twice(wire, bucket):
    value = crc_base64("crc32", b"content")
    answer = wire.put(f"/{bucket}/k", b"content", headers=[("x-amz-checksum-crc32", value),
                                                           ("x-amz-checksum-crc32", value)])
    # Our own signature is over one of the two: refused in any case, never taken.
    assert answer.status in (400, 403), answer
    target = wire.presigned("PUT", f"/{bucket}/k", headers=[("x-amz-checksum-crc32", f"{value},{value}")])
    answer = wire.send("PUT", target, [("x-amz-checksum-crc32", value),
                                       ("x-amz-checksum-crc32", value)], b"content")
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


@pytest.mark.parametrize("algorithm", ["crc32", "crc64nvme"])
def test_full_object(wire, bucket, algorithm):
    """CRCs of parts combine to the CRC of the whole; Complete may bring what it must be."""
    started = create(wire, bucket, x_amz_checksum_algorithm=algorithm.upper(),
                     x_amz_checksum_type="FULL_OBJECT")
    upload = started.text("UploadId")
    assert started.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    tags = []
    for number, part in enumerate(PARTS, 1):
        answer = wire.put(f"/{bucket}/k", part, ("partNumber", str(number)), ("uploadId", upload))
        tags.append((number, answer.headers["etag"], {}))
    whole = digest(algorithm, b"".join(PARTS))
    bad = complete(wire, bucket, upload, tags, **{f"x_amz_checksum_{algorithm}": wrong(algorithm),
                                                 "x_amz_checksum_type": "FULL_OBJECT"})
    assert (bad.status, bad.code) == (400, "BadDigest"), bad
    done = complete(wire, bucket, upload, tags, **{f"x_amz_checksum_{algorithm}": whole,
                                                  "x_amz_checksum_type": "FULL_OBJECT"})
    assert done.status == 200, done
    assert done.text(f"Checksum{algorithm.upper()}") == whole
    assert done.text("ChecksumType") == "FULL_OBJECT"
    assert stored(wire, bucket)[f"x-amz-checksum-{algorithm}"] == whole


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256"])
def test_no_full_object_for_what_cannot_be_combined(wire, bucket, algorithm):
    answer = wire.post(f"/{bucket}/k", b"", ("uploads", None), headers={
        "x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": "FULL_OBJECT"})
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


def test_no_composite_of_crc64nvme(wire, bucket):
    answer = wire.post(f"/{bucket}/k", b"", ("uploads", None), headers={
        "x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"})
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


@pytest.mark.parametrize("algorithm", ["crc16", "MD5", ""])
def test_create_with_an_algorithm_that_is_none(wire, bucket, algorithm):
    answer = wire.post(f"/{bucket}/k", b"", ("uploads", None),
                       headers={"x-amz-checksum-algorithm": algorithm})
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


def test_a_part_of_another_algorithm(wire, bucket):
    upload = create(wire, bucket, x_amz_checksum_algorithm="SHA256").text("UploadId")
    answer = wire.put(f"/{bucket}/k", CONTENT, ("partNumber", "1"), ("uploadId", upload),
                      headers=header("crc32"))
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


def test_a_part_whose_checksum_is_wrong(s3, wire, bucket):
    upload = create(wire, bucket, x_amz_checksum_algorithm="SHA256").text("UploadId")
    answer = wire.put(f"/{bucket}/k", CONTENT, ("partNumber", "1"), ("uploadId", upload),
                      headers={"x-amz-checksum-sha256": wrong("sha256")})
    assert (answer.status, answer.code) == (400, "BadDigest"), answer
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)


def test_complete_with_other_checksums_of_parts(wire, bucket):
    upload = create(wire, bucket, x_amz_checksum_algorithm="SHA256").text("UploadId")
    tag = wire.put(f"/{bucket}/k", CONTENT, ("partNumber", "1"), ("uploadId", upload),
                   headers=header("sha256")).headers["etag"]
    for element, algorithm in (("ChecksumSHA256", "sha256"), ("ChecksumCRC32", "crc32")):
        answer = complete(wire, bucket, upload, [(1, tag, {element: wrong(algorithm)})])
        assert (answer.status, answer.code) == (400, "InvalidPart"), answer
    done = complete(wire, bucket, upload, [
        (1, tag, {"ChecksumSHA256": crc_base64("sha256", CONTENT)})])
    assert done.status == 200 and done.text("ChecksumSHA256") == composite("sha256", CONTENT), done


@pytest.mark.parametrize("kind,wanted", [("COMPOSITE", "FULL_OBJECT"), ("FULL_OBJECT", "COMPOSITE"),
                                         ("COMPOSITE", "BOGUS")])
def test_complete_in_another_mode(wire, bucket, kind, wanted):
    upload = create(wire, bucket, x_amz_checksum_algorithm="CRC32",
                    x_amz_checksum_type=kind).text("UploadId")
    tag = wire.put(f"/{bucket}/k", CONTENT, ("partNumber", "1"), ("uploadId", upload),
                   headers=header("crc32")).headers["etag"]
    parts = [(1, tag, {"ChecksumCRC32": crc_base64("crc32", CONTENT)})]
    answer = complete(wire, bucket, upload, parts, x_amz_checksum_type=wanted)
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer
    assert complete(wire, bucket, upload, parts, x_amz_checksum_type=kind).status == 200


def test_a_part_without_a_checksum(wire, bucket):
    """A composite upload wants one of each part; of a full object S3 makes it, and tells it."""
    query = lambda upload: [("partNumber", "1"), ("uploadId", upload)]
    upload = create(wire, bucket, x_amz_checksum_algorithm="SHA256").text("UploadId")
    answer = wire.put(f"/{bucket}/k", CONTENT, *query(upload))
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer
    assert answer.text("Message") == ("Checksum Type mismatch occurred, expected checksum Type: "
                                      "sha256, actual checksum Type: null")
    upload = create(wire, bucket, x_amz_checksum_algorithm="CRC32",
                    x_amz_checksum_type="FULL_OBJECT").text("UploadId")
    answer = wire.put(f"/{bucket}/k", CONTENT, *query(upload))
    assert answer.status == 200, answer
    assert answer.headers["x-amz-checksum-crc32"] == crc_base64("crc32", CONTENT)
    assert wire.put(f"/{bucket}/k", CONTENT, ("partNumber", "1"), ("uploadId", "none")).code == "NoSuchUpload"


def test_a_part_by_trailer(wire, bucket):
    upload = create(wire, bucket, x_amz_checksum_algorithm="CRC32C").text("UploadId")
    answer = put_trailer(wire, f"/{bucket}/k", CONTENT, "crc32c",
                         query=[("partNumber", "1"), ("uploadId", upload)])
    assert answer.status == 200, answer
    assert answer.headers["x-amz-checksum-crc32c"] == crc_base64("crc32c", CONTENT)


def test_a_part_by_trailer_of_an_upload_that_announced_nothing(wire, bucket):
    """What SDKs send for the two plainest calls."""
    upload = create(wire, bucket).text("UploadId")
    query = [("partNumber", "1"), ("uploadId", upload)]
    answer = put_trailer(wire, f"/{bucket}/k", CONTENT, "crc32", query=query)
    assert answer.status == 200, answer
    assert answer.headers["x-amz-checksum-crc32"] == crc_base64("crc32", CONTENT)
    answer = put_trailer(wire, f"/{bucket}/k", CONTENT, "crc32", wrong("crc32"), query=query)
    assert (answer.status, answer.code) == (400, "BadDigest"), answer


def test_unasked_an_upload_gets_crc64nvme_of_the_whole(wire, bucket):
    upload = create(wire, bucket).text("UploadId")
    tag = wire.put(f"/{bucket}/k", CONTENT, ("partNumber", "1"), ("uploadId", upload)).headers["etag"]
    assert complete(wire, bucket, upload, [(1, tag, {})]).status == 200
    assert stored(wire, bucket) == header("crc64nvme") | {"x-amz-checksum-type": "FULL_OBJECT"}


# --- GetObjectAttributes -------------------------------------------------------------------------

ALL = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"


def attributes(wire, bucket, wanted=ALL, key="k", **headers):
    return wire.get(f"/{bucket}/{key}", ("attributes", None),
                    headers={"x-amz-object-attributes": wanted} |
                    {k.replace("_", "-"): v for k, v in headers.items()})


def test_attributes(wire, bucket):
    wire.put(f"/{bucket}/k", CONTENT, headers=header("sha1"))
    answer = attributes(wire, bucket)
    assert answer.status == 200 and answer.xml.tag == "GetObjectAttributesResponse", answer
    assert answer.text("ETag") == "9a0364b9e99bb480dd25e1f0284c8555", "without quotes"
    assert answer.text("ObjectSize") == "7" and answer.text("StorageClass") == "STANDARD"
    assert answer.text("Checksum/ChecksumSHA1") == crc_base64("sha1", CONTENT)
    assert answer.text("Checksum/ChecksumType") == "FULL_OBJECT"
    assert answer.text("ObjectParts") is None and answer.headers["last-modified"]
    some = attributes(wire, bucket, "ObjectSize")
    assert some.text("ObjectSize") == "7" and some.text("ETag") is None


def test_attributes_of_parts(s3, wire, bucket):
    upload = create(wire, bucket, x_amz_checksum_algorithm="SHA256").text("UploadId")
    tags = []
    for number, part in enumerate(PARTS, 1):
        answer = wire.put(f"/{bucket}/k", part, ("partNumber", str(number)), ("uploadId", upload),
                          headers={"x-amz-checksum-sha256": digest("sha256", part)})
        tags.append((number, answer.headers["etag"], {"ChecksumSHA256": digest("sha256", part)}))
    complete(wire, bucket, upload, tags)
    answer = attributes(wire, bucket)
    assert answer.text("ETag").endswith("-2") and answer.text("ObjectSize") == str(sum(map(len, PARTS)))
    assert answer.text("ObjectParts/PartsCount") == "2"
    assert answer.texts("ObjectParts/Part/PartNumber") == ["1", "2"]
    assert answer.texts("ObjectParts/Part/Size") == [str(len(part)) for part in PARTS]
    assert answer.texts("ObjectParts/Part/ChecksumSHA256") == [digest("sha256", p) for p in PARTS]
    page = attributes(wire, bucket, "ObjectParts", x_amz_max_parts="1")
    assert page.texts("ObjectParts/Part/PartNumber") == ["1"]
    assert page.text("ObjectParts/IsTruncated") == "true"
    assert page.text("ObjectParts/NextPartNumberMarker") == "1"
    rest = attributes(wire, bucket, "ObjectParts", x_amz_part_number_marker="1")
    assert rest.texts("ObjectParts/Part/PartNumber") == ["2"]
    behind = attributes(wire, bucket, "ObjectParts", x_amz_part_number_marker="2")
    assert behind.text("ObjectParts/NextPartNumberMarker") == "0"
    for method in ("GET", "HEAD"):
        part = wire.request(method, f"/{bucket}/k", [("partNumber", "2")],
                            headers={"x-amz-checksum-mode": "ENABLED"})
        assert part.status == 206
        assert part.headers["x-amz-checksum-sha256"] == digest("sha256", PARTS[1]), method


def test_attributes_of_a_full_object(wire, bucket):
    """Its parts are counted, not listed."""
    upload = create(wire, bucket).text("UploadId")
    tag = wire.put(f"/{bucket}/k", CONTENT, ("partNumber", "1"), ("uploadId", upload)).headers["etag"]
    assert complete(wire, bucket, upload, [(1, tag, {})]).status == 200
    answer = attributes(wire, bucket, "ObjectParts")
    assert answer.text("ObjectParts/PartsCount") == "1" and answer.texts("ObjectParts/Part") == []


@pytest.mark.parametrize("wanted", ["", "Nonsense", "ETag,Nonsense"])
def test_attributes_that_are_none(wire, bucket, wanted):
    wire.put(f"/{bucket}/k", CONTENT)
    answer = attributes(wire, bucket, wanted)
    assert answer.status == 400 and answer.code in ("InvalidArgument", "InvalidRequest"), answer


def test_attributes_of_nothing(wire, bucket):
    answer = attributes(wire, bucket)
    assert (answer.status, answer.code) == (404, "NoSuchKey"), answer


def test_boto3_checks_what_it_reads(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=CONTENT, ChecksumAlgorithm="SHA256")
    assert body_of(s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")) == CONTENT
