"""Sums JUnit files and stage results into the closing line `N passed, N failed`.

usage: count_results.py FOLDER [FAILED_STAGE …]
"""

import pathlib
import sys
import xml.etree.ElementTree as ET


def main():
    folder, failed_stages = pathlib.Path(sys.argv[1]), sys.argv[2:]
    passed = failed = skipped = 0
    failures = []
    for file in sorted(folder.glob("*.xml")):
        for case in ET.parse(file).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                failures.append(f"{file.stem}: {case.get('classname', '')} {case.get('name')}")
            elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
                skipped += 1
            else:
                passed += 1
    # Stages without a JUnit file (fuzzing, real servers) count as one test for each line of theirs.
    for file in sorted(folder.glob("*.txt")):
        for line in file.read_text().splitlines():
            if line.endswith(": ok"):
                passed += 1
            elif ": FAILED" in line:
                failed += 1
                failures.append(line)
    for name in failures:
        print(f"FAILED {name}")
    for name in failed_stages:
        print(f"FAILED stage: {name}")
    if failed_stages and not failed:
        failed = len(failed_stages)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or failed_stages or not passed else 0


sys.exit(main())
