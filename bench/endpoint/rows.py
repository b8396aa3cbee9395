"""What is measured: a row is one piece of work, done by several servers under several loads. Used
by run.py."""

import contextlib
import dataclasses
import random
import shutil
import socket
import statistics
import time

from lab import Failure
from loads import key_of
from servers import BUCKET, Floor, Nginx, Radosgw, S3rver, Server, Telpher
from signing import Signer

SIZE = 10 * 1024
PART = 16 * 2**20
SEED = 0x7E1


@dataclasses.dataclass
class Contender:
    """`run(bench, server)` -> a run with its `figure`. `server` is a key of the row's servers."""

    name: str
    load: str
    server: str | None
    run: object
    runs_max: int | None = None  # for what only stands beside and is slow

    @property
    def id(self):
        return f"{self.name}, {self.load}" if self.load else self.name


@dataclasses.dataclass
class Target:
    """`subject` over the sum of the contenders `of` (alone: the figure itself), times `scale`."""

    text: str
    subject: str
    limit: float
    of: list = dataclasses.field(default_factory=list)
    at_least: bool = False
    unit: str = "×"


@dataclasses.dataclass
class Row:
    name: str
    title: str
    unit: str
    servers: dict  # key -> Bench -> Server
    contenders: list
    targets: list
    prepare: object = None  # (bench, {key: server}), once
    runs: int | None = None  # another number than usual
    note: str = ""


def per_request(run, factor=1e6):
    return {**run, "figure": run["cpu_s"] / run["requests"] * factor}


def throughput(run):
    return {**run, "figure": run["requests"] / run["seconds"]}


def per_gib(run):
    return {**run, "figure": run["cpu_s"] / (run["bytes"] / 2**30)}


def others(run):
    """Servers that stand beside, on one load."""
    return [Contender("s3rver", "wrk", "s3rver", run, 2),
            Contender("RADOS gateway", "wrk", "radosgw", run, 2)]  # fmt: skip


OTHERS = {"s3rver": S3rver, "radosgw": Radosgw}


def is_slow(server):
    return not isinstance(server, (Telpher, Nginx))


def few(bench, server):
    """How many objects a server gets; those beside take them slowly."""
    return bench.objects // 10 if is_slow(server) else bench.objects


# ---- 10 KiB


def get_small():
    def prepare(bench, servers):
        for name, server in servers.items():
            if name != "nginx":
                bench.fill(server, few(bench, server), SEED)

    def heads(count):
        order = random.Random(1).sample(range(count), count)
        return lambda signer: (signer.head("GET", f"/{BUCKET}/{key_of(SEED, n)}") for n in order)

    def wrk(bench, server):
        if isinstance(server, Nginx):
            bench.read_files()
        return per_request(bench.measured(server, lambda: bench.load_wrk(
            server, heads(few(bench, server)), seconds=4 if is_slow(server) else None)))  # fmt: skip

    def ours(bench, server):
        if isinstance(server, Nginx):
            bench.read_files()
        return per_request(bench.measured(server, lambda: bench.load_telpher(
            server, "--mix", "get", "--objects", bench.objects, "--reuse", "--seed", SEED,
            "--duration", f"{bench.seconds}s")))  # fmt: skip

    return Row(
        "get-10k", "GET 10 KiB, memory store", "CPU µs/request",
        {"telpher": lambda bench: Telpher(bench, "--store", "memory"),
         "nginx": lambda bench: Nginx(bench, bench.write_files(bench.objects, SEED)), **OTHERS},
        [Contender("telpher s3", "wrk", "telpher", wrk),
         Contender("telpher s3", "telpher bench", "telpher", ours),
         Contender("nginx, files", "wrk", "nginx", wrk),
         Contender("nginx, files", "telpher bench", "nginx", ours), *others(wrk)],
        [Target("≤ 2.5 × nginx's GET, under wrk", "telpher s3, wrk", 2.5, ["nginx, files, wrk"]),
         Target("≤ 2.5 × nginx's GET, under telpher bench", "telpher s3, telpher bench", 2.5,
                ["nginx, files, telpher bench"])],
        prepare,
    )  # fmt: skip


def put_loads(figure):
    """Both loads of PUT 10 KiB; each run has keys of its own, deleted behind it."""

    def count(bench, server):
        return bench.objects // 10 if is_slow(server) else bench.puts

    def wrk(bench, server):
        seed, keys = bench.new_seed(), count(bench, server)
        result = bench.measured(server, lambda: bench.load_wrk(server, lambda signer: (
            signer.head("PUT", f"/{BUCKET}/{key_of(seed, n)}", length=SIZE)
            for n in range(keys)), body=SIZE, seconds=4 if is_slow(server) else None))  # fmt: skip
        tidy(bench, server, min(keys, result["requests"] + 64), seed)
        return figure(result)

    def ours(bench, server):
        seed = bench.new_seed()
        result = bench.measured(server, lambda: bench.load_telpher(
            server, "--mix", "put", "--size", SIZE, "--seed", seed, "--duration",
            f"{bench.seconds}s"))  # fmt: skip
        tidy(bench, server, result["requests"], seed)
        return figure(result)

    def tidy(bench, server, keys, seed):
        if isinstance(server, Telpher):
            bench.clear(server, keys, seed)

    return wrk, ours


def put_small():
    wrk, ours = put_loads(per_request)
    md5 = "MD5 of 10 KiB (OpenSSL)"
    return Row(
        "put-10k", "PUT 10 KiB, memory store", "CPU µs/request",
        {"telpher": lambda bench: Telpher(bench, "--store", "memory"),
         "nginx": lambda bench: Nginx(bench, bench.work), **OTHERS},
        [Contender("telpher s3", "wrk", "telpher", wrk),
         Contender("telpher s3", "telpher bench", "telpher", ours),
         Contender("nginx, reads and drops", "wrk", "nginx", wrk),
         Contender("nginx, reads and drops", "telpher bench", "nginx", ours),
         Contender(md5, "", None, lambda bench, _: {"figure": bench.md5(SIZE) * 1e6}),
         *others(wrk)],
        [Target("≤ 2 × (nginx's PUT + MD5), under wrk", "telpher s3, wrk", 2,
                ["nginx, reads and drops, wrk", md5]),
         Target("≤ 2 × (nginx's PUT + MD5), under telpher bench", "telpher s3, telpher bench", 2,
                ["nginx, reads and drops, telpher bench", md5])],
    )  # fmt: skip


def put_local(name, title, limit, *words):
    wrk, ours = put_loads(throughput)

    def fresh(bench):
        root = bench.work / "local" / name
        shutil.rmtree(root, ignore_errors=True)
        return Telpher(bench, "--store", "local", "--root", root, *words)

    return Row(
        name, title, "requests/s", {"telpher": fresh},
        [Contender("telpher s3", "wrk", "telpher", wrk),
         Contender("telpher s3", "telpher bench", "telpher", ours)],
        [Target(f"≥ {limit:,}/s, under {load}", f"telpher s3, {load}", limit, at_least=True,
                unit="/s") for load in ("wrk", "telpher bench")],
    )  # fmt: skip


# ---- 1 GiB


class BestFloor(Server):
    """The floor with the buffer that is cheapest here under `load`, found by a sweep."""

    name = "floor"

    def __init__(self, bench, load, *words):
        super().__init__(bench)
        self.load, self.words = load, words

    def start(self):
        costs = {}
        for buffer in (64, 256, 1024, 4096):
            with Floor(self.bench, *self.words, "--buffer", f"{buffer}KiB") as floor:
                costs[buffer] = self.load(self.bench, floor)["figure"]
        best = min(costs, key=costs.get)
        print(f"  floor: best buffer {best} KiB", flush=True)
        self.inner = Floor(self.bench, *self.words, "--buffer", f"{best}KiB")
        self.inner.__enter__()
        self.host, self.pids, self.processes = self.inner.host, self.inner.pids, self.inner.processes


def get_large():
    def prepare(bench, servers):
        bench.telpher_bench(servers["telpher"], "--mix", "put", "--requests", 1, "--size", bench.large,
                            "--seed", SEED, "--keep", "--concurrency", 1)  # fmt: skip

    def wrk(bench, server):
        return per_gib(bench.measured(server, lambda: bench.load_wrk(server, lambda signer: [
            signer.head("GET", f"/{BUCKET}/{key_of(SEED, 0)}")], connections=1)))  # fmt: skip

    def ours(bench, server):
        return per_gib(bench.measured(server, lambda: bench.load_telpher(
            server, "--mix", "get", "--objects", 1, "--size", bench.large, "--seed", SEED, "--reuse",
            "--requests", 3, "--concurrency", 1)))  # fmt: skip

    def floor(load):
        return lambda bench: BestFloor(bench, load, "--object", str(bench.large))

    return Row(
        "get-1g", "GET of 1 GiB, memory store", "CPU-s/GiB",
        {"telpher": lambda bench: Telpher(bench, "--store", "memory"), "floor": floor(ours),
         "floor wrk": floor(wrk)},
        [Contender("telpher s3", "telpher bench", "telpher", ours),
         Contender("floor send", "telpher bench", "floor", ours),
         Contender("telpher s3", "wrk", "telpher", wrk),
         Contender("floor send", "wrk", "floor wrk", wrk)],
        [Target(f"≤ 1.5 × the send floor, under {load}", f"telpher s3, {load}", 1.5,
                [f"floor send, {load}"]) for load in ("telpher bench", "wrk")],
        prepare,
        note="One connection. wrk reads in pieces of 8 KiB, which costs the sender too.",
    )  # fmt: skip


def put_large():
    def ours(bench, server):
        seed = bench.new_seed()
        result = bench.measured(server, lambda: bench.load_telpher(
            server, "--mix", "put", "--size", bench.large, "--part-size", PART, "--seed", seed,
            "--requests", 1, "--concurrency", 1))  # fmt: skip
        bench.clear(server, 1, seed)
        return per_gib(result)

    def wrk(bench, server):
        """The parts of one upload, again and again; it is ended at last."""
        path = f"/{BUCKET}/{key_of(bench.new_seed(), 0)}"
        upload = begin_upload(server, path)
        count = bench.large // PART
        run = bench.measured(server, lambda: bench.load_wrk(server, lambda signer: (
            signer.head("PUT", path, {"partNumber": n + 1, "uploadId": upload}, PART)
            for n in range(count)), body=PART, connections=1, seconds=3))  # fmt: skip
        ask(server, "DELETE", path, {"uploadId": upload})
        return per_gib({**run, "bytes": run["requests"] * PART})

    md5 = "MD5 of 1 GiB in 16 MiB (OpenSSL)"
    return Row(
        "put-1g", "PUT of 1 GiB in parts of 16 MiB, memory store", "CPU-s/GiB",
        {"telpher": lambda bench: Telpher(bench, "--store", "memory"),
         "floor": lambda bench: BestFloor(bench, ours), "floor wrk": lambda bench: BestFloor(bench, wrk),
         "kept": lambda bench: BestFloor(bench, ours, "--keep")},
        [Contender("telpher s3", "telpher bench", "telpher", ours),
         Contender("floor recv, drops", "telpher bench", "floor", ours),
         Contender("telpher s3", "wrk", "telpher", wrk),
         Contender("floor recv, drops", "wrk", "floor wrk", wrk),
         Contender(md5, "", None, lambda bench, _: {"figure": bench.md5(PART) * 64}),
         Contender("floor recv, keeps in new memory", "telpher bench", "kept", ours)],
        [Target(f"≤ 1.3 × (recv floor + MD5), under {load}", f"telpher s3, {load}", 1.3,
                [f"floor recv, drops, {load}", md5]) for load in ("telpher bench", "wrk")],
        note="One connection. The first round, which does not count, takes new memory from the "
        "kernel; the endpoint uses it again afterwards. What new memory costs shows the last line.",
    )  # fmt: skip


def ask(server, method, path, query=None):
    """One signed request; the answer's body."""
    head = Signer(server.access_key, server.secret_key, server.host).head(
        method, path, query, 0 if method == "POST" else None)  # fmt: skip
    host, port = server.host.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
        answer = b""
        while True:
            piece = connection.recv(65536)
            answer += piece
            body = answer.partition(b"\r\n\r\n")[2]
            if not piece or b"</InitiateMultipartUploadResult>" in body:
                break
            if answer and method == "DELETE":
                break
    if not answer.startswith(b"HTTP/1.1 2"):
        raise Failure(f"{method} {path}: {answer[:300]!r}")
    return answer.partition(b"\r\n\r\n")[2].decode()


def begin_upload(server, path):
    return ask(server, "POST", path, {"uploads": ""}).split("<UploadId>")[1].split("<")[0]


# ---- listing, idle connections, start


def list_keys():
    def prepared(bench):
        """A local store that keeps its keys from one call of run.py to the next."""
        root = bench.cache / f"keys-{bench.keys}"
        return Telpher(bench, "--store", "local", "--root", root, "--no-sync")

    def prepare(bench, servers):
        server = servers["telpher"]
        last = key_of(SEED, bench.keys - 1)
        if last in bench.client(server, "ls", "-r", f"s3://{BUCKET}/{last}"):
            return
        print(f"  putting {bench.keys:,} objects; they stay in {bench.cache}", flush=True)
        bench.fill(server, bench.keys, SEED, "0")

    def wrk(bench, server):
        draw = random.Random(bench.new_seed())
        after = [key_of(SEED, draw.randrange(bench.keys - 1000)) for _ in range(5000)]
        return per_request(bench.measured(server, lambda: bench.load_wrk(server, lambda signer: (
            signer.head("GET", f"/{BUCKET}", {"list-type": 2, "start-after": key})
            for key in after), connections=4)), 1e3)  # fmt: skip

    def ours(bench, server):
        return per_request(bench.measured(server, lambda: bench.load_telpher(
            server, "--mix", "list", "--objects", bench.keys - 1000, "--reuse", "--seed", SEED,
            "--duration", f"{bench.seconds}s", "--concurrency", 4)), 1e3)  # fmt: skip

    return Row(
        "list", "LIST of 1,000 keys out of 1,000,000, local store", "CPU ms/request",
        {"telpher": prepared},
        [Contender("telpher s3", "wrk", "telpher", wrk),
         Contender("telpher s3", "telpher bench", "telpher", ours)],
        [Target(f"≤ 5 ms, under {load}", f"telpher s3, {load}", 5, unit="ms")
         for load in ("wrk", "telpher bench")],
        prepare,
        note="Each listing begins behind another key, drawn at random.",
    )  # fmt: skip


def idle_connections():
    def run(bench, server):
        """Each connection has had a GET of 10 KiB answered before it falls silent."""
        signer = Signer(server.access_key, server.secret_key, server.host)
        before = server.resident_mib()
        host, port = server.host.split(":")
        with contextlib.ExitStack() as open_ones:
            connections = []
            for number in range(bench.idle):
                connection = socket.create_connection((host, int(port)), timeout=30)
                connections.append(open_ones.enter_context(connection))
                connection.sendall(signer.head("GET", f"/{BUCKET}/{key_of(SEED, number % 100)}").encode())
                read_answer(connection, SIZE)
            for connection in connections:  # none has been closed meanwhile
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if connection.recv(1) == b"":
                        raise Failure("the server closed an idle connection")
            return {"figure": server.resident_mib(), "before": before}

    return Row(
        "idle", "10,000 idle connections", "RSS MiB",
        {"telpher": lambda bench: Telpher(bench, "--store", "memory")},
        [Contender("telpher s3", "", "telpher", run)],
        [Target("≤ 100 MiB", "telpher s3", 100, unit="MiB")],
        lambda bench, servers: bench.fill(servers["telpher"], 100, SEED),
        runs=1,
        note="Each has had a signed GET of 10 KiB answered before.",
    )  # fmt: skip


def read_answer(connection, size):
    """A head and `size` bytes of body."""
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < size:
        piece = connection.recv(65536)
        if not piece:
            raise Failure(f"the connection was closed: {answer[:200]!r}")
        answer += piece
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Failure(f"refused: {answer[:200]!r}")


def start_up():
    def run(words):
        def once(bench, _):
            server = Telpher(bench, *words(bench))
            server.make_bucket = server.check_that_it_verifies = lambda: None
            times = []
            for _ in range(3 if bench.quick else 11):
                begin = time.perf_counter()
                with server:
                    times.append((time.perf_counter() - begin) * 1e3)
                server.processes, server.pids = [], []
            return {"figure": statistics.median(times)}

        return once

    def local(bench):
        shutil.rmtree(bench.work / "local" / "start", ignore_errors=True)
        return ["--store", "local", "--root", bench.work / "local" / "start"]

    def million(bench):
        root = bench.cache / f"keys-{bench.keys}"
        if not root.exists():
            raise Failure("the row `list` puts the keys there")
        return ["--store", "local", "--root", root]

    return Row(
        "start", "start to listening", "wall ms", {},
        [Contender("telpher s3, memory store", "", None, run(lambda _: ["--store", "memory"])),
         Contender("telpher s3, empty local store", "", None, run(local)),
         Contender("telpher s3, local store with 1,000,000 keys", "", None, run(million))],
        [Target("≤ 50 ms", name, 50, unit="ms") for name in (
            "telpher s3, memory store", "telpher s3, empty local store",
            "telpher s3, local store with 1,000,000 keys")],
        runs=3,
    )  # fmt: skip


ROWS = [
    get_small,
    put_small,
    lambda: put_local("put-local", "PUT 10 KiB, local store, not durable", 8000, "--no-sync"),
    lambda: put_local("put-durable", "PUT 10 KiB, local store, durable, 64 writers", 1500),
    get_large,
    put_large,
    idle_connections,
    list_keys,
    start_up,
]
