"""The operator's guide and the runbooks: one for each alert, and what they name exists."""

import re
import subprocess

import pytest

import expressions
from conftest import DEPLOY, ROOT, TELPHER, rules, run
from test_prometheus import OF_TRANSFERS

RUNBOOKS = {path.stem: path.read_text() for path in ROOT.glob("docs/runbooks/*.md") if path.stem != "README"}
INDEX = (ROOT / "docs/runbooks/README.md").read_text()
GUIDE = (ROOT / "docs/operating.md").read_text()
PAGES = {"operating": GUIDE, "README": INDEX, **RUNBOOKS}


def shell(text):
    return re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.M | re.S)


def test_each_alert_has_a_runbook():
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert set(RUNBOOKS) == alerts
    assert set(re.findall(r"^\| \[(\w+)\]\(\1\.md\)", INDEX, re.M)) == alerts


@pytest.mark.parametrize("name", RUNBOOKS)
def test_runbook_is_complete(name):
    text = RUNBOOKS[name]
    assert text.startswith(f"# {name}\n")
    order = [text.find(part) for part in ("**What it means.**", "## What to look at", "## How to mend it")]
    assert -1 not in order and order == sorted(order)
    looked_at = text[order[1]:order[2]]
    assert shell(looked_at), "no command to look with"


def test_links_lead_somewhere():
    for name, text in PAGES.items():
        folder = ROOT / "docs" if name == "operating" else ROOT / "docs/runbooks"
        for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
            path = folder / target if target else folder / f"{name}.md"
            assert path.exists(), f"{name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
                anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
                assert anchor in anchors, f"{name}: {target}#{anchor}"
        for path in re.findall(r"(?<![\w/.-])deploy/[\w./-]*\w", text):
            assert (ROOT / path).exists(), f"{name}: {path}"


def test_commands_can_be_read():
    """By bash; jq's programs by jq."""
    for name, text in PAGES.items():
        for block in shell(text):
            done = run("bash", "-n", "-c", re.sub("[…]", "x", block))
            assert done.returncode == 0, f"{name}: {done.stderr}\n{block}"
        for program in re.findall(r"\bjq (?:-[a-zA-Z]+ )?'([^']*)'", text):
            done = subprocess.run(["jq", "-n", f"if true then 0 else ({program}) end"],
                                  capture_output=True, text=True, timeout=20)
            assert done.returncode == 0, f"{name}: {program}\n{done.stderr}"


def test_metrics_exist(service):
    for name, text in PAGES.items():
        known = {re.sub("_(bucket|sum|count)$", "", metric) for metric in service.metrics} | service.metrics
        named = {re.sub("_(bucket|sum|count)$", "", metric) for metric in expressions.metrics(text)}
        assert named <= known | OF_TRANSFERS, name


def test_guide_tells_all_metrics(service):
    """Those of a histogram by their common name."""
    names = {re.sub("_(bucket|sum|count)$", "", metric) for metric in service.metrics}
    assert [name for name in sorted(names) if f"`{name}`" not in GUIDE] == []


def test_recorded_series_exist():
    records = {rule["record"] for rule in rules() if "record" in rule}
    for name, text in PAGES.items():
        assert expressions.recorded(text) <= records, name


def test_routes_exist(service):
    for name, text in PAGES.items():
        for path in re.findall(r"\bapi '?(/[^\s'`|]*)", text):
            if path.startswith("/transfers") and not service.has("/transfers"):
                continue  # they come with the queue
            fixed = path.split("?")[0].replace("/NAME", "/http_get_metrics")
            assert service.has(fixed) or service.status("GET", fixed) != 404, f"{name}: {path}"


def commands(text):
    """(verb, rest) of each `telpher VERB …`."""
    lines = [line for block in shell(text) for line in re.sub(r"\\\n\s*", " ", block).split("\n")]
    lines += re.findall(r"`([^`\n]*)`", text)
    for line in lines:
        for command in re.split(r'[|;"]|&& ', line.split("#")[0]):
            if called := re.search(r"^(?:.* )?telpher ([a-z0-9]+)( .*)?$", command.strip()):
                if not called[0].startswith(("docker build", "docker compose -f deploy/docker/compose.yaml logs")):
                    yield called[1], called[2] or ""


def test_verbs_and_options_exist():
    verbs = set(re.findall(r"^  ([a-z0-9]+) ", run(TELPHER, "--help").stdout, re.M))
    assert "cp" in verbs
    helps = {}
    for name, text in PAGES.items():
        for verb, rest in commands(text):
            if verb in ("serve", "keys") and verb not in verbs:
                continue  # not in this build yet
            assert verb in verbs, f"{name}: telpher {verb}{rest}"
            if verb not in helps:
                helps[verb] = run(TELPHER, verb, "--help").stdout
            for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", rest):
                assert option == "--help" or option in helps[verb], f"{name}: telpher {verb} {option}"


def test_options_that_stand_alone_exist(serve_help, service):
    """`--rate-limit N`: of the service, or of another verb."""
    others = {"--deploy-hook"}  # certbot's
    there = set(re.findall(r"--[a-z][a-z-]+", serve_help))
    for verb in ("keys", "s3", "doctor"):
        there |= set(re.findall(r"--[a-z][a-z-]+", run(TELPHER, verb, "--help").stdout))
    if not service.has("/transfers"):
        others.add("--allow-private-sources")
    for name, text in PAGES.items():
        given = {option for code in re.findall(r"`(--[^`\n]*)`", text)
                 for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", code)}
        assert given <= there | others, name
