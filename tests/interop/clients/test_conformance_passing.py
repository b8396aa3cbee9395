"""What clients ask in passing of a bucket that has none of it, and what is not implemented."""

import pytest
from conftest import body_of, put_all, refused

# Subresource: what AWS answers for a new bucket, as (status, code or root element).
# Where two stand, the first is what AWS answers today to buckets that its account-wide defaults
# touch (encryption with AES256 since January 2023; ownership controls and public access block since
# April 2023), the second what it answers where there is none.
GETS = {
    "versioning": [(200, "VersioningConfiguration")],
    "acl": [(200, "AccessControlPolicy")],
    "location": [(200, "LocationConstraint")],
    "policy": [(404, "NoSuchBucketPolicy")],
    "policyStatus": [(404, "NoSuchBucketPolicy")],
    "lifecycle": [(404, "NoSuchLifecycleConfiguration")],
    "encryption": [(200, "ServerSideEncryptionConfiguration"),
                   (404, "ServerSideEncryptionConfigurationNotFoundError")],
    "cors": [(404, "NoSuchCORSConfiguration")],
    "website": [(404, "NoSuchWebsiteConfiguration")],
    "tagging": [(404, "NoSuchTagSet")],
    "replication": [(404, "ReplicationConfigurationNotFoundError")],
    "logging": [(200, "BucketLoggingStatus")],
    "notification": [(200, "NotificationConfiguration")],
    "requestPayment": [(200, "RequestPaymentConfiguration")],
    "accelerate": [(200, "AccelerateConfiguration")],
    "object-lock": [(404, "ObjectLockConfigurationNotFoundError")],
    "ownershipControls": [(200, "OwnershipControls"), (404, "OwnershipControlsNotFoundError")],
    "publicAccessBlock": [(200, "PublicAccessBlockConfiguration"),
                          (404, "NoSuchPublicAccessBlockConfiguration")],
}
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@pytest.mark.parametrize("subresource", GETS)
@pytest.mark.differs("RADOS gateway 16: other codes, or ignores it and lists")
def test_of_a_bucket_without_it(wire, bucket, subresource):
    answer = wire.get(f"/{bucket}", (subresource, None))
    what = answer.code if answer.status >= 400 else answer.xml.tag
    assert (answer.status, what) in GETS[subresource], answer
    if answer.status == 200:
        assert answer.namespace == NAMESPACE
    missing = wire.get("/telpher-no-such-bucket", (subresource, None))
    assert (missing.status, missing.code) == (404, "NoSuchBucket"), missing


def test_contents(wire, bucket):
    versioning = wire.get(f"/{bucket}", ("versioning", None))
    assert versioning.text("Status") is None and len(versioning.xml) == 0
    assert wire.get(f"/{bucket}", ("requestPayment", None)).text("Payer") == "BucketOwner"
    assert len(wire.get(f"/{bucket}", ("notification", None)).xml) == 0


def test_acl(s3, bucket):
    """The owner may do everything, nobody else anything."""
    put_all(s3, bucket, ["k"])
    owner = s3.list_buckets()["Owner"]
    for acl in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        assert acl["Owner"]["ID"] == owner["ID"]
        assert [(g["Grantee"]["Type"], g["Grantee"]["ID"], g["Permission"]) for g in acl["Grants"]
                ] == [("CanonicalUser", owner["ID"], "FULL_CONTROL")]
    with refused("NoSuchKey", 404):
        s3.get_object_acl(Bucket=bucket, Key="nothing")


@pytest.mark.parametrize("subresource", ["retention", "legal-hold"])
def test_locks_of_an_object(wire, s3, bucket, subresource):
    put_all(s3, bucket, ["k"])
    answer = wire.get(f"/{bucket}/k", (subresource, None))
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer
    assert answer.text("Message") == "Bucket is missing Object Lock Configuration"
    answer = wire.put(f"/{bucket}/k", b"<LegalHold><Status>ON</Status></LegalHold>",
                      (subresource, None))
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"k"


CHANGES = [
    ("PUT", "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
    ("PUT", "policy", '{"Version": "2012-10-17", "Statement": []}'),
    ("PUT", "lifecycle", "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><Expiration>"
     "<Days>1</Days></Expiration></Rule></LifecycleConfiguration>"),
    ("PUT", "encryption", "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
     "<SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
     "</ServerSideEncryptionConfiguration>"),
    ("PUT", "cors", "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*"
     "</AllowedOrigin></CORSRule></CORSConfiguration>"),
    ("PUT", "website", "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument>"
     "</WebsiteConfiguration>"),
    ("PUT", "tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
    ("PUT", "replication", "<ReplicationConfiguration/>"),
    ("PUT", "logging", "<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>"),
    ("PUT", "notification", "<NotificationConfiguration><TopicConfiguration/></NotificationConfiguration>"),
    ("PUT", "requestPayment", "<RequestPaymentConfiguration><Payer>Requester</Payer>"
     "</RequestPaymentConfiguration>"),
    ("PUT", "accelerate", "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>"),
    ("PUT", "object-lock", "<ObjectLockConfiguration/>"),
    ("PUT", "ownershipControls", "<OwnershipControls/>"),
    ("PUT", "publicAccessBlock", "<PublicAccessBlockConfiguration/>"),
    ("PUT", "analytics", "<AnalyticsConfiguration/>"), ("PUT", "inventory", "<InventoryConfiguration/>"),
    ("PUT", "metrics", "<MetricsConfiguration/>"),
    ("PUT", "intelligent-tiering", "<IntelligentTieringConfiguration/>"),
    ("GET", "analytics", ""), ("GET", "inventory", ""), ("GET", "metrics", ""),
    ("GET", "intelligent-tiering", ""),
]
OBJECT_CHANGES = [
    ("POST", "restore", "<RestoreRequest><Days>1</Days></RestoreRequest>"),
    ("POST", "select", "<SelectObjectContentRequest/>"), ("GET", "torrent", ""),
    ("PUT", "acl", "<AccessControlPolicy/>"), ("PUT", "renameObject", ""),
]
HAS = "RADOS gateway: has some of them, ignores others"


@pytest.mark.parametrize("method,subresource,body", CHANGES, ids=lambda v: v[:20])
@pytest.mark.differs(HAS)
def test_not_implemented_for_buckets(wire, s3, bucket, method, subresource, body):
    answer = wire.request(method, f"/{bucket}", [(subresource, None)], body=body.encode())
    assert (answer.status, answer.code) == (501, "NotImplemented"), answer
    s3.head_bucket(Bucket=bucket)


@pytest.mark.parametrize("method,subresource,body", OBJECT_CHANGES, ids=lambda v: v[:20])
@pytest.mark.differs(HAS)
def test_not_implemented_for_objects(wire, s3, bucket, method, subresource, body):
    """Above all: a PUT with a subresource that is not known must not become an object's content."""
    put_all(s3, bucket, ["k"])
    answer = wire.request(method, f"/{bucket}/k", [(subresource, None)], body=body.encode())
    assert (answer.status, answer.code) in ((501, "NotImplemented"), (405, "MethodNotAllowed")), answer
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"k"


@pytest.mark.parametrize("subresource", ["policy", "lifecycle", "cors", "website", "tagging",
                                         "encryption", "replication", "publicAccessBlock",
                                         "ownershipControls"])
@pytest.mark.differs(HAS)
def test_deleting_a_subresource_does_not_delete_the_bucket(wire, s3, bucket, subresource):
    """There is none to delete: done."""
    answer = wire.delete(f"/{bucket}", (subresource, None))
    assert answer.status == 204, answer
    s3.head_bucket(Bucket=bucket)
    missing = wire.delete("/telpher-no-such-bucket", (subresource, None))
    assert (missing.status, missing.code) == (404, "NoSuchBucket"), missing


CANNED = [("private", 200, None), ("bucket-owner-full-control", 200, None),
          ("public-read", 501, "NotImplemented"), ("bogus", 400, "InvalidArgument")]


@pytest.mark.parametrize("acl,status,code", CANNED)
@pytest.mark.differs("RADOS gateway: has them")
def test_canned_acls(wire, s3, bucket, acl, status, code):
    """Those that change nothing are taken: the owner has full control anyway."""
    put_all(s3, bucket, ["k"])
    headers = {"x-amz-acl": acl}
    for path, query in ((f"/{bucket}", [("acl", None)]), (f"/{bucket}/k", [("acl", None)]),
                        (f"/{bucket}/new", [])):
        answer = wire.put(path, b"", *query, headers=headers)
        assert (answer.status, answer.code) == (status, code), (path, answer)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"k"
    missing = wire.put(f"/{bucket}/nothing", b"", ("acl", None), headers=headers)
    assert (missing.status, missing.code) == (404, "NoSuchKey"), missing


@pytest.mark.differs("RADOS gateway: has versions")
def test_a_version_that_is_not_there(wire, s3, bucket):
    put_all(s3, bucket, ["k"])
    answer = wire.get(f"/{bucket}/k", ("versionId", "null"))
    assert answer.status == 200 and answer.body == b"k", answer
    for method in ("GET", "DELETE"):
        answer = wire.request(method, f"/{bucket}/k", [("versionId", "3HL4kqtJvjVBH40Nrjfkd")])
        assert (answer.status, answer.code) in ((404, "NoSuchVersion"), (400, "InvalidArgument"),
                                                (501, "NotImplemented")), answer
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"k"


def test_browser_upload(wire, bucket):
    form = (b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x\r\nContent-Disposition: '
            b'form-data; name="file"; filename="f"\r\n\r\ncontent\r\n--x--\r\n')
    answer = wire.send("POST", f"/{bucket}", [("Content-Type", "multipart/form-data; boundary=x")],
                       form)
    assert (answer.status, answer.code) in ((501, "NotImplemented"), (403, "AccessDenied")), answer
    answer = wire.post(f"/{bucket}", form,
                       headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status, answer.code) == (501, "NotImplemented"), answer
    assert wire.get(f"/{bucket}", ("list-type", "2")).text("KeyCount") == "0"


@pytest.mark.parametrize("method", ["POST", "PATCH", "TRACE", "BREW"])
@pytest.mark.differs("RADOS gateway 16: another code")
def test_methods_that_are_none(wire, s3, bucket, method):
    put_all(s3, bucket, ["k"])
    answer = wire.request(method, f"/{bucket}/k")
    assert answer.status in (400, 405, 501) and answer.code in (
        "MethodNotAllowed", "NotImplemented", "BadRequest", "InvalidRequest"), answer


def test_parameters_that_mean_nothing(wire, s3, bucket):
    """x-id is what newer SDKs add to each request."""
    put_all(s3, bucket, ["k"])
    assert wire.get(f"/{bucket}/k", ("x-id", "GetObject")).body == b"k"
    assert wire.put(f"/{bucket}/other", b"o", ("x-id", "PutObject")).status == 200
    assert wire.get(f"/{bucket}", ("unknown", "1"), ("list-type", "2")).text("KeyCount") == "2"


# --- CORS ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/k", ""])
def test_preflight_without_cors(wire, bucket, path):
    answer = wire.send("OPTIONS", f"/{bucket}{path}", [
        ("Origin", "http://example.com"), ("Access-Control-Request-Method", "GET")])
    assert answer.status == 403 and answer.code in ("AccessForbidden", "AccessDenied"), answer
    assert "access-control-allow-origin" not in answer.headers


def test_preflight_without_origin(wire, bucket):
    assert wire.send("OPTIONS", f"/{bucket}/k").status in (400, 403)
