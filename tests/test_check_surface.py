"""check_surface.py itself: it must name what no note shows, and only that."""

import json
import pathlib
import subprocess
import sys

import pytest

CHECK = pathlib.Path(__file__).with_name("check_surface.py")
HELP = {
    "": "usage: telpher VERB\n\nVerbs:\n  cp         copies\n  ls         lists\n\nExamples:\n  telpher x\n",
    "cp": "Output\n  -q, --quiet      errors only\n      --json       lines\n",
    "ls": "Output\n      --json       lines\n",
}
COPIED = {"args": ["cp", "-q", "f", "s3://b/k", "--sse=AES256"], "variables": ["AWS_REGION"], "exit": 0,
          "out": "copied", "err": "a note"}
LISTED = {"args": ["ls", "--json"], "variables": [], "exit": 0, "out": "", "err": ""}
REFUSED = {"args": ["cp", "nowhere", "-"], "variables": [], "exit": 3, "out": "", "err": "no such file"}
ALL = [COPIED, LISTED, REFUSED]


@pytest.fixture
def check(tmp_path):
    """check(notes, promise, …): what is named as missing."""
    telpher = tmp_path / "telpher"
    telpher.write_text(f"#!{sys.executable}\nimport sys\nHELP = {HELP!r}\n"
                       "print(HELP[sys.argv[1] if len(sys.argv) > 2 else ''])\n")
    telpher.chmod(0o755)
    (tmp_path / "notes").mkdir()

    def run(notes, *promises):
        (tmp_path / "notes/1.jsonl").write_text("\n".join(map(json.dumps, notes)))
        (tmp_path / "promises").write_text("# a comment\n\n" + "\n".join(promises) + "\n")
        done = subprocess.run([sys.executable, CHECK, tmp_path / "notes", telpher,
                               tmp_path / "promises"], capture_output=True, text=True)
        named = [line.split(": FAILED")[0] for line in done.stdout.splitlines() if "FAILED" in line]
        assert done.returncode == (1 if named else 0), done.stderr
        return named

    return run


PROMISES = [("verb cp", COPIED), ("option --sse", COPIED), ("value --sse AES256", COPIED),
            ("address s3://", COPIED), ("address -", REFUSED), ("variable AWS_REGION", COPIED),
            ("exit 3", REFUSED), ("says no such .ile", REFUSED), ("prints cop.ed", COPIED)]


@pytest.mark.parametrize("promise, note", PROMISES)
def test_promise_that_nothing_shows_is_named(check, promise, note):
    assert check(ALL, promise) == []
    assert promise in check([other for other in ALL if other is not note], promise)


def test_every_verb_and_option_of_the_program_is_wanted(check):
    assert check(ALL) == []
    assert check([COPIED]) == ["verb ls", "option --json of cp, ls"]
    assert check([LISTED]) == ["verb cp", "option --quiet of cp"]


def test_verb_that_always_failed_or_never_ended_is_named(check):
    for how in ({"exit": 1}, {}):
        note = {name: value for name, value in COPIED.items() if name != "exit"} | how
        assert check([note, LISTED, REFUSED], "verb cp") == ["verb cp", "verb cp"]


def test_test_that_is_gone_is_named(check):
    there = "test test_cp_url.py::test_cp_url_to_key"
    gone = ["test test_cp_url.py::test_nothing", "test nowhere.py::test_x", "checked check_nothing"]
    assert check(ALL, there, *gone, "checked check_failure_table") == gone


def test_nothing_noted_at_all(check):
    assert {"verb cp", "verb ls", "option --quiet of cp"} <= set(check([]))


def test_what_was_refused_as_wrong_usage_shows_no_option(check):
    wrong = COPIED | {"exit": 2}
    assert check([LISTED, wrong], "option --sse", "exit 2", "prints copied") == [
        "option --sse", "verb cp", "option --quiet of cp"]
