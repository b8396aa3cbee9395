"""What puts load on a server and what the server pays for it meanwhile. Used by rows.py."""

import contextlib
import json
import os
import pathlib
import resource
import shutil
import subprocess

from lab import Failure, busy_seconds
from servers import BUCKET
from signing import Signer

LUA = pathlib.Path(__file__).with_name("walk.lua")


def key_of(seed, number):
    """As `telpher bench` names its objects."""
    return f"bench-{seed:x}/{number:010d}"


def raise_file_limit():
    """So that servers, who inherit it, may have all connections and files open; what it is now."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (65536, hard):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(hard, limit)))
            break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Bench:
    """Owns the work folder. `sizes` of the work depend on --quick."""

    def __init__(self, options):
        build = pathlib.Path(options.build).resolve()
        self.options = options
        self.telpher = build / "src" / "telpher"
        self.server = pathlib.Path(options.server).resolve() if options.server else self.telpher
        self.floor = build / "bench" / "endpoint" / "endpoint_floor"
        self.work = pathlib.Path(options.work).resolve()
        self.cache = pathlib.Path(options.cache).resolve()
        self.quick = options.quick
        self.seconds = 0.5 if self.quick else 2
        self.objects = 2_000 if self.quick else 20_000
        self.puts = 10_000 if self.quick else 80_000
        self.keys = 20_000 if self.quick else 1_000_000
        self.large = 2**28 if self.quick else 2**30
        self.idle = 1_000 if self.quick else 10_000
        self._seed = 0x1000

    def __enter__(self):
        for program in (self.telpher, self.server, self.floor):
            if not program.exists():
                raise SystemExit(f"{program} is missing: cmake --build --preset release")
        if shutil.which("wrk") is None:
            raise SystemExit("wrk is not installed (--setup)")
        self.work.mkdir(parents=True, exist_ok=True)
        self.log = open(self.work / "servers.log", "w+")
        self.files_max = raise_file_limit()
        return self

    def __exit__(self, *_):
        self.log.close()
        for name in ("local", "www", "s3rver", "nginx"):
            shutil.rmtree(self.work / name, ignore_errors=True)

    def last_log(self):
        text = (self.work / "servers.log").read_text().strip().splitlines()
        return text[-1] if text else "it said nothing"

    def new_seed(self):
        """Keys that no run before has had."""
        self._seed += 1
        return self._seed

    def client(self, server, *words):
        done = subprocess.run(
            [self.telpher, *map(str, words)], capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.work),
                 "TELPHER_HOME": str(self.work / "client-home"), **server.environment()},
        )  # fmt: skip
        if done.returncode != 0:
            raise Failure(f"telpher {words[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout

    # ---- loads

    def telpher_bench(self, server, *words):
        """The whole answer of `telpher bench`; no operation may fail."""
        out = self.client(server, "bench", f"s3://{BUCKET}", "--json", "--quiet", *words)
        return json.loads(out)

    def load_telpher(self, server, *words):
        figures = self.telpher_bench(server, "--keep", *words)["all"]
        return {"requests": figures["count"], "bytes": figures["bytes"],
                "seconds": figures["count"] / figures["ops_per_s"],
                "p50_ms": figures["p50_ms"], "p99_ms": figures["p99_ms"]}  # fmt: skip

    def load_wrk(self, server, heads, body=0, connections=64, seconds=None):
        """`heads` = Signer -> request heads, signed now."""
        path = self.work / "heads"
        signer = Signer(server.access_key, server.secret_key, server.host)
        path.write_text("".join(heads(signer)), newline="")
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds or self.seconds}s", "--timeout", "30s",
                 "-s", LUA, "http://" + server.host, "--", path, str(body)]  # fmt: skip
        if isinstance(seconds or self.seconds, float):
            words[3] = "-d1s"  # wrk knows no parts of seconds
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or not lines:
            raise Failure("wrk: " + (done.stderr or done.stdout).strip()[-300:])
        result = json.loads(lines[-1])
        if result["refused"] or result["broken"] or not result["requests"]:
            raise Failure(f"wrk: {result}")
        return result

    def measured(self, server, load):
        """What `load()` did, and the CPU seconds of the server, the load and all others."""
        before = server.cpu(), children_seconds(), busy_seconds()
        result = load()
        after = server.cpu(), children_seconds(), busy_seconds()
        cpu, client, busy = (b - a for a, b in zip(before, after))
        return {**result, "cpu_s": cpu, "client_cpu_s": client,
                "other_cpu_s": max(0.0, busy - cpu - client)}  # fmt: skip

    # ---- objects

    def fill(self, server, count, seed, size="10KiB"):
        """`count` objects with the keys of key_of(seed, …)."""
        self.telpher_bench(server, "--mix", "put", "--requests", count, "--size", size,
                           "--seed", seed, "--keep")  # fmt: skip

    def clear(self, server, count, seed):
        self.telpher_bench(server, "--mix", "delete", "--objects", count, "--requests", count,
                           "--reuse", "--keep", "--seed", seed)  # fmt: skip

    def write_files(self, count, seed):
        """The same keys as files for nginx: the folder to serve."""
        root = self.work / "www"
        shutil.rmtree(root, ignore_errors=True)
        noise = os.urandom(count + 10 * 1024)
        for number in range(count):
            path = root / BUCKET / key_of(seed, number)
            if number == 0:
                path.parent.mkdir(parents=True)
            path.write_bytes(noise[number : number + 10 * 1024])
        return root

    def read_files(self):
        """So that they are in the page cache: some hosts take them out of it within seconds."""
        for path in (self.work / "www").rglob("*"):
            if path.is_file():
                path.read_bytes()

    def md5(self, size):
        """CPU seconds of the MD5 of one message of `size` bytes."""
        total = "64MiB" if self.quick else "1GiB"
        out = subprocess.run([self.floor, "md5", "--size", str(size), "--total", total],
                             check=True, capture_output=True, text=True).stdout  # fmt: skip
        result = json.loads(out)
        return result["cpu_s"] / result["messages"]
