#!/usr/bin/env python3
"""Checks what no compiler or linter knows. Run by ctest and ./dev check.

- a module includes its own headers and those of lower layers (layers.txt), never its neighbours'
- every module has a README.md
- no file grows past 500 lines (tests: 600) unless a line `long file: why` says why
- no file or folder is named utils, common, manager, helper
- a coroutine is never a capturing lambda; time, randomness and the network come in by interface
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
LINES_MAX = 500
TEST_LINES_MAX = 600
BANNED_NAMES = re.compile(r"(^|_)(utils?|common|managers?|helpers?|misc)(_|\.|$)")

# (pattern, why, paths where it is allowed)
BANNED_TEXT = [
    (r"#include <boost/(asio|beast)", "our own Loop carries all I/O (docs/decisions)", ()),
    (r"\[[^\]]+\]\s*\([^)]*\)\s*(mutable\s*)?->\s*Task<", "a coroutine is never a capturing lambda", ()),
    (r"\bstd::this_thread::sleep", "wait by the Loop's clock",
     ("src/store/sqlite/",)),  # SQLite's own calls block; they have no loop
    (r"\b(usleep|nanosleep)\s*\(", "wait by the Loop's clock", ()),
    (r"\bsystem_clock::now\s*\(", "wall time comes from Loop::wall_now()",
     ("src/runtime/loop.cc", "src/base/")),
    (r"\bsteady_clock::now\s*\(|\bClock::now\s*\(", "time comes from Loop::now()",
     ("src/runtime/loop.cc",)),
    (r"\bstd::(random_device|mt19937|rand)\b|\b[^_a-z.]s?rand\s*\(", "randomness is injected (base/random.h)",
     ("src/base/random.cc",)),
    (r"\bsystem\s*\(|\bpopen\s*\(", "no shell", ()),
    (r"\bstd::(thread|jthread|async)\b", "threads belong to runtime/", ("src/runtime/",)),
]
S3_WORD = re.compile(r'#include "s3/|\bS3[A-Z]\w+')


def read_layers():
    layer_of = {}
    level = 0
    for line in (ROOT / "layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            for module in line.split():
                layer_of[module] = level
            level += 1
    return layer_of


def check_includes(path, text, module, layer_of, problems):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
        if not match:
            continue
        other = match.group(1)
        if other == "tests" and path.name.endswith("_test.cc"):
            continue
        if other not in layer_of:
            problems.append(f"{path}:{number}: includes '{other}/', which layers.txt does not know")
        elif other != module and layer_of[other] >= layer_of[module]:
            problems.append(f"{path}:{number}: {module} (layer {layer_of[module]}) must not include "
                            f"{other} (layer {layer_of[other]})")


def check_text(path, text, problems):
    for pattern, why, allowed in BANNED_TEXT:
        if any(str(path).startswith(prefix) for prefix in allowed):
            continue
        for match in re.finditer(pattern, text):
            number = text.count("\n", 0, match.start()) + 1
            line = text.splitlines()[number - 1]
            if not line.lstrip().startswith("//"):
                problems.append(f"{path}:{number}: '{match.group(0).strip()}': {why}")


def check_source(path, layer_of, problems):
    relative = path.relative_to(ROOT)
    text = path.read_text()
    lines = text.count("\n")
    limit = TEST_LINES_MAX if path.name.endswith("_test.cc") else LINES_MAX
    if lines > limit and "long file:" not in text:
        problems.append(f"{relative}: {lines} lines; split it, or say why with `long file: …`")
    if path.suffix == ".h" and "#pragma once" not in text:
        problems.append(f"{relative}: no #pragma once")
    parts = relative.parts
    if parts[0] != "src":
        return
    module = parts[1] if len(parts) > 2 else None
    if module is None:
        return  # main.cc builds the object graph and may see everything
    check_includes(relative, text, module, layer_of, problems)
    if not path.name.endswith("_test.cc"):
        check_text(relative, text, problems)
        if module in ("transfer", "store", "source"):
            for match in S3_WORD.finditer(text):
                number = text.count("\n", 0, match.start()) + 1
                if not text.splitlines()[number - 1].lstrip().startswith("//"):
                    problems.append(f"{relative}:{number}: '{match.group(0)}': only s3/ and what stands above the engine know S3")


def main():
    problems = []
    layer_of = read_layers()
    for folder in sorted(p for p in SRC.iterdir() if p.is_dir()):
        if folder.name not in layer_of:
            problems.append(f"src/{folder.name}: not in layers.txt")
        if not (folder / "README.md").exists():
            problems.append(f"src/{folder.name}: no README.md (why it exists, what belongs, what does not)")
    count = 0
    for top in ("src", "include", "tests", "bench", "examples", "packaging"):
        for path in sorted((ROOT / top).rglob("*")):
            if BANNED_NAMES.search(path.name):
                problems.append(f"{path.relative_to(ROOT)}: a name that says nothing")
            if path.suffix in (".h", ".cc"):
                count += 1
                check_source(path, layer_of, problems)
    for problem in problems:
        print(problem)
    print(f"check_layers: {count} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
