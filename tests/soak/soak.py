#!/usr/bin/python3
"""Hours of bad weather: `telpher s3` over a local store with faults on, several `telpher cp` at a time,
clients and now and then the server killed. Every object is compared with a model of what must be there.

    ./dev soak --minutes 30 [--write]

Writes build/soak/{samples.csv,summary.json,soak.svg}; with --write a section of bench/RESULTS.md.
Ends with 1 when a byte was wrong, something acknowledged is missing, or something keeps growing.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import random
import shutil
import sys
import threading
import time

import flatness
from endpoint import Endpoint
from worker import Worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench"), str(ROOT / "bench/peers")]

WORKERS = 4
RULES = [
    {"probability": 0.03, "do": "status", "status": 500},
    {"probability": 0.02, "do": "status", "status": 503, "code": "SlowDown"},
    {"probability": 0.01, "do": "lose_answer"},
    {"probability": 0.01, "do": "error_after", "status": 500},
    {"on": "CompleteMultipartUpload", "probability": 0.05, "do": "error_in_200"},
    {"on": "CopyObject", "probability": 0.05, "do": "error_in_200"},
    {"probability": 0.003, "do": "corrupt"},
    {"on": "GetObject", "probability": 0.005, "do": "truncate"},
    {"probability": 0.02, "do": "delay", "ms": 1, "ms_max": 200},
    {"probability": 0.005, "do": "reset"},
    {"on": "UploadPart", "probability": 0.02, "do": "reset", "after_bytes": 1_000_000},
    {"probability": 0.01, "do": "close"},
    {"on": "GetObject", "probability": 0.01, "do": "close", "after_bytes": 5000},
    {"on": "GetObject", "probability": 0.01, "do": "stall", "ms": 300, "after_bytes": 1000},
]
FIELDS = ["second", "server_pid", "rss_mib", "descriptors", "open_uploads", "objects", "live_mib",
          "store_mib", "commands", "commands_failed", "clients_killed", "servers_killed", "checked",
          "wrong"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1, help="of what is done, not of when")
    parser.add_argument("--write", action="store_true", help="into bench/RESULTS.md")
    parser.add_argument("--telpher", default=str(ROOT / "build/release/src/telpher"))
    parser.add_argument("--out", default=str(ROOT / "build/soak"))
    return parser.parse_args()


def store_bytes(folder):
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_blocks * 512
            except OSError:
                pass  # gone meanwhile
    return total


class Soak:
    def __init__(self, options):
        self.options = options
        self.out = pathlib.Path(options.out).resolve()
        options.telpher = str(pathlib.Path(options.telpher).resolve())
        shutil.rmtree(self.out, ignore_errors=True)
        (self.out / "root").mkdir(parents=True)
        script = {"seed": options.seed, "rules": RULES}
        self.endpoint = Endpoint(options.telpher, self.out, script)
        self.stopping = threading.Event()
        self.workers = [Worker(self, i, options.seed * 1000 + i) for i in range(WORKERS)]
        self.samples = []
        self.servers_killed = 0
        self.met = [0] * len(RULES)
        self.problems = []
        self.left_open = []

    def count(self, name):
        return sum(getattr(worker, name) for worker in self.workers)

    def sample(self, second):
        rss, descriptors = self.endpoint.usage()
        stats = self.endpoint.stats()
        if not stats:
            return  # just being killed
        self.samples.append(dict(zip(FIELDS, [
            round(second, 1), self.endpoint.process.pid, round(rss / 2**20, 2), descriptors,
            stats["open_uploads"], sum(len(w.model) for w in self.workers),
            round(sum(w.live_bytes() for w in self.workers) / 2**20, 1),
            round(store_bytes(self.out / "root") / 2**20, 1), self.count("commands"),
            self.count("failed"), self.count("killed"), self.servers_killed,
            self.count("checked"), self.count("wrong")])))

    def run(self):
        """Servers die in the first half; the last one lives long enough to show what grows."""
        total = self.options.minutes * 60
        chance = random.Random(self.options.seed)
        deaths = sorted(chance.uniform(0.1, 0.5) * total for _ in range(max(2, int(total // 240))))
        threads = [threading.Thread(target=worker.run, daemon=True) for worker in self.workers]
        for thread in threads:
            thread.start()
        start = time.monotonic()
        while (second := time.monotonic() - start) < total:
            if deaths and second >= deaths[0]:
                deaths.pop(0)
                self.servers_killed += 1
                self.note_faults()
                self.endpoint.kill_and_start_again()
            self.problems += self.endpoint.problems()
            self.sample(second)
            if len(self.samples) % 30 == 0:
                self.say(second)
            self.stopping.wait(1)
        self.stopping.set()
        for thread in threads:
            thread.join(300)
            if thread.is_alive():
                self.problems.append("a worker does not end")
        self.finish()

    def note_faults(self):
        """A server that dies forgets how often each rule has acted."""
        for index, rule in enumerate(self.endpoint.admin("faults")["rules"]):
            self.met[index] += rule["acted"]

    def say(self, second):
        last = self.samples[-1]
        print(f"{second:6.0f} s: {last['commands']} commands, {last['objects']} objects, "
              f"{last['rss_mib']:.0f} MiB, {last['descriptors']} descriptors, "
              f"{last['clients_killed']}+{last['servers_killed']} kills, {last['wrong']} wrong",
              flush=True)

    def finish(self):
        """Fair weather: all that was acknowledged is there, and nothing else."""
        self.note_faults()
        self.endpoint.set_faults({"rules": []})
        for worker in self.workers:
            worker.check_all()
            worker.sweep()
            self.problems += worker.problems
        known = {key for worker in self.workers for key in worker.model}
        listed = set(self.endpoint.list_keys())
        if listed != known:
            self.problems.append(f"listed but never stored: {sorted(listed - known)[:5]}, "
                                 f"stored but not listed: {sorted(known - listed)[:5]}")
        open_uploads = self.endpoint.stats()["open_uploads"]
        if open_uploads:
            self.problems.append(f"{open_uploads} uploads are open after sweep")
            self.left_open = self.whose_are_open()
        self.endpoint.stop()
        self.problems += self.endpoint.scrub()

        if self.count("failed") > self.count("commands") / 4:
            self.problems.append("most of what was tried failed: this proves nothing")
        unmet = [rule for rule, acted in zip(RULES, self.met) if not acted]
        if unmet and self.options.minutes >= 5:
            self.problems.append(f"never met: {unmet}")

    def whose_are_open(self):
        return [{"key": key, "upload_id": upload_id, "initiated": f"{initiated:%F %T.%f}",
                 "around_it": next((worker.what_became_of(key, initiated) for worker in self.workers
                                    if key.startswith(f"w{worker.number}/")), [])}
                for key, upload_id, initiated in self.endpoint.list_uploads()]

    def summary(self):
        flat, problems = flatness.judge(self.samples)
        self.problems += problems
        return {
            "minutes": self.options.minutes, "seed": self.options.seed, "workers": WORKERS,
            "commands": self.count("commands"), "commands_failed": self.count("failed"),
            "copied_mib": round(self.count("moved") / 2**20), "checked": self.count("checked"),
            "clients_killed": self.count("killed"), "servers_killed": self.servers_killed,
            "objects_at_the_end": sum(len(w.model) for w in self.workers),
            "failures": dict(sum((w.failures for w in self.workers), collections.Counter())
                             .most_common(8)),
            "wrong": self.count("wrong"), "missing": self.count("missing"),
            "open_uploads_at_the_end": len(self.left_open), "left_open": self.left_open,
            "faults": {rule["do"]: sum(acted for other, acted in zip(RULES, self.met)
                                       if other["do"] == rule["do"]) for rule in RULES},
            "flat": flat, "problems": self.problems, "passed": not self.problems,
        }


def main():
    options = parse_arguments()
    soak = Soak(options)
    try:
        soak.run()
    finally:
        soak.stopping.set()
        soak.endpoint.stop()
    summary = soak.summary()
    with open(soak.out / "samples.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(soak.samples)
    (soak.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    import soak_section
    (soak.out / "soak.svg").write_text(soak_section.plot(soak.samples))
    print(json.dumps(summary, indent=1))
    if options.write:
        import results
        shutil.copy(soak.out / "soak.svg", ROOT / "bench/soak.svg")
        record = summary | {"measured": results.circumstances(
            f"./dev soak --minutes {options.minutes:g} --seed {options.seed} --write")}
        results.store(results.RESULTS_JSON, "soak", "soak", record)
    sys.exit(0 if summary["passed"] else 1)


if __name__ == "__main__":
    main()
