"""Requests as such: who asks, signatures, links, odd headers, the shape of errors."""

import datetime
import socket
import urllib.parse

import pytest
from conftest import new_name, put_all, random_bytes, refused
from wire import EMPTY_SHA256, UNSIGNED, crc_base64, read_answer, sha256_hex


@pytest.fixture
def k(s3, bucket):
    put_all(s3, bucket, ["k"])
    return f"/{bucket}/k"


# --- errors --------------------------------------------------------------------------------------

@pytest.mark.differs("RADOS gateway 16: no Message, no Resource")
def test_the_shape_of_an_error(wire, bucket):
    for path, code, names in ((f"/{bucket}/no%20thing", "NoSuchKey", {"Key": "no thing"}),
                              ("/" + "telpher-no-such-bucket", "NoSuchBucket",
                               {"BucketName": "telpher-no-such-bucket"})):
        answer = wire.get(path)
        assert (answer.status, answer.code) == (404, code)
        assert answer.body.startswith(b"<?xml") and answer.namespace == ""
        assert answer.xml.tag == "Error" and answer.text("Message") and answer.text("HostId")
        assert answer.text("RequestId") == answer.headers["x-amz-request-id"]
        assert answer.headers["content-type"] == "application/xml"
        for name, value in names.items():
            assert answer.text(name) == value
        head = wire.request("HEAD", path)
        assert head.status == 404 and head.body == b"" and head.headers["x-amz-request-id"]


def test_names_in_errors_are_escaped(wire, bucket):
    answer = wire.get(f"/{bucket}/%3Cscript%3E%26%01%22")
    assert answer.code == "NoSuchKey" and b"<script>" not in answer.body


def test_request_ids_differ(wire, bucket):
    ids = {wire.get(f"/{bucket}").headers["x-amz-request-id"] for _ in range(5)}
    assert len(ids) == 5


# --- who asks ------------------------------------------------------------------------------------

@pytest.mark.parametrize("method,path", [("GET", "/"), ("GET", "/{b}"), ("GET", "/{b}/k"),
                                         ("HEAD", "/{b}/k"), ("PUT", "/{b}/k"), ("DELETE", "/{b}/k"),
                                         ("DELETE", "/{b}"), ("PUT", "/telpher-new-bucket"),
                                         ("POST", "/{b}/k?uploads"), ("POST", "/{b}?delete"),
                                         ("GET", "/{b}/nothing"), ("GET", "/telpher-no-such-bucket")])
@pytest.mark.differs("RADOS gateway: lists no buckets to anyone; tells strangers what is not there")
def test_strangers(wire, bucket, k, method, path):
    """Nobody learns even what is there."""
    answer = wire.send(method, path.replace("{b}", bucket), body=b"x" if method == "PUT" else b"")
    assert answer.status == 403, answer
    if method != "HEAD":
        assert answer.code == "AccessDenied", answer
    assert wire.get(k).body == b"k"


def test_unknown_key(endpoint, bucket):
    with refused("InvalidAccessKeyId", 403):
        endpoint.client(access_key="AKIANOBODY").list_objects(Bucket=bucket)


def test_wrong_secret(endpoint, wire, bucket):
    with refused("SignatureDoesNotMatch", 403):
        endpoint.client(secret_key="x" * 40).list_objects(Bucket=bucket)


@pytest.mark.parametrize("shift,good", [(0, True), (-14, True), (14, True), (-16, False),
                                        (16, False), (-60 * 24 * 365, False), (60 * 24, False)])
def test_clocks_may_differ_by_15_minutes(wire, k, shift, good):
    answer = wire.get(k, when=wire.now(datetime.timedelta(minutes=shift)))
    if good:
        assert answer.status == 200, answer
    else:
        assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed"), answer


AUTHORIZATIONS = [
    ("", (403, "AccessDenied")), ("HAHAHA", (400, "InvalidArgument")),
    ("Basic dXNlcjpwYXNz", (400, "InvalidArgument")),
    ("Bearer token", (400, "InvalidArgument")),
    ("AWS AKIDEXAMPLE:c2lnbmF0dXJl", (400, "InvalidRequest")),
    ("AWS4-HMAC-SHA256 HAHAHA", (400, "AuthorizationHeaderMalformed")),
    ("AWS4-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=0", (400, "AuthorizationHeaderMalformed")),
    ("AWS4-HMAC-SHA256 Credential=A/20150930/us-east-1/s3/aws4_request,SignedHeaders=host;"
     "x-amz-content-sha256;x-amz-date,Signature=" + "0" * 64, (403, "InvalidAccessKeyId")),
]


@pytest.mark.parametrize("value,expected", AUTHORIZATIONS, ids=lambda v: str(v)[:40])
@pytest.mark.differs("RADOS gateway 16: other codes")
def test_authorization_of_another_form(wire, k, value, expected):
    when = wire.now()
    if "20150930" in value:
        value = value.replace("20150930", when[:8])
    answer = wire.send("GET", k, [("Authorization", value), ("x-amz-date", when),
                                  ("x-amz-content-sha256", EMPTY_SHA256)])
    assert (answer.status, answer.code) == expected, answer


@pytest.mark.differs("RADOS gateway 16: other codes")
def test_scope_of_another_service(wire, k):
    answer = wire.get(k, service="ec2")
    assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed"), answer


@pytest.mark.parametrize("name,value,expected", [
    ("x-amz-date", None, (403, "AccessDenied")), ("x-amz-date", "yesterday", (403, "AccessDenied")),
    ("x-amz-date", "", (403, "AccessDenied")),
    ("x-amz-content-sha256", None, (400, "InvalidRequest")),
    ("x-amz-content-sha256", "nonsense", (400, "InvalidArgument")),
    ("Host", "", (400, None))])
def test_headers_that_must_be(wire, k, name, value, expected):
    headers = [(n, v) for n, v in wire.signed("GET", k) if n != name]
    headers.append((name, value)) if value is not None else None
    answer = wire.send("GET", k, headers)
    assert answer.status in (expected[0], 403), answer
    if expected[1]:
        assert answer.code in (expected[1], "SignatureDoesNotMatch", "AccessDenied"), answer


@pytest.mark.differs("RADOS gateway 16: takes it")
def test_an_amz_header_that_is_not_signed(wire, s3, bucket, k):
    headers = wire.signed("PUT", k, (), [("x-amz-meta-a", "1")], sha256_hex(b"x"),
                          leave_unsigned=["x-amz-meta-a"])
    answer = wire.send("PUT", k, headers, b"x")
    assert (answer.status, answer.code) == (403, "AccessDenied"), answer


def test_what_was_signed_cannot_be_changed(wire, s3, bucket, k):
    put_all(s3, bucket, ["other"])
    headers = wire.signed("GET", k)
    for method, target in (("GET", f"/{bucket}/other"), ("DELETE", k), ("GET", k + "?acl"),
                           ("GET", k + "?versionId=null")):
        answer = wire.send(method, target, headers)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch"), answer
    signed = wire.signed("PUT", k, (), [("x-amz-meta-a", "1")], UNSIGNED)
    changed = [(n, "2" if n == "x-amz-meta-a" else v) for n, v in signed]
    assert wire.send("PUT", k, changed, b"x").code == "SignatureDoesNotMatch"
    assert wire.get(k).body == b"k"


def test_header_values_are_trimmed_and_folded(wire, k):
    headers = [("x-amz-meta-a", "  two   words  ")]
    assert wire.put(k, b"x", headers=headers).status == 200


def test_any_region_of_the_scope(wire, k):
    """Of the server's own choice: SDKs without a region sign for us-east-1."""
    assert wire.get(k, region="us-east-1").status == 200


DATES = ["99990707T215304Z", "19500707T215304Z", "20260230T000000Z", "2026-01-01T00:00:00Z",
         "Sat, 01 Jan 2000 00:00:00 GMT", "20000101T000000Z"]


@pytest.mark.parametrize("date", DATES)
@pytest.mark.differs("RADOS gateway 16: another code")
def test_dates_of_another_time(wire, k, date):
    answer = wire.get(k, when=date)
    assert answer.status in (400, 403), answer
    assert answer.code in ("RequestTimeTooSkewed", "AccessDenied", "AuthorizationHeaderMalformed",
                           "SignatureDoesNotMatch"), answer


@pytest.mark.differs("RADOS gateway 16: does not take it")
def test_the_date_header_will_do(wire, k):
    """Date, as HTTP has it, where there is no x-amz-date."""
    now = datetime.datetime.now(datetime.timezone.utc)
    date = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    signed = ["date", "host", "x-amz-content-sha256"]
    headers = [("Date", date), ("Host", wire.host), ("x-amz-content-sha256", EMPTY_SHA256)]
    canonical = wire.canonical("GET", k, (), headers, signed, EMPTY_SHA256)
    scope = wire.scope(stamp)
    signature = wire.signature(scope, wire.endpoint.secret_key, stamp, canonical)
    headers.append(("Authorization", f"AWS4-HMAC-SHA256 Credential={wire.endpoint.access_key}/{scope}, "
                    f"SignedHeaders={';'.join(signed)}, Signature={signature}"))
    assert wire.send("GET", k, headers).status == 200


# --- chunks that are signed one by one -----------------------------------------------------------

CHUNKED = [0, 1, 8191, 8192, 8193, 100_000]


@pytest.mark.parametrize("size", CHUNKED)
@pytest.mark.differs("RADOS gateway 16: aws-chunked stays as the encoding")
def test_signed_chunks(wire, k, size):
    data = random_bytes(size)
    answer = wire.signed_chunks("PUT", k, data)
    assert answer.status == 200, answer
    assert wire.get(k).body == data
    assert "content-encoding" not in wire.request("HEAD", k).headers


@pytest.mark.parametrize("size", CHUNKED)
@pytest.mark.differs("RADOS gateway 16: no trailers")
def test_signed_chunks_and_trailer(wire, k, size):
    data = random_bytes(size)
    trailer = ("x-amz-checksum-crc32c", crc_base64("crc32c", data))
    answer = wire.signed_chunks("PUT", k, data, trailer=trailer)
    assert answer.status == 200 and answer.headers[trailer[0]] == trailer[1], answer
    assert wire.get(k).body == data


def flip(text):
    """One digit of the first signature after `text`."""
    def spoil(body):
        at = body.rindex(text) + len(text)
        return body[:at] + (b"1" if body[at:at + 1] == b"0" else b"0") + body[at + 1:]
    return spoil


@pytest.mark.parametrize("spoil", [
    flip(b"chunk-signature="), lambda body: body.replace(b"\x00", b"\x01", 1),
    lambda body: body.replace(b"chunk-signature=", b"chunk-signaturf=", 1),
    lambda body: body[body.index(b"\r\n", 8192) + 2:]],
    ids=["last signature", "a byte", "no signature", "a chunk missing"])
@pytest.mark.differs("RADOS gateway 16: reads short ones to the end of time")
def test_signed_chunks_that_were_changed(wire, k, spoil):
    answer = wire.signed_chunks("PUT", k, bytes(range(256)) * 64, spoil=spoil)
    assert answer is None or answer.status in (400, 403), answer
    assert wire.get(k).body == b"k"


@pytest.mark.parametrize("text", [b"x-amz-trailer-signature:", b"x-amz-checksum-crc32c:"])
def test_a_signed_trailer_that_was_changed(wire, k, text):
    data = b"content"
    trailer = ("x-amz-checksum-crc32c", crc_base64("crc32c", data))
    answer = wire.signed_chunks("PUT", k, data, trailer=trailer, spoil=flip(text))
    assert answer.status in (400, 403), answer
    assert wire.get(k).body == b"k"


# --- links ---------------------------------------------------------------------------------------

def test_link(wire, k):
    answer = wire.send("GET", wire.presigned("GET", k))
    assert answer.status == 200 and answer.body == b"k", answer
    target = wire.presigned("PUT", k)
    assert wire.send("PUT", target, body=b"new").status == 200
    assert wire.get(k).body == b"new"
    assert wire.send("DELETE", wire.presigned("DELETE", k)).status == 204


def test_headers_in_the_query_of_a_link(wire, bucket, k):
    """Where the JavaScript SDK's presigner puts them."""
    query = [("x-amz-meta-colour", "red"), ("x-amz-tagging", "a=b")]
    target = wire.presigned("PUT", f"/{bucket}/new", query)
    assert wire.send("PUT", target, body=b"new").status == 200
    answer = wire.get(f"/{bucket}/new")
    assert answer.headers["x-amz-meta-colour"] == "red", answer
    assert answer.headers["x-amz-tagging-count"] == "1"
    copy = wire.presigned("PUT", f"/{bucket}/copy", [("x-amz-copy-source", k)])
    assert wire.send("PUT", copy).status == 200
    assert wire.get(f"/{bucket}/copy").body == b"k"
    # S3 does not look at checksums there: presigners that know no body yet put that of none.
    empty = wire.presigned("PUT", f"/{bucket}/new", [("x-amz-checksum-crc32", "AAAAAA=="),
                                                     ("x-amz-sdk-checksum-algorithm", "CRC32")])
    assert wire.send("PUT", empty, body=b"newer").status == 200
    locked = wire.presigned("PUT", f"/{bucket}/bad", [("x-amz-server-side-encryption", "aws:kms")])
    assert wire.send("PUT", locked, body=b"new").code == "NotImplemented"
    assert wire.get(f"/{bucket}/bad").status == 404


def test_link_for_another_method_or_key(wire, s3, bucket, k):
    link = wire.presigned("GET", k)
    assert wire.send("PUT", link, body=b"x").code == "SignatureDoesNotMatch"
    other = link.replace("/k?", "/other?")
    assert wire.send("GET", other).code == "SignatureDoesNotMatch"
    assert wire.send("GET", link + "&response-content-type=a").code == "SignatureDoesNotMatch"


def test_a_link_serves_heads_of_its_own_only(wire, k):
    assert wire.send("HEAD", wire.presigned("HEAD", k)).status == 200
    assert wire.send("HEAD", wire.presigned("GET", k)).status == 403


@pytest.mark.differs("RADOS gateway 16: no Message")
def test_link_that_expired(wire, k):
    link = wire.presigned("GET", k, expires=60, when=wire.now(datetime.timedelta(minutes=-2)))
    answer = wire.send("GET", link)
    assert (answer.status, answer.code) == (403, "AccessDenied"), answer
    assert "expired" in answer.text("Message").lower()


@pytest.mark.differs("RADOS gateway 16: takes it")
def test_link_of_the_future(wire, k):
    answer = wire.send("GET", wire.presigned("GET", k, when=wire.now(datetime.timedelta(hours=1))))
    assert answer.status == 403 and answer.code in ("AccessDenied", "RequestTimeTooSkewed"), answer


def test_link_for_a_week(wire, k):
    link = wire.presigned("GET", k, expires=604800, when=wire.now(datetime.timedelta(days=-6)))
    assert wire.send("GET", link).status == 200


@pytest.mark.parametrize("expires", [604801, 0, -1, "x", ""])
def test_link_for_more_than_a_week(wire, k, expires):
    answer = wire.send("GET", wire.presigned("GET", k, expires=expires))
    assert answer.status in (400, 403), answer
    assert answer.code in ("AuthorizationQueryParametersError", "AccessDenied"), answer


@pytest.mark.parametrize("name", ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
                                  "X-Amz-SignedHeaders", "X-Amz-Signature"])
def test_link_with_something_missing(wire, k, name):
    answer = wire.send("GET", wire.presigned("GET", k, leave_out=[name]))
    assert answer.status in (400, 403), answer
    assert answer.code in ("AuthorizationQueryParametersError", "AccessDenied"), answer


def test_link_and_header(wire, k):
    """Only one way at a time."""
    link = wire.presigned("GET", k)
    answer = wire.send("GET", link, [("Authorization", "AWS4-HMAC-SHA256 Credential=x")])
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer


def test_link_with_signed_headers(wire, k):
    link = wire.presigned("PUT", k, headers=[("content-type", "text/x"), ("x-amz-meta-a", "1")])
    assert wire.send("PUT", link, body=b"x").status == 403, "they must be sent"
    answer = wire.send("PUT", link, [("Content-Type", "text/x"), ("x-amz-meta-a", "1")], b"x")
    assert answer.status == 200, answer
    assert wire.request("HEAD", k).headers["content-type"] == "text/x"


@pytest.mark.differs("RADOS gateway 16: takes them")
def test_link_does_not_allow_unsigned_amz_headers(wire, k):
    answer = wire.send("PUT", wire.presigned("PUT", k), [("x-amz-copy-source", k)])
    assert answer.status == 403, answer


def test_link_with_odd_key_and_overrides(wire, s3, bucket):
    put_all(s3, bucket, ["a b+c/ü&?"])
    path = f"/{bucket}/" + urllib.parse.quote("a b+c/ü&?", safe="/")
    link = wire.presigned("GET", path, [("response-content-disposition", 'attachment; filename="a+b"')])
    answer = wire.send("GET", link)
    assert answer.status == 200 and answer.body == "a b+c/ü&?".encode(), answer
    assert answer.headers["content-disposition"] == 'attachment; filename="a+b"'


# --- bodies and lengths --------------------------------------------------------------------------

def put_head(wire, path, *headers, body=b"content", payload_hash=UNSIGNED):
    signed = wire.signed("PUT", path, (), [], payload_hash)
    return wire.head("PUT", path, [*signed, ("Connection", "close"), *headers])


def test_put_without_a_length(wire, k):
    answer = wire.raw(put_head(wire, k), "PUT")
    assert (answer.status, answer.code) == (411, "MissingContentLength"), answer
    assert wire.get(k).body == b"k"


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "0x10", "+7", "7, 7, 8", "99999999999999999999999"])
def test_put_with_a_length_that_is_none(wire, k, value):
    answer = wire.raw(put_head(wire, k, ("Content-Length", value)) + b"content", "PUT")
    assert answer is None or answer.status in (400, 411), answer
    assert wire.get(k).body == b"k"


def test_put_with_two_lengths(wire, k):
    answer = wire.raw(put_head(wire, k, ("Content-Length", "7"), ("Content-Length", "3")) + b"content",
                      "PUT")
    assert answer is None or answer.status == 400, answer
    assert wire.get(k).body == b"k"


def test_put_with_length_and_transfer_encoding(wire, k):
    head = put_head(wire, k, ("Content-Length", "7"), ("Transfer-Encoding", "chunked"))
    answer = wire.raw(head + b"7\r\ncontent\r\n0\r\n\r\n", "PUT")
    assert answer is None or answer.status == 400, answer
    assert wire.get(k).body == b"k"


@pytest.mark.differs("RADOS gateway: 411")
def test_put_in_chunks_of_http(wire, k):
    """S3 takes no body of unknown length, and the object stays."""
    head = put_head(wire, k, ("Transfer-Encoding", "chunked"))
    answer = wire.raw(head + b"7\r\ncontent\r\n0\r\n\r\n", "PUT")
    assert (answer.status, answer.code) == (501, "NotImplemented"), answer
    assert answer.text("Header") == "Transfer-Encoding"
    assert wire.get(k).body == b"k"


@pytest.mark.differs("RADOS gateway 16: NoSuchKey")
def test_put_that_ends_early(wire, k):
    """The connection dies, or the server says so; nothing is stored."""
    answer = wire.raw(put_head(wire, k, ("Content-Length", "100")) + b"only this", "PUT",
                      half_close=True)
    assert answer is None or (answer.status, answer.code) in (
        (400, "IncompleteBody"), (400, "RequestTimeout")), answer
    assert wire.get(k).body == b"k"


def test_put_of_more_than_5_gib(wire, k):
    answer = wire.raw(put_head(wire, k, ("Content-Length", str((5 << 30) + 1)),
                               ("Expect", "100-continue")), "PUT")
    assert (answer.status, answer.code) == (400, "EntityTooLarge"), answer
    assert answer.interim == [], "refused before it is sent"


def test_expect_100(wire, k):
    with wire.connect() as connection:
        connection.sendall(put_head(wire, k, ("Content-Length", "7"), ("Expect", "100-continue")))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b"content")
        assert read_answer(connection, "PUT").status == 200
    assert wire.get(k).body == b"content"


def test_expect_100_for_nothing(wire, k):
    """awscli of Debian 12 takes its next answer for garbage when the 100 does not come."""
    answer = wire.put(k, b"", headers={"Expect": "100-continue"})
    assert answer.status == 200 and answer.interim == [100], answer


def test_no_100_for_what_is_refused(wire, k):
    head = wire.head("PUT", k, [("Host", wire.host), ("Content-Length", "7"), ("Expect", "100-continue")])
    answer = wire.raw(head, "PUT")
    assert answer.status == 403 and answer.interim == [], answer


@pytest.mark.parametrize("value", ["200", "", "nonsense"])
def test_other_expectations(wire, k, value):
    answer = wire.put(k, b"x", headers={"Expect": value})
    assert answer.status in (200, 417), answer


def test_get_with_a_body(wire, k):
    """Odd, but allowed."""
    headers = wire.signed("GET", k, (), [], sha256_hex(b"x"))
    assert wire.send("GET", k, headers, b"x").status in (200, 400)


def test_many_requests_on_one_connection(wire, bucket, k):
    with wire.connect() as connection:
        for _ in range(20):
            connection.sendall(wire.head("GET", k, wire.signed("GET", k)))
            assert read_answer(connection, "GET").body == b"k"
        missing = f"/{bucket}/nothing"
        connection.sendall(wire.head("GET", missing, wire.signed("GET", missing)))
        assert read_answer(connection, "GET").status == 404
        connection.sendall(wire.head("HEAD", k, wire.signed("HEAD", k)) +
                           wire.head("GET", k, wire.signed("GET", k)))  # one behind the other
        file = connection.makefile("rb")
        assert file.readline().startswith(b"HTTP/1.1 200")


def test_a_refused_put_does_not_spoil_the_connection(wire, bucket, k):
    """The body of a refused request is read or the connection ends; never taken for a request."""
    smuggled = wire.head("DELETE", k, wire.signed("DELETE", k))
    with wire.connect() as connection:
        connection.sendall(wire.head("PUT", k, [("Host", wire.host), ("Content-Length", str(len(smuggled)))])
                           + smuggled)
        assert read_answer(connection, "PUT").status == 403
    assert wire.get(k).body == b"k"


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_headers_without_end(wire, k, size):
    answer = wire.raw(wire.head("GET", k, [("Host", wire.host), ("x-amz-meta-a", "x" * size)]))
    assert answer is None or answer.status in (400, 403, 413, 431), answer


def test_a_target_without_end(wire, bucket):
    answer = wire.raw(wire.head("GET", f"/{bucket}/" + "x" * 100_000, [("Host", wire.host)]))
    assert answer is None or answer.status in (400, 403, 414, 431), answer


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/3.0\r\n\r\n", b"\x16\x03\x01\x02\x00",
                                  b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
                                  b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
                                  b"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n"])
@pytest.mark.differs("RADOS gateway: lists no buckets to anyone")
def test_what_is_no_http(wire, endpoint, bucket, data):
    answer = wire.raw(data, half_close=True) if data != b"GET / HTTP/3.0\r\n\r\n" else None
    assert answer is None or answer.status >= 400, answer
    assert wire.get(f"/{bucket}").status == 200


# --- virtual hosts -------------------------------------------------------------------------------

@pytest.mark.differs("RADOS gateway: only for hosts it was told")
def test_bucket_in_the_host(wire, endpoint, bucket, k):
    host = f"{bucket}.localhost:{endpoint.port}"
    assert wire.get("/k", host=host).body == b"k"
    assert wire.put("/new%20key", b"x", host=host).status == 200
    listed = wire.get("/", ("list-type", "2"), host=host)
    assert listed.texts("Contents/Key") == ["k", "new key"] and listed.text("Name") == bucket
    assert wire.request("HEAD", "/", host=host).status == 200
    assert wire.delete("/new%20key", host=host).status == 204
    assert wire.put("/_telpher/stats", b"a key as any other", host=host).status == 200
    assert wire.get(f"/{bucket}/_telpher/stats").body == b"a key as any other"


@pytest.mark.differs("RADOS gateway: only for hosts it was told")
def test_create_and_delete_a_bucket_in_the_host(wire, endpoint, s3):
    name = new_name()
    host = f"{name}.localhost:{endpoint.port}"
    assert wire.put("/", host=host).status == 200
    s3.head_bucket(Bucket=name)
    assert wire.delete("/", host=host).status == 204


def test_localhost_itself_is_no_bucket(wire, endpoint, bucket):
    assert wire.get(f"/{bucket}", host=f"localhost:{endpoint.port}").xml.tag == "ListBucketResult"


@pytest.mark.differs("RADOS gateway: only for hosts it was told")
def test_boto3_in_virtual_style(endpoint, bucket, k, monkeypatch):
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **kwargs: resolve(
        "127.0.0.1" if str(host).endswith(".localhost") else host, *args, **kwargs))
    client = endpoint.client(addressing_style="virtual",
                             endpoint_url=f"http://localhost:{endpoint.port}")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"k"
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
