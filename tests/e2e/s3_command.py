"""`telpher s3` as a program, for the tests of the command itself."""

import contextlib
import json
import re
import select
import signal
import subprocess
import time
import urllib.request

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

KEYS = {"TELPHER_S3_ACCESS_KEY": "its-access-key", "TELPHER_S3_SECRET_KEY": "its-secret-key",
        "TELPHER_S3_ADMIN_KEY": "its-admin-key"}
ANYWHERE = ["--listen", "127.0.0.1:0"]


class Served:
    """A started `telpher s3`: it has said where it listens."""

    def __init__(self, telpher, args, env, **kwargs):
        self.stderr = telpher.cwd / f"stderr-{time.monotonic_ns()}"
        with open(self.stderr, "wb") as stderr:
            self.process = telpher.start("s3", *ANYWHERE, *args, env=env, stderr=stderr, text=True,
                                         **kwargs)
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

    def client(self, access_key=KEYS["TELPHER_S3_ACCESS_KEY"],
               secret_key=KEYS["TELPHER_S3_SECRET_KEY"], **config):
        """That sends each request once; `config` as of botocore's Config."""
        config = Config(signature_version="s3v4", retries={"max_attempts": 0}, read_timeout=30,
                        s3={"addressing_style": "path"}, **config)
        return boto3.client("s3", endpoint_url=self.base, region_name="us-east-1", config=config,
                            aws_access_key_id=access_key, aws_secret_access_key=secret_key)

    def read_page(self, path, key=KEYS["TELPHER_S3_ADMIN_KEY"], method="GET", data=None):
        """One of its own pages, as text."""
        request = urllib.request.Request(f"{self.base}/_telpher/{path}", method=method, data=data,
                                         headers={"Authorization": f"Bearer {key}"} if key else {})
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()

    def admin(self, path, **how):
        return json.loads(self.read_page(path, **how))

    def end(self, with_signal=signal.SIGTERM):
        """Ends it; returns what it has said that was not read."""
        self.process.send_signal(with_signal)
        assert self.process.wait(20) == 0, f"{self.process.returncode} {self.err}"
        assert "Sanitizer" not in self.err and "check failed" not in self.err, self.err
        with self.process.stdout as out:
            return out.read()


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


def until(predicate):
    deadline = time.monotonic() + 20
    while not predicate():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)
