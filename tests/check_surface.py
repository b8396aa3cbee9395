"""Whether the end-to-end tests exercise all that the command line promises.

usage: check_surface.py NOTES TELPHER [PROMISES]

NOTES is the folder in which the tests have noted every command they ran (tests/e2e/conftest.py);
what is promised stands in PROMISES, else in tests/e2e/surface.txt, and in the help of TELPHER.
"""

import json
import pathlib
import re
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent
E2E = TESTS / "e2e"
USAGE = 2  # the exit code
OPTION = re.compile(r"^  (?:-\w, |    )(--[\w-]+)")


def read_notes(folder):
    notes = []
    for file in sorted(pathlib.Path(folder).glob("*.jsonl")):
        notes += [json.loads(line) for line in file.read_text().splitlines()]
    return notes


class Exercised:
    """What the commands of the tests have shown."""

    def __init__(self, notes):
        self.notes = [note for note in notes if note.get("exit") != USAGE]
        self.words = {word for note in self.notes for word in note["args"]}
        self.options = {word.split("=", 1)[0] for word in self.words if word.startswith("--")}
        self.variables = {name for note in self.notes for name in note["variables"]}
        # A refusal, too, shows what it says.
        self.exits = {note["exit"] for note in notes if "exit" in note}
        self.err = "\n".join(note.get("err", "") for note in notes)
        self.out = "\n".join(note.get("out", "") for note in notes)

    def verb(self, name):
        return any(note["args"][:1] == [name] and note.get("exit") == 0 for note in self.notes)

    def option_of(self, verb, option, short):
        return any(note["args"][:1] == [verb] and
                   any(word.split("=", 1)[0] == option or word == short for word in note["args"])
                   for note in self.notes)

    def value(self, option, value):
        for note in self.notes:
            args = note["args"]
            if f"{option}={value}" in args:
                return True
            if any(pair == (option, value) for pair in zip(args, args[1:])):
                return True
        return False

    def address(self, form):
        return any(word == form if form == "-" else form in word if form == "*" else
                   word.startswith(form) for word in self.words)

    def test(self, name):
        file, function = name.split("::")
        path = E2E / file
        return path.exists() and f"def {function}(" in path.read_text()

    def checked(self, name):
        return (TESTS / f"{name}.py").exists() and name in (TESTS / "CMakeLists.txt").read_text()

    def has(self, kind, what):
        match kind:
            case "verb":
                return self.verb(what)
            case "option":
                return what in self.options
            case "value":
                return self.value(*what.split(" ", 1))
            case "address":
                return self.address(what)
            case "variable":
                return what in self.variables
            case "exit":
                return int(what) in self.exits
            case "says":
                return re.search(what, self.err) is not None
            case "prints":
                return re.search(what, self.out) is not None
            case "test":
                return self.test(what)
            case "checked":
                return self.checked(what)
        raise SystemExit(f"{kind} {what}: what is '{kind}'?")


def help_of(telpher, *words):
    return subprocess.run([telpher, *words], capture_output=True, text=True, check=True).stdout


def offered(telpher):
    """(verb, option, its short form) of all the program has."""
    verbs = re.search(r"^Verbs:\n((?:  .*\n)+)", help_of(telpher, "--help"), re.M)[1]
    for line in verbs.splitlines():
        verb = line.split()[0]
        yield verb, None, None
        for text in help_of(telpher, verb, "--help").splitlines():
            if found := OPTION.match(text):
                short = text[2:4] if text.startswith("  -") and text[4:5] == "," else None
                yield verb, found[1], short


def main():
    exercised = Exercised(read_notes(sys.argv[1]))
    telpher = sys.argv[2]
    missing = []
    count = 0
    promises = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else E2E / "surface.txt"
    for line in promises.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        kind, what = line.split(" ", 1)
        count += 1
        if not exercised.has(kind, what):
            missing.append(f"{kind} {what}")
    shared = {}  # option -> the verbs that have it
    for verb, option, short in offered(telpher):
        count += 1
        if option is None:
            if not exercised.verb(verb):
                missing.append(f"verb {verb}")
            continue
        shared.setdefault(option, []).append((verb, short))
    for option, places in shared.items():
        # One that several verbs have is one piece of code: it is enough to meet it once.
        if not any(exercised.option_of(verb, option, short) for verb, short in places):
            missing.append(f"option {option} of {', '.join(verb for verb, _ in places)}")
    for name in missing:
        print(f"{name}: FAILED, no end-to-end test exercises it")
    print(f"{count} promises, {len(missing)} without a test", file=sys.stderr)
    if not missing:
        print("all that the command line promises is exercised: ok")
    return 1 if missing else 0


sys.exit(main())
