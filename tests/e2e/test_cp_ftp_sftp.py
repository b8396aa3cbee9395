"""telpher cp ftp://… ftps://… sftp://…, against vsftpd and OpenSSH's sshd."""

import os

import pytest

from certificates import make_certificate
from conftest import MIB, kill, random_bytes, sha256, stop, wait_for_event
from file_servers import SSHD, VSFTPD, Ftp, Sftp

if not (os.access(VSFTPD, os.X_OK) and os.access(SSHD, os.X_OK)):
    pytest.skip("no vsftpd or sshd: apt-get install vsftpd openssh-server", allow_module_level=True)


@pytest.fixture
def started(telpher, tmp_path):
    servers = []
    # libssh2 1.10 forgets what it had asked for ahead when a file is not read to its end.
    (tmp_path / "leaks").write_text("leak:libssh2.so\n")
    telpher.env["LSAN_OPTIONS"] = f"suppressions={tmp_path}/leaks:print_suppressions=0"

    def start(scheme):
        folder = tmp_path / scheme
        folder.mkdir()
        if scheme == "sftp":
            servers.append(Sftp(folder, home=tmp_path))
            servers[-1].trust()
        elif scheme == "ftps":
            certificate, key = make_certificate(folder)
            servers.append(Ftp(folder, certificate, key))
        else:
            servers.append(Ftp(folder))
        return servers[-1]

    yield start
    for server in servers:
        stop(server.process)


@pytest.fixture(params=["ftp", "ftps", "sftp"])
def server(request, started):
    return started(request.param)


def trusted(server):
    """What the command needs to know for this server."""
    return ["--ca-bundle", server.certificate] if getattr(server, "certificate", None) else []


@pytest.mark.parametrize("size", [0, 1, 40 * MIB])
def test_cp_into_a_store_and_into_a_file(telpher, server, tmp_path, size):
    data = random_bytes(size)
    url = server.put("big file.bin", data).replace(" ", "%20")
    done = telpher.ok("cp", url, "local://bucket/in/", *trusted(server))
    assert "verified by" in done.out
    assert telpher.read("local://bucket/in/big file.bin") == data
    telpher.ok("cp", url, "out", *trusted(server))
    assert (tmp_path / "out").read_bytes() == data


def test_cp_that_was_killed_goes_on(telpher, server):
    """The parts that are there already are not read again."""
    data = random_bytes(48 * MIB)
    args = ["cp", server.put("f", data), "local://bucket/f", "--part-size", "8MiB", "--concurrency",
            "2", *trusted(server)]
    process = telpher.start(*args, "--json", "--rate", "16MiB/s", "--progress-interval", "100ms")
    wait_for_event(process, lambda e: e["event"] == "progress" and e["bytes"] >= 24 * MIB)
    kill(process)
    assert len(telpher.jobs()) == 1
    done = telpher.events(*args)
    assert done.returncode == 0, done.err
    assert next(e for e in done.events if e["event"] == "done")["parts_resumed"] >= 1
    assert sha256(telpher.read("local://bucket/f")) == sha256(data)
    assert telpher.jobs() == []


def test_cp_of_what_is_not_there(telpher, server):
    done = telpher.run("cp", server.url("nothing"), "local://bucket/f", *trusted(server))
    assert done.returncode == 3, done.err
    assert "Source file not found" in done.err
    assert not telpher.exists("local://bucket/f")


def test_cp_of_what_was_written_meanwhile(telpher, server):
    url = server.put("f", random_bytes(48 * MIB))
    process = telpher.start("cp", url, "local://bucket/f", "--part-size", "8MiB", "--rate",
                            "16MiB/s", "--json", "--progress-interval", "100ms", *trusted(server))
    wait_for_event(process, lambda e: e["event"] == "progress" and e["bytes"] >= 8 * MIB)
    server.put("f", random_bytes(48 * MIB, seed=2))
    os.utime(server.root / "f", (1_700_000_100, 1_700_000_100))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 6, err.decode()
    assert b"the source changed while it was being copied" in err
    assert not telpher.exists("local://bucket/f")


@pytest.mark.parametrize("scheme", ["ftp", "sftp"])
def test_log_in_that_is_wrong(telpher, started, scheme):
    """Said, without the password; nobody is asked twice with a password that is wrong."""
    server = started(scheme)
    server.put("f", b"data")
    done = telpher.run("cp", server.url("f", "someone:my-password@" if scheme == "ftp" else
                                        "someone:my-password"), "local://bucket/f")
    assert done.returncode == 3, done.err
    assert "refuses access" in done.err and "my-password" not in done.err
    assert not telpher.exists("local://bucket/f")


def test_host_that_is_not_known_is_not_talked_to(telpher, started, tmp_path):
    server = started("sftp")
    url = server.put("f", b"data")
    (tmp_path / ".ssh/known_hosts").write_text("")
    done = telpher.run("cp", url, "local://bucket/f")
    assert done.returncode == 3, done.err
    assert f"ssh-keyscan -p {server.port} 127.0.0.1" in done.err
    server.trust()
    telpher.ok("cp", url, "local://bucket/f")


def test_certificate_that_is_not_known_is_not_trusted(telpher, started):
    url = started("ftps").put("f", b"data")
    done = telpher.run("cp", url, "local://bucket/f")
    assert done.returncode == 3, done.err
    assert "certificate" in done.err.lower()
    telpher.ok("cp", url, "local://bucket/f", "--no-verify-ssl")
    assert telpher.read("local://bucket/f") == b"data"
