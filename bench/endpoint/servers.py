"""The servers that are measured: the endpoint, and those beside it. Each is a context manager with
`host`, keys, and the processes whose CPU time counts."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

from lab import REPOSITORY, Failure, cpu_seconds_of, free_port
from signing import Signer

NPM = REPOSITORY / "build" / "npm" / "s3rver"
BUCKET = "bench"


class Server:
    """`pids` is filled when it has started."""

    name = "?"
    access_key, secret_key = "benchbench", "bench-secret-bench-secret"

    def __init__(self, bench):
        self.bench = bench
        self.processes = []
        self.pids = []
        self.host = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()

    def start(self):
        raise NotImplementedError

    def spawn(self, words, env=None, cwd=None):
        process = subprocess.Popen(
            [str(word) for word in words], env={**os.environ, **(env or {})}, cwd=cwd,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.bench.log, text=True,
        )  # fmt: skip
        self.processes.append(process)
        self.pids.append(process.pid)
        return process

    def listening_line(self, process):
        line = process.stdout.readline()
        if not line.startswith("listening on http://"):
            raise Failure(f"{self.name} did not start: {line.strip() or self.bench.last_log()}")
        self.host = line.split("//")[1].split()[0].rstrip("/")

    def wait_for_port(self):
        host, port = self.host.split(":")
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
                return
            if any(process.poll() is not None for process in self.processes):
                break
            time.sleep(0.05)
        raise Failure(f"{self.name} did not start: {self.bench.last_log()}")

    def cpu(self):
        return sum(cpu_seconds_of(pid) for pid in self.pids)

    def resident_mib(self):
        total = 0
        for pid in self.pids:
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        return total / 1024

    def environment(self):
        """Of clients."""
        return {
            "AWS_ENDPOINT_URL": "http://" + self.host, "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": "us-east-1",
        }  # fmt: skip

    def make_bucket(self):
        self.bench.client(self, "mb", f"s3://{BUCKET}")


class Telpher(Server):
    name = "telpher s3"

    def __init__(self, bench, *words):
        super().__init__(bench)
        self.words = words

    def start(self):
        process = self.spawn(
            [self.bench.server, "s3", "--listen", "127.0.0.1:0", *self.words],
            {"TELPHER_S3_ACCESS_KEY": self.access_key, "TELPHER_S3_SECRET_KEY": self.secret_key,
             "TELPHER_HOME": str(self.bench.work / "server-home")},
        )  # fmt: skip
        self.listening_line(process)
        self.make_bucket()
        self.check_that_it_verifies()

    def check_that_it_verifies(self):
        """What lets anyone in is fast, and worthless."""
        head = Signer(self.access_key, self.secret_key, self.host).head("GET", f"/{BUCKET}/x")
        host, port = self.host.split(":")
        for path, status in (("x", b" 404 "), ("y", b" 403 ")):
            with socket.create_connection((host, int(port)), timeout=30) as connection:
                connection.sendall(head.replace(f"/{BUCKET}/x", f"/{BUCKET}/{path}").encode())
                answer = connection.recv(4096)
            if status not in answer.split(b"\r\n")[0]:
                raise Failure(f"{self.name} answers a GET of {path} with {answer[:80]!r}")


class Floor(Server):
    name = "floor"

    def __init__(self, bench, *words):
        super().__init__(bench)
        self.words = words

    def start(self):
        self.listening_line(self.spawn([self.bench.floor, "serve", *self.words]))


class Nginx(Server):
    """One worker; serves files below `root`, and answers PUT with 200 after reading the body."""

    name = "nginx"

    def __init__(self, bench, root):
        super().__init__(bench)
        self.root = root

    def start(self):
        if shutil.which("nginx") is None:
            raise Failure("nginx is not installed (--setup)")
        folder = self.bench.work / "nginx"
        folder.mkdir(exist_ok=True)
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        temp = "".join(f"  {name}_temp_path {name};\n"
                       for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
        (folder / "nginx.conf").write_text(
            "daemon off; master_process off; worker_processes 1; pid nginx.pid;\n"
            "error_log stderr warn; worker_rlimit_nofile 65536;\n"
            + ("user root;\n" if os.geteuid() == 0 else "")
            + "events { worker_connections 1024; }\n"
            "http {\n  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n"
            f"  open_file_cache max={self.bench.files_max - 1024} inactive=1h; open_file_cache_valid 1h;\n"
            "  client_max_body_size 64m;\n"
            f"{temp}"
            f"  server {{ listen 127.0.0.1:{port}; root {self.root};\n"
            # `return` answers at once; nginx then reads and drops the body.
            "    if ($request_method = PUT) { return 200; }\n"
            f"    location ~ ^/{BUCKET}/?$ {{ return 200; }} }}\n}}\n"
        )
        self.spawn(["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"])
        self.wait_for_port()


class S3rver(Server):
    """https://www.npmjs.com/package/s3rver, on files."""

    name = "s3rver"
    access_key, secret_key = "S3RVER", "S3RVER"

    def start(self):
        program = NPM / "node_modules" / "s3rver" / "bin" / "s3rver.js"
        if shutil.which("node") is None or not program.exists():
            raise Failure("s3rver is not installed (--setup)")
        folder = self.bench.work / "s3rver"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        self.spawn(["node", program, "-d", folder, "-a", "127.0.0.1", "-p", port, "--silent",
                    "--configure-bucket", BUCKET], {"NODE_ENV": "production"})  # fmt: skip
        self.wait_for_port()


class Radosgw(Server):
    """tests/support/radosgw.sh: gateway and object store daemon, both count."""

    name = "RADOS gateway"

    def start(self):
        folder = self.bench.work / "radosgw"
        self.env = {**os.environ, "D": str(folder), "PORT": str(free_port()),
                    "MPORT": str(free_port())}  # fmt: skip
        script = REPOSITORY / "tests" / "support" / "radosgw.sh"
        done = subprocess.run([script, "start"], env=self.env, capture_output=True, text=True)
        if done.returncode == 77:
            raise Failure("the RADOS gateway is not installed (--setup)")
        line = done.stdout.strip().splitlines()[-1:] or [""]
        if done.returncode != 0 or not line[0].startswith("up: http://"):
            raise Failure("the RADOS gateway did not start: " + done.stderr[-200:])
        _, url, self.access_key, self.secret_key = line[0].split()
        self.host = url.removeprefix("http://").rstrip("/")
        self.pids = [int((folder / "run" / f"{name}.pid").read_text()) for name in ("rgw", "osd")]
        self.make_bucket()

    def __exit__(self, *_):
        if hasattr(self, "env"):
            script = REPOSITORY / "tests" / "support" / "radosgw.sh"
            subprocess.run([script, "stop"], env=self.env, capture_output=True)
