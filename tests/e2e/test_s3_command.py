"""`telpher s3` as a program: how it starts or refuses to, whom it lets in, what it says, how it ends.

What it answers to clients is tested in tests/interop; its faults in test_faults_manual.py.
"""

import contextlib
import json
import re
import resource
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from conftest import MIB, ROOT, random_bytes

KEYS = {"TELPHER_S3_ACCESS_KEY": "its-access-key", "TELPHER_S3_SECRET_KEY": "its-secret-key",
        "TELPHER_S3_ADMIN_KEY": "its-admin-key"}
ANYWHERE = ["--listen", "127.0.0.1:0"]


class Served:
    """A started `telpher s3`: it has said where it listens."""

    def __init__(self, telpher, args, env, **kwargs):
        self.stderr = telpher.cwd / f"stderr-{time.monotonic_ns()}"
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(
                telpher.command(["s3", *ANYWHERE, *args]), env=telpher.env | env, cwd=telpher.cwd,
                stdout=subprocess.PIPE, stderr=stderr, text=True, **kwargs)
        first = self.process.stdout.readline()
        listening = re.fullmatch(r"listening on (https?://127\.0\.0\.1:(\d+))\n", first)
        assert listening, f"{first} {self.err}"
        self.base, self.port = listening[1], int(listening[2])

    @property
    def err(self):
        return self.stderr.read_text()

    def read_keys(self):
        """(access key, secret key) as printed: at the first start only."""
        access, secret = (self.process.stdout.readline() for _ in range(2))
        return re.fullmatch(r"access key: (\S+)\n", access)[1], \
            re.fullmatch(r"secret key: (\S+)\n", secret)[1]

    def client(self, access_key="its-access-key", secret_key="its-secret-key"):
        config = Config(signature_version="s3v4", retries={"max_attempts": 0}, read_timeout=30,
                        s3={"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=self.base, region_name="us-east-1", config=config,
                            aws_access_key_id=access_key, aws_secret_access_key=secret_key)

    def admin(self, path, key="its-admin-key", method="GET"):
        request = urllib.request.Request(f"{self.base}/_telpher/{path}", method=method,
                                         headers={"Authorization": f"Bearer {key}"} if key else {})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def end(self, with_signal=signal.SIGTERM):
        """Ends it; returns what it has said that was not read."""
        self.process.send_signal(with_signal)
        assert self.process.wait(20) == 0, f"{self.process.returncode} {self.err}"
        assert "Sanitizer" not in self.err and "check failed" not in self.err, self.err
        with self.process.stdout as out:
            return out.read()


@pytest.fixture
def serve(telpher):
    """serve("--store", "memory", …) starts an endpoint at a free port, with known keys."""
    started = []

    def start(*args, env=KEYS, **kwargs):
        started.append(Served(telpher, args, env, **kwargs))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.end()


def refusal(telpher, *args, env=KEYS):
    """(exit code, message) of a start that must fail: one line, and nothing on standard output."""
    done = telpher.run("s3", *args, env=env, timeout=30)
    assert done.out == ""
    line = re.fullmatch(r"telpher: ([^\n]+)\n", done.err)
    assert line, done.err
    assert "its-secret-key" not in done.err and "its-admin-key" not in done.err
    return done.returncode, line[1]


@contextlib.contextmanager
def refused(code, status):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        yield
    answer = raised.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def get(client, key, bucket="bucket"):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


# --- starting, or not -----------------------------------------------------------------------------

def test_a_newcomer_gets_address_keys_and_admin_key(telpher, serve):
    server = serve(env={})
    client = server.client(*server.read_keys())
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="key", Body=b"hello")
    kept, admin = (server.process.stdout.readline() for _ in range(2))
    assert kept == f"kept in: {telpher.home}/store/s3-credentials.json\n"
    key = re.fullmatch(r"admin key: (\S{20,})\n", admin)[1]
    assert server.admin("stats", key)["requests"]["PutObject"] == 1
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


def test_a_key_that_does_not_belong_to_the_certificate(telpher, tmp_path):
    for name in "ab":
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test", "-keyout",
                        f"{name}.key", "-out", f"{name}.pem"], cwd=tmp_path, check=True,
                       capture_output=True)
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
    assert get(serve("--bucket", "bucket").client(), "key") == b"kept"


def test_a_bucket_of_somebody_else(telpher, tmp_path, serve):
    serve("--bucket", "bucket").end()
    code, message = refusal(telpher, *ANYWHERE, "--bucket", "bucket", "--credentials",
                            users_file(tmp_path), env={})
    assert code == 4
    assert "--bucket" in message and "'bucket' belongs to somebody else" in message


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
        server.admin("stats", "")


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
                server.admin(page, key, method)
            assert refused_page.value.code == 403


# --- scrub ----------------------------------------------------------------------------------------

def data_files(root):
    return [path for path in (root / "data").rglob("*") if path.is_file()]


@pytest.fixture
def stored(tmp_path, serve):
    """A store on disk with two objects; returns (root, content of the large one)."""
    server = serve("--root", tmp_path / "root", "--bucket", "bucket")
    content = random_bytes(MIB + 5)
    server.client().put_object(Bucket="bucket", Key="dir/large", Body=content)
    server.client().put_object(Bucket="bucket", Key="small", Body=b"a few bytes")
    server.end()
    return tmp_path / "root", content


def test_scrub_of_a_sound_store(telpher, stored):
    done = telpher.ok("s3", "--scrub", "--root", stored[0])
    assert re.fullmatch(r"2 objects and 0 parts [^\n]*1\.00 MiB: 0 damaged\n", done.out)
    assert done.err == ""


def assert_damaged(telpher, root, names):
    done = telpher.run("s3", "--scrub", "--root", root)
    assert done.returncode == 6
    assert f"2 objects and 0 parts" in done.out and f"{len(names)} damaged\n" in done.out
    lines = done.err.splitlines()
    assert [re.match(r"telpher: damaged: (\S+): .", line)[1] for line in lines[:-1]] == names
    assert lines[-1] == f"telpher: {len(names)} damaged; each was named above"


def test_scrub_finds_a_flipped_bit(telpher, stored):
    root, content = stored
    [file] = [path for path in data_files(root) if content in path.read_bytes()]
    data = bytearray(file.read_bytes())
    data[data.index(content) + MIB // 2] ^= 4
    file.write_bytes(data)
    assert_damaged(telpher, root, ["bucket/dir/large"])


def test_scrub_finds_a_missing_file(telpher, stored):
    root, content = stored
    [file] = [path for path in data_files(root) if content in path.read_bytes()]
    small_too = b"a few bytes" in file.read_bytes()
    file.unlink()
    assert_damaged(telpher, root, ["bucket/dir/large"] + ["bucket/small"] * small_too)


def test_scrub_where_no_store_is(telpher, tmp_path):
    before = set(tmp_path.iterdir())
    code, message = refusal(telpher, "--scrub", "--root", "nowhere")
    assert code == 3 and "no store at 'nowhere'" in message
    assert refusal(telpher, "--scrub")[0] == 3
    assert set(tmp_path.iterdir()) == before


def test_scrub_of_a_store_in_memory(telpher):
    code, message = refusal(telpher, "--scrub", "--store", "memory")
    assert code == 2 and "--store memory" in message


def test_scrub_beside_a_server(telpher, tmp_path, serve, stored):
    server = serve("--root", stored[0])
    client = server.client()
    upload = client.create_multipart_upload(Bucket="bucket", Key="unfinished")["UploadId"]
    client.upload_part(Bucket="bucket", Key="unfinished", UploadId=upload, PartNumber=1,
                       Body=b"a part")
    done = telpher.ok("s3", "--scrub", "--root", stored[0])
    assert done.out.startswith("2 objects and 1 parts")
    assert get(client, "dir/large") == stored[1]
    client.abort_multipart_upload(Bucket="bucket", Key="unfinished", UploadId=upload)


def test_a_server_scrubs_by_itself(serve, stored):
    root, content = stored
    [file] = [path for path in data_files(root) if content in path.read_bytes()]
    file.write_bytes(file.read_bytes().replace(content, b"\0" * len(content)))
    server = serve("--root", root, "--scrub-rate", "1GiB/s")
    until(lambda: "telpher: damaged: bucket/dir/large: " in server.err)
    server.end()


# --- ending ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_without_a_fault(tmp_path, serve, with_signal):
    """An upload under way is cut; what was acknowledged is there at the next start."""
    server = serve("--root", tmp_path / "root", "--bucket", "bucket")
    client = server.client()
    client.put_object(Bucket="bucket", Key="acknowledged", Body=b"all of it")
    link = client.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "half"})
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(f"PUT {link.split(str(server.port), 1)[1]} HTTP/1.1\r\n"
                           f"Host: 127.0.0.1:{server.port}\r\nContent-Length: {MIB}\r\n"
                           "Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x" * (MIB // 2))
        server.end(with_signal)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1000) == b""
    assert server.err == ""

    client = serve("--root", tmp_path / "root").client()
    listed = client.list_objects_v2(Bucket="bucket")["Contents"]
    assert [entry["Key"] for entry in listed] == ["acknowledged"]
    assert get(client, "acknowledged") == b"all of it"


def test_a_signal_does_not_wait_for_a_fault(serve, tmp_path):
    """Nor for clients that only stay connected."""
    (tmp_path / "f.json").write_text(
        '{"rules": [{"on": "ListBuckets", "do": "delay", "ms": 600000}]}')
    server = serve("--store", "memory", "--faults", "f.json")
    link = server.client().generate_presigned_url("list_buckets")
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(f"GET {link.split(str(server.port), 1)[1]} HTTP/1.1\r\n"
                           f"Host: 127.0.0.1:{server.port}\r\n\r\n".encode())
        until(lambda: server.admin("faults")["rules"][0]["acted"] == 1)
        server.end()


def test_the_port_is_free_again_at_once(telpher, serve):
    server = serve("--store", "memory")
    kept_alive = socket.create_connection(("127.0.0.1", server.port), 20)
    kept_alive.sendall(b"GET /_telpher/stats HTTP/1.1\r\nHost: x\r\n\r\n")
    assert kept_alive.recv(1000).startswith(b"HTTP/1.1 403 ")
    server.end()
    again = serve("--store", "memory", "--listen", f"127.0.0.1:{server.port}")
    assert again.port == server.port
    kept_alive.close()


# --- what it bears --------------------------------------------------------------------------------

def until(predicate):
    deadline = time.monotonic() + 20
    while not predicate():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), 20)


def count_closed(connections):
    """How many the other side has closed."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN | select.POLLRDHUP)
    return len(poll.poll(0))


@pytest.mark.parametrize("store", ["memory", "local"])
def test_more_connections_than_descriptors(serve, store):
    """64 descriptors: half of them for connections. Who is in is served, the others are closed at
    once, and when some leave others come in."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    server = serve("--store", store, "--bucket", "bucket", preexec_fn=limit)
    client = server.client()
    client.put_object(Bucket="bucket", Key="first", Body=b"1")  # its connection stays open
    others = [connect(server) for _ in range(100)]
    until(lambda: count_closed(others) == 100 - 31)
    content = random_bytes(6 * MIB)
    client.put_object(Bucket="bucket", Key="large", Body=content)
    assert get(client, "large") == content
    assert client.list_objects_v2(Bucket="bucket")["KeyCount"] == 2
    for connection in others:
        connection.close()

    def is_served():
        with contextlib.suppress(OSError, botocore.exceptions.BotoCoreError):
            return get(server.client(), "first") == b"1"

    until(is_served)
    server.end()
    assert server.err == ""


# What the machine's own memory bears is not tried: with sanitizers, whose shadow is terabytes of
# address space, RLIMIT_AS means nothing.
def test_a_store_in_memory_that_is_full(serve):
    client = serve("--store", "memory", "--capacity", "1MiB", "--bucket", "bucket").client()
    part = random_bytes(700_000)
    client.put_object(Bucket="bucket", Key="one", Body=part)
    with refused("InsufficientStorage", 507):
        client.put_object(Bucket="bucket", Key="two", Body=part)
    assert get(client, "one") == part
    client.delete_object(Bucket="bucket", Key="one")
    client.put_object(Bucket="bucket", Key="two", Body=part)
    assert get(client, "two") == part


def test_two_of_one_store(serve, tmp_path):
    """Several processes may use a local store at once; what one acknowledges the other has."""
    one = serve("--root", tmp_path / "root", "--bucket", "bucket")
    two = serve("--root", tmp_path / "root", "--bucket", "bucket")
    content = random_bytes(MIB)
    one.client().put_object(Bucket="bucket", Key="key", Body=content)
    assert get(two.client(), "key") == content
    two.client().delete_object(Bucket="bucket", Key="key")
    with refused("NoSuchKey", 404):
        get(one.client(), "key")


def test_several_first_starts_at_once_agree_on_the_keys(telpher, tmp_path):
    starts = [telpher.start("s3", *ANYWHERE, "--root", "root") for _ in range(4)]
    said = []
    for process in starts:
        first, keys = process.stdout.readline(), process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 0, first + process.stderr.read()
        said.append((keys + process.stdout.read()).decode())
    [user] = json.loads((tmp_path / "root" / "s3-credentials.json").read_text())["users"]
    assert all(text.startswith(f"access key: {user['access_key']}") for text in said)
    assert sum(user["secret_key"] in text for text in said) == 1
    assert [path.name for path in (tmp_path / "root").glob("*credentials*")] == \
        ["s3-credentials.json"]


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
    assert lines[1:3] == [("404", "GetObject", "bucket/none"), ("404", "GetObject", "bucket/linked")]
    assert lines[3][:2] == ("403", "ListBuckets")
    assert len(lines) == 4
    for secret in [*KEYS.values(), link.split("X-Amz-Signature=")[1][:64]]:
        assert secret not in server.err


def test_secrets_are_not_in_argv(serve):
    """`ps` shows them to everybody on the machine: there is no option to give one."""
    server = serve("--store", "memory")
    with open(f"/proc/{server.process.pid}/cmdline") as file:
        assert not [secret for secret in KEYS.values() if secret in file.read()]
