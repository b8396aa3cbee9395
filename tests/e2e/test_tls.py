"""Stores and sources behind https whose certificate no authority has signed."""

import pytest

from certificates import make_certificate
from conftest import random_bytes
from s3_command import KEYS

CONTENT = random_bytes(100_000)


@pytest.fixture
def store(telpher, serve):
    """An https endpoint; `.certificate` is its own."""
    certificate, key = make_certificate(telpher.cwd)
    served = serve("--store", "memory", "--bucket", "bucket", "--tls-cert", certificate,
                   "--tls-key", key)
    served.certificate = certificate
    telpher.env |= {"AWS_ENDPOINT_URL": served.base, "AWS_ACCESS_KEY_ID": KEYS["TELPHER_S3_ACCESS_KEY"],
                    "AWS_SECRET_ACCESS_KEY": KEYS["TELPHER_S3_SECRET_KEY"]}
    (telpher.cwd / "f").write_bytes(CONTENT)
    return served


def refused(telpher, *args, **kwargs):
    done = telpher.run(*args, "--retries", "1", **kwargs)
    assert done.returncode not in (0, 1), done.err
    assert "certificate" in done.err, done.err


def test_store_with_an_unknown_certificate(telpher, store):
    refused(telpher, "cp", "f", "s3://bucket/k")
    (telpher.cwd / "other").mkdir()
    other, _ = make_certificate(telpher.cwd / "other")
    refused(telpher, "cp", "f", "s3://bucket/k", env={"AWS_CA_BUNDLE": str(other)})
    refused(telpher, "cp", "f", "s3://bucket/k", "--ca-bundle", other)
    telpher.ok("cp", "f", "s3://bucket/k", env={"AWS_CA_BUNDLE": str(store.certificate)})
    telpher.ok("cp", "f", "s3://bucket/k", "--ca-bundle", store.certificate,
               env={"AWS_CA_BUNDLE": str(other)})
    telpher.ok("cp", "s3://bucket/k", "back", "--no-verify-ssl")
    assert (telpher.cwd / "back").read_bytes() == CONTENT


def test_source_with_an_unknown_certificate(telpher, store):
    telpher.ok("cp", "f", "s3://bucket/k", "--no-verify-ssl")
    link = telpher.ok("presign", "s3://bucket/k").out.strip()
    refused(telpher, "cp", link, "back")
    assert not (telpher.cwd / "back").exists()
    for trusted in (["--ca-bundle", store.certificate], ["--no-verify-ssl"]):
        telpher.ok("cp", link, "back", *trusted)
        assert (telpher.cwd / "back").read_bytes() == CONTENT
        (telpher.cwd / "back").unlink()


def test_bundle_that_is_not_there(telpher, store):
    done = telpher.run("ls", "s3://bucket", "--ca-bundle", "nowhere.pem")
    assert done.returncode not in (0, 1)
    assert "nowhere.pem" in done.err
