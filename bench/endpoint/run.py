#!/usr/bin/env python3
"""Measures `telpher s3` beside nginx, other endpoints and floors, and writes the part of RESULTS.md
that is about it.

    bench/endpoint/run.py --setup            installs what it is compared with (Debian, npm)
    bench/endpoint/run.py --quick            a minute or two: does everything work?
    bench/endpoint/run.py --write            every row, 5 runs each, into bench/RESULTS.md
    bench/endpoint/run.py --rows get-10k,put-10k --runs 3
    bench/endpoint/run.py --list

Needs the release build: cmake --preset release && cmake --build --preset release.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH / "peers")]

import endpoint_table as table  # noqa: E402
import results  # noqa: E402
import rows as all_rows  # noqa: E402
from lab import REPOSITORY, Failure, wait_until_quiet  # noqa: E402
from loads import Bench  # noqa: E402
from servers import NPM  # noqa: E402

PACKAGES = ["wrk", "nginx-light", "nodejs", "npm", "curl", "ceph-mon", "ceph-osd", "radosgw",
            "ceph-common"]  # fmt: skip
S3RVER = "s3rver@3.7.1"


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setup", action="store_true", help="install the peers, then end")
    parser.add_argument("--list", action="store_true", help="list the rows, then end")
    parser.add_argument("--rows", help="comma-separated names (default: all)")
    parser.add_argument("--contenders", help="only those whose name contains one of these words")
    parser.add_argument("--runs", type=int, help="of each contender (default 5)")
    parser.add_argument("--quick", action="store_true", help="small work, one run; proves nothing")
    parser.add_argument("--wait-quiet", type=int, default=0, metavar="SECONDS",
                        help="before each round wait at most so long for an idle machine")  # fmt: skip
    parser.add_argument("--build", default=str(REPOSITORY / "build" / "release"))
    parser.add_argument("--server", metavar="PROGRAM",
                        help="another build of telpher to serve, to compare two")  # fmt: skip
    parser.add_argument("--work", default=str(REPOSITORY / "build" / "bench-endpoint"))
    parser.add_argument("--cache", default=str(REPOSITORY / "build" / "bench"),
                        help="where the local store with a million keys stays")  # fmt: skip
    parser.add_argument("--write", action="store_true",
                        help="put these rows into bench/results.json and bench/RESULTS.md")  # fmt: skip
    options = parser.parse_args()
    if options.write and (options.quick or options.server):
        parser.error("with --quick or --server nothing can be written")
    return options


def setup():
    missing = [
        name for name in PACKAGES
        if subprocess.run(["dpkg-query", "-W", name], capture_output=True).returncode != 0
    ]  # fmt: skip
    if missing:
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        print("installing", *missing, flush=True)
        subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True)
        subprocess.run([*sudo, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    if not (NPM / "node_modules" / "s3rver").exists():
        print("installing", S3RVER, "into", NPM, flush=True)
        NPM.mkdir(parents=True, exist_ok=True)
        (NPM / "package.json").write_text('{"private": true}\n')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", S3RVER], cwd=NPM,
                       check=True)  # fmt: skip


def enter(context, bench, make, records, key):
    """A started server; None, and its contenders out, when it cannot start."""
    try:
        return context.enter_context(make(bench))
    except Failure as problem:
        for contender, record in records:
            if contender.server == key:
                record["problem"] = results.one_line(problem)
        print(f"  {key}: {results.one_line(problem)}", flush=True)
        return None


def take_turns(bench, records, servers, runs):
    """All contenders one after the other, again and again, each round starting with another one. A
    warm-up round does not count. A contender that fails is out."""
    for turn in range(-1, runs):
        shift = turn % len(records)
        if bench.options.wait_quiet:
            wait_until_quiet(bench.options.wait_quiet)
        for contender, record in records[shift:] + records[:shift]:
            if "problem" in record or turn >= (contender.runs_max or runs):
                continue
            try:
                run = contender.run(bench, servers.get(contender.server))
            except Failure as problem:
                record["problem"] = results.one_line(problem)
                record["runs"] = []
                print(f"  {contender.id}: {record['problem']}", flush=True)
                continue
            counted = "" if turn >= 0 else " (warm-up)"
            print(f"  {contender.id}: {run['figure']:.4g}{counted}", flush=True)
            if turn >= 0:
                record["runs"].append(run)


def measure_row(bench, row, options):
    print(f"== {row.name}: {row.title} ({row.unit})", flush=True)
    words = options.contenders.split(",") if options.contenders else [""]
    records = [
        (contender, {"id": contender.id, "name": contender.name, "load": contender.load, "runs": []})
        for contender in row.contenders if any(word in contender.id for word in words)
    ]  # fmt: skip
    wanted = {contender.server for contender, _ in records} - {None}
    runs = options.runs or (1 if options.quick else row.runs or 5)
    with contextlib.ExitStack() as context:
        servers = {}
        for key in wanted:
            server = enter(context, bench, row.servers[key], records, key)
            if server:
                servers[key] = server
        if row.prepare and servers:
            row.prepare(bench, servers)
        if records:
            take_turns(bench, records, servers, runs)
    return {
        "title": row.title,
        "unit": row.unit,
        "note": row.note,
        "targets": [vars(target) for target in row.targets],
        "contenders": [record for _, record in records],
        "measured": results.circumstances(f"bench/endpoint/run.py --rows {row.name} --runs {runs}"),
    }


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    options = parse_arguments()
    if options.setup:
        return setup()
    rows = results.pick([make() for make in all_rows.ROWS], options.rows)
    if options.list:
        for row in rows:
            print(f"{row.name:12} {row.title}")
        return 0
    own_json = pathlib.Path(options.work) / "results.json"
    has_failed = False
    with Bench(options) as bench:
        for row in rows:
            try:
                record = measure_row(bench, row, options)
            except Failure as problem:
                print(f"  {row.name}: {results.one_line(problem)}\n", flush=True)
                has_failed = True
                continue
            results.show(record, table)
            has_failed = has_failed or any("problem" in c for c in record["contenders"])
            for path in [own_json] + ([results.RESULTS_JSON] if options.write else []):
                results.store(path, "endpoint", row.name, record)
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
