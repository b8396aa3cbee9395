"""`telpher s3` as a service: what it bears, how it ends, what --scrub finds in what it stored."""

import contextlib
import json
import re
import resource
import select
import signal
import socket

import botocore.exceptions
import pytest

from conftest import MIB, random_bytes
from s3_command import ANYWHERE, get, refusal, refused, until


# --- what it bears --------------------------------------------------------------------------------

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
