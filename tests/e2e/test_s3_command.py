"""`telpher s3` as a program: how it starts or refuses to, whom it lets in, what it says.

What it answers to clients is tested in tests/interop; its faults in test_faults_manual.py.
"""

import http.client
import json
import re
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.config import Config

from conftest import ROOT
from s3_command import ANYWHERE, KEYS, get, refusal, refused


# --- starting, or not -----------------------------------------------------------------------------

def test_a_newcomer_gets_address_keys_and_admin_key(telpher, serve):
    server = serve(env={})
    client = server.client(*server.read_keys())
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="key", Body=b"hello")
    kept, admin = (server.process.stdout.readline() for _ in range(2))
    assert kept == f"kept in: {telpher.home}/store/s3-credentials.json\n"
    key = re.fullmatch(r"admin key: (\S{20,})\n", admin)[1]
    assert server.admin("stats", key=key)["requests"]["PutObject"] == 1
    assert server.end() == "" and server.err == ""
    # It is the embedded store that it serves.
    assert telpher.read("local://bucket/key") == b"hello"


SCRIPT = '{"rules": [{"on": "*", "do": "reset"}, {"on": "Put", "do": "reset"}]}'
USERS = '{"users": [{"access_key": "one", "secret_key": "its-secret-key"}, {"access_key": "two"}]}'
WRONG = [
    # what was typed, files that are there, exit code, what the message must name
    ("--listen 127.0.0.1", {}, 2, ["--listen", "127.0.0.1", "9000"]),
    ("--listen 127.0.0.1:99999", {}, 2, ["--listen", "99999"]),
    ("--listen 127.0.0.1:http", {}, 2, ["--listen", "127.0.0.1:http"]),
    ("--listen nowhere.invalid:0", {}, 2, ["--listen", "nowhere.invalid", "address"]),
    ("--listen 192.0.2.1:0", {}, 4, ["192.0.2.1:0", "--listen"]),
    ("--root a-file", {"a-file": ""}, 4, ["--root", "a-file", "directory"]),
    ("--root a-file/below", {"a-file": ""}, 4, ["--root", "a-file/below", "directory"]),
    ("--root /proc/nothing", {}, 4, ["--root", "/proc/nothing"]),
    ("--root=", {}, 2, ["--root"]),
    ("--root s", {"s/index.db": "not ours" * 99}, 4, ["--root", "'s'", "not a database"]),
    ("--store tape", {}, 2, ["--store", "tape", "local", "memory"]),
    ("--faults none.json", {}, 2, ["--faults", "none.json", "No such file"]),
    ("--faults .", {}, 2, ["--faults", "directory"]),
    ("--faults f.json", {"f.json": '{"rules": ['}, 2, ["--faults", "f.json", "JSON"]),
    ("--faults f.json", {"f.json": SCRIPT}, 2, ["--faults", "f.json", "rule 2", "'Put'"]),
    ("--latency soon", {}, 2, ["--latency", "soon"]),
    ("--latency 10", {}, 2, ["--latency", "10ms", "10s"]),
    ("--latency=-1s", {}, 2, ["--latency", "-1s"]),
    ("--store memory --capacity much", {}, 2, ["--capacity", "much"]),
    ("--store memory --capacity 0", {}, 2, ["--capacity"]),
    ("--scrub-rate fast", {}, 2, ["--scrub-rate", "fast"]),
    ("--tls-cert c.pem", {"c.pem": ""}, 2, ["--tls-cert", "--tls-key"]),
    ("--tls-key k.pem", {"k.pem": ""}, 2, ["--tls-cert", "--tls-key"]),
    ("--tls-cert none.pem --tls-key k.pem", {"k.pem": ""}, 2, ["--tls-cert", "none.pem"]),
    ("--tls-cert c.pem --tls-key k.pem", {"c.pem": "x", "k.pem": "x"}, 2, ["c.pem", "certificate"]),
    ("--credentials none.json", {}, 2, ["--credentials", "none.json", "No such file"]),
    ("--credentials u.json", {"u.json": "["}, 2, ["--credentials", "u.json", "JSON"]),
    ("--credentials u.json", {"u.json": '{"users": []}'}, 2, ["u.json", "access_key"]),
    ("--credentials u.json", {"u.json": USERS}, 2, ["u.json", "user 2", "secret_key"]),
    ("--bucket Not_A_Name", {}, 2, ["--bucket", "Not_A_Name"]),
    ("--bucket good --bucket x", {}, 2, ["--bucket", "'x'", "3 to 63"]),
    ("--bucket", {}, 2, ["--bucket", "NAME"]),
    ("--bukcet name", {}, 2, ["--bukcet", "telpher s3 --help"]),
    ("local://bucket", {}, 2, ["only options", "telpher s3 --help"]),
]


@pytest.mark.parametrize("typed, files, code, words", WRONG,
                         ids=[f"{typed} {list(files.values())}"[:60] for typed, files, *_ in WRONG])
def test_a_start_that_cannot_be(telpher, tmp_path, typed, files, code, words):
    """Says in one line what is wrong with what, and leaves nothing behind."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = set(tmp_path.iterdir())
    args = typed.split() if "--listen" in typed else [*ANYWHERE, *typed.split()]
    env = {k: v for k, v in KEYS.items() if "--credentials" not in args or "ADMIN" in k}
    got, message = refusal(telpher, *args, env=env)
    assert got == code, message
    for word in words:
        assert word in message
    assert set(tmp_path.iterdir()) == before


def test_a_port_that_is_taken(telpher, serve):
    """Nothing is made: else the secret key would be made by a start that does not print it."""
    other = serve("--store", "memory")
    code, message = refusal(telpher, "--listen", f"127.0.0.1:{other.port}", env={})
    assert code == 4
    assert f"127.0.0.1:{other.port}" in message and "already in use" in message
    assert "--listen" in message  # what to do
    assert not telpher.home.exists()


def make_certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.pem"],
                   cwd=folder, check=True, capture_output=True)


def test_https(tmp_path, serve):
    make_certificate(tmp_path, "a")
    server = serve("--store", "memory", "--tls-cert", "a.pem", "--tls-key", "a.key")
    assert server.base == f"https://127.0.0.1:{server.port}"
    trusting = ssl.create_default_context(cafile=tmp_path / "a.pem")
    with pytest.raises(urllib.error.HTTPError) as refused_page:
        urllib.request.urlopen(server.base + "/_telpher/stats", context=trusting)
    assert refused_page.value.code == 403


def test_a_key_that_does_not_belong_to_the_certificate(telpher, tmp_path):
    make_certificate(tmp_path, "a")
    make_certificate(tmp_path, "b")
    code, message = refusal(telpher, *ANYWHERE, "--tls-cert", "a.pem", "--tls-key", "b.key")
    assert code == 2
    assert "b.key" in message and "mismatch" in message


def test_a_root_is_made_for_its_owner_alone(tmp_path, serve):
    serve("--root", tmp_path / "new" / "root").end()
    assert (tmp_path / "new" / "root" / "index.db").exists()
    assert (tmp_path / "new" / "root").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("args, word", [(["--store", "memory", "--root", "kept"], "--root"),
                                        (["--root", "kept", "--capacity", "1MiB"], "--capacity")])
def test_an_option_without_effect_is_mentioned(serve, args, word):
    """Whoever gives --root believes that objects stay; whoever limits it, that it is limited."""
    server = serve(*args)
    server.end()
    assert re.fullmatch(rf"telpher: {word} [^\n]*\n", server.err)


def test_buckets_are_made_unless_they_are_there(serve):
    first = serve("--bucket", "one")
    first.client().put_object(Bucket="one", Key="key", Body=b"kept")
    first.end()
    client = serve("--bucket", "one", "--bucket", "two").client()
    assert [b["Name"] for b in client.list_buckets()["Buckets"]] == ["one", "two"]
    assert get(client, "key", "one") == b"kept"


def test_buckets_stay_with_their_only_user_whose_keys_are_others_now(serve):
    """Without --credentials there is one user, who may use every bucket, by whatever keys."""
    first = serve("--bucket", "bucket", env={})
    first.client(*first.read_keys()).put_object(Bucket="bucket", Key="key", Body=b"kept")
    first.end()
    client = serve("--bucket", "bucket").client()
    assert get(client, "key") == b"kept"
    client.create_bucket(Bucket="bucket")


def test_a_bucket_of_somebody_else(telpher, tmp_path, serve):
    serve("--bucket", "bucket").end()
    code, message = refusal(telpher, *ANYWHERE, "--bucket", "bucket", "--credentials",
                            users_file(tmp_path), env={})
    assert code == 4
    assert "--bucket" in message and "'bucket' belongs to somebody else" in message


def ask(server, url, method="GET", host=None, **headers):
    """Asks the endpoint for a link whose host need not have an address."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"{parts.path}?{parts.query}",
                       headers={"Host": host or parts.netloc} | names)
    answer = connection.getresponse()
    answer.body = answer.read()
    connection.close()
    return answer


def link(server, endpoint, style="path"):
    """Signed for `endpoint`."""
    config = Config(signature_version="s3v4", s3={"addressing_style": style})
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config,
                          aws_access_key_id=KEYS["TELPHER_S3_ACCESS_KEY"],
                          aws_secret_access_key=KEYS["TELPHER_S3_SECRET_KEY"])
    return client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})


def serve_an_object(serve, *args):
    server = serve("--store", "memory", "--bucket", "bucket", *args)
    server.client().put_object(Bucket="bucket", Key="key", Body=b"hello")
    return server


def test_domains_carry_the_bucket_in_front(serve):
    """--domain may stand several times."""
    server = serve_an_object(serve, "--domain", "store.test", "--domain", "other.test")
    for domain in ("store.test", "other.test"):
        url = link(server, f"http://{domain}:{server.port}", "virtual")
        assert f"//bucket.{domain}:" in url
        assert ask(server, url).body == b"hello"
    # A host that is none of ours has no bucket in front: "key" is the bucket then.
    assert ask(server, link(server, "http://third.test", "virtual")).status in (403, 404)
    assert ask(server, link(server, "http://third.test")).body == b"hello"
    server.end()


def test_pages_of_a_cors_origin_may_use_it(serve):
    server = serve_an_object(serve, "--cors-origin", "https://app.test",
                             "--cors-origin", "https://two.test")
    url = link(server, server.base)
    for origin in ("https://app.test", "https://two.test"):
        answer = ask(server, url, Origin=origin)
        assert answer.body == b"hello"
        assert answer.getheader("Access-Control-Allow-Origin") == origin
        preflight = ask(server, url, "OPTIONS", Origin=origin, Access_Control_Request_Method="PUT",
                        Access_Control_Request_Headers="x-amz-date")
        assert preflight.status == 200
        assert "PUT" in preflight.getheader("Access-Control-Allow-Methods")
        assert preflight.getheader("Access-Control-Allow-Headers") == "x-amz-date"
    stranger = ask(server, url, Origin="https://evil.test")
    assert stranger.getheader("Access-Control-Allow-Origin") is None
    assert ask(server, url, "OPTIONS", Origin="https://evil.test",
               Access_Control_Request_Method="GET").status == 403
    server.end()


def test_no_page_may_use_it_unless_told_and_every_one_by_a_star(serve):
    quiet = serve_an_object(serve)
    answer = ask(quiet, link(quiet, quiet.base), Origin="https://app.test")
    assert answer.body == b"hello" and answer.getheader("Access-Control-Allow-Origin") is None
    quiet.end()
    open_to_all = serve_an_object(serve, "--cors-origin", "*")
    answer = ask(open_to_all, link(open_to_all, open_to_all.base), Origin="https://any.test")
    assert answer.getheader("Access-Control-Allow-Origin") == "*"
    open_to_all.end()


SYNCS_C = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int told(long call, int fd) {
  int out = open(getenv("SYNCS"), O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (out >= 0 && write(out, "s", 1) == 1) close(out);
  return (int)syscall(call, fd);
}
int fsync(int fd) { return told(SYS_fsync, fd); }
int fdatasync(int fd) { return told(SYS_fdatasync, fd); }
"""


@pytest.mark.parametrize("args, syncs", [([], True), (["--no-sync"], False)])
def test_no_sync_leaves_the_disk_alone(tmp_path, serve, args, syncs):
    """A put is acknowledged when it is on the disk, unless somebody wanted speed instead."""
    (tmp_path / "syncs.c").write_text(SYNCS_C)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "syncs.so", "syncs.c"], cwd=tmp_path, check=True)
    counted = tmp_path / "syncs"
    server = serve("--root", "root", "--bucket", "bucket", *args,
                   env=KEYS | {"LD_PRELOAD": str(tmp_path / "syncs.so"), "SYNCS": str(counted)})
    before = counted.stat().st_size if counted.exists() else 0
    client = server.client()
    for i in range(3):
        client.put_object(Bucket="bucket", Key=f"key-{i}", Body=b"kept")
    after = counted.stat().st_size if counted.exists() else 0
    assert (after - before >= 3) if syncs else after == before
    server.end()
    assert get(serve("--root", "root", *args).client(), "key-2") == b"kept"


# --- who is let in --------------------------------------------------------------------------------

def test_made_keys_are_kept_for_their_owner_alone(telpher, serve):
    first = serve(env={})
    keys = first.read_keys()
    first.client(*keys).create_bucket(Bucket="bucket")
    first.end()
    file = telpher.home / "store" / "s3-credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600

    second = serve(env={})
    second.client(*keys).head_bucket(Bucket="bucket")
    out = second.end()
    assert out.startswith(f"access key: {keys[0]} (secret key in {file})\n")
    assert keys[1] not in out + first.err + second.err  # said once is enough


def test_made_keys_of_a_store_in_memory_are_of_this_run(telpher, serve):
    keys = [serve("--store", "memory", env={}).read_keys() for _ in range(2)]
    assert keys[0] != keys[1]
    assert not telpher.home.exists()


def test_kept_keys_that_were_damaged(telpher, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "s3-credentials.json").write_text('{"users"')
    code, message = refusal(telpher, *ANYWHERE, "--root", "root", env={})
    assert code == 2 and "root/s3-credentials.json" in message


@pytest.mark.parametrize("env, words", [
    ({"TELPHER_S3_ACCESS_KEY": "alone"}, ["TELPHER_S3_SECRET_KEY"]),
    ({"TELPHER_S3_SECRET_KEY": "its-secret-key"}, ["TELPHER_S3_ACCESS_KEY"]),
    ({"TELPHER_S3_ACCESS_KEY": "a", "TELPHER_S3_SECRET_KEY": ""}, ["TELPHER_S3_SECRET_KEY"]),
    # The signature's scope would end at the slash: no request could ever be signed with it.
    ({"TELPHER_S3_ACCESS_KEY": "a/b", "TELPHER_S3_SECRET_KEY": "c"},
     ["TELPHER_S3_ACCESS_KEY", "'/'"]),
])
def test_keys_of_the_environment_that_cannot_be(telpher, env, words):
    code, message = refusal(telpher, *ANYWHERE, env=env)
    assert code == 2
    assert all(word in message for word in words), message
    assert not telpher.home.exists()


def test_empty_keys_are_none(serve):
    """As where a variable is passed on that is not set."""
    server = serve("--store", "memory", env={name: "" for name in KEYS})
    server.client(*server.read_keys()).list_buckets()
    with pytest.raises(urllib.error.HTTPError):
        server.admin("stats", key="")


def test_keys_of_the_environment_are_not_told(serve):
    server = serve("--store", "memory")
    server.client().list_buckets()
    with refused("InvalidAccessKeyId", 403):
        server.client("somebody").list_buckets()
    with refused("SignatureDoesNotMatch", 403):
        server.client(secret_key="a guess").list_buckets()
    assert server.end() == "" and server.err == ""


def users_file(tmp_path, mode=0o600):
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"users": [
        {"access_key": "ann", "secret_key": "ann's", "id": "id-of-ann", "display_name": "Ann"},
        {"access_key": "bob", "secret_key": "bob's"}]}))
    path.chmod(mode)
    return path


def test_several_users(tmp_path, serve):
    server = serve("--store", "memory", "--credentials", users_file(tmp_path), "--bucket", "anns",
                   env={})
    ann, bob = server.client("ann", "ann's"), server.client("bob", "bob's")
    bob.create_bucket(Bucket="bobs")
    answer = ann.list_buckets()
    assert [b["Name"] for b in answer["Buckets"]] == ["anns"]  # --bucket: the first user's
    assert answer["Owner"]["ID"] == "id-of-ann"
    assert [b["Name"] for b in bob.list_buckets()["Buckets"]] == ["bobs"]
    with refused("AccessDenied", 403):
        bob.put_object(Bucket="anns", Key="key", Body=b"")
    out = server.end()
    assert server.err == "" and "'s" not in out


def test_users_in_a_file_and_in_the_environment(telpher, tmp_path):
    code, message = refusal(telpher, *ANYWHERE, "--credentials", users_file(tmp_path))
    assert code == 2 and "--credentials" in message and "TELPHER_S3_ACCESS_KEY" in message


def test_users_in_a_file_that_others_can_read(tmp_path, serve):
    """It serves: secrets that an orchestrator mounts are often like that. But it says so."""
    server = serve("--store", "memory", "--credentials", users_file(tmp_path, 0o644), env={})
    server.client("ann", "ann's").list_buckets()
    server.end()
    assert re.fullmatch(r"telpher: [^\n]*users\.json[^\n]*chmod 600[^\n]*\n", server.err)


def test_admin_pages_want_the_admin_key(serve):
    server = serve("--store", "memory")
    assert server.admin("faults")["rules"] == []
    for page, method in [("faults", "GET"), ("faults", "PUT"), ("faults", "DELETE"),
                         ("history", "GET"), ("stats", "GET"), ("other", "GET")]:
        for key in ["", "a guess", "its-secret-key"]:
            with pytest.raises(urllib.error.HTTPError) as refused_page:
                server.admin(page, key=key, method=method)
            assert refused_page.value.code == 403


# --- what it says ---------------------------------------------------------------------------------

def test_help_tells_every_option_in_80_columns(telpher):
    text = telpher.ok("s3", "--help").out
    source = (ROOT / "src/cli/s3.cc").read_text()
    options = set(re.findall(r'"(--[a-z-]+)"', source))
    assert len(options) >= 17
    assert options == set(re.findall(r"^ {6}(--[a-z-]+)", text, re.M))
    for word in ["TELPHER_S3_ACCESS_KEY", "TELPHER_S3_ADMIN_KEY", "SIGTERM", "Exit codes"]:
        assert word in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\n\nA fault script" in text and "\n\nExit codes" in text  # paragraphs stay apart


def test_log_has_a_line_for_each_request(serve):
    server = serve("--store", "memory", "--bucket", "bucket", "--log")
    client = server.client()
    client.put_object(Bucket="bucket", Key="a key\n\x1b[2J", Body=b"x" * 1000)
    with refused("NoSuchKey", 404):
        get(client, "none")
    link = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "linked"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(link)
    with refused("SignatureDoesNotMatch", 403):
        server.client(secret_key="a guess").list_buckets()
    server.end()
    lines = [re.fullmatch(r"\d\d:\d\d:\d\d (\d{3}) +\d+\.\d ms  (\w+) (.*)", line).groups()
             for line in server.err.splitlines()]
    assert lines[0][:2] == ("200", "PutObject")
    assert lines[0][2].startswith("bucket/a key") and "\x1b" not in lines[0][2]
    assert lines[1] == ("404", "GetObject", "bucket/none")
    assert lines[2] == ("404", "GetObject", "bucket/linked")
    assert lines[3][:2] == ("403", "ListBuckets")
    assert len(lines) == 4
    for secret in [*KEYS.values(), link.split("X-Amz-Signature=")[1][:64]]:
        assert secret not in server.err


def test_secrets_are_not_in_argv(serve):
    """`ps` shows them to everybody on the machine: there is no option to give one."""
    server = serve("--store", "memory")
    with open(f"/proc/{server.process.pid}/cmdline") as file:
        assert not [secret for secret in KEYS.values() if secret in file.read()]
