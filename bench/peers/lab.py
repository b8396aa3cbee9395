"""The place where measurements happen: servers of our own, test data, and one process at a time
measured as a whole and checked. Used by run.py."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CLOCK_TICK = os.sysconf("SC_CLK_TCK")
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class Failure(Exception):
    """A run that cost something but did not do the job."""


def parse_size(text):
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text[: -len(unit)]) * factor)
    return int(text)


@dataclasses.dataclass
class Command:
    """What one contender runs. `words` is an argument list, or a string for the shell."""

    words: list | str
    env: dict = dataclasses.field(default_factory=dict)
    prepare: object = None  # called before the clock starts


def cpu_seconds_of(pid):
    """User and system seconds of a live process, threads included (10 ms steps)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK


def softirq_threads():
    """The kernel's ksoftirqd threads. They may take over the receiving half of loopback traffic,
    which is otherwise charged to whoever sends; then figures drop without cause."""
    found = []
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().startswith("ksoftirqd/"):
                found.append(int(comm.parent.name))
    return found


def busy_seconds():
    """Seconds that all CPUs together have not been idle since the machine started."""
    names = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(n) for n in names[:8])
    return (user + nice + system + irq + softirq + steal) / CLOCK_TICK


def wait_until_quiet(limit_s, share=0.15):
    """Waits until the machine does next to nothing for a second; False when it never does."""
    end = time.monotonic() + limit_s
    while True:
        before, begin = busy_seconds(), time.monotonic()
        time.sleep(1.0)
        if (busy_seconds() - before) / (time.monotonic() - begin) < share:
            return True
        if time.monotonic() >= end:
            return False


class Server:
    """A server process of ours; its lines "http HOST:PORT" become `endpoints`."""

    def __init__(self, words, log):
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
        self.endpoints = {}
        wanted = sum(word.startswith("--listen") for word in words)
        for _ in range(wanted):
            line = self.process.stdout.readline().split()
            if len(line) != 2:
                self.stop()
                raise Failure("did not start: " + " ".join(words))
            self.endpoints.setdefault(line[0], []).append(line[1])

    def cpu(self):
        return cpu_seconds_of(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Lab:
    """Owns a work folder and the servers; a context manager. `size` is that of the large file."""

    def __init__(self, options):
        self.options = options
        self.size = parse_size(options.size)
        self.work = pathlib.Path(options.work).resolve()
        self.tools = pathlib.Path(options.build).resolve() / "bench" / "peers"
        self.telpher = pathlib.Path(options.build).resolve() / "src" / "telpher"
        self.servers = []
        self.s3_endpoint = options.s3_endpoint
        self.softirq = softirq_threads()
        self._floor_buffers = {}
        self._fingerprints = {}

    def __enter__(self):
        for tool in ("sink", "origin", "floor", "measure"):
            if not (self.tools / tool).exists():
                raise SystemExit(
                    f"{self.tools / tool} is missing: cmake --preset release && "
                    "cmake --build --preset release --target bench_peers"
                )
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / "home").mkdir(exist_ok=True)
        self.log = open(self.work / "servers.log", "w")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop()
        if not self.options.keep:
            for name in ("large", "download", "ballast"):
                with contextlib.suppress(FileNotFoundError):
                    (self.work / name).unlink()

    def _start(self):
        self.cert, key = self.work / "cert.pem", self.work / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "30", "-keyout", key, "-out", self.cert, "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        tls = ["--listen-tls", "127.0.0.1:0", "--tls-cert", str(self.cert), "--tls-key", str(key)]
        plain = ["--listen", "127.0.0.1:0"]
        served = ["--object", f"bench/object={self.size}"]
        sink = [str(self.tools / "sink"), *plain, *tls, *served]
        try:  # aws-cli's CRT mode knows no other port
            self.sink = Server([*sink, "--listen", "127.0.0.1:80"], self.log)
            self.has_port_80 = True
        except Failure:
            self.sink = Server(sink, self.log)
            self.has_port_80 = False
        origin = [str(self.tools / "origin"), "--size", str(self.size)]
        self.origin = Server([*origin, *plain, *tls], self.log)
        slow_size = parse_size(self.options.throttled_size)
        self.slow_origin = Server(
            [str(self.tools / "origin"), "--size", str(slow_size), *plain,
             "--rate-per-connection", "20MiB"], self.log,
        )  # fmt: skip
        self.slow_size = slow_size
        self.servers = [self.sink, self.origin, self.slow_origin]
        self.sink_url = "http://" + self.sink.endpoints["http"][0]

    def nginx(self):
        """HOST:PORT of an nginx that serves the large file; started once."""
        if hasattr(self, "_nginx"):
            return self._nginx
        folder = self.work / "nginx"
        folder.mkdir(exist_ok=True)
        port = free_port()
        (folder / "nginx.conf").write_text(
            "daemon off; worker_processes 1; pid nginx.pid; error_log error.log;\n"
            "events { worker_connections 256; }\n"
            "http { access_log off; sendfile on; keepalive_requests 100000;\n"
            "  client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;\n"
            "  uwsgi_temp_path u; scgi_temp_path s;\n"
            f"  server {{ listen 127.0.0.1:{port}; root {self.large_file().parent}; }} }}\n"
        )
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        server = Server(["nginx", "-p", str(folder), "-c", "nginx.conf", *user], self.log)
        self.servers.append(server)
        wait_for_port(port)
        self._nginx = f"127.0.0.1:{port}"
        return self._nginx

    # ---- test data

    def large_file(self):
        """The pattern in a file, read once so that it is cached."""
        path = self.work / "large"
        if not path.exists() or path.stat().st_size != self.size:
            subprocess.run(
                [self.tools / "origin", "--write", path, "--size", str(self.size)], check=True
            )
        self.fingerprint(path)
        return path

    def small_files(self, count, size):
        """A folder with `count` files of `size` bytes, all different."""
        folder = self.work / f"small-{count}x{size}"
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            seed = os.urandom(size + count)
            for number in range(count):
                (partial / f"{number:06d}.bin").write_bytes(seed[number : number + size])
            partial.rename(folder)
        return folder

    def read_through(self, path):
        """Reads a file or the files of a folder, so that the next run finds them in the page
        cache: hosts that want their memory back may take them out of it within seconds."""
        buffer = bytearray(2**20)
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            with open(file, "rb", buffering=0) as stream:
                while stream.readinto(buffer):
                    pass

    def fingerprint(self, path):
        """(fingerprint, bytes, files) of a file or folder; see `origin --fingerprint`."""
        if str(path) not in self._fingerprints:
            self._fingerprints[str(path)] = self._compute_fingerprint(path)
        return self._fingerprints[str(path)]

    def _compute_fingerprint(self, path):
        done = subprocess.run(
            [self.tools / "origin", "--fingerprint", path], check=True, capture_output=True
        )
        return tuple(int(word) for word in done.stdout.split())

    def pattern_fingerprint(self, size):
        """Of the first `size` bytes of what origin serves."""
        name = f"pattern {size}"
        if name not in self._fingerprints:
            path = self.work / "pattern"
            words = [self.tools / "origin", "--write", path, "--size", str(size)]
            subprocess.run(words, check=True)
            self._fingerprints[name] = self._compute_fingerprint(path)
            path.unlink()
        return self._fingerprints[name]

    # ---- checks

    def reset_sink(self):
        request = urllib.request.Request(self.sink_url + "/_sink/reset", method="POST")
        urllib.request.urlopen(request).close()

    def sink_stats(self):
        with urllib.request.urlopen(self.sink_url + "/_sink/stats") as answer:
            return json.load(answer)

    def check_sink(self, expected):
        """`expected` = fingerprint(); Failure unless exactly these bytes have arrived."""
        stats = self.sink_stats()
        for count in ("mismatches", "incomplete", "open_uploads"):
            if stats[count]:
                raise Failure(f"sink: {count} = {stats[count]}")
        got = (stats["fingerprint"], stats["object_bytes"], stats["objects"])
        if got != expected:
            raise Failure(f"sink: (fingerprint, bytes, objects) {got}, not {expected}")
        return {key: stats[key] for key in ("requests", "bodies", "verified", "unverified")}

    def check_download(self, path):
        got = self._compute_fingerprint(path)
        path.unlink()
        if got != self.fingerprint(self.large_file()):
            raise Failure(f"{path.name}: the bytes are not those of the object")
        return {}

    # ---- measuring

    def floor_buffer(self, kind, arguments):
        """The buffer size with which this floor is cheapest here, by a sweep; found once."""
        if kind not in self._floor_buffers:
            words = [self.tools / "floor", kind, *arguments, "--rounds", "3"]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            best = [json.loads(line) for line in done.stdout.splitlines()][-1]
            self._floor_buffers[kind] = best["buffer"]
            print(f"  floor {kind}: best buffer {best['buffer'] // 1024} KiB", flush=True)
        return self._floor_buffers[kind]

    def environment(self, extra):
        """A clean one: proxies and CA settings of the caller would change what is measured."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.work / "home"),
            "LANG": "C.UTF-8",
            "TELPHER_HOME": str(self.work / "home" / "telpher"),
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench-secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if self.s3_endpoint:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                env[name] = os.environ.get(name, env[name])
        return {**env, **extra}

    def measure(self, command):
        """Runs one command; what it, our servers and everybody else cost meanwhile."""
        if command.prepare:
            command.prepare()
        words = command.words
        if isinstance(words, str):
            words = ["bash", "-o", "pipefail", "-c", words]
        out = self.work / "measured.json"
        out.unlink(missing_ok=True)
        servers = [server.cpu() for server in self.servers]
        softirq = sum(cpu_seconds_of(pid) for pid in self.softirq)
        busy = busy_seconds()
        done = subprocess.run(
            [self.tools / "measure", out, *words],
            env=self.environment(command.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.work,
        )
        busy = busy_seconds() - busy
        if not out.exists():
            raise Failure("did not run: " + done.stderr[-300:])
        cost = json.loads(out.read_text())
        if cost["status"] != 0:
            raise Failure(f"status {cost['status']}: " + (done.stderr or done.stdout)[-500:])
        cost["cpu_s"] = cost["user_s"] + cost["system_s"]
        cost["server_cpu_s"] = sum(s.cpu() for s in self.servers) - sum(servers)
        cost["softirq_cpu_s"] = sum(cpu_seconds_of(pid) for pid in self.softirq) - softirq
        # Everybody else's; kernel threads and interrupts are in here too, so it is never quite 0.
        cost["other_cpu_s"] = max(0.0, busy - cost["cpu_s"] - cost["server_cpu_s"])
        return cost


def free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port):
    import socket

    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise Failure(f"nothing listens on port {port}")
