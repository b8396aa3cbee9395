"""Multipart uploads."""

import concurrent.futures
import hashlib

import pytest
from conftest import MIB, body_of, http, md5_hex, new_name, random_bytes, refused

PART = 5 * MIB


class Upload:
    def __init__(self, s3, bucket, key="k", **options):
        self.s3, self.of = s3, {"Bucket": bucket, "Key": key}
        self.id = s3.create_multipart_upload(**self.of, **options)["UploadId"]
        self.of["UploadId"] = self.id

    def part(self, number, body, **options):
        return self.s3.upload_part(PartNumber=number, Body=body, **self.of, **options)["ETag"]

    def copy(self, number, source, **options):
        return self.s3.upload_part_copy(PartNumber=number, CopySource=source, **self.of,
                                        **options)["CopyPartResult"]["ETag"]

    def complete(self, *parts, **options):
        """`parts`: (number, ETag)."""
        listed = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in parts]}
        return self.s3.complete_multipart_upload(MultipartUpload=listed, **self.of, **options)

    def abort(self):
        return self.s3.abort_multipart_upload(**self.of)

    def parts(self, **options):
        return self.s3.list_parts(**self.of, **options)


def etag_of(*parts):
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{md5_hex(digests)}-{len(parts)}"'


@pytest.mark.differs("RADOS gateway 16: another Location, no ETag at times")
def test_three_parts(s3, wire, bucket):
    parts = [random_bytes(PART, 1), random_bytes(PART + 1, 2), b"end"]
    upload = Upload(s3, bucket, Metadata={"a": "1"}, ContentType="text/x")
    tags = [(n, upload.part(n, part)) for n, part in enumerate(parts, 1)]
    assert [tag for _, tag in tags] == [f'"{md5_hex(part)}"' for part in parts]
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")
    done = upload.complete(*tags)
    assert done["ETag"] == etag_of(*parts) and done["Bucket"] == bucket and done["Key"] == "k"
    assert done["Location"].startswith("http") and done["Location"].endswith("/k")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == b"".join(parts) and got["ETag"] == done["ETag"]
    assert got["Metadata"] == {"a": "1"} and got["ContentType"] == "text/x"
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert listed["ETag"] == done["ETag"] and listed["Size"] == sum(map(len, parts))
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.differs("RADOS gateway 16: no ETag at times")
def test_any_order_any_gaps_side_by_side(s3, bucket):
    parts = {7: random_bytes(PART, 7), 3: random_bytes(PART, 3), 10000: b"last"}
    upload = Upload(s3, bucket)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        tags = dict(zip(parts, pool.map(lambda n: upload.part(n, parts[n]), parts)))
    done = upload.complete(*sorted(tags.items()))
    assert done["ETag"] == etag_of(parts[3], parts[7], parts[10000])
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == parts[3] + parts[7] + parts[10000]


def test_the_last_sent_for_a_number_counts(s3, bucket):
    upload = Upload(s3, bucket)
    old = upload.part(1, b"old")
    new = upload.part(1, b"new content")
    assert [p["Size"] for p in upload.parts()["Parts"]] == [11]
    with refused("InvalidPart", 400):
        upload.complete((1, old))
    upload.complete((1, new))
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"new content"


@pytest.mark.differs("RADOS gateway 16: all parts must be named")
def test_parts_left_out_are_dropped(s3, bucket):
    upload = Upload(s3, bucket)
    tags = [upload.part(n, bytes([n]) * PART) for n in (1, 2, 3)]
    upload.complete((1, tags[0]), (3, tags[2]))
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"\1" * PART + b"\3" * PART
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.differs("RADOS gateway 16: all parts must be named")
def test_too_small(s3, bucket):
    """All but the last must be 5 MiB. The upload goes on."""
    upload = Upload(s3, bucket)
    small, end = upload.part(1, b"x" * (PART - 1)), upload.part(2, b"end")
    with refused("EntityTooSmall", 400):
        upload.complete((1, small), (2, end))
    upload.complete((1, small))
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == PART - 1


def test_a_part_of_nothing(s3, bucket):
    upload = Upload(s3, bucket)
    tag = upload.part(1, b"")
    upload.complete((1, tag))
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 0


@pytest.mark.differs("RADOS gateway 16: another code")
def test_without_parts(s3, wire, bucket):
    upload = Upload(s3, bucket)
    for body in (b"<CompleteMultipartUpload></CompleteMultipartUpload>", b"", b"no XML",
                 b"<CompleteMultipartUpload><Part></Part></CompleteMultipartUpload>",
                 b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>e</ETag></Part>"
                 b"</CompleteMultipartUpload>", b"<Other/>"):
        answer = wire.post(f"/{bucket}/k", body, ("uploadId", upload.id))
        assert answer.status == 400 and answer.code in ("MalformedXML", "InvalidRequest"), answer
    assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1


def test_parts_that_are_not_there(s3, bucket):
    upload = Upload(s3, bucket)
    tag = upload.part(1, b"x")
    with refused("InvalidPart", 400):
        upload.complete((2, tag))
    with refused("InvalidPart", 400):
        upload.complete((1, '"00000000000000000000000000000000"'))
    with refused("InvalidPart", 400):
        upload.complete((1, "no tag at all"))
    upload.complete((1, tag))


@pytest.mark.differs("RADOS gateway 16: takes a part twice")
def test_wrong_order(s3, bucket):
    upload = Upload(s3, bucket)
    tags = [upload.part(n, b"x" * PART) for n in (1, 2)]
    with refused("InvalidPartOrder", 400):
        upload.complete((2, tags[1]), (1, tags[0]))
    with refused("InvalidPartOrder", 400):
        upload.complete((1, tags[0]), (1, tags[0]))
    upload.complete((1, tags[0]), (2, tags[1]))


def test_tags_without_quotes_will_do(s3, bucket):
    upload = Upload(s3, bucket)
    tag = upload.part(1, b"x")
    upload.complete((1, tag.strip('"')))


@pytest.mark.differs("RADOS gateway 16: no ETag at times")
def test_completed_twice(s3, bucket):
    """A client whose answer was lost asks again and learns the same."""
    upload = Upload(s3, bucket)
    tag = upload.part(1, b"content")
    first = upload.complete((1, tag))
    again = upload.complete((1, tag))
    assert again["ETag"] == first["ETag"] and again["Key"] == "k"
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"content"


@pytest.mark.parametrize("number", [0, -1, 10001, 99999999999])
@pytest.mark.differs("RADOS gateway 16: takes some")
def test_number_out_of_range(s3, bucket, number):
    upload = Upload(s3, bucket)
    with refused("InvalidArgument", 400) as refusal:
        upload.part(number, b"x")
    assert "1" in refusal.message and "10000" in refusal.message.replace(",", "")


@pytest.mark.parametrize("number", ["x", "", "1.5"])
def test_number_that_is_none(s3, wire, bucket, number):
    upload = Upload(s3, bucket)
    answer = wire.put(f"/{bucket}/k", b"x", ("partNumber", number), ("uploadId", upload.id))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer


@pytest.mark.differs("RADOS gateway 16: another code")
def test_abort(s3, wire, bucket):
    upload = Upload(s3, bucket)
    tag = upload.part(1, b"x")
    assert wire.delete(f"/{bucket}/k", ("uploadId", upload.id)).status == 204
    for call in (upload.parts, upload.abort, lambda: upload.complete((1, tag)),
                 lambda: upload.part(1, b"x")):
        with refused("NoSuchUpload", 404):
            call()
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("upload_id", ["nothing", "a" * 200, "../../etc", "00000000", "ü"])
@pytest.mark.differs("RADOS gateway 16: takes any part")
def test_unknown_upload(s3, bucket, upload_id):
    of = {"Bucket": bucket, "Key": "k", "UploadId": upload_id}
    for call in (lambda: s3.list_parts(**of), lambda: s3.abort_multipart_upload(**of),
                 lambda: s3.upload_part(PartNumber=1, Body=b"x", **of),
                 lambda: s3.complete_multipart_upload(MultipartUpload={
                     "Parts": [{"PartNumber": 1, "ETag": '"x"'}]}, **of)):
        with refused("NoSuchUpload", 404):
            call()


@pytest.mark.differs("RADOS gateway 16: takes the part")
def test_an_upload_belongs_to_its_key(s3, bucket):
    upload = Upload(s3, bucket)
    upload.of["Key"] = "other"
    with refused("NoSuchUpload", 404):
        upload.part(1, b"x")
    with refused("NoSuchUpload", 404):
        upload.parts()


def test_two_uploads_of_one_key(s3, bucket):
    one, other = Upload(s3, bucket), Upload(s3, bucket)
    assert one.id != other.id
    tags = one.part(1, b"one"), other.part(1, b"other")
    other.complete((1, tags[1]))
    one.complete((1, tags[0]))
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"one"


def test_a_put_meanwhile(s3, bucket):
    upload = Upload(s3, bucket)
    tag = upload.part(1, b"parts")
    s3.put_object(Bucket=bucket, Key="k", Body=b"put")
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"put"
    s3.delete_object(Bucket=bucket, Key="k")
    upload.complete((1, tag))
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"parts"


# --- listing parts -------------------------------------------------------------------------------

@pytest.mark.differs("RADOS gateway 16: no Initiator")
def test_list_parts(s3, wire, bucket):
    upload = Upload(s3, bucket)
    tags = {n: upload.part(n, b"x" * n) for n in (1, 2, 5, 9)}
    page = upload.parts()
    assert [(p["PartNumber"], p["Size"], p["ETag"]) for p in page["Parts"]] == [
        (n, n, tag) for n, tag in tags.items()]
    assert page["IsTruncated"] is False and page["MaxParts"] == 1000
    assert page["Bucket"] == bucket and page["Key"] == "k" and page["UploadId"] == upload.id
    assert page["StorageClass"] == "STANDARD" and page["Owner"]["ID"] and page["Initiator"]["ID"]
    assert all(p["LastModified"] for p in page["Parts"])


def test_list_parts_tells_the_storage_class(s3, bucket):
    upload = Upload(s3, bucket, StorageClass="STANDARD_IA")
    assert upload.parts()["StorageClass"] == "STANDARD_IA"
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["StorageClass"] == "STANDARD_IA"


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_list_parts_by_pages(s3, bucket, size):
    upload = Upload(s3, bucket)
    for n in (1, 2, 5, 9):
        upload.part(n, b"x")
    seen, marker = [], 0
    for _ in range(5):
        page = upload.parts(MaxParts=size, PartNumberMarker=marker)
        numbers = [p["PartNumber"] for p in page.get("Parts", [])]
        assert page["MaxParts"] == size and page["PartNumberMarker"] == marker
        seen += numbers
        if not page["IsTruncated"]:
            break
        assert len(numbers) == size and page["NextPartNumberMarker"] == numbers[-1]
        marker = page["NextPartNumberMarker"]
    assert seen == [1, 2, 5, 9]
    assert "Parts" not in upload.parts(PartNumberMarker=9)


@pytest.mark.parametrize("name,value", [("max-parts", "-1"), ("max-parts", "x"),
                                        ("part-number-marker", "x"), ("part-number-marker", "-1")])
@pytest.mark.differs("RADOS gateway 16: takes some")
def test_list_parts_by_pages_that_are_none(s3, wire, bucket, name, value):
    upload = Upload(s3, bucket)
    answer = wire.get(f"/{bucket}/k", ("uploadId", upload.id), (name, value))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert (answer.text("ArgumentName"), answer.text("ArgumentValue")) == (name, value)


@pytest.mark.parametrize("value", ["0", "-1", "x", "10001"])
@pytest.mark.differs("RADOS gateway: other rules")
def test_a_part_number_that_is_none(s3, wire, bucket, value):
    upload = Upload(s3, bucket)
    answer = wire.put(f"/{bucket}/k", b"x", ("uploadId", upload.id), ("partNumber", value))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert (answer.text("ArgumentName"), answer.text("ArgumentValue")) == ("partNumber", value)


@pytest.mark.parametrize("value", ["-1", "x"])
@pytest.mark.differs("RADOS gateway: other rules")
def test_max_uploads_that_is_none(wire, bucket, value):
    answer = wire.get(f"/{bucket}", ("uploads", None), ("max-uploads", value))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert (answer.text("ArgumentName"), answer.text("ArgumentValue")) == ("max-uploads", value)


# --- listing uploads -----------------------------------------------------------------------------

def test_list_uploads(s3, wire, bucket):
    uploads = [Upload(s3, bucket, key) for key in ("b", "a", "b", "c/d")]
    listed = s3.list_multipart_uploads(Bucket=bucket)
    assert sorted((u["Key"], u["UploadId"]) for u in listed["Uploads"]) == sorted(
        (u.of["Key"], u.id) for u in uploads)
    assert [u["Key"] for u in listed["Uploads"]] == ["a", "b", "b", "c/d"]
    first = listed["Uploads"][0]
    assert first["Initiated"] and first["Owner"]["ID"] and first["Initiator"]["ID"]
    assert first["StorageClass"] == "STANDARD"
    assert listed["IsTruncated"] is False and listed["MaxUploads"] == 1000


@pytest.mark.parametrize("options,keys,prefixes", [
    ({"Prefix": "a/"}, ["a/1", "a/2", "a/x/3"], []),
    ({"Prefix": "a/", "Delimiter": "/"}, ["a/1", "a/2"], ["a/x/"]),
    ({"Delimiter": "/"}, ["c"], ["a/", "b/"]), ({"Prefix": "nothing"}, [], []),
    ({"KeyMarker": "a/2"}, ["a/x/3", "b/1", "c"], []), ({"KeyMarker": "z"}, [], []),
    ({"KeyMarker": "a/1", "Delimiter": "/"}, ["c"], ["b/"]),
    ({"KeyMarker": "a/2", "Delimiter": "/", "Prefix": "a/"}, [], ["a/x/"]),
], ids=str)
@pytest.mark.differs("RADOS gateway 16: no prefixes without a page's end")
def test_list_uploads_by_prefix_delimiter_marker(s3, bucket, options, keys, prefixes):
    for key in ("a/1", "a/2", "a/x/3", "b/1", "c"):
        Upload(s3, bucket, key)
    page = s3.list_multipart_uploads(Bucket=bucket, **options)
    assert [u["Key"] for u in page.get("Uploads", [])] == keys
    assert [p["Prefix"] for p in page.get("CommonPrefixes", [])] == prefixes
    for name, value in options.items():
        assert page[name] == value


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_list_uploads_by_pages(s3, bucket, size):
    made = sorted((u.of["Key"], u.id) for u in [Upload(s3, bucket, k) for k in "abbbc"])
    seen, markers = [], {}
    for _ in range(6):
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=size, **markers)
        seen += [(u["Key"], u["UploadId"]) for u in page.get("Uploads", [])]
        assert page["MaxUploads"] == size
        if not page["IsTruncated"]:
            break
        assert len(page["Uploads"]) == size
        markers = {"KeyMarker": page["NextKeyMarker"],
                   "UploadIdMarker": page["NextUploadIdMarker"]}
    assert sorted(seen) == made and [k for k, _ in seen] == list("abbbc")


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.differs("RADOS gateway 16: no prefixes without a page's end")
def test_list_uploads_by_pages_with_a_delimiter(s3, wire, bucket, size):
    """A common prefix comes once, on whatever page."""
    for key in ("a/1", "a/2", "a/3", "b", "c/1", "c/2", "d"):
        Upload(s3, bucket, key)
    seen, markers = [], {}
    for _ in range(6):
        page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=size, **markers)
        names = sorted([u["Key"] for u in page.get("Uploads", [])] +
                       [p["Prefix"] for p in page.get("CommonPrefixes", [])])
        seen += names
        if not page["IsTruncated"]:
            break
        assert len(names) == size and page["NextKeyMarker"] == names[-1]
        markers = {"KeyMarker": page["NextKeyMarker"],
                   "UploadIdMarker": page["NextUploadIdMarker"]}
    assert seen == ["a/", "b", "c/", "d"]


@pytest.mark.differs("RADOS gateway: only when truncated")
def test_list_uploads_tells_where_it_ends(s3, wire, bucket):
    """On the last page too, as AWS does."""
    answer = wire.get(f"/{bucket}", ("uploads", None))
    assert answer.text("NextKeyMarker") == answer.text("NextUploadIdMarker") == ""
    assert answer.text("Prefix") is None and answer.text("KeyMarker") == ""
    upload = Upload(s3, bucket, "a")
    last = Upload(s3, bucket, "b")
    answer = wire.get(f"/{bucket}", ("uploads", None), ("prefix", ""))
    assert answer.text("IsTruncated") == "false" and answer.text("Prefix") is None
    assert (answer.text("NextKeyMarker"), answer.text("NextUploadIdMarker")) == ("b", last.id)
    more = wire.get(f"/{bucket}", ("uploads", None), ("key-marker", "a"),
                    ("upload-id-marker", upload.id))
    assert more.texts("Upload/UploadId") == [last.id]
    s3.abort_multipart_upload(**upload.of)
    more = wire.get(f"/{bucket}", ("uploads", None), ("key-marker", "a"),
                    ("upload-id-marker", upload.id))
    assert more.texts("Upload/UploadId") == [last.id], "the marker may have gone meanwhile"


@pytest.mark.differs("RADOS gateway: takes any")
def test_list_uploads_after_one_that_is_none(wire, bucket):
    answer = wire.get(f"/{bucket}", ("uploads", None), ("key-marker", "a"),
                      ("upload-id-marker", "none"))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert answer.text("Message") == "Invalid uploadId marker"
    assert answer.text("ArgumentName") == "upload-id-marker"
    assert answer.text("ArgumentValue") == "none"


def test_list_no_uploads_and_more_than_a_page(s3, wire, bucket):
    Upload(s3, bucket)
    page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=0)
    assert "Uploads" not in page and page["IsTruncated"] is False and page["MaxUploads"] == 0
    page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=5000)
    assert len(page["Uploads"]) == 1 and page["MaxUploads"] == 1000


@pytest.mark.differs("RADOS gateway 16: NoSuchUpload")
def test_complete_once_more(s3, bucket):
    """Who lost the answer asks again; who asks for something else is told that it is gone."""
    upload = Upload(s3, bucket)
    one, two = (1, upload.part(1, random_bytes(PART, 1))), (2, upload.part(2, b"two"))
    done = upload.complete(one, two)
    assert upload.complete(one, two)["ETag"] == done["ETag"]
    with refused("NoSuchUpload", 404):
        upload.complete(one)
    s3.put_object(Bucket=bucket, Key="k", Body=b"another")
    with refused("NoSuchUpload", 404):
        upload.complete(one, two)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"another"


@pytest.mark.parametrize("query", [[("partNumber", "1")], [("uploadId", "u")]], ids=str)
@pytest.mark.differs("RADOS gateway 16: an object of that key")
def test_half_the_name_of_a_part(wire, s3, bucket, query):
    answer = wire.put(f"/{bucket}/k", b"part", *query)
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert wire.get(f"/{bucket}/k").status == 404


# --- copying parts -------------------------------------------------------------------------------

@pytest.fixture
def source(s3, bucket):
    data = random_bytes(PART + 1000, seed=4)
    s3.put_object(Bucket=bucket, Key="from", Body=data)
    return f"{bucket}/from", data


@pytest.mark.differs("RADOS gateway 16: ETags without quotes")
def test_copy_part(s3, bucket, source):
    name, data = source
    upload = Upload(s3, bucket)
    ranges = [(0, PART - 1), (10, 20), (PART + 999, PART + 999)]
    upload_tags = [(1, upload.copy(1, name, CopySourceRange=f"bytes={ranges[0][0]}-{ranges[0][1]}"))]
    assert upload_tags[0][1] == f'"{md5_hex(data[:PART])}"'
    whole = upload.copy(2, name)
    assert whole == f'"{md5_hex(data)}"'
    tail = upload.copy(3, name, CopySourceRange=f"bytes={ranges[2][0]}-{ranges[2][1]}")
    upload.complete(*upload_tags, (2, whole), (3, tail))
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == data[:PART] + data + data[-1:]


@pytest.mark.parametrize("range", ["0-4", "bytes=0", "bytes=a-b", "bytes=0-b", "bytes=a-", "bytes=0-",
                                   "bytes=-5", "bytes=0-1,3-4", "", "bytes=" + "9" * 30 + "-"])
@pytest.mark.differs("RADOS gateway 16: other codes, takes some")
def test_copy_part_of_a_range_that_is_none(s3, wire, bucket, source, range):
    """Both ends must be there."""
    upload = Upload(s3, bucket)
    answer = wire.put(f"/{bucket}/k", b"", ("partNumber", "1"), ("uploadId", upload.id), headers={
        "x-amz-copy-source": source[0], "x-amz-copy-source-range": range})
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert "Parts" not in upload.parts()


@pytest.mark.parametrize("range", ["bytes=0-99999999", f"bytes=0-{PART + 1000}", "bytes=5-2"])
def test_copy_part_of_a_range_that_is_not_there(s3, wire, bucket, source, range):
    upload = Upload(s3, bucket)
    answer = wire.put(f"/{bucket}/k", b"", ("partNumber", "1"), ("uploadId", upload.id), headers={
        "x-amz-copy-source": source[0], "x-amz-copy-source-range": range})
    assert (answer.status, answer.code) in (
        (400, "InvalidArgument"), (416, "InvalidRange")), answer
    assert "Parts" not in upload.parts()


def test_copy_part_of_nothing(s3, bucket):
    upload = Upload(s3, bucket)
    with refused("NoSuchKey", 404):
        upload.copy(1, f"{bucket}/nothing")
    with refused("NoSuchBucket", 404):
        upload.copy(1, f"{new_name()}/nothing")


def test_copy_part_to_an_unknown_upload(s3, bucket, source):
    upload = Upload(s3, bucket)
    upload.of["UploadId"] = "nothing"
    with refused("NoSuchUpload", 404):
        upload.copy(1, source[0])


# --- parts of a finished object ------------------------------------------------------------------

@pytest.fixture
def of_parts(s3, bucket):
    parts = [random_bytes(PART, 1), random_bytes(PART + 5, 2), b"the end"]
    upload = Upload(s3, bucket, "parts")
    upload.complete(*((n, upload.part(n, part)) for n, part in enumerate(parts, 1)))
    return parts


@pytest.mark.differs("RADOS gateway 16: has no parts of objects")
def test_get_a_part(s3, wire, bucket, of_parts):
    """GET and HEAD with partNumber: that part's bytes, as a range, and how many parts there are."""
    total, at = sum(map(len, of_parts)), 0
    for number, part in enumerate(of_parts, 1):
        got = s3.get_object(Bucket=bucket, Key="parts", PartNumber=number)
        assert body_of(got) == part and got["PartsCount"] == 3
        assert got["ContentRange"] == f"bytes {at}-{at + len(part) - 1}/{total}"
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ETag"].endswith('-3"')
        head = s3.head_object(Bucket=bucket, Key="parts", PartNumber=number)
        assert head["ContentLength"] == len(part) and head["PartsCount"] == 3
        at += len(part)
    answer = wire.get(f"/{bucket}/parts", ("partNumber", "4"))
    assert (answer.status, answer.code) == (416, "InvalidPartNumber"), answer


@pytest.mark.differs("RADOS gateway 16: has no parts of objects")
def test_get_a_part_of_an_object_without(s3, wire, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert body_of(got) == b"content" and "PartsCount" not in got
    assert got["ContentRange"] == "bytes 0-6/7"
    for method in ("GET", "HEAD"):
        answer = wire.request(method, f"/{bucket}/k", [("partNumber", "1")])
        assert (answer.status, answer.headers["content-range"]) == (206, "bytes 0-6/7"), method
    wire.put(f"/{bucket}/empty", b"")
    assert wire.get(f"/{bucket}/empty", ("partNumber", "1")).status == 200
    answer = wire.get(f"/{bucket}/k", ("partNumber", "2"))
    assert (answer.status, answer.code) == (416, "InvalidPartNumber"), answer


@pytest.mark.parametrize("number", ["0", "10001", "x", "-1"])
@pytest.mark.differs("RADOS gateway 16: has no parts of objects")
def test_get_a_part_that_is_none(s3, wire, bucket, number):
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    answer = wire.get(f"/{bucket}/k", ("partNumber", number))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer


@pytest.mark.differs("RADOS gateway 16: has no parts of objects")
def test_a_part_and_a_range(s3, wire, bucket, of_parts):
    answer = wire.get(f"/{bucket}/parts", ("partNumber", "1"), headers={"Range": "bytes=0-1"})
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


def test_ranges_across_parts(s3, bucket, of_parts):
    data = b"".join(of_parts)
    for first, last in ((PART - 1, PART), (PART - 10, 2 * PART + 10), (2 * PART, len(data) - 1)):
        got = s3.get_object(Bucket=bucket, Key="parts", Range=f"bytes={first}-{last}")
        assert body_of(got) == data[first:last + 1]


def test_uploads_do_not_count_as_contents(s3, bucket):
    Upload(s3, bucket, "open").part(1, b"x")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="open")


def test_the_create_answer(wire, s3, bucket):
    answer = wire.post(f"/{bucket}/a%20b", b"", ("uploads", None))
    assert answer.xml.tag == "InitiateMultipartUploadResult"
    assert answer.text("Bucket") == bucket and answer.text("Key") == "a b" and answer.text("UploadId")


@pytest.mark.differs("RADOS gateway 16: no such header")
def test_the_expected_size(s3, wire, bucket):
    """x-amz-mp-object-size, since 2024."""
    upload = Upload(s3, bucket)
    tag = upload.part(1, b"content")
    xml = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
           "</CompleteMultipartUpload>").encode()
    answer = wire.post(f"/{bucket}/k", xml, ("uploadId", upload.id),
                       headers={"x-amz-mp-object-size": "8"})
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer
    answer = wire.post(f"/{bucket}/k", xml, ("uploadId", upload.id),
                       headers={"x-amz-mp-object-size": "7"})
    assert answer.status == 200, answer
    assert http(s3.head_object(Bucket=bucket, Key="k"))["content-length"] == "7"
