"""What the checks of deploy/ share: the service as built, and what it exposes.

They need promtool (Debian's package prometheus) and python3-yaml; systemd-analyze and cfn-lint are
used where they are. TELPHER_BUILD chooses the build (default dev).
"""

import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TELPHER = ROOT / "build" / os.environ.get("TELPHER_BUILD", "dev") / "src" / "telpher"


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60, **kwargs)


def promtool(*arguments):
    assert shutil.which("promtool"), "promtool is missing: apt-get install prometheus"
    done = run("promtool", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def rules():
    groups = yaml.safe_load((DEPLOY / "prometheus/telpher.rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


class Service:
    """`telpher serve`, asked a little so that its metrics are there."""

    def __init__(self, folder):
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            [TELPHER, "serve", "--no-auth", "--store", "memory", "--listen", "127.0.0.1:0"],
            env={"PATH": os.environ["PATH"], "TELPHER_HOME": str(folder / "home")},
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        first = self.process.stdout.readline()
        if not first.startswith("listening on "):
            self.log.seek(0)
            raise AssertionError(f"it did not start: {first}{self.log.read()}")
        self.url = first.split()[-1]
        assert self.status("GET", "/objects/files/missing") == 404
        # A file that is empty is refused: an error that is measured.
        form = (b'--x\r\nContent-Disposition: form-data; name="files"; filename="f"\r\n\r\n'
                b'\r\n--x--\r\n')
        assert self.status("POST", "/upload", form, "multipart/form-data; boundary=x") == 400
        self.metrics_text = self.measured()

    def measured(self):
        """Once the monitor has looked, which it does twelve times a window."""
        assert self.status("PUT", "/monitor/settings", b'{"windowSeconds": 1}') == 200
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
                text = answer.read().decode()
            if "telpher_operation_errors_total{" in text:
                return text
            time.sleep(0.05)
        raise AssertionError(f"the refused file is not among the metrics:\n{text}")

    def status(self, method, path, body=None, kind="application/json"):
        request = urllib.request.Request(self.url + path, method=method, data=body)
        if body:
            request.add_header("Content-Type", kind)
        try:
            return urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            return error.code

    def has(self, path):
        """Whether there is a route, of any method."""
        return self.status("POST", path) != 404

    @property
    def metrics(self):
        """Names as expressions use them: those of a histogram are three."""
        names = set()
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", self.metrics_text, re.M):
            names |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
        return names

    @property
    def operations(self):
        return set(re.findall(r'operation="([^"]+)"', self.metrics_text))

    def end(self):
        self.process.terminate()
        self.process.wait(20)


def has_serve():
    assert TELPHER.exists(), f"{TELPHER} is not built"
    return re.search(r"^\s+serve\b", run(TELPHER, "--help").stdout, re.M) is not None


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    if not has_serve():
        pytest.skip("this build of telpher has no verb `serve` yet")
    service = Service(tmp_path_factory.mktemp("service"))
    yield service
    service.end()


@pytest.fixture(scope="session")
def serve_help():
    if not has_serve():
        pytest.skip("this build of telpher has no verb `serve` yet")
    return run(TELPHER, "serve", "--help").stdout
