"""Where results are kept, and what is said of how they came about. Used by every run.py."""

import datetime
import json
import os
import platform
import subprocess

import contenders
import real_server
import report
import sets
from lab import REPOSITORY

RESULTS_JSON = REPOSITORY / "bench" / "results.json"
RESULTS_MD = REPOSITORY / "bench" / "RESULTS.md"


def describe_machine():
    with open("/proc/cpuinfo") as lines:
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release()}, "
            "loopback")  # fmt: skip


def describe_commit():
    def git(*words):
        done = subprocess.run(["git", "-C", REPOSITORY, *words], capture_output=True, text=True)
        return done.stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no", "src") else ""
    return git("rev-parse", "--short", "HEAD") + changed


def circumstances(command):
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": describe_commit(),
        "machine": describe_machine(),
        "command": command,
    }


def pick(rows, names):
    """Those of the comma-separated `names`; all when there are none."""
    if not names:
        return rows
    wanted = names.split(",")
    unknown = set(wanted) - {row.name for row in rows}
    if unknown:
        raise SystemExit("no such row: " + ", ".join(sorted(unknown)))
    return [row for row in rows if row.name in wanted]


def one_line(problem):
    """For a cell of a table."""
    return " ".join(str(problem).split()).replace("|", "/")[:300]


def show(row, of):
    """Prints a row as it will stand in RESULTS.md. `of` = module with row_table() and judge()."""
    print("\n".join(of.row_table(row)))
    for target in row["targets"]:
        print(f"{target['text']}: {' — '.join(of.judge(row, target))}")
    print(flush=True)


def store(path, part, name, record):
    """Puts a row into a file of results; the project's own is turned into RESULTS.md as well."""
    results = json.loads(path.read_text()) if path.exists() else {}
    results.setdefault("rows", {})
    results.setdefault(part, {})[name] = record
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    if path == RESULTS_JSON:
        order = [make().name for make in (*contenders.ROWS, *sets.ROWS, *real_server.ROWS)]
        RESULTS_MD.write_text(report.markdown(results, order))
