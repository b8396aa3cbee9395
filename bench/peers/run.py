#!/usr/bin/env python3
"""Measures Telpher beside floors and other programs, as whole processes, and writes RESULTS.md.

    bench/peers/run.py --setup                       installs the peers (Debian, needs root)
    bench/peers/run.py                               every row, 5 runs each
    bench/peers/run.py --rows file-to-s3,url-to-s3 --runs 5 --size 2GiB --write
    bench/peers/run.py --list

Needs the release build: cmake --preset release && cmake --build --preset release.
"""

import argparse
import os
import pathlib
import signal
import statistics
import subprocess
import sys

import contenders
import real_server
import report
import results
import sets
from lab import REPOSITORY, Command, Failure, Lab, wait_until_quiet

PACKAGES = ["rclone", "awscli", "python3-awscrt", "s3cmd", "curl", "nginx-light", "openssl"]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setup", action="store_true", help="install the peers with apt, then end")
    parser.add_argument("--list", action="store_true", help="list the rows, then end")
    parser.add_argument("--rows", help="comma-separated names (default: all)")
    parser.add_argument("--contenders", help="only those whose name contains one of these words")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=1, help="runs before those that count")
    parser.add_argument("--size", default="2GiB", help="of the large file")
    parser.add_argument("--throttled-size", default="512MiB")
    parser.add_argument("--wait-quiet", type=int, default=0, metavar="SECONDS",
                        help="before each run wait at most so long for an idle machine")  # fmt: skip
    parser.add_argument("--s3-endpoint", help="a real S3 server for the rows real-*; credentials "
                        "in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")  # fmt: skip
    parser.add_argument("--build", default=str(REPOSITORY / "build" / "release"))
    parser.add_argument("--work", default=str(REPOSITORY / "build" / "bench-work"))
    parser.add_argument("--keep", action="store_true", help="keep the large files")
    parser.add_argument("--json", default=None, help="where the runs go (default: --work)")
    parser.add_argument("--write", action="store_true",
                        help="put these rows into bench/results.json and bench/RESULTS.md")  # fmt: skip
    return parser.parse_args()


def setup():
    apt = ["apt-get", "install", "-y", "--no-install-recommends"]
    if os.geteuid() != 0:
        apt.insert(0, "sudo")
    print("installing", *PACKAGES, flush=True)
    subprocess.run([*apt[: apt.index("install")], "update"], check=True)
    subprocess.run([*apt, *PACKAGES], check=True)


def pick_rows(options):
    rows = [make() for make in (*contenders.ROWS, *sets.ROWS)]
    if options.s3_endpoint or options.list:
        rows += [make() for make in real_server.ROWS]
    return results.pick(rows, options.rows)


def reproduce_command(row, options):
    line = (f"bench/peers/run.py --rows {row.name} --runs {options.runs} --size {options.size}")
    if row.name == "throttled":
        line += f" --throttled-size {options.throttled_size}"
    if row.optional:
        line += " --s3-endpoint URL"
    return line


def measure_start(lab, contender):
    """CPU seconds of merely starting the program; median of 11."""
    words = [lab.telpher if contender.name == "telpher" else None, *contender.start]
    command = Command([word for word in words if word is not None])
    return statistics.median(lab.measure(command)["cpu_s"] for _ in range(11))


def run_once(lab, row, contender):
    """One checked run."""
    command = contender.make(lab)
    lab.reset_sink()
    if lab.options.wait_quiet:
        wait_until_quiet(lab.options.wait_quiet)
    if row.reads:
        lab.read_through(row.reads(lab))
    cost = lab.measure(command)
    if contender.check:
        cost.update(contender.check(lab))
    return cost, command


def measure_row(lab, row, options):
    """All contenders in turn, again and again. A contender that fails is out."""
    print(f"== {row.name}: {row.title}", flush=True)
    if row.optional:
        real_server.make_bucket(lab)
    records = []
    words = options.contenders.split(",") if options.contenders else [""]
    for contender in row.contenders:
        if any(word in contender.name for word in words):
            records.append((contender, {"name": contender.name, "runs": []}))
    for turn in range(-options.warm_up, options.runs):
        shift = turn % len(records)
        for contender, record in records[shift:] + records[:shift]:
            if "problem" in record:
                continue
            try:
                cost, command = run_once(lab, row, contender)
                if turn < 0 and row.subtract_start and contender.start:
                    record["start_cpu_s"] = measure_start(lab, contender)
            except Failure as problem:
                record["problem"] = results.one_line(problem)
                print(f"  {contender.name}: {record['problem']}", flush=True)
                continue
            if "--buffer" in command.words:
                record["buffer"] = int(command.words[-1])
            counted = "" if turn >= 0 else " (warm-up)"
            print(f"  {contender.name}: {cost['cpu_s']:.3f} CPU s, {cost['wall_s']:.3f} s, "
                  f"{cost['rss_kib'] / 1024:.1f} MiB, others {cost['other_cpu_s']:.2f} CPU s"
                  f"{counted}", flush=True)  # fmt: skip
            if turn >= 0:
                record["runs"].append(cost)
    return {
        "title": row.title,
        "unit": row.unit,
        "note": row.note,
        "amount": row.amount(lab),
        "subject": row.subject,
        "targets": [vars(target) for target in row.targets],
        "contenders": [record for _, record in records],
        "measured": results.circumstances(reproduce_command(row, options)),
    }


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    options = parse_arguments()
    if options.setup:
        return setup()
    rows = pick_rows(options)
    if options.list:
        for row in rows:
            print(f"{row.name:18} {row.title}")
        return 0
    own_json = pathlib.Path(options.json or pathlib.Path(options.work) / "results.json")
    has_failed = False
    with Lab(options) as lab:
        for row in rows:
            record = measure_row(lab, row, options)
            results.show(record, report)
            has_failed = has_failed or any("problem" in c for c in record["contenders"])
            for path in [own_json] + ([results.RESULTS_JSON] if options.write else []):
                results.store(path, "rows", row.name, record)
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
