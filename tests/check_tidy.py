#!/usr/bin/env python3
"""Runs clang-tidy (.clang-tidy: a short list) on what has changed. Called by ./dev check.

usage: check_tidy.py [--all | FILE …]      default: .cc files changed since the last commit or in it
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def changed_files():
    names = set()
    for command in (["git", "diff", "--name-only", "HEAD~1"], ["git", "ls-files", "--others",
                                                               "--exclude-standard"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        names.update(done.stdout.split())
    return names


def check(name):
    done = subprocess.run(["clang-tidy-19", "--quiet", "-p", "build/dev", name], cwd=ROOT,
                          capture_output=True, text=True)
    return name, done.returncode, done.stdout


def main():
    names = sys.argv[1:]
    if names == ["--all"]:
        names = [str(p.relative_to(ROOT)) for p in (ROOT / "src").rglob("*.cc")]
    elif not names:
        names = changed_files()
    names = sorted(n for n in names if n.startswith("src/") and n.endswith(".cc")
                   and (ROOT / n).exists())
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, output in pool.map(check, names):
            if code != 0:
                failed += 1
                print(output)
    print(f"check_tidy: {len(names)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
