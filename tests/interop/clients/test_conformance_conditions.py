"""Conditional requests: If-Match and its kin on reads, writes, completion and copies."""

import concurrent.futures

import pytest
from conftest import body_of, refused

PAST = "Sat, 01 Jan 2000 00:00:00 GMT"
FUTURE = "Mon, 01 Jan 2035 00:00:00 GMT"
TAG = '"9a0364b9e99bb480dd25e1f0284c8555"'  # of b"content"
OTHER = '"00000000000000000000000000000000"'

# Source: GetObject, "If both … are present". Dates in the future do not count (RFC 9110).
READS = [
    ({"If-Match": TAG}, 200), ({"If-Match": TAG.strip('"')}, 200), ({"If-Match": "*"}, 200),
    ({"If-Match": OTHER}, 412), ({"If-Match": f"{OTHER}, {TAG}"}, 200),
    ({"If-None-Match": TAG}, 304), ({"If-None-Match": TAG.strip('"')}, 304),
    ({"If-None-Match": "*"}, 304), ({"If-None-Match": OTHER}, 200),
    ({"If-None-Match": f"{OTHER}, {TAG}"}, 304), ({"If-None-Match": "W/" + TAG}, 304),
    ({"If-Modified-Since": PAST}, 200), ({"If-Unmodified-Since": PAST}, 412),
    ({"If-Unmodified-Since": FUTURE}, 200),
    ({"If-Modified-Since": FUTURE}, 200), ({"If-Modified-Since": "not a date"}, 200), ({"If-Unmodified-Since": "not a date"}, 200),
    ({"If-Match": TAG, "If-Unmodified-Since": PAST}, 200),
    ({"If-None-Match": TAG, "If-Modified-Since": PAST}, 304),
    ({"If-None-Match": OTHER, "If-Modified-Since": PAST}, 200),
    ({"If-Match": OTHER, "If-None-Match": TAG}, 412),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers,status", READS, ids=lambda value: str(value)[:70])
@pytest.mark.differs("RADOS gateway 16: refuses dates that are none, knows no lists")
def test_read(wire, bucket, method, headers, status):
    wire.put(f"/{bucket}/k", b"content", headers={"Cache-Control": "no-store"})
    answer = wire.request(method, f"/{bucket}/k", headers=headers)
    assert answer.status == status, answer
    if status == 304:
        assert answer.body == b"" and answer.headers["etag"] == TAG
        assert "last-modified" in answer.headers
    if status == 412 and method == "GET":
        assert answer.code == "PreconditionFailed" and answer.text("Condition") in headers
    if status == 200:
        assert answer.headers["etag"] == TAG


def test_modified_since_its_own_date(wire, bucket):
    wire.put(f"/{bucket}/k", b"content")
    date = wire.request("HEAD", f"/{bucket}/k").headers["last-modified"]
    assert wire.get(f"/{bucket}/k", headers={"If-Modified-Since": date}).status == 304
    assert wire.get(f"/{bucket}/k", headers={"If-Unmodified-Since": date}).status == 200


def test_a_condition_on_what_is_not_there(wire, bucket):
    for headers in ({"If-Match": TAG}, {"If-None-Match": TAG}, {"If-Unmodified-Since": PAST}):
        answer = wire.get(f"/{bucket}/nothing", headers=headers)
        assert (answer.status, answer.code) == (404, "NoSuchKey"), answer


def test_a_range_with_a_condition(wire, bucket):
    wire.put(f"/{bucket}/k", b"content")
    some = {"Range": "bytes=0-1"}
    assert wire.get(f"/{bucket}/k", headers=some | {"If-Match": TAG}).status == 206
    assert wire.get(f"/{bucket}/k", headers=some | {"If-Match": OTHER}).status == 412
    unchanged = wire.get(f"/{bucket}/k", headers=some | {"If-None-Match": TAG})
    assert unchanged.status == 304 and unchanged.headers["etag"] == TAG
    assert "last-modified" in unchanged.headers


def test_a_range_of_what_was_replaced(wire, bucket):
    """If-Range: the part of what the client knows, or the whole of what it does not."""
    wire.put(f"/{bucket}/k", b"content")
    date = wire.request("HEAD", f"/{bucket}/k").headers["last-modified"]
    for validator, status in ((TAG, 206), (date, 206), (OTHER, 200), ("W/" + TAG, 200),
                              (PAST, 200), ("nonsense", 200)):
        answer = wire.get(f"/{bucket}/k", headers={"Range": "bytes=0-1", "If-Range": validator})
        assert (answer.status, answer.body) == (status, b"co" if status == 206 else b"content"), validator


# --- writes --------------------------------------------------------------------------------------
OLD = "RADOS gateway 16: knows no conditional writes but on its own terms"


@pytest.mark.differs(OLD)
def test_put_if_none_is_there(wire, bucket):
    only_new = {"If-None-Match": "*"}
    assert wire.put(f"/{bucket}/k", b"first", headers=only_new).status == 200
    answer = wire.put(f"/{bucket}/k", b"second", headers=only_new)
    assert (answer.status, answer.code) == (412, "PreconditionFailed"), answer
    assert answer.text("Condition") == "If-None-Match"
    assert wire.get(f"/{bucket}/k").body == b"first"
    wire.delete(f"/{bucket}/k")
    assert wire.put(f"/{bucket}/k", b"third", headers=only_new).status == 200


@pytest.mark.differs(OLD)
def test_put_over_a_certain_one(wire, bucket):
    tag = wire.put(f"/{bucket}/k", b"first").headers["etag"]
    assert wire.put(f"/{bucket}/k", b"second", headers={"If-Match": tag}).status == 200
    answer = wire.put(f"/{bucket}/k", b"third", headers={"If-Match": tag})
    assert (answer.status, answer.code) == (412, "PreconditionFailed"), answer
    assert wire.get(f"/{bucket}/k").body == b"second"
    answer = wire.put(f"/{bucket}/nothing", b"x", headers={"If-Match": tag})
    assert (answer.status, answer.code) == (404, "NoSuchKey"), answer


@pytest.mark.differs(OLD)
def test_write_over_whatever_is_there(wire, s3, bucket):
    """If-Match: * wants an object, any."""
    any_object = {"If-Match": "*"}
    answer = wire.put(f"/{bucket}/k", b"x", headers=any_object)
    assert (answer.status, answer.code) == (404, "NoSuchKey"), answer
    wire.put(f"/{bucket}/k", b"first")
    wire.put(f"/{bucket}/from", b"copied")
    assert wire.put(f"/{bucket}/k", b"second", headers=any_object).status == 200
    copied = wire.put(f"/{bucket}/k", b"", headers=any_object |
                      {"x-amz-copy-source": f"/{bucket}/from"})
    assert copied.status == 200, copied
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    tag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"parts")["ETag"]
    xml = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
           "</CompleteMultipartUpload>").encode()
    done = wire.post(f"/{bucket}/k", xml, ("uploadId", upload), headers=any_object)
    assert done.status == 200, done
    assert wire.get(f"/{bucket}/k").body == b"parts"


@pytest.mark.differs(OLD)
def test_put_conditions_that_s3_has_not(wire, bucket):
    """Only If-None-Match: * is taken on a write."""
    answer = wire.put(f"/{bucket}/k", b"x", headers={"If-None-Match": TAG})
    assert (answer.status, answer.code) == (501, "NotImplemented"), answer


def test_one_of_many_writers_wins(wire, bucket):
    def write(i):
        return wire.put(f"/{bucket}/k", str(i).encode(), headers={"If-None-Match": "*"}).status

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(write, range(12)))
    assert statuses.count(200) == 1 and set(statuses) <= {200, 409, 412}
    assert wire.get(f"/{bucket}/k").body == str(statuses.index(200)).encode()


@pytest.mark.differs(OLD)
def test_complete_with_a_condition(wire, s3, bucket):
    def complete(headers):
        upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        tag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"parts")["ETag"]
        xml = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
               "</CompleteMultipartUpload>").encode()
        return wire.post(f"/{bucket}/k", xml, ("uploadId", upload), headers=headers)

    first = complete({"If-None-Match": "*"})
    assert first.status == 200, first
    answer = complete({"If-None-Match": "*"})
    assert (answer.status, answer.code) == (412, "PreconditionFailed"), answer
    assert complete({"If-Match": first.text("ETag")}).status == 200
    answer = complete({"If-Match": OTHER})
    assert (answer.status, answer.code) == (412, "PreconditionFailed"), answer


@pytest.mark.differs(OLD)
def test_delete_over_a_certain_one(wire, s3, bucket):
    tag = wire.put(f"/{bucket}/k", b"x").headers["etag"]
    answer = wire.delete(f"/{bucket}/k", headers={"If-Match": OTHER})
    assert (answer.status, answer.code) == (412, "PreconditionFailed"), answer
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"x"
    assert wire.delete(f"/{bucket}/k", headers={"If-Match": tag}).status == 204
    for condition in (tag, "*"):
        answer = wire.delete(f"/{bucket}/k", headers={"If-Match": condition})
        assert (answer.status, answer.code) == (404, "NoSuchKey"), answer
    wire.put(f"/{bucket}/k", b"x")
    assert wire.delete(f"/{bucket}/k", headers={"If-Match": tag.strip('"')}).status == 204
    wire.put(f"/{bucket}/k", b"x")
    assert wire.delete(f"/{bucket}/k", headers={"If-Match": "*"}).status == 204


@pytest.mark.differs(OLD)
def test_an_empty_condition_is_not_any(wire, s3, bucket):
    """Who sends the ETag of a variable that is empty."""
    wire.put(f"/{bucket}/k", b"x")
    for method in ("DELETE", "PUT"):
        answer = wire.request(method, f"/{bucket}/k", headers={"If-Match": ""}, body=b"y" * (method == "PUT"))
        assert (answer.status, answer.code) == (412, "PreconditionFailed"), answer
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"x"


@pytest.mark.differs(OLD)
@pytest.mark.parametrize("header", ["If-None-Match", "x-amz-if-match-size",
                                    "x-amz-if-match-last-modified-time"])
def test_delete_conditions_that_s3_has_not(wire, s3, bucket, header):
    """The latter two are for directory buckets."""
    wire.put(f"/{bucket}/k", b"x")
    answer = wire.delete(f"/{bucket}/k", headers={header: "99"})
    assert (answer.status, answer.code) == (501, "NotImplemented"), answer
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"x"


# --- copies --------------------------------------------------------------------------------------

COPIES = [
    ({"CopySourceIfMatch": TAG}, 200), ({"CopySourceIfMatch": OTHER}, 412),
    ({"CopySourceIfNoneMatch": OTHER}, 200), ({"CopySourceIfNoneMatch": TAG}, 412),
    ({"CopySourceIfModifiedSince": PAST}, 200), ({"CopySourceIfModifiedSince": FUTURE}, 200),
    ({"CopySourceIfUnmodifiedSince": FUTURE}, 200),
    ({"CopySourceIfUnmodifiedSince": PAST}, 412),
    ({"CopySourceIfMatch": TAG, "CopySourceIfUnmodifiedSince": PAST}, 200),
    ({"CopySourceIfNoneMatch": TAG, "CopySourceIfModifiedSince": PAST}, 412),
]


@pytest.mark.parametrize("by_part", [False, True], ids=["CopyObject", "UploadPartCopy"])
@pytest.mark.parametrize("options,status", COPIES, ids=lambda value: str(value)[:70])
@pytest.mark.differs("RADOS gateway 16: ignores them on parts, and weighs pairs otherwise")
def test_copy(s3, bucket, options, status, by_part):
    s3.put_object(Bucket=bucket, Key="from", Body=b"content")
    of = {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from"} | options
    call = s3.copy_object
    if by_part:
        upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
        of |= {"UploadId": upload, "PartNumber": 1}
        call = s3.upload_part_copy
    if status == 200:
        call(**of)
    else:
        with refused("PreconditionFailed", 412):
            call(**of)


@pytest.mark.parametrize("condition", [
    {"x-amz-copy-source-if-match": OTHER}, {"x-amz-copy-source-if-none-match": TAG},
    {"x-amz-copy-source-if-unmodified-since": PAST}], ids=str)
@pytest.mark.differs("RADOS gateway 16: does not tell")
def test_a_copy_tells_which_condition(wire, bucket, condition):
    wire.put(f"/{bucket}/from", b"content")
    answer = wire.put(f"/{bucket}/to", b"", headers={"x-amz-copy-source": f"/{bucket}/from"} | condition)
    assert (answer.status, answer.code) == (412, "PreconditionFailed"), answer
    assert answer.text("Message") == "At least one of the pre-conditions you specified did not hold"
    assert answer.text("Condition").lower() == next(iter(condition))
