"""The endpoint over TLS, with a certificate of its own: what changes for clients is that the SDKs
then leave bodies unsigned and put checksums into trailers."""

import json
import subprocess

import pytest
import wire as wire_module
from conftest import EXTERNAL, MIB, STORES, body_of, needs, new_name, start_endpoint, stop
from test_awscli import AWS
from test_js_sdk import IS_THERE, Agent

pytestmark = pytest.mark.skipif(bool(EXTERNAL), reason="needs an endpoint with our certificate")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=telpher test",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.localhost",
                    "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True,
                   capture_output=True)
    return folder


@pytest.fixture(scope="module", params=STORES)
def secure(request, certificate, tmp_path_factory):
    endpoint = start_endpoint(request.param, tmp_path_factory.mktemp("secure"), "--tls-cert",
                              certificate / "cert.pem", "--tls-key", certificate / "key.pem")
    assert endpoint.url.startswith("https://")
    yield endpoint
    stop(endpoint.process)


@pytest.fixture
def secure_s3(secure, certificate):
    return secure.client(verify=str(certificate / "cert.pem"))


@pytest.fixture
def box(secure_s3):
    name = new_name()
    secure_s3.create_bucket(Bucket=name)
    return name


def test_boto3(secure_s3, box, middle_file, tmp_path):
    secure_s3.upload_file(str(middle_file.path), box, "k")
    secure_s3.download_file(box, "k", str(tmp_path / "back"))
    assert middle_file.same_as(tmp_path / "back")
    put = secure_s3.put_object(Bucket=box, Key="t", Body=b"content", ChecksumAlgorithm="SHA256")
    assert put["ChecksumSHA256"]
    assert body_of(secure_s3.get_object(Bucket=box, Key="t", ChecksumMode="ENABLED")) == b"content"


def test_location_of_an_upload(secure, secure_s3, box):
    of = {"Bucket": box, "Key": "k"}
    of["UploadId"] = secure_s3.create_multipart_upload(**of)["UploadId"]
    tag = secure_s3.upload_part(PartNumber=1, Body=b"x", **of)["ETag"]
    done = secure_s3.complete_multipart_upload(
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **of)
    assert done["Location"] == f"{secure.url}/{box}/k"


def test_awscli(secure, certificate, box, tmp_path):
    (tmp_path / "file").write_bytes(b"content" * MIB)
    environment = secure.environment(tmp_path) | {"AWS_CA_BUNDLE": str(certificate / "cert.pem"),
                                                  "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}

    def aws(*args):
        done = subprocess.run([AWS, "--endpoint-url", secure.url, *args], env=environment,
                              cwd=tmp_path, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    put = json.loads(aws("s3api", "put-object", "--bucket", box, "--key", "k", "--body", "file",
                         "--checksum-algorithm", "CRC32"))
    assert put["ChecksumCRC32"]
    aws("s3", "cp", f"s3://{box}/k", "back")
    assert (tmp_path / "back").read_bytes() == b"content" * MIB


@needs("the JavaScript SDK", IS_THERE)
def test_js_sdk(secure, certificate, box, middle_file, tmp_path):
    agent = Agent(secure, tmp_path, NODE_EXTRA_CA_CERTS=str(certificate / "cert.pem"))
    agent.send("PutObject", Bucket=box, Key="k", Body={"stream": str(middle_file.path)})
    sent = {k.lower(): v for k, v in agent.sent[0].items()}
    assert sent["x-amz-trailer"] == "x-amz-checksum-crc32"
    agent.send("GetObject", Bucket=box, Key="k", save_to=tmp_path / "back")
    assert middle_file.same_as(tmp_path / "back")
    agent.end()


def test_who_does_not_trust_it(secure):
    with pytest.raises(Exception, match="(?i)certificate"):
        secure.client(verify=True).list_buckets()


def test_plain_http_to_it(secure):
    """Answered with an error or closed; the server goes on."""
    plain = wire_module.Wire(secure)
    plain.secure = False
    answer = plain.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer is None or answer.status == 400
    assert wire_module.Wire(secure).get("/").status == 200
