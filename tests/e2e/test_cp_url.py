"""telpher cp http://… local://…"""

import json
import os

import pytest

from conftest import MIB, random_bytes, sha256, sha256_of


def test_cp_url_to_key(telpher, nginx):
    data = random_bytes(40 * MIB)
    done = telpher.ok("cp", nginx.put("big.bin", data), "local://bucket/copy.bin")
    assert "verified by" in done.out
    assert telpher.read("local://bucket/copy.bin") == data


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 16 * MIB, 16 * MIB + 1])
def test_cp_url_of_any_size(telpher, nginx, size):
    data = random_bytes(size, seed=size)
    telpher.ok("cp", nginx.put(f"f{size}", data), "local://bucket/f")
    assert telpher.read("local://bucket/f") == data


def test_cp_url_below_prefix_takes_the_name_of_the_source(telpher, web):
    server = web([{"path": "/download", "body": "x" * 100, "etag": '"1"', "headers": {
        "Content-Disposition": "attachment; filename*=UTF-8''gr%C3%BCn.txt"}}])
    telpher.ok("cp", server.url("/download"), "local://bucket/in/")
    assert telpher.exists("local://bucket/in/grün.txt")


def test_cp_url_to_file_and_to_standard_output(telpher, nginx, tmp_path):
    data = random_bytes(20 * MIB)
    url = nginx.put("f", data)
    telpher.ok("cp", url, "./out.bin")
    assert (tmp_path / "out.bin").read_bytes() == data
    assert telpher.ok("cp", url, "-").stdout == data


def test_cp_url_that_redirects(telpher, nginx, web):
    data = random_bytes(1000)
    server = web([{"path": "/moved", "redirect": nginx.put("target", data)}])
    telpher.ok("cp", server.url("/moved"), "local://bucket/f")
    assert telpher.read("local://bucket/f") == data


def test_cp_url_whose_server_ignores_ranges(telpher, web):
    server = web([{"path": "/f", "size": 40 * MIB, "etag": '"1"', "ranges": False}])
    telpher.ok("cp", server.url("/f"), "local://bucket/f")
    assert sha256(telpher.read("local://bucket/f")) == sha256(server.content("/f"))


def test_cp_url_of_unknown_length(telpher, web):
    server = web([{"path": "/f", "size": 40 * MIB, "chunked": True, "ranges": False}])
    telpher.ok("cp", server.url("/f"), "local://bucket/f")
    assert sha256(telpher.read("local://bucket/f")) == sha256(server.content("/f"))


def test_cp_url_whose_bodies_break_off(telpher, web):
    """Resumed at the byte where it broke; the bytes are right."""
    server = web([{"path": "/f", "method": "GET", "size": 40 * MIB, "etag": '"1"', "times": 2,
                   "close_at": MIB, "header": "Range"},
                  {"path": "/f", "size": 40 * MIB, "etag": '"1"'}])
    telpher.ok("cp", server.url("/f"), "local://bucket/f")
    assert sha256(telpher.read("local://bucket/f")) == sha256(server.content("/f"))


def test_cp_url_with_a_header_for_the_source(telpher, web):
    server = web([{"path": "/f", "header": "X-Token", "body": "hello"}])
    telpher.ok("cp", server.url("/f"), "local://bucket/f", "--header", "X-Token: abc")
    assert telpher.read("local://bucket/f") == b"hello"
    assert telpher.run("cp", server.url("/f"), "local://bucket/g").returncode == 3


def test_cp_url_that_changes_meanwhile(telpher, web):
    """Nothing appears, and the message says why."""
    server = web([{"path": "/f", "method": "HEAD", "size": 40 * MIB, "etag": '"old"'},
                  {"path": "/f", "size": 40 * MIB, "etag": '"new"', "seed": 2}])
    done = telpher.run("cp", server.url("/f"), "local://bucket/f")
    assert done.returncode == 6, done.err
    assert "the source changed while it was being copied" in done.err
    assert not telpher.exists("local://bucket/f")


@pytest.mark.parametrize("digest, code", [("right", 0), ("wrong", 6)])
def test_cp_url_with_expect(telpher, nginx, digest, code):
    data = random_bytes(20 * MIB)
    expected = sha256(data if digest == "right" else b"other")
    done = telpher.run("cp", nginx.put("f", data), "local://bucket/f", "--expect",
                       "sha256:" + expected)
    assert done.returncode == code, done.err
    assert telpher.exists("local://bucket/f") == (code == 0)


def test_cp_to_standard_output_with_a_wrong_digest(telpher, nginx):
    """The bytes are out: nobody may say that nothing appeared."""
    done = telpher.run("cp", nginx.put("f", b"data"), "-", "--expect", "sha256:" + sha256(b"other"))
    assert done.returncode == 6, done.err
    assert done.stdout == b"data"
    assert "Nothing appeared" not in done.err


@pytest.mark.slow
def test_cp_url_of_several_gib(telpher, nginx, tmp_path):
    block = random_bytes(64 * MIB)
    path = nginx.root / "huge"
    with open(path, "wb") as file:
        for _ in range(48):
            file.write(block)
    try:
        wanted = sha256_of(path)
        telpher.ok("cp", nginx.url("huge"), "local://bucket/huge", timeout=600)
        telpher.ok("cp", "local://bucket/huge", "./back", timeout=600)
        assert sha256_of(tmp_path / "back") == wanted
    finally:
        path.unlink()


def test_cp_url_dry_run(telpher, nginx):
    done = telpher.ok("cp", nginx.put("f", random_bytes(40 * MIB)), "local://bucket/f", "--dry-run")
    assert "would copy" in done.out and "part" in done.out
    assert telpher.run("ls", "local://bucket").returncode != 0


def test_cp_url_json_events(telpher, nginx):
    done = telpher.events("cp", nginx.put("f", random_bytes(40 * MIB)), "local://bucket/f",
                          "--stats")
    assert done.returncode == 0, done.err
    names = [event["event"] for event in done.events]
    assert names[0] == "started" and names[-2:] == ["done", "summary"]
    assert done.events[-2]["bytes"] == 40 * MIB
    stats = done.events[-1]["stats"]
    assert stats["concurrency"]["configured"] == 10
    assert stats["concurrency"]["peak"] >= 1
    assert stats["network"]["connections_opened"] >= 1
    assert stats["cost"]["rss_peak"] > 0


def test_cp_url_secrets_stay_secret(telpher, web, tmp_path):
    server = web([{"path": "/f", "body": "x"}])
    url = server.url("/f").replace("http://", "http://me:topsecret@") + "?X-Amz-Signature=hidden"
    for arguments in (("--json",), (), ("--dry-run",)):
        done = telpher.run("cp", url, "local://bucket/f", *arguments)
        assert "topsecret" not in done.out + done.err
        assert "hidden" not in done.out + done.err
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            assert b"topsecret" not in file.read_bytes(), file
