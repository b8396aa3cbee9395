"""Tab in real shells, and the manual."""

import os
import shutil
import subprocess

import pytest

from conftest import TELPHER


@pytest.fixture
def shell_env(telpher):
    folder = telpher.cwd / "bin"
    folder.mkdir()
    (folder / "telpher").symlink_to(TELPHER)
    return telpher.env | {"PATH": f"{folder}:{os.environ['PATH']}"}


def script(telpher, shell):
    path = telpher.cwd / f"completion.{shell}"
    path.write_text(telpher.ok("completion", shell).out)
    return path


# As readline does: it splits at ":" and "=", and hands over the line and the pieces.
BASH = r"""
source "$1"; shift
COMP_LINE=$1 COMP_POINT=${#1}
read -ra COMP_WORDS <<<"$(sed 's/[:=]/ & /g' <<<"$1")"
[[ $1 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
compopt() { echo "compopt $*"; }
_telpher telpher "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def in_bash(telpher, env, line):
    done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", script(telpher, "bash"), line],
                          env=env, cwd=telpher.cwd, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("line, expected", [
    ("telpher swe", ["sweep"]),
    ("telpher cp --overw", ["--overwrite"]),
    ("telpher cp --overwrite ", ["always", "never", "if-different"]),
    ("telpher cp --overwrite=n", ["never"]),
    ("telpher completion z", ["zsh"]),
    ("telpher cp rep", ["compopt -o filenames", "report one.txt", "report2"]),
    ("telpher ls local://ph", ["compopt -o nospace", "//photos/"]),
    ("telpher ls local://photos/2", ["compopt -o nospace", "//photos/2026/"]),
    ("telpher cp report2 local://photos/2026/a", [r"//photos/2026/a\ b.jpg"]),
    ("telpher mb s", ["compopt -o nospace", "s3://"]),
    ("telpher rm s", ["compopt -o nospace", "s3://"]),
    ("telpher cat rep", ["compopt -o filenames", "report one.txt", "report2"]),
    ("telpher rb local://photos/", [""]),
    ("telpher nonsense ", [""]),
])
def test_tab_in_bash(telpher, shell_env, line, expected):
    for name in ("report one.txt", "report2"):
        (telpher.cwd / name).write_text("x")
    telpher.ok("cp", "report2", "local://photos/2026/a b.jpg")
    assert sorted(in_bash(telpher, shell_env, line)) == sorted(expected)


def test_tab_asks_the_endpoint_that_was_typed(telpher, shell_env, s3):
    (telpher.cwd / "f").write_text("x")
    keys = s3().client_env()
    telpher.ok("cp", "f", "s3://bucket/sea/f")
    endpoint = keys.pop("AWS_ENDPOINT_URL")
    env = shell_env | keys
    line = f"telpher ls --endpoint-url {endpoint} s3://bu"
    assert "//bucket/" in in_bash(telpher, env, line)
    line = f"telpher ls --endpoint-url {endpoint} s3://bucket/s"
    assert "//bucket/sea/" in in_bash(telpher, env, line)


def test_tab_at_a_store_that_is_not_there_says_nothing(telpher, shell_env):
    line = "telpher ls --endpoint-url http://127.0.0.1:9 s3://x"
    env = shell_env | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert in_bash(telpher, env, line) == [""]


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
def test_zsh_takes_the_script(telpher, shell_env):
    path = script(telpher, "zsh")
    subprocess.run(["zsh", "-n", path], check=True, env=shell_env)
    # What it hands to the completion system, which needs a terminal to show it.
    program = rf"""
compdef() {{ :; }}
_describe() {{ print -rl -- "describe ${{(j:|:)@}}" $candidates; }}
_files() {{ print files; }}
compset() {{ :; }}
source {path}
words=(telpher cp --overwrite '') CURRENT=4 PREFIX=
_telpher
words=(telpher ls local://ph) CURRENT=3 PREFIX=local://ph
_telpher
words=(telpher cp fi) CURRENT=3 PREFIX=fi
_telpher
"""
    telpher.ok("mb", "local://photos")
    done = subprocess.run(["zsh", "-f", "-c", program], env=shell_env, cwd=telpher.cwd,
                          capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert ["always", "never", "if-different"] == lines[1:4]
    assert lines[4].endswith("|candidates|-S|")  # no space after "photos/"
    assert r"local\://photos/" in lines
    assert lines[-1] == "files"


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
def test_tab_in_fish(telpher, shell_env):
    path = script(telpher, "fish")
    (telpher.cwd / "report").write_text("x")
    telpher.ok("mb", "local://photos")

    def tab(line):
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source {path}; complete -C {line!r}"], env=shell_env,
            cwd=telpher.cwd, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        return [candidate.split("\t")[0] for candidate in done.stdout.splitlines()]

    assert tab("telpher swe") == ["sweep"]
    assert sorted(tab("telpher cp --overwrite ")) == ["always", "if-different", "never"]
    assert tab("telpher ls local://ph") == ["local://photos/"]
    assert tab("telpher cp rep") == ["report"]


def test_completion_of_another_shell_is_refused(telpher):
    done = telpher.run("completion", "tcsh")
    assert done.returncode == 2
    assert "there are bash, zsh and fish" in done.err


@pytest.mark.parametrize("checker", [
    ["mandoc", "-T", "lint", "-W", "warning"],
    ["groff", "-ww", "-K", "utf8", "-man", "-T", "utf8", "-z"],
], ids=lambda checker: checker[0])
def test_the_manual_is_well_formed(telpher, checker):
    if not shutil.which(checker[0]):
        pytest.skip(f"no {checker[0]}")
    page = telpher.ok("help", "--man").stdout
    done = subprocess.run(checker, input=page, capture_output=True, timeout=60)
    assert (done.stdout + done.stderr).decode() == ""


def test_the_manual_tells_every_option(telpher):
    page = telpher.ok("help", "--man").out.replace("\\-", "-")
    overview = telpher.ok("--help").out
    verbs = [line.split()[0] for line in overview.split("Verbs:\n")[1].split("\n\n")[0].splitlines()]
    for verb in verbs:
        assert f'.SS "telpher {verb}' in page
        for word in telpher.ok(verb, "--help").out.split():
            if word.startswith("--") and word.strip("-").isalpha():
                assert word in page, f"{verb}: {word}"
