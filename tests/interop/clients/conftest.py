"""What the tests with real clients share: the S3 endpoint under test, and ways to speak to it.

By default each test runs against `telpher s3` twice, over the memory and over the local store, in
the build that TELPHER_BUILD names (default release). To aim at another server, such as the RADOS
gateway that tests/support/radosgw.sh starts:

    S3_ENDPOINT_URL=http://127.0.0.1:7480 S3_ACCESS_KEY=… S3_SECRET_KEY=… \\
        /usr/bin/python3 -m pytest tests/interop/clients

`@pytest.mark.differs("…")` says what another server answers where AWS's documentation and ours
agree: there, and only there, the test may fail.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import uuid

import boto3
import botocore.config
import botocore.exceptions
import botocore.handlers
import pytest
import wire as wire_module

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / "build" / os.environ.get("TELPHER_BUILD", "release")
TELPHER = BUILD / "src" / "telpher"
EXTERNAL = os.environ.get("S3_ENDPOINT_URL")
STORES = ["external"] if EXTERNAL else ["memory", "local"]
MIB = 1 << 20
BIG = 300 * MIB

# Keys, profiles, proxies and certificate bundles of whoever runs the tests are none of their affair.
for name in list(os.environ):
    if name.startswith(("AWS_", "RCLONE_")) or name.lower() in ("http_proxy", "https_proxy",
                                                               "all_proxy"):
        del os.environ[name]
os.environ |= {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
               "AWS_EC2_METADATA_DISABLED": "true"}


def needs(client, is_there):
    """Skips a module without its client, except where all must be there: ./dev has installed them."""
    if not is_there and os.environ.get("TELPHER_ALL_CLIENTS"):
        raise pytest.UsageError(f"{client} is not installed")
    return pytest.mark.skipif(not is_there, reason=f"{client} is not installed")


def pytest_configure(config):
    config.addinivalue_line("markers", "differs(reason): another server than ours may answer so")


def pytest_collection_modifyitems(items):
    for item in items:
        differs = item.get_closest_marker("differs")
        if EXTERNAL and differs:
            item.add_marker(pytest.mark.xfail(reason=differs.args[0], strict=False))


class Endpoint:
    """Where the server is, who may use it."""

    def __init__(self, url, access_key, secret_key, process=None):
        self.url, self.access_key, self.secret_key = url.rstrip("/"), access_key, secret_key
        self.process = process
        self.region = "us-east-1"
        self.is_ours = process is not None

    @property
    def host(self):
        return self.url.split("//", 1)[1]

    @property
    def port(self):
        return int(self.host.rsplit(":", 1)[1])

    def client(self, access_key=None, secret_key=None, region=None, **config):
        """A boto3 client that hides nothing: no retries, no checks of its own."""
        addressing = config.pop("addressing_style", "path")
        verify = config.pop("verify", None)
        endpoint_url = config.pop("endpoint_url", self.url)
        config = {"signature_version": "s3v4", "retries": {"max_attempts": 0},
                  "connect_timeout": 20, "read_timeout": 60, "parameter_validation": False,
                  "max_pool_connections": 32, "s3": {"addressing_style": addressing}} | config
        session = boto3.session.Session(access_key or self.access_key,
                                        secret_key or self.secret_key)
        client = session.client("s3", endpoint_url=endpoint_url,
                                region_name=region or self.region, verify=verify,
                                config=botocore.config.Config(**config))
        client.meta.events.unregister("before-parameter-build.s3",
                                      botocore.handlers.validate_bucket_name)
        return client

    def environment(self, home):
        """For clients that are programs of their own."""
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR")
        return {k: os.environ[k] for k in kept if k in os.environ} | {
            "HOME": str(home), "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true", "S3_URL": self.url}


def start_endpoint(store, folder, *args):
    """`telpher s3`, listening."""
    folder.mkdir(parents=True, exist_ok=True)
    access_key, secret_key = "TESTACCESSKEY0000001", "a/secret+key=of-the-tests"
    command = [str(TELPHER), "s3", "--listen", "127.0.0.1:0", "--store", store, *map(str, args)]
    if store == "local":
        command += ["--root", str(folder / "store")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TELPHER_"))}
    environment |= {"TELPHER_HOME": str(folder / "home"), "HOME": str(folder)}
    if "--credentials" not in args:
        environment |= {"TELPHER_S3_ACCESS_KEY": access_key, "TELPHER_S3_SECRET_KEY": secret_key}
    log = open(folder / "stderr", "wb")
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE,
                               stderr=log, text=True)
    line = process.stdout.readline()
    assert line.startswith("listening on http"), line + (folder / "stderr").read_text()
    return Endpoint(line.split()[-1], access_key, secret_key, process)


def stop(process):
    """Ends the server as a service manager would; it must end well, and without complaints."""
    process.terminate()
    try:
        status = process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert status in (0, 130, 143), status


@pytest.fixture(scope="session", params=STORES)
def endpoint(request, tmp_path_factory):
    if request.param == "external":
        yield Endpoint(EXTERNAL, os.environ["S3_ACCESS_KEY"], os.environ["S3_SECRET_KEY"])
        return
    folder = tmp_path_factory.mktemp(f"endpoint-{request.param}")
    started = start_endpoint(request.param, folder)
    yield started
    assert started.process.poll() is None, (folder / "stderr").read_text()[-4000:]
    stop(started.process)
    complaints = (folder / "stderr").read_text()
    assert "Sanitizer" not in complaints and "check failed" not in complaints, complaints[-4000:]
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def s3(endpoint):
    """boto3, for those who ask."""
    return endpoint.client()


@pytest.fixture(scope="session")
def wire(endpoint):
    """Requests as written, signed by us: what no client library would send."""
    return wire_module.Wire(endpoint)


def new_name():
    return "telpher-" + uuid.uuid4().hex[:20]


@pytest.fixture
def bucket(s3):
    """A new bucket."""
    name = new_name()
    s3.create_bucket(Bucket=name)
    yield name
    empty(s3, name)


@pytest.fixture
def make_bucket(s3):
    made = []

    def make(name=None, **options):
        name = name or new_name()
        s3.create_bucket(Bucket=name, **options)
        made.append(name)
        return name

    yield make
    for name in made:
        empty(s3, name)


def empty(s3, bucket):
    """The bucket and what is in it. Best effort: a test may have removed it."""
    with contextlib.suppress(botocore.exceptions.ClientError):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda entry: s3.delete_object(Bucket=bucket, Key=entry["Key"]),
                              page.get("Contents", [])))
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"],
                                      UploadId=upload["UploadId"])
        s3.delete_bucket(Bucket=bucket)


def put_all(s3, bucket, keys):
    """Objects whose content is their name."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=key.encode()), keys))


class Refusal:
    """What came with an error."""

    error = None

    @property
    def message(self):
        return self.error["Error"].get("Message", "")


@contextlib.contextmanager
def refused(code, status):
    """The block ends in this S3 error. `code`: one, or a tuple of those that will do."""
    refusal = Refusal()
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        yield refusal
    refusal.error = raised.value.response
    codes = code if isinstance(code, tuple) else (code,)
    got = refusal.error["Error"]["Code"], refusal.error["ResponseMetadata"]["HTTPStatusCode"]
    assert got[0] in codes and got[1] == status, f"{got} {refusal.message}"


def body_of(answer):
    return answer["Body"].read()


def http(answer):
    """The headers of an answer, names in lower case."""
    return answer["ResponseMetadata"]["HTTPHeaders"]


def md5_hex(data):
    return hashlib.md5(data).hexdigest()


def random_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


class File:
    def __init__(self, path):
        self.path, self.size, self.sha256 = path, path.stat().st_size, sha256_of(path)

    def same_as(self, other):
        return other.stat().st_size == self.size and sha256_of(other) == self.sha256


@pytest.fixture(scope="session")
def big_file(tmp_path_factory):
    """300 MiB that do not compress and do not repeat."""
    path = tmp_path_factory.mktemp("big") / "big file"
    source = random.Random(300)
    with open(path, "wb") as file:
        for _ in range(BIG // MIB):
            file.write(source.randbytes(MIB))
    yield File(path)
    path.unlink()


@pytest.fixture(scope="session")
def middle_file(tmp_path_factory):
    """Three parts' worth of 5 MiB and a bit."""
    path = tmp_path_factory.mktemp("middle") / "middle.bin"
    path.write_bytes(random_bytes(15 * MIB + 4321, seed=15))
    return File(path)
