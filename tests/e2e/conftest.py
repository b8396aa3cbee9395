"""What the end-to-end tests share: the compiled binary, real and scripted servers.

The tests are named by what a user types. TELPHER_BUILD chooses the build (default dev: ASan + UBSan).
"""

import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import random
import re
import shlex
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from front import Front
from s3_command import KEYS, Served
from service_command import Service

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / os.environ.get("TELPHER_BUILD", "dev")
TELPHER = BUILD / "src" / "telpher"
MIB = 1 << 20


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: runs in ./dev test --all only, on the release build")


def pytest_collection_modifyitems(config, items):
    """Without -m, the slow ones are left out."""
    if config.getoption("-m"):
        return
    chosen = [item for item in items if "slow" not in item.keywords]
    config.hook.pytest_deselected(items=[i for i in items if "slow" in i.keywords])
    items[:] = chosen


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def random_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ended(process, within_s):
    """Waits so long for its end, and no longer than to its end."""
    try:
        process.wait(within_s)
        return True
    except subprocess.TimeoutExpired:
        return False


NOTES = os.environ.get("TELPHER_TEST_NOTES")  # a folder; tests/check_surface.py reads them
NOTED_MAX = 4000  # characters of what was printed


def note(**what):
    """Notes a command that was run, for whoever asks whether everything is exercised."""
    if NOTES:
        with open(pathlib.Path(NOTES) / f"{os.getpid()}.jsonl", "a") as notes:
            notes.write(json.dumps(what) + "\n")


def note_shell(command, done):
    """The same for a line that a shell has run."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    simple, commands = [], []
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&"):
            commands.append(simple)
            simple = []
        else:
            simple.append(word)
    for words in commands:
        variables = list(itertools.takewhile(re.compile(r"\w+=").match, words))
        if words[len(variables):len(variables) + 1] == ["telpher"]:
            note(args=words[len(variables) + 1:], variables=[v.split("=")[0] for v in variables],
                 exit=done.returncode, err=done.stderr.decode(errors="replace")[-NOTED_MAX:],
                 out=done.stdout.decode(errors="replace")[:NOTED_MAX])


class Started(subprocess.Popen):
    """A command under way. How it ended is noted when somebody waits for it."""

    def __init__(self, command, noted, **kwargs):
        self.noted = noted
        super().__init__(command, **kwargs)

    def wait(self, timeout=None):
        code = super().wait(timeout)
        note(**self.noted, exit=code)
        return code

    def communicate(self, *args, **kwargs):
        out, err = super().communicate(*args, **kwargs)
        note(**self.noted, exit=self.returncode, out=as_text(out)[-NOTED_MAX:],
             err=as_text(err)[-NOTED_MAX:])
        return out, err


def as_text(said):
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


class Telpher:
    """Runs the binary with a home and an environment of its own."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.cwd = folder
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("AWS_", "TELPHER_", "MAX_CONCURRENT"))
                    and not k.lower().endswith("_proxy")}
        self.env |= {"TELPHER_HOME": str(self.home), "HOME": str(folder),
                     "AWS_EC2_METADATA_DISABLED": "true",  # tests ask nobody outside
                     "UBSAN_OPTIONS": "print_stacktrace=1"}

    def command(self, args):
        return [str(TELPHER), *map(str, args)]

    def variables(self, env):
        """Those of a run that are not the machine's own."""
        env = self.env | (env or {})
        return [name for name, value in env.items() if os.environ.get(name) != value]

    def run(self, *args, env=None, input=None, timeout=300, **kwargs):
        """Returns the finished process; stdout as bytes, stderr as text in `.err`."""
        done = subprocess.run(self.command(args), env=self.env | (env or {}), cwd=self.cwd,
                              input=input, timeout=timeout, capture_output=True, **kwargs)
        done.err = done.stderr.decode(errors="replace")
        done.out = done.stdout.decode(errors="replace")
        note(args=list(map(str, args)), variables=self.variables(env), exit=done.returncode,
             err=done.err[-NOTED_MAX:], out=done.out[:NOTED_MAX] + done.out[-NOTED_MAX:])
        assert "Sanitizer" not in done.err, done.err
        assert "check failed" not in done.err, done.err
        return done

    def ok(self, *args, **kwargs):
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.err}{done.out[-2000:]}"
        return done

    def start(self, *args, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, before=(),
              **kwargs):
        """`before`: a program and its arguments that run the command."""
        noted = {"args": list(map(str, args)), "variables": self.variables(env)}
        return Started([*before, *self.command(args)], noted, env=self.env | (env or {}), cwd=self.cwd,
                       stdout=stdout, stderr=stderr, **kwargs)

    def events(self, *args, **kwargs):
        """The JSON events of a run."""
        done = self.run(*args, "--json", **kwargs)
        done.events = [json.loads(line) for line in done.out.splitlines()]
        return done

    def read(self, address):
        """An object's bytes."""
        return self.ok("cp", address, "-", "--quiet").stdout

    def exists(self, address):
        listed = self.run("ls", "--json", address)
        bucket_and_key = address.split("://", 1)[1]
        key = bucket_and_key.split("/", 1)[1]
        return any(json.loads(line).get("key") == key for line in listed.out.splitlines())

    def jobs(self):
        return [json.loads(line) for line in self.ok("jobs", "--json").out.splitlines()]

    def open_uploads(self, bucket):
        done = self.ok("sweep", bucket, "--json")
        return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture
def telpher(tmp_path):
    return Telpher(tmp_path)


class Nginx:
    """A real web server. `root` is what it serves; `more` is configuration for other places."""

    def __init__(self, folder, more=""):
        self.more = more
        self.root = folder / "www"
        self.root.mkdir()
        (self.root / "whose").write_text(str(folder))
        for _ in range(5):  # somebody else may take the port before nginx does
            self.port = free_port()
            self.process = self._start(folder)
            if self._is_ready(folder):
                return
            stop(self.process)
        raise AssertionError("nginx did not start")

    def _start(self, folder):
        conf = folder / "nginx.conf"
        temp = "".join(f"{name}_temp_path {folder}/{name};"
                       for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(f"""
            daemon off; master_process off; pid {folder}/pid; error_log stderr warn;
            events {{ worker_connections 512; }}
            http {{ access_log {folder}/access.log; sendfile on; {temp}
              server {{ listen 127.0.0.1:{self.port}; root {self.root};
                location /secret/ {{ return 403; }} {self.more} }} }}""")
        return subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-p", str(folder), "-c",
                                 str(conf)])

    def _is_ready(self, folder):
        """nginx says nothing when it is, so it is asked at short intervals."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.url("whose"), timeout=5) as answer:
                    return answer.read() == str(folder).encode()
            except OSError:
                if ended(self.process, within_s=0.02):
                    return False
        return False

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/{name}"

    def put(self, name, data):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return self.url(name)


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    server = Nginx(tmp_path_factory.mktemp("nginx"))
    yield server
    stop(server.process)


class Imposter:
    """A scripted server of tests/support; which one is the program's affair."""

    def __init__(self, program, script, folder, *args):
        path = folder / f"{program}-{free_port()}.json"
        path.write_text(json.dumps(script))
        self.process = subprocess.Popen(
            [str(BUILD / "tests" / "support" / program), "--listen", "127.0.0.1:0", "--script",
             str(path), *args], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.base = line.split()[-1].rstrip("/")

    def url(self, path):
        return self.base + path

    def requests(self):
        with urllib.request.urlopen(self.base + "/_imposter/requests") as answer:
            body = json.load(answer)
        return body["requests"] if isinstance(body, dict) else body

    def forget(self):
        urllib.request.urlopen(
            urllib.request.Request(self.base + "/_imposter/requests", method="DELETE")).read()

    def content(self, path):
        with urllib.request.urlopen(self.base + path) as answer:
            return answer.read()


@pytest.fixture
def web(tmp_path):
    """web([rule, …]) starts a scripted web server."""
    started = []

    def start(rules):
        started.append(Imposter("http_imposter", {"rules": rules}, tmp_path))
        return started[-1]

    yield start
    for server in started:
        stop(server.process)


class S3(Served):
    """`telpher s3` in memory with a bucket: the endpoint that fails on purpose."""

    KEYS = KEYS

    def __init__(self, telpher, rules=(), script=None, args=()):
        path = telpher.cwd / f"faults-{time.monotonic_ns()}.json"
        path.write_text(json.dumps(script or {"rules": list(rules)}))
        super().__init__(telpher, ["--store", "memory", "--bucket", "bucket", "--faults", path,
                                   *args], KEYS)

    def client_env(self):
        return {"AWS_ENDPOINT_URL": self.base, "AWS_ACCESS_KEY_ID": KEYS["TELPHER_S3_ACCESS_KEY"],
                "AWS_SECRET_ACCESS_KEY": KEYS["TELPHER_S3_SECRET_KEY"]}

    def stats(self):
        return self.admin("stats")

    def history(self):
        return self.admin("history")

    def faults(self, rules):
        """Another script from now on."""
        self.admin("faults", method="PUT", data=json.dumps({"rules": rules}).encode())

    def wait_until_met(self):
        """Until each rule of the script has acted: the endpoint is asked, for it tells nobody by
        itself. Fails at once when it has ended."""
        deadline = time.monotonic() + 30
        while not all(rule["acted"] for rule in self.stats()["faults"]["rules"]):
            assert time.monotonic() < deadline, f"not met: {self.stats()}"
            assert not ended(self.process, within_s=0.05), "the endpoint has ended"


@pytest.fixture
def s3(telpher):
    """s3(rules) starts the endpoint and points the environment at it."""
    started = []

    def start(rules=(), script=None, args=()):
        started.append(S3(telpher, rules, script, args))
        telpher.env |= started[-1].client_env()
        return started[-1]

    yield start
    for server in started:
        stop(server.process)


@pytest.fixture
def serve(telpher):
    """serve("--store", "memory", …) starts `telpher s3` at a free port, with known keys."""
    started = []

    def start(*args, env=KEYS, **kwargs):
        started.append(Served(telpher, args, env, **kwargs))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.end()


@pytest.fixture
def started():
    """started(server) stops it at the end."""
    servers = []

    def start(server):
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def front():
    started = []

    def start(server, decide, hidden=()):
        started.append(Front(server, decide, hidden))
        return started[-1]

    yield start
    for gateway in started:
        gateway.server.shutdown()
        gateway.server.server_close()


@contextlib.contextmanager
def swallowing(host, port=0):
    """A port that neither answers nor refuses: its queue is full, and nobody takes from it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            waits = stack.enter_context(socket.socket())
            waits.setblocking(False)
            waits.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def null_store(telpher):
    """A destination that checks and drops what it gets: bench's sink."""
    process = subprocess.Popen([str(BUILD / "bench" / "peers" / "sink"), "--listen",
                                "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    kind, address = process.stdout.readline().split()
    telpher.env |= {"AWS_ENDPOINT_URL": f"{kind}://{address}", "AWS_ACCESS_KEY_ID": "x",
                    "AWS_SECRET_ACCESS_KEY": "x"}
    yield "s3://bucket/key"
    stop(process)


def wait_for_event(process, predicate):
    """Reads JSON events of a started `--json` run until one fits; fails when the run ends first."""
    for line in process.stdout:
        event = json.loads(line)
        if predicate(event):
            return event
    raise AssertionError(f"ended with {process.wait()}: {process.stderr.read().decode()}")


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()


@pytest.fixture
def service(telpher):
    """service(options…) starts `telpher serve`, on a store in memory unless told otherwise."""
    started = []

    def start(*args, **kwargs):
        if "--store" not in args:
            args = ("--store", "memory", *args)
        started.append(Service(telpher, *args, **kwargs))
        return started[-1]

    yield start
    for running in started:
        stop(running.process)
        assert "Sanitizer" not in running.log_text(), running.log_text()
