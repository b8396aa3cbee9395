"""`telpher doctor`: on each thing that can be wrong it says what it is, and how to mend it."""

import datetime
import ipaddress
import json
import re
import signal
import socket
import subprocess

import boto3
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import free_port
from front import Front
from proxy_servers import HttpProxy, SocksProxy
from s3_command import KEYS
from test_output import run_on_terminal

CLIENT = {"AWS_ACCESS_KEY_ID": KEYS["TELPHER_S3_ACCESS_KEY"],
          "AWS_SECRET_ACCESS_KEY": KEYS["TELPHER_S3_SECRET_KEY"]}
WRITES = {"write", "checksums", "multipart", "no overwrite", "copy", "tags", "remove", "versions"}


class Found(dict):
    """What a run said: {check: its JSON}, `exit`, and the summary."""

    def __init__(self, done):
        super().__init__()
        assert done.err == "", done.err
        *checks, self.summary = map(json.loads, done.out.splitlines())
        assert self.summary["event"] == "summary"
        assert self.summary["exit_code"] == done.returncode == self.summary["exit_code"]
        for check in checks:
            assert check["event"] == "check" and check["check"] not in self
            self[check["check"]] = check
        self.exit = done.returncode

    def named(self, status):
        return [name for name, check in self.items() if check["status"] == status]

    @property
    def failed(self):
        return self.named("failed")

    def says(self, check, status, found, remedy=""):
        """Exactly so; `remedy` may be a part of what is to be done."""
        assert self[check]["status"] == status, self[check]
        assert self[check]["found"] == found
        assert remedy in self[check].get("remedy", ""), self[check]
        assert bool(remedy) == ("remedy" in self[check]), self[check]


def examine(telpher, *args, **kwargs):
    done = telpher.run("doctor", "--json", *args, **kwargs)
    for secret in (KEYS["TELPHER_S3_SECRET_KEY"], KEYS["TELPHER_S3_ACCESS_KEY"], "proxy-password"):
        assert secret not in done.out + done.err
    return Found(done)


def bucket_is_empty(server, bucket="bucket"):
    client = server.client()
    return "Contents" not in client.list_objects_v2(Bucket=bucket) and \
        "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


# --- nothing is wrong ----------------------------------------------------------------------------

def test_a_store_that_is_well(telpher, s3):
    server = s3()
    found = examine(telpher, "s3://bucket")
    assert found.exit == 0 and found.failed == [] and found.named("warning") == []
    assert WRITES < set(found)
    found.says("endpoint", "ok", f"{server.base} (AWS_ENDPOINT_URL), the bucket in the path")
    found.says("service", "ok", "Telpher")
    found.says("credentials", "ok", "key …-key of environment")
    found.says("checksums", "ok", "CRC64NVME is kept and told; a wrong one is refused")
    found.says("no overwrite", "ok", "If-None-Match is heeded")
    found.says("ranges", "ok", "right, and If-Match is heeded")
    assert bucket_is_empty(server)


def test_reading_only_writes_nothing(telpher, s3):
    server = s3()
    server.client().put_object(Bucket="bucket", Key="theirs", Body=b"x" * 500)
    found = examine(telpher, "s3://bucket", "--read-only")
    assert found.exit == 0 and not WRITES & set(found)
    found.says("read", "ok", "'theirs' can be read")
    found.says("ranges", "ok", "right, and If-Match is heeded")
    asked = server.stats()["requests"]
    assert not [name for name in asked if re.match("Put|Create|Upload|Delete|Copy|Complete", name)
                and asked[name] > 1], asked


def test_the_machine_and_the_service(telpher, s3):
    s3()
    found = examine(telpher)
    assert found.exit == 0
    assert found["home"]["found"].startswith(str(telpher.home))
    assert re.fullmatch("[0-9.]+ MiB for buffers, of [0-9.]+ [MGT]iB here", found["memory"]["found"])
    found.says("buckets", "ok", "1: bucket; to try one: telpher doctor s3://bucket")
    assert list(examine(telpher, "s3://")) == list(found)


def test_the_embedded_store(telpher):
    telpher.ok("mb", "local://bucket")
    found = examine(telpher, "local://bucket")
    assert found.exit == 0 and found.failed == [] and WRITES < set(found)
    assert telpher.ok("ls", "-r", "local://bucket").out == ""
    missing = examine(telpher, "local://missing")
    missing.says("bucket", "failed", "there is no bucket 'missing'",
                 "Make it: telpher mb local://missing. Those that are there: telpher ls local://")
    assert missing.exit == 4


def test_home_that_cannot_be_written(telpher, s3):
    s3()
    telpher.home.write_text("a file where the folder should be")
    found = examine(telpher)
    assert found["home"]["status"] == "failed"
    assert found["home"]["found"].startswith("nothing can be resumed: ")
    assert found["home"]["remedy"] == f"Make {telpher.home} writable for this user, or name another " \
        "folder: TELPHER_HOME"


def test_keys_that_others_may_read(telpher, s3):
    server = s3()
    folder = telpher.cwd / ".aws"
    folder.mkdir()
    path = folder / "credentials"
    path.write_text("[work]\n" + "".join(f"{name.lower()} = {value}\n"
                                         for name, value in CLIENT.items()))
    path.chmod(0o644)
    found = examine(telpher, "s3://bucket", "--profile", "work",
                    env={"AWS_ENDPOINT_URL": server.base})
    found.says("profile", "warning", f"'work' of {path}; others on this machine may read the keys",
               f"Keep them to yourself: chmod 600 {path}")
    found.says("credentials", "ok", "key …-key of profile 'work'")


# --- who asks ------------------------------------------------------------------------------------

@pytest.mark.parametrize("keys, text, remedy", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"},
     "the secret key is not that of the access key …-key (environment): the store computes another "
     "signature",
     "Correct the secret key in AWS_SECRET_ACCESS_KEY (all of it, no blanks). If it is right: the "
     "region, now 'us-east-1', or a proxy that changes requests"),
    ({"AWS_ACCESS_KEY_ID": "somebody-else"},
     "the store does not know the access key …else (environment)",
     "Correct it in AWS_ACCESS_KEY_ID; keys of one service are unknown to another, and this is http"),
], ids=["secret", "access-key"])
def test_wrong_keys(telpher, s3, keys, text, remedy):
    s3()
    found = examine(telpher, "s3://bucket", env=keys)
    found.says("sign-in", "failed", text, remedy)
    assert found.failed == ["sign-in"] and found.exit == 4
    assert found["bucket"]["status"] == "skipped"
    assert examine(telpher, env=keys)["sign-in"]["found"] == text


def test_no_credentials(telpher, s3):
    s3()
    found = examine(telpher, "s3://bucket", env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    assert found["credentials"]["found"].startswith("No S3 credentials found (AWS_ACCESS_KEY_ID")
    assert found["credentials"]["remedy"] == \
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or add a profile to ~/.aws/credentials, " \
        "or use --no-sign-request for public buckets"
    assert found.failed == ["credentials"] and found.exit == 4


def test_keys_that_have_expired(telpher, s3):
    s3([{"on": "*", "count": 1, "do": "expire_token"}])
    telpher.run("ls", "s3://bucket")
    found = examine(telpher, "s3://bucket")
    found.says("sign-in", "failed", "the session token of …-key has expired (environment)",
               "Sign in again (aws sso login), or get new temporary keys")
    assert found.exit == 4


def test_unknown_profile(telpher, s3):
    s3()
    found = examine(telpher, "s3://bucket", "--profile", "nix")
    assert found["endpoint"]["found"].startswith("Profile 'nix' stands neither in ")
    assert found["endpoint"]["remedy"] == \
        "Add it (aws configure --profile NAME), or name another: --profile, AWS_PROFILE"
    assert found.exit == 2


def test_wrong_region(telpher, s3):
    s3(args=["--region", "eu-west-1"])
    found = examine(telpher, "s3://bucket", "--region", "us-west-2")
    found.says("region", "warning", "the bucket is in eu-west-1, not in us-west-2 (--region)",
               "Say so: --region eu-west-1, AWS_REGION=eu-west-1, or region = eu-west-1 in ")
    assert found.exit == 0 and found.failed == []


@pytest.mark.parametrize("code, text, remedy", [
    ("AuthorizationHeaderMalformed",
     "the store wants requests signed for another region than 'us-east-1', and does not say which",
     "Ask its operator, and set --region NAME or AWS_REGION"),
    ("RequestTimeTooSkewed", "this machine's clock is too far from the store's",
     "Set the clock: sudo timedatectl set-ntp true, or sudo chronyc makestep"),
    ("InvalidToken", "the session token is not one of …-key (environment)",
     "Set AWS_SESSION_TOKEN to the token that came with these keys, or unset it"),
])
def test_what_the_store_refuses_without_telling_more(telpher, s3, code, text, remedy):
    s3([{"on": "ListObjectsV2", "do": "status", "status": 403, "code": code}])
    found = examine(telpher, "s3://bucket")
    found.says("sign-in", "failed", text, remedy)
    assert found.exit == 4


def test_a_clock_that_is_off(telpher, s3):
    s3([{"on": "*", "count": 1, "do": "skew", "minutes": 30}])
    telpher.run("ls", "s3://bucket", "--retries", "1")  # the rule acts with the first request
    found = examine(telpher, "s3://bucket")
    assert re.fullmatch(r"this machine's is (30m 00s|29m 59s) behind the store's",
                        found["clock"]["found"])
    assert found["clock"]["remedy"] == \
        "Telpher signs with the store's time, other tools are refused from 15m on. Set the clock: " \
        "sudo timedatectl set-ntp true, or sudo chronyc makestep"
    assert found.named("warning") == ["clock"] and found.exit == 0


# --- the bucket ----------------------------------------------------------------------------------

def test_missing_bucket(telpher, s3):
    server = s3()
    found = examine(telpher, "s3://missing")
    found.says("bucket", "failed", f"there is no bucket 'missing' at {server.base}",
               "Make it: telpher mb s3://missing. Those that are there: telpher ls s3://")
    assert found.failed == ["bucket"] and found.exit == 4


def denied(*operations):
    return [{"on": name, "do": "status", "status": 403, "code": "AccessDenied"}
            for name in operations]


def test_keys_that_may_only_read(telpher, s3):
    server = s3()
    server.client().put_object(Bucket="bucket", Key="theirs", Body=b"x" * 500)
    server.faults(denied("PutObject", "CreateMultipartUpload", "DeleteObject", "DeleteObjects"))
    found = examine(telpher, "s3://bucket")
    found.says("write", "failed", "PutObject is refused (AccessDenied)",
               "Have the bucket's owner allow s3:PutObject on arn:aws:s3:::bucket/* for the key …-key")
    found.says("read", "ok", "'theirs' can be read")
    assert found.failed == ["write"] and found.exit == 4
    assert examine(telpher, "s3://bucket", "--read-only").exit == 0


def test_keys_that_may_do_nothing(telpher, s3):
    s3(denied("*"))
    found = examine(telpher, "s3://bucket")
    found.says("list", "failed", "ListObjectsV2 is refused (AccessDenied)",
               "Have the bucket's owner allow s3:ListBucket on arn:aws:s3:::bucket for the key …-key")
    assert found["bucket"]["found"] == "whether 'bucket' is there is not told to these keys"
    assert found.failed == ["list", "write"] and found.exit == 4


def test_what_may_not_be_removed_is_named(telpher, s3):
    s3(denied("DeleteObject", "DeleteObjects"))
    done = telpher.run("doctor", "s3://bucket")
    assert "DeleteObject is refused (AccessDenied)\n" in done.out
    assert "allow s3:DeleteObject on arn:aws:s3:::bucket/*" in done.out
    assert re.search(r"below s3://bucket/\.telpher-doctor/[0-9a-f]{16}/ something of this check may "
                     "be left", done.err)
    assert done.returncode == 4


def test_a_store_that_fails(telpher, s3):
    s3([{"on": "PutObject", "do": "status", "status": 500, "code": "InternalError"}])
    found = examine(telpher, "s3://bucket")
    assert "InternalError" in found["write"]["found"]
    assert found["write"]["remedy"] == \
        "The store itself is not well: try again in a while, or tell its operator"
    assert found.exit == 5


def test_a_store_that_hangs(telpher, s3):
    s3([{"on": "PutObject", "do": "delay", "ms": 60000}])
    found = examine(telpher, "s3://bucket", "--idle-timeout", "1s")
    found.says("write", "failed", "PutObject is not answered within 1s",
               "The store hangs or is slow: try again in a while, tell its operator, or wait longer")
    assert found.exit == 5


def test_uploads_that_nobody_ended(telpher, s3, front):
    server = s3()
    server.client().create_multipart_upload(Bucket="bucket", Key="k")
    found = examine(telpher, "s3://bucket")
    assert found["open uploads"]["found"].startswith("1, the oldest begun ")
    assert found["open uploads"]["status"] == "ok"

    def long_ago(handler):
        if "&uploads=" not in handler.path:
            return False
        document = b"<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId>" \
            b"<Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>"
        handler.send_response_only(200)
        handler.send_header("Content-Length", str(len(document)))
        handler.end_headers()
        handler.wfile.write(document)
        return True

    telpher.env["AWS_ENDPOINT_URL"] = front(server, long_ago).base
    found = examine(telpher, "s3://bucket")
    assert found["open uploads"]["status"] == "warning"
    assert found["open uploads"]["remedy"] == \
        "They cost money until somebody ends them. To see them: telpher sweep s3://bucket, to end " \
        "them: telpher sweep s3://bucket --abort --all"


# --- what stores lack ----------------------------------------------------------------------------

@pytest.fixture
def front():
    """front(server, decide, hidden): a gateway before the endpoint; see Front."""
    started = []

    def start(*args):
        started.append(Front(*args))
        return started[-1]

    yield start
    for gateway in started:
        gateway.server.shutdown()
        gateway.server.server_close()


def test_a_store_that_ignores_conditions(telpher, s3, front):
    server = s3()
    client = boto3.client("s3", endpoint_url=server.base, region_name="us-east-1",
                          aws_access_key_id=CLIENT["AWS_ACCESS_KEY_ID"],
                          aws_secret_access_key=CLIENT["AWS_SECRET_ACCESS_KEY"],
                          config=Config(s3={"addressing_style": "path"}))

    def make_way(handler):
        """What would be met by the condition is not there, or is what is wanted."""
        bucket, _, key = handler.path.lstrip("/").partition("?")[0].partition("/")
        if handler.headers.get("If-None-Match"):
            client.delete_object(Bucket=bucket, Key=key)
        if handler.command == "GET" and handler.headers.get("If-Match"):
            got = client.get_object(Bucket=bucket, Key=key, Range=handler.headers["Range"])
            handler.send_response_only(206)
            for name in ("content-range", "content-length", "etag"):
                handler.send_header(name, got["ResponseMetadata"]["HTTPHeaders"][name])
            handler.end_headers()
            handler.wfile.write(got["Body"].read())
            return True
        return False

    telpher.env["AWS_ENDPOINT_URL"] = front(server, make_way).base
    found = examine(telpher, "s3://bucket")
    found.says("no overwrite", "warning", "If-None-Match is ignored: a second write wins",
               "--if-none-match cannot be relied on here: let one writer at a time write a key, or "
               "update the store")
    found.says("ranges", "warning", "right, but If-Match is ignored",
               "An object that changes while it is read may come mixed")
    assert found.exit == 0 and bucket_is_empty(server)


def test_a_store_that_knows_no_checksums(telpher, s3, front):
    server = s3()
    hidden = ["x-amz-checksum-type", "x-amz-checksum-algorithm", "x-amz-checksum-crc64nvme"]
    telpher.env["AWS_ENDPOINT_URL"] = front(server, lambda handler: False, hidden).base
    found = examine(telpher, "s3://bucket")
    found.says("checksums", "warning", "x-amz-checksum-* is ignored or refused",
               "Nothing to do: Telpher proves uploads by MD5 instead")
    assert found.exit == 0 and bucket_is_empty(server)


def test_a_store_that_damages_what_it_is_given(telpher, s3):
    s3([{"on": "GetObject", "do": "corrupt"}])
    found = examine(telpher, "s3://bucket")
    found.says("read", "failed", "other bytes come back than were written",
               "Do not use this store, and tell its operator: it damages what it is given")
    assert found.exit == 6


# --- the way there -------------------------------------------------------------------------------

def at(telpher, url, *args, **kwargs):
    return examine(telpher, "s3://bucket", "--endpoint-url", url, *args,
                   env=CLIENT | kwargs.pop("env", {}), **kwargs)


def test_endpoint_without_scheme(telpher):
    found = at(telpher, "127.0.0.1:9000")
    found.says("endpoint", "failed", "The endpoint URL must start with http:// or https://",
               "Write scheme, host and port, as in https://s3.example.com or http://127.0.0.1:9000")
    assert found.exit == 2


def test_host_that_does_not_exist(telpher):
    found = at(telpher, "http://nowhere.invalid:9000")
    assert found["name"]["status"] == "failed"
    assert re.fullmatch("the name 'nowhere.invalid' (does not exist|could not be looked up)",
                        found["name"]["found"])
    assert found["name"]["remedy"] == \
        "Correct the name in the endpoint URL (--endpoint-url). If it is right, look at this " \
        "machine's resolver: getent hosts nowhere.invalid"
    assert found["credentials"]["status"] == "ok"  # does not depend on it
    assert found.failed == ["name"] and found.exit == 5


def test_bucket_in_a_host_that_does_not_exist(telpher):
    found = at(telpher, "http://nowhere.invalid:9000", "--addressing", "virtual")
    assert "or put the bucket into the path: --addressing path" in found["name"]["remedy"]


def test_port_where_nobody_listens(telpher):
    port = free_port()
    found = at(telpher, f"http://127.0.0.1:{port}")
    found.says("connection", "failed",
               f"127.0.0.1:{port}: nobody listens there: connection refused",
               "Start the service, or correct the port in the endpoint URL (--endpoint-url)")
    assert found.failed == ["connection"] and found.exit == 5


def test_host_that_does_not_answer(telpher):
    # A queue of one, which is full: the kernel drops who knocks.
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        found = at(telpher, f"http://127.0.0.1:{port}", "--connect-timeout", "1s")
    found.says("connection", "failed", f"127.0.0.1:{port}: no answer within 1s",
               "A firewall or security group may drop what is sent, or the host is down")
    assert found.exit == 5


@pytest.mark.parametrize("scheme, check", [("http", "service"), ("https", "TLS")])
def test_host_that_stays_silent(telpher, scheme, check):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = at(telpher, f"{scheme}://127.0.0.1:{listener.getsockname()[1]}",
                   "--connect-timeout", "1s", "--idle-timeout", "1s")
    found.says(check, "failed", "it takes the connection and then stays silent for 1s",
               "Is this the store's port? If it is, the service hangs: restart it, or tell its "
               "operator")
    assert found.failed == [check] and found.exit == 5


def test_one_of_several_addresses_is_dead(telpher, serve):
    """With a hosts file of its own, where that can be had."""
    hosts = telpher.cwd / "hosts"
    hosts.write_text("127.0.0.2 s3.test\n127.0.0.1 s3.test\n")
    inside = ["unshare", "--mount", "sh", "-c",
              f"mount --bind '{hosts}' /etc/hosts && exec \"$@\"", "sh"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("no mounts here")
    server = serve("--store", "memory", "--bucket", "bucket")
    done = subprocess.run(
        inside + telpher.command(["doctor", "--json", "s3://bucket", "--endpoint-url",
                                  f"http://s3.test:{server.port}"]),
        env=telpher.env | CLIENT, cwd=telpher.cwd, capture_output=True, text=True, timeout=60)
    done.out, done.err = done.stdout, done.stderr
    found = Found(done)
    assert set(found["name"]["found"].removeprefix("s3.test is ").split(", ")) == \
        {"127.0.0.1", "127.0.0.2"}
    assert found["connection"]["status"] == "warning"
    assert found["connection"]["found"].endswith(f"; not 127.0.0.2:{server.port}")
    assert "Take the dead address out of the DNS" in found["connection"]["remedy"]
    assert found.exit == 0


def test_a_web_server_that_is_no_s3(telpher, nginx):
    found = at(telpher, f"http://127.0.0.1:{nginx.port}")
    assert re.fullmatch(r"a web server answers \(HTTP 404 by 'nginx/[0-9.]+'\), but no S3",
                        found["service"]["found"])
    assert found["service"]["remedy"] == \
        "Correct host, port and path in the endpoint URL (--endpoint-url)"
    assert found.failed == ["service"] and found.exit == 5


def test_a_gateway_whose_store_is_down(telpher, web):
    server = web([{"path": "/bucket", "status": 503}])
    found = at(telpher, server.base)
    assert "what stands before the store cannot reach it" in found["service"]["found"]
    found = at(telpher, server.base)
    assert found["service"]["remedy"] == "Start the store behind it, or tell its operator"


# --- certificates --------------------------------------------------------------------------------

def make_certificate(folder, name="IP:127.0.0.1", days=90, issuer=None):
    """Returns the endpoint's options."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    kind, _, value = name.partition(":")
    names = [x509.DNSName(value) if kind == "DNS" else x509.IPAddress(ipaddress.ip_address(value))]

    def common(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    certificate = (
        x509.CertificateBuilder().subject_name(common("the store"))
        .issuer_name(common(issuer or "the store")).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=min(days, 0) - 30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()) if issuer else key, hashes.SHA256()))
    (folder / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "k.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return ["--tls-cert", folder / "c.pem", "--tls-key", folder / "k.pem"]


@pytest.fixture
def secure(telpher, serve):
    """secure(…) starts an endpoint with a certificate of make_certificate(…)."""
    return lambda **how: serve("--store", "memory", "--bucket", "bucket",
                               *make_certificate(telpher.cwd, **how))


GIVE = "If you know it, name the certificate (PEM): --ca-bundle FILE, AWS_CA_BUNDLE, or ca_bundle in " \
    "~/.aws/config. To see it: openssl s_client -showcerts -connect 127.0.0.1:"


def test_certificate_signed_by_itself(telpher, secure):
    server = secure()
    found = at(telpher, server.base)
    found.says("TLS", "failed", "the certificate is signed by itself: nobody vouches for it",
               f"{GIVE}{server.port}")
    assert found.failed == ["TLS"] and found.exit == 4
    trusted = at(telpher, server.base, "--ca-bundle", "c.pem")
    assert trusted.exit == 0 and trusted.named("warning") == []
    assert re.fullmatch("TLSv1.3, certificate until .*Z by 'the store'", trusted["TLS"]["found"])
    unchecked = at(telpher, server.base, "--no-verify-ssl")
    assert unchecked["TLS"]["found"].endswith("not checked (--no-verify-ssl): anyone may listen")
    assert unchecked.named("warning") == ["TLS"]


def test_certificate_of_an_unknown_authority(telpher, secure):
    found = at(telpher, secure(issuer="Example CA").base)
    assert found["TLS"]["found"] == \
        "the certificate is signed by 'Example CA', whom this machine does not know"
    assert GIVE in found["TLS"]["remedy"]


def test_certificate_that_has_expired(telpher, secure):
    server = secure(days=-3)
    found = at(telpher, server.base, "--ca-bundle", "c.pem")
    assert re.fullmatch("the certificate expired on .*Z, 3 days ago", found["TLS"]["found"])
    assert found["TLS"]["remedy"].startswith(
        "Have the store's operator renew it. If this machine's date is wrong (here it is ")
    assert found.exit == 4


def test_certificate_that_expires_soon(telpher, secure):
    found = at(telpher, secure(days=5).base, "--ca-bundle", "c.pem")
    assert re.search(": [45] days left$", found["TLS"]["found"])
    assert found.named("warning") == ["TLS"] and found.exit == 0


def test_certificate_for_another_host(telpher, secure):
    server = secure(name="DNS:s3.example.com")
    found = at(telpher, server.base, "--ca-bundle", "c.pem")
    found.says("TLS", "failed", "the certificate is for s3.example.com, not for 127.0.0.1",
               "Use a name of the certificate in the endpoint URL, or have the store's certificate "
               "made for 127.0.0.1, too")
    assert found.exit == 4


def test_ca_bundle_that_is_not_there(telpher, secure):
    found = at(telpher, secure().base, "--ca-bundle", "nix.pem")
    assert found["TLS"]["found"].startswith("cannot read certificates from 'nix.pem'")
    assert found.exit == 2


def test_the_wrong_scheme(telpher, serve, secure):
    server = secure()
    found = at(telpher, server.base.replace("https", "http"))
    found.says("service", "failed", "TLS is spoken there, not plain HTTP",
               f"Write {server.base} into the endpoint URL (--endpoint-url)")
    plain = serve("--store", "memory", "--bucket", "bucket")
    found = at(telpher, plain.base.replace("http", "https"))
    assert found["TLS"]["found"].startswith("no TLS is spoken there: ")
    assert f"If the store speaks plain HTTP: {plain.base}" in found["TLS"]["remedy"]


# --- proxies -------------------------------------------------------------------------------------

def test_by_a_proxy(telpher, s3, started):
    server, proxy = s3(), started(HttpProxy("me:proxy-password"))
    url = proxy.url_with("me:proxy-password")
    found = at(telpher, server.base, env={"HTTP_PROXY": url})
    assert found.exit == 0
    found.says("proxy", "ok", f"by 127.0.0.1:{proxy.port} (HTTPS_PROXY, HTTP_PROXY; not for hosts in "
                              "NO_PROXY)")
    socks = started(SocksProxy())
    found = at(telpher, server.base, "--proxy", socks.url)
    found.says("proxy", "ok", "all goes through a SOCKS or https proxy")
    assert found.exit == 0


def test_proxy_that_is_not_there(telpher, s3):
    server, port = s3(), free_port()
    found = at(telpher, server.base, "--proxy", f"http://127.0.0.1:{port}")
    found.says("connection", "failed",
               f"the proxy 127.0.0.1:{port}: nobody listens there: connection refused",
               "Correct HTTPS_PROXY, HTTP_PROXY or --proxy; without it: --proxy none")
    assert found.exit == 5


def test_proxy_that_wants_a_log_in(telpher, started):
    proxy = started(HttpProxy("me:proxy-password"))
    found = at(telpher, "https://s3.test", "--proxy", proxy.url)
    words = (f"the proxy 127.0.0.1:{proxy.port} wants a log-in (HTTP 407)",
             "Give it in the proxy's address: http://USER:PASSWORD@HOST:PORT")
    found.says("TLS", "failed", *words)
    found = at(telpher, "http://s3.test", "--proxy", proxy.url)
    found.says("service", "failed", *words)
    assert found.exit == 5


def test_proxy_that_lets_nothing_pass(telpher, started):
    proxy = started(HttpProxy())
    proxy.refuse_with = 403
    found = at(telpher, "https://s3.test", "--proxy", proxy.url)
    assert found["TLS"]["status"] == "failed"
    assert found["TLS"]["remedy"] == "Have the proxy let s3.test pass, or do without it: --proxy " \
        "none, or NO_PROXY=s3.test"
    found = at(telpher, "http://s3.test", "--proxy", proxy.url)
    assert found["service"]["status"] == "failed"
    assert "the proxy" in found["service"]["found"] and "--proxy none" in found["service"]["remedy"]


# --- how it is shown -----------------------------------------------------------------------------

@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal(telpher, s3, columns):
    s3(args=["--region", "eu-west-1"])
    code, seen = run_on_terminal(telpher, ["doctor", "s3://bucket"], columns)
    assert code == 0 and "\x1b[32mok" in seen and "\x1b[33mwarn" in seen
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", seen)
    for line in re.split(r"[\r\n]+", plain):  # what can be copied stays whole
        assert len(line) < columns or " " not in line.strip(), line
    assert "→ Telpher has corrected itself" in plain
    assert plain.rstrip().endswith("1 warning, 20 well")
    telpher.env["NO_COLOR"] = "1"
    assert "\x1b[3" not in run_on_terminal(telpher, ["doctor", "s3://bucket"], columns)[1]


def test_in_a_pipe(telpher, s3):
    s3()
    out = telpher.ok("doctor", "s3://bucket").out
    assert "\x1b" not in out
    assert "  ok    write          8.00 KiB in " in out
    assert out.endswith("\n\n21 checks: all is well\n")
    done = telpher.run("doctor", "s3://missing")
    assert "  FAIL  bucket         there is no bucket 'missing'" in done.out
    assert "\n                       → Make it: telpher mb s3://missing" in done.out
    assert "  -     not tried      list, write, checksums, read and 9 more\n" in done.out
    assert "\n\n1 failed, 7 well\n" in done.out and done.returncode == 4


def test_what_is_no_bucket(telpher):
    for address in ("s3://bucket/key", "file", "local://"):
        done = telpher.run("doctor", address)
        assert done.returncode == 2
        assert f"'{address}' is no bucket: s3://NAME or local://NAME" in done.err


def test_interrupted_it_removes_what_it_wrote(telpher, s3):
    server = s3([{"on": "CopyObject", "count": 1, "do": "delay", "ms": 60000}])
    process = telpher.start("doctor", "s3://bucket", "--idle-timeout", "1s")
    server.wait_until_met()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.communicate()
    server.faults([])
    assert bucket_is_empty(server)
