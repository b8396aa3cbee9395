"""Each row of command_rows.py, on every store: the test's name is what is typed.

An S3 service of somebody else's takes part when it is named in the environment:
    TELPHER_RGW_ENDPOINT=http://127.0.0.1:7480 TELPHER_RGW_ACCESS_KEY=… TELPHER_RGW_SECRET_KEY=… \\
        pytest tests/e2e/test_commands.py -k rgw
"""

import itertools
import os
import pathlib
import re
import subprocess
import uuid

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from command_rows import GONE, ROWS
from conftest import TELPHER, Telpher, note_shell, stop
from s3_command import KEYS, Served

STORES = ["local", "s3"] + (["rgw"] if os.environ.get("TELPHER_RGW_ENDPOINT") else [])


class Service:
    """Where the rows' buckets are: an endpoint, and whether it serves the embedded store."""

    def __init__(self, endpoint, access_key, secret_key):
        self.env = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": access_key,
                    "AWS_SECRET_ACCESS_KEY": secret_key, "AWS_REGION": "us-east-1"}
        config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                                   config=config, aws_access_key_id=access_key,
                                   aws_secret_access_key=secret_key)

    def make(self, bucket, objects):
        self.client.create_bucket(Bucket=bucket)
        for key, data in objects.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def make_versions(self, bucket, versions):
        """Returns their ids."""
        self.client.put_bucket_versioning(Bucket=bucket,
                                          VersioningConfiguration={"Status": "Enabled"})
        return [self.client.put_object(Bucket=bucket, Key=key, Body=data)["VersionId"]
                for key, contents in versions.items() for data in contents]

    def keys(self, bucket):
        """None: there is no such bucket."""
        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchBucket", error
            return None

    def read(self, bucket, key):
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def drop(self, bucket, versions=False):
        for key in self.keys(bucket) or []:
            self.client.delete_object(Bucket=bucket, Key=key)
        if versions and self.keys(bucket) is not None:
            listed = self.client.list_object_versions(Bucket=bucket)
            for entry in listed.get("Versions", []) + listed.get("DeleteMarkers", []):
                self.client.delete_object(Bucket=bucket, Key=entry["Key"],
                                          VersionId=entry["VersionId"])
        try:
            self.client.delete_bucket(Bucket=bucket)
        except botocore.exceptions.ClientError:
            pass  # a row that failed may leave what it likes


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    """The embedded store and an endpoint that serves it, shared by all rows of a worker."""
    telpher = Telpher(tmp_path_factory.mktemp("commands"))
    served = Served(telpher, [], KEYS)
    service = Service(served.base, KEYS["TELPHER_S3_ACCESS_KEY"], KEYS["TELPHER_S3_SECRET_KEY"])
    service.store_folder = telpher.home / "store"
    yield service
    stop(served.process)
    assert "Sanitizer" not in served.err, served.err


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """A folder for the PATH in which telpher is called so."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "telpher").symlink_to(TELPHER)
    return folder


@pytest.fixture(scope="session")
def gateway():
    env = os.environ
    return Service(env["TELPHER_RGW_ENDPOINT"], env["TELPHER_RGW_ACCESS_KEY"],
                   env["TELPHER_RGW_SECRET_KEY"])


class Typed:
    """A row on one store: what its placeholders stand for, its folder, its outcome."""

    def __init__(self, row, service, scheme, folder):
        self.row, self.service, self.folder = row, service, folder
        self.bucket = f"row-{uuid.uuid4().hex[:12]}"
        self.names = {"store": f"{scheme}://{self.bucket}", "bucket": self.bucket,
                      "other": f"{scheme}://{self.bucket}-2"}

    def prepare(self, programs):
        if self.row.objects is not None:
            self.service.make(self.bucket, self.row.objects)
        if self.row.versions:
            ids = self.service.make_versions(self.bucket, self.row.versions)
            self.names |= {f"v{number}": id for number, id in enumerate(ids, 1)}
        if "{other}" in self.row.command:
            self.service.make(f"{self.bucket}-2", {})
        work = self.folder / "work"
        work.mkdir()
        for name, data in self.row.files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes(data)
        home = self.folder / "home"
        home.mkdir()
        if hasattr(self.service, "store_folder"):
            (home / "store").symlink_to(self.service.store_folder)
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("AWS_", "TELPHER_", "MAX_CONCURRENT"))}
        self.env |= {"TELPHER_HOME": str(home), "HOME": str(self.folder),
                     "PATH": f"{programs}:{os.environ['PATH']}"} | self.service.env

    def run(self):
        command = self.fill(self.row.command)
        done = subprocess.run(["bash", "-c", command], cwd=self.folder / "work", env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        note_shell(command, done)
        self.out, self.err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        self.said = f"$ {command}\n{self.out}{self.err}exit {done.returncode}"
        assert "Sanitizer" not in self.err and "check failed" not in self.err, self.said
        assert done.returncode == self.row.exit, self.said

    def check_said(self):
        if self.row.out is not None:
            assert self.matches(self.row.out, self.out), f"{self.said}\nnot {self.row.out!r}"
        if self.row.err is not None:
            assert self.matches(self.row.err, self.err), f"{self.said}\nnot {self.row.err!r}"
        elif self.row.exit == 0:
            assert self.err == "", self.said

    def matches(self, pattern, text):
        return re.search(self.fill(pattern), text, re.MULTILINE)

    def fill(self, text):
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def check_left(self):
        left = self.row.left
        if left is None:
            left = self.row.objects
        keys = self.service.keys(self.bucket)
        if left == GONE or left is None:
            assert keys is None, self.said
            return
        assert sorted(keys) == sorted(left), self.said
        if isinstance(left, dict):
            for key, data in left.items():
                assert self.service.read(self.bucket, key) == data, key

    def check_files(self):
        for name, data in self.row.left_files.items():
            assert (self.folder / "work" / name).read_bytes() == data, f"{name}\n{self.said}"


def rows_by_store():
    for store, row in itertools.product(STORES, ROWS):
        if row.only in ("", store) or (row.only == "s3" and store != "local"):
            yield pytest.param(store, row, id=f"{store}: {row.command}")


@pytest.mark.parametrize("store, row", rows_by_store())
def test(store, row, request, programs, tmp_path):
    service = request.getfixturevalue("gateway" if store == "rgw" else "embedded")
    typed = Typed(row, service, "local" if store == "local" else "s3", tmp_path)
    typed.prepare(programs)
    try:
        typed.run()
        typed.check_said()
        typed.check_left()
        typed.check_files()
    finally:
        service.drop(typed.bucket, bool(row.versions))
        service.drop(f"{typed.bucket}-2")
