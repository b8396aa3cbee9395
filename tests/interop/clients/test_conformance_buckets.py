"""Buckets as AWS documents them: names, creating, deleting, listing, location, HEAD."""

import re

import pytest
from conftest import http, new_name, refused
from wire import quote_key

# Source: S3 User Guide, "General purpose bucket naming rules".
BAD_NAMES = {
    "two letters": "ab", "64 letters": "a" * 64, "upper case": "Telpher-Upper",
    "underscore": "with_underscore", "hyphen first": "-begins", "hyphen last": "ends-",
    "dot first": ".begins", "dot last": "ends.", "two dots": "a..b", "an IP": "192.168.5.4",
    "punctuation": "alpha!soup", "a space": "with space", "xn--": "xn--name",
    "-s3alias": "name-s3alias", "not ASCII": "büro", "sthree-": "sthree-name",
    "amzn-s3-demo-": "amzn-s3-demo-name", "--ol-s3": "name--ol-s3", ".mrap": "name.mrap",
    "--x-s3": "name--x-s3", "--table-s3": "name--table-s3", "a label's end": "foo-.bar",
    "a label's begin": "foo.-bar",
}
GOOD_NAMES = ["abc", "a" * 63, "0digit-first", "with.dots.in.it", "a-b", "1.2.3.4.5", "192.168.5"]


@pytest.mark.parametrize("why", BAD_NAMES)
@pytest.mark.differs("RADOS gateway 16: other rules, and other codes before the check")
def test_bad_name(wire, why):
    answer = wire.put("/" + quote_key(BAD_NAMES[why]))
    assert (answer.status, answer.code) == (400, "InvalidBucketName"), answer


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_good_name(s3, name):
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 1
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)


@pytest.mark.differs("RADOS gateway 16: no Location")
def test_create_answers_its_location(s3, wire):
    name = new_name()
    answer = wire.put("/" + name)
    assert answer.status == 200 and answer.headers["location"] == "/" + name
    assert answer.headers.get("content-length") == "0"
    s3.delete_bucket(Bucket=name)


def test_create_with_a_slash_at_the_end(s3, wire):
    name = new_name()
    answer = wire.put(f"/{name}/")
    assert answer.status == 200, answer
    s3.head_bucket(Bucket=name)
    s3.delete_bucket(Bucket=name)


def test_create_again_in_us_east_1_succeeds_and_keeps_objects(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    s3.create_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def location(constraint):
    return (f'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<LocationConstraint>{constraint}</LocationConstraint>"
            f"</CreateBucketConfiguration>").encode()


@pytest.mark.differs("RADOS gateway: only its own zone groups are locations")
def test_create_by_a_client_of_another_region(endpoint, s3):
    """SDKs send their region as the constraint; a server without regions has all of them."""
    name = new_name()
    west = endpoint.client(region="eu-west-1")
    west.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    west.put_object(Bucket=name, Key="k", Body=b"x")
    assert west.get_bucket_location(Bucket=name)["LocationConstraint"] in ("eu-west-1", None)
    west.delete_object(Bucket=name, Key="k")
    west.delete_bucket(Bucket=name)


@pytest.mark.parametrize("constraint", ["bogus!!", "us-east-1", "nowhere", "US-west-2"])
@pytest.mark.differs("RADOS gateway: only its own zone groups are locations")
def test_create_somewhere_that_is_nowhere(wire, constraint):
    name = new_name()
    answer = wire.put("/" + name, location(constraint))
    assert (answer.status, answer.code) == (400, "InvalidLocationConstraint"), answer
    assert answer.text("Message") == "The specified location-constraint is not valid"
    assert answer.text("LocationConstraint") == constraint
    assert wire.request("HEAD", "/" + name).status == 404


@pytest.mark.parametrize("inside,headers,status,code", [
    ("<Bucket><Type>Directory</Type></Bucket>", {}, 501, "NotImplemented"),
    ("<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>", {}, 501, "NotImplemented"),
    ("", {"x-amz-object-ownership": "Nobody"}, 400, "InvalidArgument"),
    ("", {"x-amz-object-ownership": "BucketOwnerEnforced"}, 200, None)], ids=lambda v: str(v)[:30])
@pytest.mark.differs("RADOS gateway: ignores them")
def test_create_does_not_ignore_what_it_cannot(wire, inside, headers, status, code):
    name = new_name()
    body = f"<CreateBucketConfiguration>{inside}</CreateBucketConfiguration>".encode()
    answer = wire.put("/" + name, body, headers=headers)
    assert (answer.status, answer.code) == (status, code), answer
    assert wire.delete("/" + name).status == (204 if status == 200 else 404)


@pytest.mark.parametrize("body", [b"<CreateBucketConfiguration>", b"no XML", b"<Other/>"])
@pytest.mark.differs("RADOS gateway 16: takes some of them")
def test_create_with_a_body_that_is_no_configuration(wire, body):
    answer = wire.put("/" + new_name(), body)
    assert (answer.status, answer.code) == (400, "MalformedXML"), answer


@pytest.mark.differs("RADOS gateway: has object lock")
def test_create_with_object_lock_is_not_pretended(wire, s3):
    name = new_name()
    answer = wire.put("/" + name, headers={"x-amz-bucket-object-lock-enabled": "true"})
    assert (answer.status, answer.code) == (501, "NotImplemented"), answer
    with refused("404", 404):
        s3.head_bucket(Bucket=name)


@pytest.mark.differs("RADOS gateway 16: another location")
def test_location(s3, wire, bucket):
    """us-east-1 is the empty element."""
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    answer = wire.get(f"/{bucket}", ("location", None))
    assert answer.xml.tag == "LocationConstraint" and not answer.xml.text
    assert answer.namespace == "http://s3.amazonaws.com/doc/2006-03-01/"


def test_head(s3, wire, bucket):
    answer = wire.request("HEAD", f"/{bucket}")
    assert answer.status == 200 and answer.body == b""
    with refused("404", 404):
        s3.head_bucket(Bucket=new_name())


@pytest.mark.differs("RADOS gateway 16: no region header")
def test_head_tells_the_region(wire, bucket):
    assert wire.request("HEAD", f"/{bucket}").headers["x-amz-bucket-region"] == "us-east-1"


def test_head_with_wrong_keys(endpoint, bucket):
    with refused("403", 403):
        endpoint.client(secret_key="x" * 40).head_bucket(Bucket=bucket)


def test_what_is_not_there(s3):
    name = new_name()
    for call in (lambda: s3.list_objects(Bucket=name), lambda: s3.list_objects_v2(Bucket=name),
                 lambda: s3.delete_bucket(Bucket=name), lambda: s3.get_bucket_location(Bucket=name),
                 lambda: s3.put_object(Bucket=name, Key="k", Body=b"x"),
                 lambda: s3.get_object(Bucket=name, Key="k"),
                 lambda: s3.delete_object(Bucket=name, Key="k"),
                 lambda: s3.create_multipart_upload(Bucket=name, Key="k"),
                 lambda: s3.list_multipart_uploads(Bucket=name),
                 lambda: s3.get_bucket_versioning(Bucket=name),
                 lambda: s3.get_bucket_acl(Bucket=name)):
        with refused("NoSuchBucket", 404):
            call()
    with refused("404", 404):
        s3.head_object(Bucket=name, Key="k")


def test_delete(s3, wire, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    assert wire.delete("/" + bucket).status == 204
    with refused("NoSuchBucket", 404):
        s3.delete_bucket(Bucket=bucket)
    assert bucket not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_a_bucket_made_again_is_empty(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_list(s3, wire, make_bucket):
    stem = new_name()
    names = [make_bucket(f"{stem}-{suffix}") for suffix in ("c", "a", "b")]
    listed = s3.list_buckets()
    ours = [b["Name"] for b in listed["Buckets"] if b["Name"].startswith(stem)]
    assert ours == sorted(names)
    everything = [b["Name"] for b in listed["Buckets"]]
    assert everything == sorted(everything)
    assert listed["Owner"]["ID"]
    answer = wire.get("/")
    assert answer.xml.tag == "ListAllMyBucketsResult"
    assert answer.namespace == "http://s3.amazonaws.com/doc/2006-03-01/"
    assert answer.headers["content-type"] == "application/xml"
    dates = answer.texts("Buckets/Bucket/CreationDate")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", date) for date in dates)


@pytest.mark.differs("RADOS gateway 16: knows no pages of buckets")
def test_list_by_pages_and_prefix(wire, make_bucket):
    """Since 2024: max-buckets, continuation-token, prefix."""
    stem = new_name()
    names = [make_bucket(f"{stem}-{i}") for i in range(3)]
    first = wire.get("/", ("max-buckets", "2"), ("prefix", stem))
    assert first.texts("Buckets/Bucket/Name") == names[:2] and first.text("Prefix") == stem
    token = first.text("ContinuationToken")
    assert token
    rest = wire.get("/", ("max-buckets", "2"), ("prefix", stem), ("continuation-token", token))
    assert rest.texts("Buckets/Bucket/Name") == names[2:]
    assert rest.text("ContinuationToken") is None


@pytest.mark.parametrize("name,value", [("max-buckets", "10001"), ("max-buckets", "0"),
                                        ("max-buckets", "x"), ("bucket-region", "nowhere"),
                                        ("bucket-region", "")])
@pytest.mark.differs("RADOS gateway 16: knows no pages of buckets")
def test_list_with_what_is_none(wire, name, value):
    answer = wire.get("/", (name, value))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert answer.text("ArgumentName") == name and (answer.text("ArgumentValue") or "") == value


@pytest.mark.differs("RADOS gateway 16: knows no regions of buckets")
def test_list_by_region(wire, bucket):
    listed = wire.get("/", ("bucket-region", "us-east-1"), ("prefix", bucket))
    assert listed.texts("Buckets/Bucket/BucketRegion") == ["us-east-1"]
    assert wire.get("/", ("bucket-region", "eu-west-1")).texts("Buckets/Bucket/Name") == []
    assert wire.get("/").texts("Buckets/Bucket/BucketRegion") == []


def test_buckets_do_not_share_keys(s3, make_bucket):
    one, other = make_bucket(), make_bucket()
    s3.put_object(Bucket=one, Key="k", Body=b"one")
    assert s3.list_objects_v2(Bucket=other)["KeyCount"] == 0
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=other, Key="k")


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_the_service_itself_is_only_listed(wire, method):
    answer = wire.request(method, "/")
    assert (answer.status, answer.code) == (405, "MethodNotAllowed"), answer


def test_answers_name_the_request(s3, bucket):
    headers = http(s3.head_bucket(Bucket=bucket))
    other = http(s3.head_bucket(Bucket=bucket))
    assert headers["x-amz-request-id"] != other["x-amz-request-id"]
