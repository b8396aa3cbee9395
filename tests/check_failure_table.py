#!/usr/bin/python3
"""Every row of failure_table.md names tests, one of them end to end, and every test it names exists."""

import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent

known, end_to_end = set(), set()
for path in [*root.glob("src/**/*_test.cc"), *root.glob("tests/**/*_test.cc")]:
    for suite, name in re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", path.read_text(), re.M):
        known.add(f"{suite}.{name}")
for path in root.glob("tests/e2e/test_*.py"):
    end_to_end.update(re.findall(r"^def (test_\w+)\(", path.read_text(), re.M))
known |= end_to_end

problems = []
rows = [line for line in (root / "tests/failure_table.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| Failure")]
for row in rows:
    failure, _, tests = (cell.strip() for cell in row.strip("|").split("|"))
    named = re.findall(r"`([^`]+)`", tests)
    if not named:
        problems.append(f"'{failure}' has no test")
    elif not end_to_end & set(named):
        problems.append(f"'{failure}' has no end-to-end test")
    problems += [f"'{failure}': there is no test {name}" for name in named if name not in known]
if len(rows) < 25:
    problems.append(f"only {len(rows)} rows were found: has the table's form changed?")

print("\n".join(problems) or f"{len(rows)} failures, each with a test")
sys.exit(1 if problems else 0)
