"""Many at once against the endpoint, on good days and on bad ones: nothing lost, nothing hidden,
nothing asked for more often than it must be."""

import concurrent.futures
import hashlib
import json
import threading
import time

import pytest

from conftest import MIB, random_bytes

PART = 5 * MIB


def make_tree(folder, count, size=2000):
    """{name: content} of files that all differ."""
    folder.mkdir()
    content = {f"{i:03}": random_bytes(size, seed=i) for i in range(count)}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return content


def stored(telpher, tmp_path, prefix="p/", to="stored"):
    """{name: content} of what the store has below a prefix."""
    telpher.ok("cp", f"s3://bucket/{prefix}", f"{to}/", "--overwrite", "always")
    folder = tmp_path / to
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


def end_all(processes):
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        assert b"Sanitizer" not in err, err.decode()


def chance(probability, **rule):
    return {"probability": probability, **rule}


# --- many at once --------------------------------------------------------------------------------

def test_10_workers_of_100_uploads_into_one_prefix(telpher, s3, tmp_path):
    server = s3()
    content = make_tree(tmp_path / "tree", 1000, size=300)
    telpher.ok("cp", "tree", "s3://bucket/p/", "--concurrency", "10")
    assert server.stats()["requests"]["PutObject"] == 1000
    assert server.stats()["under_way_max"] <= 10
    assert stored(telpher, tmp_path) == content


def test_10_processes_of_100_uploads_into_one_prefix(telpher, s3, tmp_path):
    server = s3()
    content = {}
    for worker in range(10):
        tree = make_tree(tmp_path / f"tree{worker}", 100, size=300 + worker)
        content |= {f"{worker}-{name}": data for name, data in tree.items()}
        for name in tree:
            (tmp_path / f"tree{worker}" / name).rename(tmp_path / f"tree{worker}/{worker}-{name}")
    end_all([telpher.start("cp", f"tree{worker}", "s3://bucket/p/") for worker in range(10)])
    assert server.stats()["requests"]["PutObject"] == 1000
    assert stored(telpher, tmp_path) == content


def test_10_prefixes_flushed_at_once(telpher, s3, tmp_path):
    server = s3()
    content = {}
    for prefix in range(10):
        tree = make_tree(tmp_path / f"tree{prefix}", 20, size=500 + prefix)
        tree["large"] = random_bytes(2 * PART + prefix, seed=prefix)
        (tmp_path / f"tree{prefix}/large").write_bytes(tree["large"])
        content |= {f"{prefix}/{name}": data for name, data in tree.items()}
    end_all([telpher.start("cp", f"tree{prefix}", f"s3://bucket/p/{prefix}/", "--part-size", PART)
             for prefix in range(10)])
    stats = server.stats()
    assert stats["requests"]["PutObject"] == 200
    assert stats["requests"]["CompleteMultipartUpload"] == 10
    assert stats["open_uploads"] == 0
    assert stored(telpher, tmp_path) == content


def test_100_concurrent_uploads_at_10_percent_errors(telpher, s3, tmp_path):
    server = s3([chance(0.1, do="status", status=500)])
    content = make_tree(tmp_path / "tree", 100)
    telpher.ok("cp", "tree", "s3://bucket/p/", "--concurrency", "100")
    assert server.admin("faults")["all_met"]
    server.faults([])
    assert stored(telpher, tmp_path) == content


# --- one key -------------------------------------------------------------------------------------

class Observed:
    """What was written and read, when, as seen by clients: [(start, end, value), …]."""

    def __init__(self):
        self.writes, self.reads, self.lock = [], [], threading.Lock()

    def note(self, what, start, value):
        with self.lock:
            what.append((start, time.monotonic(), value))

    def may_be_seen(self, value, start, end):
        """Whether a read that lasted so long may find this write: it had begun by then, and no other
        one began after it and was done before the read."""
        began, done = next((s, e) for s, e, v in self.writes if v == value)
        return began < end and not any(done < other_began and other_done < start
                                       for other_began, other_done, _ in self.writes)


def parts_of(value):
    """0 = one PUT."""
    thread = (value - 1) // 4
    return 2 if thread % 12 == 0 else 1 if thread % 4 == 0 else 0


def body_of(value):
    """A store on disk keeps the small ones together, the large ones in files of their own, those of
    two parts in two."""
    size = PART + 300_000 if parts_of(value) == 2 else 300_000 if value % 2 else 60_000
    return bytes([value]) * (size + value)


def write_value(client, value):
    body, count = body_of(value), parts_of(value)
    key = {"Bucket": "bucket", "Key": "one"}
    if count == 0:
        client.put_object(**key, Body=body)
        return
    key["UploadId"] = client.create_multipart_upload(**key)["UploadId"]
    parts = []
    for number, piece in enumerate([body[:PART], body[PART:]][:count], 1):
        part = client.upload_part(**key, PartNumber=number, Body=piece)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    client.complete_multipart_upload(**key, MultipartUpload={"Parts": parts})


def read_value(client):
    """The value, of bytes that are all its own."""
    answer = client.get_object(Bucket="bucket", Key="one")
    body = answer["Body"].read()
    value = body[0]
    assert body == body_of(value), "a mix of two writes"
    etag = answer["ETag"].strip('"')
    assert "-" in etag or etag == hashlib.md5(body).hexdigest()
    return value


@pytest.mark.parametrize("store", ["memory", "local"])
def test_50_threads_on_one_key(s3, tmp_path, store):
    """The last complete write wins; readers see an old or a new one, never a mix."""
    server = s3(args=["--store", store, "--root", tmp_path / "root"])
    client = server.client(max_pool_connections=50)
    observed = Observed()
    write_value(client, 0)
    observed.note(observed.writes, 0, 0)

    def work(thread):
        for turn in range(4):
            start = time.monotonic()
            value = 1 + thread * 4 + turn
            write_value(client, value)
            observed.note(observed.writes, start, value)
            start = time.monotonic()
            observed.note(observed.reads, start, read_value(client))

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        list(pool.map(work, range(50)))
    start = time.monotonic()
    observed.note(observed.reads, start, read_value(client))
    assert len(observed.writes) == 201 and len(observed.reads) == 201
    for start, end, value in observed.reads:
        assert observed.may_be_seen(value, start, end), f"{value} had long been replaced"
    assert server.stats()["open_uploads"] == 0


# --- limits --------------------------------------------------------------------------------------

@pytest.mark.parametrize("limit", [1, 4, 16])
def test_concurrency_limit_observed_by_the_server(telpher, s3, tmp_path, limit):
    # The first ones are held until all that may be there are there.
    server = s3([{"on": "PutObject", "count": limit, "do": "delay", "ms": 1000}])
    make_tree(tmp_path / "tree", 60)
    telpher.ok("cp", "tree", "s3://bucket/p/", "--concurrency", limit)
    assert server.stats()["under_way_max"] == limit
    if limit == 4:
        # Another script begins a new count.
        server.faults([{"on": "UploadPart", "count": limit, "do": "delay", "ms": 1000}])
        assert server.stats()["under_way_max"] <= 1
        (tmp_path / "large").write_bytes(random_bytes(8 * PART))
        telpher.ok("cp", "large", "s3://bucket/large", "--concurrency", limit, "--part-size", PART)
        assert server.stats()["under_way_max"] == limit


# --- bad days ------------------------------------------------------------------------------------

def test_503_slow_down_pattern(telpher, s3, tmp_path):
    """Each refusal costs one more request and no more."""
    server = s3([{"on": "PutObject", "after": 10, "count": 12, "do": "status", "status": 503,
                  "code": "SlowDown"}])
    content = make_tree(tmp_path / "tree", 100)
    telpher.ok("cp", "tree", "s3://bucket/p/")
    assert server.admin("faults")["all_met"]
    assert server.stats()["requests"]["PutObject"] == 112
    assert stored(telpher, tmp_path) == content


def test_permanent_403_not_retried(telpher, s3, tmp_path):
    """Each key is asked once: it may be the only one that is refused."""
    server = s3([{"on": "PutObject", "after": 20, "do": "status", "status": 403}])
    content = make_tree(tmp_path / "tree", 100)
    done = telpher.run("cp", "tree", "s3://bucket/p/", "--concurrency", "4")
    assert done.returncode == 1, done.err
    assert "Insufficient permissions to write to bucket 'bucket'" in done.err
    history = server.history()
    assert history["successful_puts"] == 20
    assert history["failed_puts"] == 80
    keys = [call["key"] for call in history["calls"] if call["operation"] == "PutObject"]
    assert len(keys) == len(set(keys)), "asked twice for what is refused"
    there = stored(telpher, tmp_path)
    assert len(there) == 20 and all(content[name] == there[name] for name in there)


def test_nothing_but_403_ends_the_command(telpher, s3, tmp_path):
    """Ten refusals and nothing else are no matter of single keys."""
    server = s3([{"on": "PutObject", "do": "status", "status": 403, "code": "AccessDenied"}])
    make_tree(tmp_path / "tree", 100)
    done = telpher.run("cp", "tree", "s3://bucket/p/", "--concurrency", "4")
    assert done.returncode != 0
    assert done.err.count("Insufficient permissions") >= 1, done.err
    assert server.history()["failed_puts"] <= 10 + 4


@pytest.mark.parametrize("retries", [1, 2, 8])
def test_30_percent_random_failures(telpher, s3, tmp_path, retries):
    """Every failure is reported, none hidden: events, exit code and store say the same."""
    # Of requests that met no rule before: 1 - 0.90 * 0.93 * 0.92 * 0.91 = 30 %.
    server = s3([chance(0.10, do="status", status=500), chance(0.07, do="reset"),
                 chance(0.08, do="lose_answer"), chance(0.09, do="error_after", status=503)])
    content = make_tree(tmp_path / "tree", 150)
    (tmp_path / "tree/large").write_bytes(random_bytes(3 * PART))
    content["large"] = (tmp_path / "tree/large").read_bytes()
    done = telpher.events("cp", "tree", "s3://bucket/p/", "--retries", retries, "--part-size", PART)
    assert server.admin("faults")["all_met"]
    requests = server.stats()["requests_total"]
    server.faults([])
    failed = {e["destination"].rsplit("/")[-1] for e in done.events if e["event"] == "failed"}
    right = {e["destination"].rsplit("/")[-1] for e in done.events if e["event"] == "done"}
    assert failed | right == set(content) and not failed & right
    assert bool(done.returncode) == bool(failed), done.err
    assert all(f"p/{name}: " in done.err for name in failed), done.err
    assert bool(failed) or retries > 1
    assert len(failed) <= {1: 151, 2: 60, 8: 2}[retries]
    there = stored(telpher, tmp_path)
    # What is said to be there is. What failed may be: its answer was lost. Nothing else ever is.
    assert right <= set(there)
    assert all(there[name] == content[name] for name in there)
    # 150 objects, one of three parts; at 30 % each needs 1 / 0.7 attempts, and some have to look
    # again (HEAD) after a lost answer.
    needed = 150 + 5
    assert requests <= needed * (1 if retries == 1 else 2) + len(failed) * 2 + 10


def test_partition_survived(telpher, s3, tmp_path):
    """Short enough for the quota of retries that all calls share."""
    server = s3([{"on": "PutObject", "after": 20, "count": 1, "do": "partition", "ms": 400}])
    content = make_tree(tmp_path / "tree", 100)
    telpher.ok("cp", "tree", "s3://bucket/p/", "--concurrency", "4")
    assert server.admin("faults")["all_met"]
    assert server.history()["failed_puts"] >= 1
    assert stored(telpher, tmp_path) == content


def test_partition_that_lasts(telpher, s3, tmp_path):
    """All of what did not get through is named, and the same command ends it once it is lifted."""
    server = s3([{"on": "PutObject", "after": 20, "count": 1, "do": "partition"}])
    content = make_tree(tmp_path / "tree", 60)
    done = telpher.events("cp", "tree", "s3://bucket/p/", "--concurrency", "4", "--retries", "2")
    assert done.returncode != 0
    failed = {e["destination"] for e in done.events if e["event"] == "failed"}
    assert len(failed) == 40, done.err
    server.faults([])
    assert len(stored(telpher, tmp_path)) == 20
    telpher.ok("cp", "tree", "s3://bucket/p/")
    assert stored(telpher, tmp_path) == content


def test_500_ms_latency_spike(telpher, s3, tmp_path):
    """What is slow is waited for, not asked again."""
    server = s3([{"on": "PutObject", "after": 20, "count": 20, "do": "delay", "ms": 500}])
    content = make_tree(tmp_path / "tree", 100)
    telpher.ok("cp", "tree", "s3://bucket/p/")
    assert server.admin("faults")["all_met"]
    assert server.stats()["requests"]["PutObject"] == 100
    assert stored(telpher, tmp_path) == content


def test_transient_and_permanent_mixed(telpher, s3, tmp_path):
    transient = [f"{i:03}" for i in range(10)]
    permanent = [f"{i:03}" for i in range(50, 55)]
    server = s3([{"on": "PutObject", "key": f"p/{name}", "count": 2, "do": "status", "status": 500}
                 for name in transient] +
                [{"on": "PutObject", "key": f"p/{name}", "do": "status", "status": 400}
                 for name in permanent])
    content = make_tree(tmp_path / "tree", 60)
    done = telpher.events("cp", "tree", "s3://bucket/p/")
    assert done.returncode == 1, done.err
    failed = [e["destination"] for e in done.events if e["event"] == "failed"]
    assert sorted(failed) == [f"s3://bucket/p/{name}" for name in permanent]
    assert server.admin("faults")["all_met"]
    assert server.stats()["requests"]["PutObject"] == 60 + 2 * 10
    assert stored(telpher, tmp_path) == {n: c for n, c in content.items() if n not in permanent}


def test_200_transfers_at_the_standard_rates(telpher, s3, tmp_path):
    """Errors 10 %, throttling 5 %, delays 10 %, corruption 1 %: all succeed, with right bytes."""
    rules = [chance(0.10, do="status", status=500),
             chance(0.05, do="status", status=503, code="SlowDown"),
             chance(0.10, do="delay", ms=1, ms_max=100),
             chance(0.01, do="corrupt")]
    server = s3(script={"seed": 11, "rules": rules})
    content = make_tree(tmp_path / "tree", 190, size=20_000)
    for i in range(10):
        content[f"large{i}"] = random_bytes(2 * PART + i, seed=i)
        (tmp_path / f"tree/large{i}").write_bytes(content[f"large{i}"])
    telpher.ok("cp", "tree", "s3://bucket/p/", "--part-size", PART)
    # And back, on a day that is no better.
    assert stored(telpher, tmp_path) == content
    acted = server.admin("faults")["rules"]
    assert all(rule["acted"] for rule in acted), acted
    assert server.stats()["open_uploads"] == 0
