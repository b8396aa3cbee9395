"""The AWS SDK for JavaScript v3 as it comes: checksums in headers and trailers, checked on reading."""

import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

import pytest
from conftest import MIB, ROOT, File, needs, new_name, put_all

HERE = pathlib.Path(__file__).parent
PACKAGES = pathlib.Path(os.environ.get("TELPHER_NODE_PACKAGES", ROOT / "build" / "npm"))
IS_THERE = shutil.which("node") and (PACKAGES / "node_modules/@aws-sdk/client-s3").exists()
pytestmark = needs("the JavaScript SDK (Node.js, and `npm ci` in build/npm)", IS_THERE)


class Failed(Exception):
    pass


class Agent:
    """js/agent.mjs: an SDK client in a process of its own."""

    def __init__(self, endpoint, folder, **environment):
        self.process = subprocess.Popen(
            ["node", str(HERE / "js" / "agent.mjs")], text=True, cwd=folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=endpoint.environment(folder) | {"NODE_PACKAGES": str(PACKAGES)} | environment)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Failed(f"{answer['error']} {answer.get('status')}: {answer['message']}")
        self.sent = answer["sent"]
        return answer["ok"]

    def send(self, command, save_to=None, **input):
        return self.ask(do="send", command=command, input=input,
                        save_to=save_to and str(save_to))

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def js(endpoint, tmp_path_factory):
    agent = Agent(endpoint, tmp_path_factory.mktemp("js"))
    yield agent
    agent.end()


def test_bucket_put_get_delete(js):
    name = new_name()
    js.send("CreateBucket", Bucket=name)
    assert name in [b["Name"] for b in js.send("ListBuckets")["Buckets"]]
    put = js.send("PutObject", Bucket=name, Key="a b+ü", Body={"text": "content"},
                  Metadata={"colour": "blue"}, ContentType="text/x-test")
    assert put["ETag"] == '"9a0364b9e99bb480dd25e1f0284c8555"'
    got = js.send("GetObject", Bucket=name, Key="a b+ü")
    assert got["Body"] == "content" and got["Metadata"] == {"colour": "blue"}
    assert got["ContentType"] == "text/x-test"
    assert js.send("HeadObject", Bucket=name, Key="a b+ü")["ContentLength"] == 7
    js.send("DeleteObject", Bucket=name, Key="a b+ü")
    with pytest.raises(Failed, match="NoSuchKey 404"):
        js.send("GetObject", Bucket=name, Key="a b+ü")
    with pytest.raises(Failed, match="NotFound 404"):
        js.send("HeadObject", Bucket=name, Key="a b+ü")
    js.send("DeleteBucket", Bucket=name)
    with pytest.raises(Failed, match="NoSuchBucket 404"):
        js.send("ListObjectsV2", Bucket=name)


@pytest.mark.differs("RADOS gateway 16: no checksums but MD5")
def test_the_default_checksum_is_kept(js, bucket):
    """CRC32 is sent unasked, stored, answered and checked by the reader."""
    put = js.send("PutObject", Bucket=bucket, Key="k", Body={"text": "content"})
    assert put["ChecksumCRC32"] and put["ChecksumType"] == "FULL_OBJECT"
    head = js.send("HeadObject", Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == put["ChecksumCRC32"]


@pytest.mark.differs("RADOS gateway 16: no STREAMING-UNSIGNED-PAYLOAD-TRAILER")
def test_a_stream_brings_its_checksum_at_the_end(js, bucket, middle_file, tmp_path):
    put = js.send("PutObject", Bucket=bucket, Key="k", Body={"stream": str(middle_file.path)},
                  ContentEncoding="gzip")
    sent = {k.lower(): v for k, v in js.sent[0].items()}
    assert sent["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert sent["x-amz-trailer"] == "x-amz-checksum-crc32"
    got = js.send("GetObject", Bucket=bucket, Key="k", save_to=tmp_path / "back",
                  ChecksumMode="ENABLED")
    assert middle_file.same_as(tmp_path / "back")
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    assert got["ContentEncoding"] == "gzip"  # aws-chunked was of the wire, not of the object


@pytest.mark.differs("RADOS gateway 16: no checksums but MD5")
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums(js, bucket, algorithm):
    if algorithm == "CRC64NVME":
        pytest.skip("the SDK computes CRC-64 only with a package of native code")
    put = js.send("PutObject", Bucket=bucket, Key="k", Body={"text": "content"},
                  ChecksumAlgorithm=algorithm)
    got = js.send("GetObject", Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"] == "content" and got["Checksum" + algorithm] == put["Checksum" + algorithm]


def test_range(js, bucket, s3):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = js.send("GetObject", Bucket=bucket, Key="k", Range="bytes=2-4")
    assert got["Body"] == "234" and got["ContentRange"] == "bytes 2-4/10"
    with pytest.raises(Failed, match="InvalidRange 416"):
        js.send("GetObject", Bucket=bucket, Key="k", Range="bytes=10-")


def test_list_more_than_a_page(js, bucket, s3):
    put_all(s3, bucket, [f"p/{i:04}" for i in range(1003)] + ["q/1", "r"])
    pages = js.ask(do="paginate", paginator="paginateListObjectsV2",
                   input={"Bucket": bucket})["pages"]
    assert [p["KeyCount"] for p in pages] == [1000, 5]
    page = js.send("ListObjectsV2", Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["p/", "q/"]
    assert [e["Key"] for e in page["Contents"]] == ["r"]
    assert len(js.send("ListObjects", Bucket=bucket, Prefix="p/", MaxKeys=7)["Contents"]) == 7


def test_delete_many(js, bucket, s3):
    put_all(s3, bucket, ["a", "b", "c"])
    done = js.send("DeleteObjects", Bucket=bucket,
                   Delete={"Objects": [{"Key": k} for k in ("a", "b", "not there")]})
    assert sorted(d["Key"] for d in done["Deleted"]) == ["a", "b", "not there"]
    assert [e["Key"] for e in js.send("ListObjectsV2", Bucket=bucket)["Contents"]] == ["c"]


@pytest.mark.differs("RADOS gateway 16: no checksums but MD5")
def test_multipart_and_copy(js, bucket, middle_file, tmp_path):
    done = js.ask(do="upload", part_size=5 * MIB, input={
        "Bucket": bucket, "Key": "from", "Body": {"stream": str(middle_file.path)}})
    assert done["ETag"].endswith('-4"') and done["ChecksumCRC32"]
    js.send("CopyObject", Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    upload = js.send("CreateMultipartUpload", Bucket=bucket, Key="parts",
                     ChecksumAlgorithm="CRC32")["UploadId"]
    of = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    parts = []
    for number, (first, last) in enumerate([(0, 8 * MIB - 1), (8 * MIB, middle_file.size - 1)], 1):
        copied = js.send("UploadPartCopy", CopySource=f"{bucket}/from", PartNumber=number,
                         CopySourceRange=f"bytes={first}-{last}", **of)["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": copied["ETag"],
                      "ChecksumCRC32": copied["ChecksumCRC32"]})
    assert len(js.send("ListParts", **of)["Parts"]) == 2
    js.send("CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **of)
    for key in ("from", "to", "parts"):
        js.send("GetObject", Bucket=bucket, Key=key, save_to=tmp_path / key)
        assert middle_file.same_as(tmp_path / key), key
    attributes = js.send("GetObjectAttributes", Bucket=bucket, Key="from",
                         ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "Checksum"])
    assert attributes["ObjectSize"] == middle_file.size
    assert attributes["ObjectParts"]["TotalPartsCount"] == 4


def test_presigned_get_and_put(js, bucket):
    put = js.ask(do="presign", command="PutObject", input={"Bucket": bucket, "Key": "k ü"})["url"]
    urllib.request.urlopen(urllib.request.Request(put, method="PUT", data=b"by link")).read()
    get = js.ask(do="presign", command="GetObject", input={"Bucket": bucket, "Key": "k ü"})["url"]
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"by link"


def test_300_mib(js, bucket, big_file, tmp_path):
    js.ask(do="upload", part_size=16 * MIB, input={
        "Bucket": bucket, "Key": "big", "Body": {"stream": str(big_file.path)}})
    js.send("GetObject", Bucket=bucket, Key="big", save_to=tmp_path / "big")
    assert big_file.same_as(tmp_path / "big")
    js.send("DeleteObject", Bucket=bucket, Key="big")


@pytest.mark.differs("RADOS gateway 16: no STREAMING-UNSIGNED-PAYLOAD-TRAILER")
def test_300_mib_in_one_stream_with_a_trailer(js, bucket, big_file, tmp_path):
    js.send("PutObject", Bucket=bucket, Key="big", Body={"stream": str(big_file.path)})
    js.send("GetObject", Bucket=bucket, Key="big", save_to=tmp_path / "big")
    assert File(tmp_path / "big").sha256 == big_file.sha256
    js.send("DeleteObject", Bucket=bucket, Key="big")
