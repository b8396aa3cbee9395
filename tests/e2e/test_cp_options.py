"""What the options of cp, and the variables beside them, change: seen from outside."""

import json
import os
import re

import pytest

from conftest import MIB, random_bytes, swallowing
from s3_command import KEYS

PART = 5 * MIB


@pytest.fixture
def url(nginx):
    return nginx.put("options.bin", random_bytes(60 * MIB))


def stats(telpher, *args, **kwargs):
    done = telpher.events("cp", *args, "--stats", **kwargs)
    assert done.returncode == 0, done.err
    return done.events[-1]["stats"]


# --- speed and memory ----------------------------------------------------------------------------

def test_memory_bounds_the_buffers(telpher, s3, url):
    s3()
    for how in ({"args": ["--memory", "12MiB"]}, {"env": {"TELPHER_MEMORY": "12MiB"}},
                {"args": ["--memory", "12MiB"], "env": {"TELPHER_MEMORY": "200MiB"}}):
        buffers = stats(telpher, url, "s3://bucket/k", "--part-size", PART, *how.get("args", []),
                        env=how.get("env"))["buffers"]
        assert 0 < buffers["peak"] <= 12 * MIB, how
        assert buffers["read"] == 60 * MIB


@pytest.mark.parametrize("how", [{"args": ["--memory", "9MiB"]}, {"env": {"TELPHER_MEMORY": "1MiB"}},
                                 {"env": {"TELPHER_MEMORY": "much"}}])
def test_memory_that_is_too_little(telpher, tmp_path, how):
    (tmp_path / "f").write_text("x")
    done = telpher.run("cp", "f", "local://bucket/k", *how.get("args", []), env=how.get("env"))
    assert done.returncode == 2
    assert "MEMORY" in done.err.upper()


@pytest.mark.parametrize("size, part_size, plan", [
    (200 * MIB, "auto", "13 parts of 16.0 MiB"),
    (20 * MIB, "auto", "3 parts of 8.00 MiB"),
    (200 * MIB, "tiered", "2 parts of 100.0 MiB"),
    (20 << 30, "tiered", "82 parts of 250.0 MiB"),
    (200 << 30, "tiered", "410 parts of 500.0 MiB"),
    (200 * MIB, "64MiB", "4 parts of 64.0 MiB"),
])
def test_part_size(telpher, tmp_path, size, part_size, plan):
    with open(tmp_path / "f", "wb") as file:
        file.truncate(size)
    assert plan in telpher.ok("cp", "-n", "f", "local://bucket/k", "--part-size", part_size).out


def test_parts_have_the_size_that_was_planned(telpher, s3, tmp_path):
    server = s3()
    with open(tmp_path / "f", "wb") as file:
        file.truncate(161 * MIB)
    for part_size, parts in (("tiered", 2), ("auto", 11)):
        before = server.stats()["requests"].get("UploadPart", 0)
        telpher.ok("cp", "f", "s3://bucket/k", "--part-size", part_size)
        assert server.stats()["requests"]["UploadPart"] - before == parts


def test_order_of_concurrency_settings(telpher, tmp_path):
    (tmp_path / "f").write_text("x")
    old, own = {"MAX_CONCURRENT_UPLOADS": "5"}, {"TELPHER_MAX_CONCURRENT_UPLOADS": "6"}
    for args, env, wanted in (([], {}, 10), ([], old, 5), ([], own, 6), ([], old | own, 6),
                              (["--concurrency", "256"], old | own, 256)):
        figures = stats(telpher, "f", "local://bucket/k", *args, env=env)
        assert figures["concurrency"]["configured"] == wanted, (args, env)


@pytest.mark.parametrize("value", ["0", "257", "-1", "many", ""])
def test_concurrency_that_is_none(telpher, tmp_path, value):
    (tmp_path / "f").write_text("x")
    for name in ("MAX_CONCURRENT_UPLOADS", "TELPHER_MAX_CONCURRENT_UPLOADS"):
        done = telpher.run("cp", "f", "local://bucket/k", env={name: value})
        assert done.returncode == 2 and f"{name}: must be a number from 1 to 256" in done.err
    done = telpher.run("cp", "f", "local://bucket/k", "--concurrency", value)
    assert done.returncode == 2 and "--concurrency: must be a number from 1 to 256" in done.err


@pytest.mark.parametrize("value", ["0", "65"])
def test_source_connections_that_are_none(telpher, url, value):
    done = telpher.run("cp", url, "local://bucket/k", "--source-connections", value)
    assert done.returncode == 2
    assert "--source-connections: must be a number from 1 to 64" in done.err


# --- what the store is told ----------------------------------------------------------------------

TOLD = {
    "--content-type": ("text/x-mine", "content-type"),
    "--content-encoding": ("gzip", "content-encoding"),
    "--content-language": ("de", "content-language"),
    "--content-disposition": ("attachment", "content-disposition"),
    "--cache-control": ("max-age=60", "cache-control"),
    "--storage-class": ("STANDARD_IA", "x-amz-storage-class"),
    "--sse": ("aws:kms", "x-amz-server-side-encryption"),
    "--sse-kms-key-id": ("my-key", "x-amz-server-side-encryption-aws-kms-key-id"),
    "--acl": ("bucket-owner-full-control", "x-amz-acl"),
}


@pytest.mark.parametrize("size", [1, 2 * PART])
def test_what_the_object_shall_be_arrives_with_it(telpher, s3, front, tmp_path, size):
    """At whatever makes the object: PutObject, or CreateMultipartUpload."""
    (tmp_path / "f").write_bytes(random_bytes(size))
    told = []

    def listen(handler):
        makes = handler.command == ("PUT" if size == 1 else "POST") and "uploadId" not in handler.path
        if makes:
            told.append({name.lower(): value for name, value in handler.headers.items()})
        return False

    gateway = front(s3(), listen)
    options = [word for name, (value, _) in TOLD.items() for word in (name, value)]
    done = telpher.run("cp", "f", "s3://bucket/k", "--part-size", PART, "--metadata", "colour=red",
                       *options, env={"AWS_ENDPOINT_URL": gateway.base})
    assert len(told) == 1, done.err
    for value, header in TOLD.values():
        assert told[0][header] == value
        assert header in told[0]["authorization"] or not header.startswith("x-amz-")
    assert told[0]["x-amz-meta-colour"] == "red"


def test_key_of_kms_without_kms(telpher, tmp_path):
    (tmp_path / "f").write_text("x")
    done = telpher.run("cp", "f", "s3://bucket/k", "--sse-kms-key-id", "my-key")
    assert done.returncode == 2 and "--sse-kms-key-id needs --sse aws:kms" in done.err


# --- without credentials -------------------------------------------------------------------------

def test_no_sign_request(telpher, web, serve, tmp_path):
    """Nothing of one's own is shown, and nothing is looked for."""
    public = web([{"path": "/bucket/k", "body": "public", "etag": '"1"',
                   "last_modified": "Tue, 14 Nov 2023 22:13:20 GMT"}])
    args = ["cp", "s3://bucket/k", "out", "--endpoint-url", public.base]
    done = telpher.run(*args)
    assert done.returncode != 0 and "No S3 credentials found" in done.err
    assert public.requests() == []
    telpher.ok(*args, "--no-sign-request")
    telpher.ok(*args, "--no-sign-request", env={"AWS_ACCESS_KEY_ID": "x",
                                                "AWS_SECRET_ACCESS_KEY": "x"})
    assert (tmp_path / "out").read_text() == "public"
    assert (tmp_path / "out").stat().st_mtime == 1700000000
    assert public.requests()
    for request in public.requests():
        assert "authorization" not in map(str.lower, request["headers"]), request

    private = serve("--store", "memory", "--bucket", "bucket")
    there = ["--endpoint-url", private.base, "--no-sign-request"]
    assert telpher.run("cp", "out", "s3://bucket/k", *there).returncode == 4
    assert telpher.run("cp", "s3://bucket/k", "back", *there).returncode == 3
    assert not (tmp_path / "back").exists()


def test_config_and_credentials_in_files_elsewhere(telpher, serve, tmp_path):
    served = serve("--store", "memory", "--bucket", "bucket")
    (tmp_path / "my-config").write_text(f"[profile mine]\nendpoint_url = {served.base}\n"
                                        "region = eu-north-1\n")
    (tmp_path / "my-credentials").write_text(
        f"[mine]\naws_access_key_id = {KEYS['TELPHER_S3_ACCESS_KEY']}\n"
        f"aws_secret_access_key = {KEYS['TELPHER_S3_SECRET_KEY']}\n")
    (tmp_path / "f").write_text("content")
    env = {"AWS_CONFIG_FILE": str(tmp_path / "my-config"), "AWS_PROFILE": "mine",
           "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "my-credentials")}
    telpher.ok("cp", "f", "s3://bucket/k", env=env)
    assert "eu-north-1" in telpher.ok("presign", "s3://bucket/k", env=env).out
    assert served.client().get_object(Bucket="bucket", Key="k")["Body"].read() == b"content"


# --- time ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("end", ["source", "store"])
def test_connect_timeout(telpher, tmp_path, end):
    """Long before the 60 seconds that it has by default."""
    (tmp_path / "f").write_text("x")
    with swallowing("127.0.0.3") as port:
        there = f"http://127.0.0.3:{port}"
        args = ["cp", "f", "s3://bucket/k", "--endpoint-url", there] if end == "store" else \
            ["cp", f"{there}/f", "local://bucket/k"]
        done = telpher.run(*args, "--connect-timeout", "200ms", "--retries", "2", timeout=50,
                           env={"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"})
    assert done.returncode == 5, done.err
    assert "127.0.0.3" in done.err and re.search("connect|in time", done.err), done.err


# --- addresses -----------------------------------------------------------------------------------

def test_file_addresses_both_ways(telpher, tmp_path):
    (tmp_path / "deep dir").mkdir()
    data = random_bytes(3 * MIB)
    (tmp_path / "deep dir/grün?.bin").write_bytes(data)
    typed = f"file://{tmp_path}/deep%20dir/gr%C3%BCn%3F.bin"
    telpher.ok("cp", typed, "local://bucket/in/")
    assert telpher.read("local://bucket/in/grün?.bin") == data
    telpher.ok("cp", "local://bucket/in/grün?.bin", f"file://localhost{tmp_path}/back%20here.bin")
    assert (tmp_path / "back here.bin").read_bytes() == data
    telpher.ok("cp", f"file://{tmp_path}/deep%20dir", "local://bucket/dir/")
    assert telpher.exists("local://bucket/dir/grün?.bin")
    telpher.ok("cp", "local://bucket/dir/", f"file://{tmp_path}/out/")
    assert os.listdir(tmp_path / "out") == ["grün?.bin"]


def test_file_address_that_is_none(telpher):
    done = telpher.run("cp", "file://relative/f", "local://bucket/k")
    assert done.returncode == 2
    assert "Invalid URL format: file:// needs an absolute path" in done.err


@pytest.mark.parametrize("bucket", ["ab", "b" * 64, "Upper", "under_score", "-a-b", "a-b-", ".ab",
                                    "a..b", "192.168.0.1", "xn--bucket", "bucket-s3alias", "bück"])
def test_bucket_names_that_are_none(telpher, tmp_path, bucket):
    (tmp_path / "f").write_text("x")
    for scheme in ("s3", "local"):
        done = telpher.run("cp", "f", f"{scheme}://{bucket}/k")
        assert done.returncode == 2, done.err
        assert f"Invalid bucket name '{bucket}'" in done.err


@pytest.mark.parametrize("key", ["k" * 1024, "ü" * 512, "a b/ü/漢字/🙂", "+%20&=;,'\"\\", "\t"])
def test_keys_of_all_kinds(telpher, s3, tmp_path, key):
    s3()
    (tmp_path / "f").write_text("x")
    for store in ("s3://bucket/", "local://bucket/"):
        telpher.ok("cp", "f", store + key)
        assert telpher.ok("cat", store + key).out == "x"


@pytest.mark.parametrize("key", [b"k" * 1025, "ü".encode() * 513, b"not-utf-8-\xff", b"cut-\xc3"])
def test_keys_that_are_none(telpher, tmp_path, key):
    (tmp_path / "f").write_text("x")
    for store in ("s3://bucket/", "local://bucket/"):
        done = telpher.run("cp", "f", store + key.decode(errors="surrogateescape"))
        assert done.returncode == 2, done.err
        assert "key" in done.err.lower()


# --- statistics ----------------------------------------------------------------------------------

def test_statistics_for_people_and_for_programs(telpher, url):
    """The same groups, the same names."""
    figures = stats(telpher, url, "local://bucket/k")
    said = telpher.ok("cp", url, "local://bucket/k", "--stats").out
    for group, values in figures.items():
        assert f"{group}:" in said
        for name in values:
            assert name in said, f"{group}: {name}"
    assert figures["network"]["bytes_received"] >= 60 * MIB
    assert 1 <= figures["concurrency"]["peak"] <= 10
    assert json.dumps(figures).isascii()
