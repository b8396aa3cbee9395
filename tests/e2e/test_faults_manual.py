"""docs/faults.md: each of its examples is run as it stands, against an endpoint of its own."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, TELPHER, free_port

PAGE = (ROOT / "docs/faults.md").read_text()


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


[SETUP] = blocks(PAGE, "python setup")
SECTIONS = {heading.strip(): body
            for heading, body in re.findall(r"^###? (.*?)\n(.*?)(?=^###? |\Z)", PAGE, re.M | re.S)}
EXAMPLES = {heading: (blocks(body, "json"), blocks(body, "python"))
            for heading, body in SECTIONS.items() if blocks(body, "python")}
CLIENTS = re.findall(r"^\| (\S+(?: v\d)?) \| `(.*(?:ndpoint).*)` \|$", PAGE, re.M)


def exports():
    """The variables that the page sets."""
    lines = "\n".join(re.findall(r"^export (.*)$", PAGE, re.M))
    return dict(re.findall(r"(\w+)=(\S+)", lines))



@pytest.mark.parametrize("heading", EXAMPLES)
def test_example_of_the_manual(s3, monkeypatch, heading):
    (script,), (program,) = EXAMPLES[heading]
    server = s3(script=json.loads(script))
    for name, value in (exports() | server.client_env() | server.KEYS).items():
        monkeypatch.setenv(name, value)
    names = {"SCRIPT": json.loads(script)}
    exec(compile(SETUP, "setup", "exec"), names)
    exec(compile(program, f"docs/faults.md, {heading}", "exec"), names)
    # An example that ends with its own script has said that all were met before.
    rules = server.admin("faults")["rules"]
    assert all(rule["met"] for rule in rules), rules


def test_every_fault_has_an_example():
    """The binary's own list of faults, against the table and the examples."""
    source = (ROOT / "src/store/layers/fault_script.cc").read_text()
    names = re.search(r"to_string\(FaultKind kind\).*?kNames\[\] = \{(.*?)\}", source, re.S).group(1)
    faults = set(re.findall(r'"(\w+)"', names))
    assert len(faults) >= 17
    examples = [json.loads(scripts[0]) for scripts, _ in EXAMPLES.values()]
    shown = {rule["do"] for example in examples for rule in example.get("rules", [])}
    assert shown == faults
    assert set(re.findall(r"^\| `(\w+)` \| (?:store|wire) \|", PAGE, re.M)) == faults
    assert {heading.split("`")[1] for heading in EXAMPLES if "`" in heading} >= faults
    shortcuts = {"sequence", "flaky", "always_fail", "latency_ms"}
    assert {field for example in examples for field in example} == shortcuts | {"seed", "rules"}


def test_every_operation_and_field_is_in_the_manual():
    operations = (ROOT / "src/store/operation.h").read_text()
    names = re.search(r"kNames = \{(.*?)\};", operations, re.S).group(1)
    for name in re.findall(r'"(\w+)"', names):
        assert f"`{name}`" in SECTIONS["The script"], name
    parser = (ROOT / "src/store/layers/fault_script_json.cc").read_text()
    for name in re.findall(r'name == "(\w+)"', parser):
        assert f"`{name}`" in PAGE or f'"{name}"' in PAGE, name


@pytest.mark.parametrize("script", blocks(PAGE, "json"))
def test_every_script_of_the_manual_is_taken(s3, script):
    s3().admin("faults", method="PUT", data=script.encode())


def environment():
    """Nothing but what the page sets."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TELPHER_"))}
    return env | {"PATH": f"{TELPHER.parent}:{env['PATH']}"}


@pytest.mark.parametrize("name, line", CLIENTS, ids=[name for name, _ in CLIENTS])
def test_a_newcomer_pastes_the_start_and_a_client(tmp_path, name, line):
    if name == "awscli":
        if not shutil.which("aws"):
            pytest.skip("awscli is not installed")
    elif name == "boto3":
        line = f"{sys.executable} -c 'import os, boto3; print([b[\"Name\"] for b in " \
               f"{line}.list_buckets()[\"Buckets\"]])'"
    else:
        pytest.skip(f"the SDK of {name} is not installed")
    [start] = blocks(PAGE, "sh")
    # As the page has it, but for the port and the wait that a person makes by being slow.
    program = start.replace("9000", str(free_port())) + f"""server=$!
        for i in $(seq 100); do curl -s $AWS_ENDPOINT_URL >/dev/null && break; sleep 0.1; done
        {line}; code=$?; kill $server; wait $server; exit $code"""
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True,
                          env=environment() | {"HOME": str(tmp_path)}, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "bucket" in done.stdout


def test_the_fixture(tmp_path):
    [fixture] = blocks(PAGE, "python fixture")
    (tmp_path / "test_program.py").write_text(fixture)

    def outcome():
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                               "test_program.py"], cwd=tmp_path, capture_output=True, text=True,
                              env=environment() | exports(), timeout=120)
        return done.returncode, done.stdout + done.stderr

    code, said = outcome()
    assert code == 0 and "1 passed" in said, said
    # A fault that is not met fails the test.
    (tmp_path / "test_program.py").write_text(fixture.replace('"count": 2', '"count": 99'))
    code, said = outcome()
    assert code == 1, said
    (tmp_path / "test_program.py").write_text(fixture.replace('"PutObject"', '"GetObject"'))
    code, said = outcome()
    assert code == 1 and "all_met" in said, said


def test_the_lines_in_cpp_are_those_of_a_test():
    [lines] = blocks(PAGE, "cpp")
    tested = (ROOT / "src/store/layers/chaos_test.cc").read_text()
    assert "\n".join("  " + line for line in lines.splitlines()) in tested
