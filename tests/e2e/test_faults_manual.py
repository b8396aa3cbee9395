"""docs/faults.md: each of its examples is run as it stands, against an endpoint of its own."""

import json
import re

import pytest

from conftest import ROOT

PAGE = (ROOT / "docs/faults.md").read_text()


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


[SETUP] = blocks(PAGE, "python setup")
SECTIONS = {heading.strip(): body
            for heading, body in re.findall(r"^###? (.*?)\n(.*?)(?=^###? |\Z)", PAGE, re.M | re.S)}
EXAMPLES = {heading: (blocks(body, "json"), blocks(body, "python"))
            for heading, body in SECTIONS.items() if blocks(body, "python")}



@pytest.mark.parametrize("heading", EXAMPLES)
def test_example_of_the_manual(s3, monkeypatch, heading):
    (script,), (program,) = EXAMPLES[heading]
    server = s3(script=json.loads(script))
    for name, value in (server.client_env() | server.KEYS).items():
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
    s3().admin("faults", "PUT", script.encode())
