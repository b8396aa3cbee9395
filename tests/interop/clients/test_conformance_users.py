"""Several users, origins of browsers, a region: what the endpoint is told on its command line."""

import json

import pytest
import wire as wire_module
from conftest import EXTERNAL, STORES, body_of, new_name, refused, start_endpoint, stop

pytestmark = pytest.mark.skipif(bool(EXTERNAL), reason="needs an endpoint with options of its own")

USERS = [{"access_key": f"USER{name.upper()}", "secret_key": f"the secret of {name}/+",
          "id": f"id-of-{name}", "display_name": name.title()} for name in ("anna", "bob")]


@pytest.fixture(scope="module", params=STORES)
def shared(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    (folder / "users.json").write_text(json.dumps({"users": USERS}))
    endpoint = start_endpoint(request.param, folder, "--credentials", folder / "users.json",
                              "--cors-origin", "http://example.com", "--region", "eu-west-1")
    endpoint.region = "eu-west-1"
    endpoint.access_key, endpoint.secret_key = USERS[0]["access_key"], USERS[0]["secret_key"]
    yield endpoint
    stop(endpoint.process)


@pytest.fixture(scope="module")
def anna(shared):
    return shared.client()


@pytest.fixture(scope="module")
def bob(shared):
    return shared.client(USERS[1]["access_key"], USERS[1]["secret_key"])


@pytest.fixture
def hers(anna):
    name = new_name()
    anna.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    anna.put_object(Bucket=name, Key="k", Body=b"hers")
    return name


def test_each_has_buckets_of_its_own(anna, bob, hers):
    assert hers in [b["Name"] for b in anna.list_buckets()["Buckets"]]
    listed = bob.list_buckets()
    assert hers not in [b["Name"] for b in listed["Buckets"]]
    assert listed["Owner"] == {"ID": "id-of-bob", "DisplayName": "Bob"}
    acl = anna.get_object_acl(Bucket=hers, Key="k")
    assert acl["Owner"] == {"ID": "id-of-anna", "DisplayName": "Anna"}


def test_a_bucket_of_another(anna, bob, hers):
    of = {"Bucket": hers, "Key": "k"}
    upload = anna.create_multipart_upload(**of)["UploadId"]
    for call in (lambda: bob.list_objects_v2(Bucket=hers), lambda: bob.get_object(**of),
                 lambda: bob.put_object(Body=b"his", **of), lambda: bob.delete_object(**of),
                 lambda: bob.delete_bucket(Bucket=hers), lambda: bob.get_bucket_acl(Bucket=hers),
                 lambda: bob.create_multipart_upload(**of),
                 lambda: bob.upload_part(UploadId=upload, PartNumber=1, Body=b"x", **of),
                 lambda: bob.abort_multipart_upload(UploadId=upload, **of),
                 lambda: bob.get_object_tagging(**of),
                 lambda: bob.delete_objects(Bucket=hers, Delete={"Objects": [{"Key": "k"}]})):
        with refused("AccessDenied", 403):
            call()
    for call in (lambda: bob.head_object(**of), lambda: bob.head_bucket(Bucket=hers)):
        with refused("403", 403):
            call()
    assert body_of(anna.get_object(**of)) == b"hers"


def test_a_copy_from_another(anna, bob, hers):
    his = new_name()
    bob.create_bucket(Bucket=his)
    with refused("AccessDenied", 403):
        bob.copy_object(Bucket=his, Key="stolen", CopySource=f"{hers}/k")
    upload = bob.create_multipart_upload(Bucket=his, Key="stolen")["UploadId"]
    with refused("AccessDenied", 403):
        bob.upload_part_copy(Bucket=his, Key="stolen", UploadId=upload, PartNumber=1,
                             CopySource=f"{hers}/k")


def test_a_name_that_is_taken(anna, bob, hers):
    with refused("BucketAlreadyExists", 409):
        bob.create_bucket(Bucket=hers)
    with refused("BucketAlreadyOwnedByYou", 409):  # 200 in us-east-1 alone, for history's sake
        anna.create_bucket(Bucket=hers)
    assert body_of(anna.get_object(Bucket=hers, Key="k")) == b"hers"


def test_the_expected_owner(anna, hers):
    anna.head_bucket(Bucket=hers, ExpectedBucketOwner="id-of-anna")
    with refused("AccessDenied", 403):
        anna.list_objects_v2(Bucket=hers, ExpectedBucketOwner="id-of-bob")


def test_the_region(shared, anna, hers):
    assert anna.get_bucket_location(Bucket=hers)["LocationConstraint"] == "eu-west-1"
    answer = wire_module.Wire(shared).get(f"/{hers}", region="us-east-1")
    assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed"), answer
    assert answer.text("Region") == "eu-west-1"
    with refused("IllegalLocationConstraintException", 400):
        anna.create_bucket(Bucket=new_name(),
                           CreateBucketConfiguration={"LocationConstraint": "us-west-2"})


def test_browsers(shared, hers):
    wire = wire_module.Wire(shared)
    asked = [("Access-Control-Request-Method", "PUT"),
             ("Access-Control-Request-Headers", "content-type,x-amz-date")]
    good = wire.send("OPTIONS", f"/{hers}/k", [("Origin", "http://example.com"), *asked])
    assert good.status in (200, 204), good
    assert good.headers["access-control-allow-origin"] in ("http://example.com", "*")
    assert "PUT" in good.headers["access-control-allow-methods"]
    assert "x-amz-date" in good.headers["access-control-allow-headers"].lower()
    bad = wire.send("OPTIONS", f"/{hers}/k", [("Origin", "http://elsewhere.com"), *asked])
    assert bad.status == 403 and "access-control-allow-origin" not in bad.headers, bad
    got = wire.get(f"/{hers}/k", headers=[("Origin", "http://example.com")])
    assert got.headers["access-control-allow-origin"] in ("http://example.com", "*")
    assert "etag" in got.headers.get("access-control-expose-headers", "").lower()
    other = wire.get(f"/{hers}/k", headers=[("Origin", "http://elsewhere.com")])
    assert other.status == 200 and "access-control-allow-origin" not in other.headers
