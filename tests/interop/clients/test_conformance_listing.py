"""ListObjects and ListObjectsV2: what is on a page, and where the next one begins."""

import urllib.parse

import pytest
from conftest import put_all, refused

BOTH = pytest.mark.parametrize("version", [1, 2], ids=["v1", "v2"])
TREE = ["asdf", "boo/bar", "boo/baz/xyzzy", "cquux/bla", "cquux/thud"]


def lister(s3, version):
    return s3.list_objects if version == 1 else s3.list_objects_v2


def names(page):
    return [e["Key"] for e in page.get("Contents", [])]


def prefixes(page):
    return [p["Prefix"] for p in page.get("CommonPrefixes", [])]


def walk(s3, version, bucket, **options):
    """All pages, by the token or marker that each gives."""
    pages, more = [], {}
    while True:
        page = lister(s3, version)(Bucket=bucket, **options, **more)
        pages.append(page)
        if not page["IsTruncated"]:
            return pages
        if version == 2:
            more = {"ContinuationToken": page["NextContinuationToken"]}
        elif options.get("Delimiter"):
            more = {"Marker": page["NextMarker"]}
        else:
            more = {"Marker": page.get("NextMarker") or names(page)[-1]}


@BOTH
def test_empty(s3, bucket, version):
    page = lister(s3, version)(Bucket=bucket)
    assert names(page) == [] and prefixes(page) == [] and page["IsTruncated"] is False
    assert page["MaxKeys"] == 1000 and page["Name"] == bucket


@BOTH
def test_order_is_that_of_bytes(s3, bucket, version):
    keys = ["a", "B", "aa", "a/", "a/b", "a-b", "ä", "z", "~", "0", "00", "Ａ", "😀", "\ufffd"]
    put_all(s3, bucket, keys)
    assert names(lister(s3, version)(Bucket=bucket)) == sorted(keys, key=str.encode)


CASES = [  # keys, options, contents, common prefixes
    (["foo/bar", "foo/baz/xyzzy", "quux/thud", "asdf"], {"Delimiter": "/"}, ["asdf"], ["foo/", "quux/"]),
    (TREE, {"Delimiter": "/", "Prefix": "boo/"}, ["boo/bar"], ["boo/baz/"]),
    (TREE, {"Delimiter": "/", "Prefix": "boo"}, [], ["boo/"]),
    (TREE, {"Delimiter": "/", "Prefix": "boo/baz/xyzzy"}, ["boo/baz/xyzzy"], []),
    (TREE, {"Prefix": "boo/"}, ["boo/bar", "boo/baz/xyzzy"], []),
    (TREE, {"Prefix": ""}, TREE, []), (TREE, {"Prefix": "nothing"}, [], []),
    (TREE, {"Prefix": "nothing", "Delimiter": "/"}, [], []),
    (TREE, {"Prefix": "boo/", "Delimiter": "z"}, ["boo/bar"], ["boo/baz"]),
    (TREE, {"Prefix": "b", "Delimiter": "b"}, [], ["boo/b"]),
    (TREE, {"Delimiter": "oo/ba"}, ["asdf", "cquux/bla", "cquux/thud"], ["boo/ba"]),
    (TREE, {"Delimiter": ""}, TREE, []), (TREE, {"Delimiter": "//"}, TREE, []),
    (["asdf/"], {"Prefix": "asdf/", "Delimiter": "/"}, ["asdf/"], []),
    (["asdf/", "asdf/x/", "asdf/x/y"], {"Prefix": "asdf/", "Delimiter": "/"}, ["asdf/"], ["asdf/x/"]),
    (["bar", "baz", "cab", "foo"], {"Delimiter": "a"}, ["foo"], ["ba", "ca"]),
    (["b%ar", "b%az", "c%ab", "foo"], {"Delimiter": "%"}, ["foo"], ["b%", "c%"]),
    (["b ar", "b az", "c ab", "foo"], {"Delimiter": " "}, ["foo"], ["b ", "c "]),
    (["b.ar", "b.az", "c.ab", "foo"], {"Delimiter": "."}, ["foo"], ["b.", "c."]),
    pytest.param(["b+ar", "b+az", "foo"], {"Delimiter": "+"}, ["foo"], ["b+"],
                 marks=pytest.mark.differs("RADOS gateway 16: the delimiter is not escaped")),
    (["b\nar", "b\naz", "foo"], {"Delimiter": "\n"}, ["foo"], ["b\n"]),
    (["bar", "foo"], {"Delimiter": "\x0a"}, ["bar", "foo"], []),
    (["foo/bar", "foo/baz", "quux"], {"Prefix": "\x0a"}, [], []),
    (["ü/1", "ü/2", "x"], {"Delimiter": "/", "Prefix": ""}, ["x"], ["ü/"]),
    (["a&b/1", "a<b/1"], {"Delimiter": "/"}, [], ["a&b/", "a<b/"]),
    (["/a", "/b/c", "//d"], {"Delimiter": "/"}, [], ["/"]),
    (["/a", "/b/c", "//d"], {"Delimiter": "/", "Prefix": "/"}, ["/a"], ["//", "/b/"]),
    (["_obj1_", "_under1/bar", "_under1/baz/xyzzy", "_under2/thud"], {"Delimiter": "/"},
     ["_obj1_"], ["_under1/", "_under2/"]),
]


@BOTH
@pytest.mark.parametrize("keys,options,contents,common", CASES,
                         ids=str)
def test_prefix_and_delimiter(s3, bucket, version, keys, options, contents, common):
    put_all(s3, bucket, keys)
    page = lister(s3, version)(Bucket=bucket, **options)
    assert (names(page), prefixes(page)) == (contents, common)
    assert page["IsTruncated"] is False and page["Prefix"] == options.get("Prefix", "")
    assert page.get("Delimiter", "") == options.get("Delimiter", "")
    if version == 2:
        assert page["KeyCount"] == len(contents) + len(common)


@BOTH
@pytest.mark.parametrize("options", [{}, {"Delimiter": "/"}, {"Delimiter": "/", "Prefix": "boo/"},
                                     {"Prefix": "c"}, {"Delimiter": "u"}], ids=lambda value: str(value)[:50])
@pytest.mark.parametrize("max_keys", [1, 2, 3, 5, 6, 1000])
def test_pages_of_any_size_make_the_same_whole(s3, bucket, version, options, max_keys):
    """And no page but the last is short; none is truncated with nothing to follow."""
    put_all(s3, bucket, TREE)
    whole = lister(s3, version)(Bucket=bucket, **options)
    everything = sorted(names(whole) + prefixes(whole))
    pages = walk(s3, version, bucket, MaxKeys=max_keys, **options)
    assert [n for page in pages for n in sorted(names(page) + prefixes(page))] == everything
    counts = [len(names(page)) + len(prefixes(page)) for page in pages]
    assert all(count == max_keys for count in counts[:-1])
    assert 0 < counts[-1] <= max_keys and pages[-1]["IsTruncated"] is False
    assert all(page["MaxKeys"] == max_keys for page in pages)
    if version == 2:
        assert [page["KeyCount"] for page in pages] == counts
    if version == 1 and options.get("Delimiter"):
        assert all(page["NextMarker"] == max(names(page) + prefixes(page)) for page in pages[:-1])
    assert "NextMarker" not in pages[-1] and "NextContinuationToken" not in pages[-1]


@pytest.mark.differs("RADOS gateway: always answers it")
def test_next_marker_only_with_a_delimiter(s3, bucket):
    put_all(s3, bucket, ["a", "b"])
    page = s3.list_objects(Bucket=bucket, MaxKeys=1)
    assert page["IsTruncated"] and "NextMarker" not in page


@pytest.mark.parametrize("marker,left", [
    ("", TREE), ("asdf", TREE[1:]), ("as", TREE), ("boo/", TREE[1:]), ("boo/bar", TREE[2:]),
    ("boo/barz", TREE[2:]), ("cquux/thud", []), ("zzz", []), ("\x0a", TREE), (" ", TREE),
    ("%", TREE), ("ü", [])])
def test_marker_and_start_after(s3, bucket, marker, left):
    """Need be no key; beyond the last: nothing."""
    put_all(s3, bucket, TREE)
    page = s3.list_objects(Bucket=bucket, Marker=marker)
    assert names(page) == left and page["Marker"] == marker
    page = s3.list_objects_v2(Bucket=bucket, StartAfter=marker)
    assert names(page) == left and page.get("StartAfter", "") == marker
    assert page["KeyCount"] == len(left) and page["IsTruncated"] is False


@pytest.mark.parametrize("marker,contents,common", [
    ("asdf", [], ["boo/", "cquux/"]), ("boo/", [], ["cquux/"]), ("boo/zzz", [], ["cquux/"]),
    ("b", [], ["boo/", "cquux/"]), ("cquux/", [], [])])
def test_marker_with_a_delimiter(s3, bucket, marker, contents, common):
    """A marker that is a common prefix, as NextMarker is, is beyond all below it."""
    put_all(s3, bucket, TREE)
    page = s3.list_objects(Bucket=bucket, Marker=marker, Delimiter="/")
    assert (names(page), prefixes(page)) == (contents, common)


FOLDER = ["folder/aSubfolder/subFile1", "folder/aSubfolder/subFile2", "folder/file1", "folder/file2"]


@BOTH
def test_a_start_inside_a_common_prefix(s3, bucket, version):
    """As AWS answers a marker (and the RADOS gateway start-after): the prefix is behind it."""
    put_all(s3, bucket, FOLDER)
    start = {"Marker" if version == 1 else "StartAfter": FOLDER[0]}
    page = lister(s3, version)(Bucket=bucket, Prefix="folder/", Delimiter="/", MaxKeys=1, **start)
    assert (names(page), prefixes(page)) == (["folder/file1"], []) and page["IsTruncated"]
    page = lister(s3, version)(Bucket=bucket, Prefix="folder/", Delimiter="/", **start)
    assert (names(page), prefixes(page)) == (FOLDER[2:], [])
    page = lister(s3, version)(Bucket=bucket, Delimiter="/", **start)
    assert (names(page), prefixes(page)) == ([], [])


def test_a_token_inside_a_common_prefix(s3, bucket):
    """A page that ended with a key goes on with the prefix that begins like it."""
    put_all(s3, bucket, ["a", "a/1", "a/2", "b"])
    first = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=1)
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/",
                              ContinuationToken=first["NextContinuationToken"])
    assert (names(first), names(page), prefixes(page)) == (["a"], ["b"], ["a/"])


@pytest.mark.differs("RADOS gateway: says nothing of checksums")
def test_entries_tell_their_checksums(s3, wire, bucket):
    s3.put_object(Bucket=bucket, Key="crc32", Body=b"x", ChecksumAlgorithm="CRC32")
    s3.put_object(Bucket=bucket, Key="sha256", Body=b"x", ChecksumAlgorithm="SHA256")
    wire.put(f"/{bucket}/unsaid", b"x")
    of = {"Bucket": bucket, "Key": "parts"}
    of["UploadId"] = s3.create_multipart_upload(**of, ChecksumAlgorithm="SHA1")["UploadId"]
    part = s3.upload_part(**of, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA1")
    s3.complete_multipart_upload(**of, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA1": part["ChecksumSHA1"]}]})
    expected = [("crc32", "CRC32", "FULL_OBJECT"), ("parts", "SHA1", "COMPOSITE"),
                ("sha256", "SHA256", "FULL_OBJECT"), ("unsaid", "CRC64NVME", "FULL_OBJECT")]
    for query, entry in ([], "Contents"), ([("list-type", "2")], "Contents"), (
            [("versions", None)], "Version"):
        answer = wire.get(f"/{bucket}", *query)
        told = zip(*(answer.texts(f"{entry}/{tag}")
                     for tag in ("Key", "ChecksumAlgorithm", "ChecksumType")))
        assert list(told) == expected, answer


def test_start_after_and_token(s3, bucket):
    """The token counts, start-after is answered back."""
    put_all(s3, bucket, list("abcdef"))
    first = s3.list_objects_v2(Bucket=bucket, StartAfter="b", MaxKeys=1)
    assert names(first) == ["c"]
    page = s3.list_objects_v2(Bucket=bucket, StartAfter="b",
                              ContinuationToken=first["NextContinuationToken"])
    assert names(page) == ["d", "e", "f"]
    assert page["ContinuationToken"] == first["NextContinuationToken"]


@pytest.mark.parametrize("token", ["", "x", "not base64!", "AAAA", "ü"])
@pytest.mark.differs("RADOS gateway: a token is a key")
def test_token_of_nobody(s3, bucket, token):
    put_all(s3, bucket, ["a"])
    with refused("InvalidArgument", 400) as refusal:
        s3.list_objects_v2(Bucket=bucket, ContinuationToken=token)
    assert refusal.message == "The continuation token provided is incorrect"


@BOTH
def test_max_keys_zero(s3, bucket, version):
    put_all(s3, bucket, TREE)
    page = lister(s3, version)(Bucket=bucket, MaxKeys=0)
    assert names(page) == [] and page["IsTruncated"] is False and page["MaxKeys"] == 0


@BOTH
@pytest.mark.parametrize("value", ["blah", "-1", "1.5", "99999999999999999999", "2147483648", " "])
@pytest.mark.differs("RADOS gateway 16: takes some")
def test_max_keys_that_is_none(wire, bucket, version, value):
    query = [("max-keys", value)] + ([("list-type", "2")] if version == 2 else [])
    answer = wire.get(f"/{bucket}", *query)
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert answer.text("ArgumentName") == "max-keys"
    assert answer.text("ArgumentValue").strip() == value.strip()
    message = "Provided max-keys not an integer or within integer range"
    if value == "-1":
        message = "Argument maxKeys must be an integer between 0 and 2147483647"
    assert answer.text("Message") == message


@BOTH
def test_max_keys_empty_is_the_default(wire, bucket, version):
    query = [("max-keys", "")] + ([("list-type", "2")] if version == 2 else [])
    answer = wire.get(f"/{bucket}", *query)
    assert answer.status == 200 and answer.text("MaxKeys") == "1000", answer


@BOTH
def test_more_than_1000_keys_are_never_given_at_once(s3, bucket, version):
    put_all(s3, bucket, [f"{i:04}" for i in range(1001)])
    page = lister(s3, version)(Bucket=bucket, MaxKeys=5000)
    assert len(names(page)) == 1000 and page["IsTruncated"] and page["MaxKeys"] == 1000
    exact = lister(s3, version)(Bucket=bucket, Prefix="0")  # exactly a page
    assert len(names(exact)) == 1000 and exact["IsTruncated"] is False


def test_entries(s3, wire, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    entry = s3.list_objects(Bucket=bucket)["Contents"][0]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert entry["ETag"] == put["ETag"] and entry["Size"] == 7
    assert entry["StorageClass"] == "STANDARD" and entry["Owner"]["ID"]
    assert entry["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    owned = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]
    assert owned["Owner"] == s3.list_buckets()["Owner"]
    answer = wire.get(f"/{bucket}", ("list-type", "2"))
    assert answer.xml.tag == "ListBucketResult"
    assert answer.namespace == "http://s3.amazonaws.com/doc/2006-03-01/"
    assert answer.body.startswith(b"<?xml") and answer.headers["content-type"] == "application/xml"


ODD = ["a b", "a+b", "a%b", "a&b", "<a>", "ü", "a/b", "tab\t", "line\nbreak", "cr\rx", "\x01", "~*'()"]


@BOTH
@pytest.mark.differs("RADOS gateway 16: slashes are escaped")
def test_encoding_type_url(wire, s3, bucket, version):
    put_all(s3, bucket, ODD)
    query = [("encoding-type", "url")] + ([("list-type", "2")] if version == 2 else [])
    answer = wire.get(f"/{bucket}", *query)
    assert answer.text("EncodingType") == "url"
    sent = answer.texts("Contents/Key")
    assert [urllib.parse.unquote_plus(k) for k in sent] == sorted(ODD, key=str.encode)
    assert all(32 < ord(c) < 127 and c not in "<>&" for k in sent for c in k)
    assert "a/b" in sent, "slashes stay"
    assert "a%20b" in sent, "which every decoder understands, as not every one does +"
    assert "~*'()" not in sent and "~%2A%27%28%29" in [k.replace("*", "%2A") for k in sent]
    answer = wire.get(f"/{bucket}", ("prefix", "a "), ("delimiter", " "), *query)
    assert [urllib.parse.unquote_plus(answer.text(tag)) for tag in ("Prefix", "Delimiter")] == ["a ", " "]


@pytest.mark.differs("RADOS gateway 16: takes any")
@pytest.mark.parametrize("value", ["base64", "", "URL"])
@pytest.mark.parametrize("query", [[], [("list-type", "2")], [("versions", None)],
                                   [("uploads", None)]], ids=str)
def test_encoding_type_that_is_none(wire, bucket, query, value):
    answer = wire.get(f"/{bucket}", ("encoding-type", value), *query)
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert answer.text("Message") == "Invalid Encoding Method specified in Request"
    assert answer.text("ArgumentName") == "encoding-type"
    assert (answer.text("ArgumentValue") or "") == value


def test_keys_that_xml_cannot_say(wire, s3, bucket):
    """U+FFFE and U+FFFF are no characters of XML: they go as references, like control characters."""
    keys = ["a\ufffe", "b\uffff"]
    put_all(s3, bucket, keys)
    answer = wire.get(f"/{bucket}")
    assert b"<Key>a&#65534;</Key>" in answer.body and b"<Key>b&#65535;</Key>" in answer.body
    answer = wire.get(f"/{bucket}", ("encoding-type", "url"))
    assert [urllib.parse.unquote(k) for k in answer.texts("Contents/Key")] == keys


@pytest.mark.differs("RADOS gateway: takes it")
def test_a_version_marker_without_a_key(wire, bucket):
    answer = wire.get(f"/{bucket}", ("versions", None), ("version-id-marker", "x"))
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer
    assert answer.text("ArgumentName") == "version-id-marker"


@BOTH
def test_without_encoding_xml_carries_the_keys(wire, s3, bucket, version):
    """White space too, which a parser would fold when it stands as it is."""
    keys = [k for k in ODD if k != "\x01"]  # XML 1.0 cannot say it
    put_all(s3, bucket, keys)
    answer = wire.get(f"/{bucket}", *([("list-type", "2")] if version == 2 else []))
    assert answer.texts("Contents/Key") == sorted(keys, key=str.encode)
    assert answer.text("EncodingType") is None


def test_list_type_that_is_none(wire, bucket):
    assert wire.get(f"/{bucket}", ("list-type", "2")).text("KeyCount") == "0"
    assert wire.get(f"/{bucket}").text("Marker") == ""


def test_list_versions(wire, s3, bucket):
    """Versions are not implemented; without them each object is its only, "null", version. Either
    that, or a clear refusal."""
    put_all(s3, bucket, ["a", "b"])
    answer = wire.get(f"/{bucket}", ("versions", None))
    if answer.status == 200:
        assert answer.xml.tag == "ListVersionsResult"
        assert answer.texts("Version/Key") == ["a", "b"]
        assert answer.texts("Version/VersionId") == ["null", "null"]
        assert answer.texts("Version/IsLatest") == ["true", "true"]
    else:
        assert (answer.status, answer.code) == (501, "NotImplemented"), answer


def test_a_list_sees_what_was_written(s3, bucket):
    for i in range(20):
        s3.put_object(Bucket=bucket, Key=f"{i:02}", Body=b"")
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == i + 1
        if i % 3 == 0:
            s3.delete_object(Bucket=bucket, Key=f"{i:02}")
            assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == i
            s3.put_object(Bucket=bucket, Key=f"{i:02}", Body=b"")


def test_slash_after_the_bucket(wire, bucket):
    assert wire.get(f"/{bucket}/").xml.tag == "ListBucketResult"
