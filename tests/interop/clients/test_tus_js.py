"""tus-js-client as it comes, against `telpher serve`: chunks of any size, parallel uploads, lengths
that are not known, clients that vanish, a service that is killed."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import MIB, ROOT, TELPHER, needs

HERE = pathlib.Path(__file__).parent
PACKAGES = pathlib.Path(os.environ.get("TELPHER_NODE_PACKAGES", ROOT / "build" / "npm"))
IS_THERE = shutil.which("node") and (PACKAGES / "node_modules/tus-js-client").exists()
pytestmark = needs("tus-js-client (Node.js, and `npm ci` in build/npm)", IS_THERE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    def __init__(self, home):
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [str(TELPHER), "serve", "--no-auth", "--listen", f"127.0.0.1:{self.port}", "--log", "none"],
            env=os.environ | {"TELPHER_HOME": str(self.home)}, stdout=subprocess.PIPE, text=True)
        assert "listening on" in self.process.stdout.readline()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read()

    def keys(self, prefix=""):
        bucket = json.loads(self.get("/settings"))["defaultBucket"]
        listing = json.loads(self.get(f"/objects?bucket={bucket}&prefix={prefix}&delimiter="))
        return [entry["key"] for entry in listing["objects"]]

    def content(self, key):
        bucket = json.loads(self.get("/settings"))["defaultBucket"]
        return self.get(f"/objects/{bucket}/{key}")


@pytest.fixture
def service(tmp_path):
    served = Service(tmp_path / "home")
    yield served
    served.kill()


def client(service, path, stop_at=0, abort_at=0, **options):
    options.setdefault("metadata", {"filename": path.name, "filetype": "application/octet-stream"})
    task = {"endpoint": service.url + "/tus/", "path": str(path), "options": options,
            "stop_at": stop_at, "abort_at": abort_at}
    return subprocess.Popen(["node", str(HERE / "js" / "tus.mjs"), json.dumps(task)], text=True,
                            stdout=subprocess.PIPE, env=os.environ | {"NODE_PACKAGES": str(PACKAGES)})


def events(process):
    output, _ = process.communicate(timeout=120)
    return [json.loads(line) for line in output.splitlines()]


def upload(service, path, **options):
    told = events(client(service, path, **options))
    assert "done" in told[-1], told
    return told


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tus") / "a file.bin"
    path.write_bytes(b"\x01" + os.urandom(30 * MIB))
    return path


def check(service, file, key=None):
    key = key or service.keys("uploads/")[0]
    assert hashlib.sha256(service.content(key)).digest() == hashlib.sha256(file.read_bytes()).digest()


@pytest.mark.parametrize("options", [
    {}, {"chunkSize": 5 * MIB}, {"chunkSize": 700_000}, {"uploadDataDuringCreation": True},
    {"uploadLengthDeferred": True, "chunkSize": 4 * MIB}, {"parallelUploads": 3},
    {"parallelUploads": 2, "chunkSize": MIB}, {"overridePatchMethod": True, "chunkSize": 9 * MIB}],
    ids=str)
def test_uploads(service, file, options):
    upload(service, file, **options)
    assert len(service.keys()) == 1, service.keys()
    assert service.keys()[0].endswith("_a_file.bin")
    check(service, file)


def test_where_one_client_vanished_another_goes_on(service, file):
    told = events(client(service, file, stop_at=11 * MIB, chunkSize=3 * MIB))
    url = told[-1]["stopped"]
    assert service.keys() == []
    upload(service, file, uploadUrl=url, chunkSize=4 * MIB)
    check(service, file)


def test_a_service_that_is_killed_loses_nothing(service, file):
    process = client(service, file, chunkSize=MIB, metadata={"key": "the/key"})
    for _ in range(3):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        service.kill()
        service.start()
    told = events(process)
    assert "done" in told[-1], told
    check(service, file, "the/key")
    assert service.keys() == ["the/key"]


def test_aborting_leaves_nothing(service, file):
    told = events(client(service, file, abort_at=10 * MIB, chunkSize=2 * MIB))
    assert told[-1].get("aborted"), told
    assert service.keys() == []
    request = urllib.request.Request(told[-1]["aborted"], method="HEAD",
                                     headers={"Tus-Resumable": "1.0.0"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request, timeout=10)


def test_a_file_that_is_forbidden(service, tmp_path):
    program = tmp_path / "cat.png"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + os.urandom(100_000))
    told = events(client(service, program, metadata={"filename": "cat.png", "filetype": "image/png"},
                         retryDelays=None))
    assert told[-1]["status"] == 415, told
    assert service.keys() == []
