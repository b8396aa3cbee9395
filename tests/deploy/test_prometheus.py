"""Rules and scrape: promtool's opinion, and that they speak of what the service has."""

import re
import subprocess

import pytest
import yaml

import expressions
from conftest import DEPLOY, ROOT, promtool, rules

RULES = DEPLOY / "prometheus/telpher.rules.yml"
ALERTS = [rule for rule in rules() if "alert" in rule]
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
# What is there once transfers are: see test_metrics_of_transfers.
OF_TRANSFERS = {"telpher_transfers_active", "telpher_transfers_waiting", "telpher_paused_seconds_total"}


def all_expressions():
    yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in rules())
    for path in DASHBOARDS:
        for panel in yaml.safe_load(path.read_text())["panels"]:
            yield from ((f"{path.stem}: {panel['title']}", target["expr"]) for target in panel["targets"])


def named_operations():
    """Of stores: as MetricsStore names them."""
    text = (ROOT / "src/store/operation.h").read_text()
    names = re.findall(r'^\s+"([A-Za-z0-9]+)",$', text, re.M)
    assert "PutObject" in names
    snake = [re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in names]
    return {prefix + name for prefix in ("s3_", "store_") for name in snake} | {"transfer", "part"}


def test_rules_are_right():
    promtool("check", "rules", RULES)


def test_alerts_fire_when_they_should():
    promtool("test", "rules", ROOT / "tests/deploy/telpher.rules.test.yml")


def test_each_alert_is_tested():
    tests = (ROOT / "tests/deploy/telpher.rules.test.yml").read_text()
    assert [alert["alert"] for alert in ALERTS if alert["alert"] not in tests] == []


def test_scrape_is_right():
    promtool("check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml")
    scrape = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["job_name"] == "telpher"  # the alerts ask for it
    assert scrape["authorization"]["credentials_file"]


def test_there_are_enough_alerts():
    assert len(ALERTS) >= 10


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_is_complete(alert):
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    annotations = alert["annotations"]
    assert annotations["summary"] and annotations["description"].endswith(".")
    assert annotations["runbook_url"] == f"docs/runbooks/{alert['alert']}.md"


def test_expressions_name_labels_and_rules_that_exist():
    records = {rule["record"] for rule in rules() if "record" in rule}
    kinds = set(re.findall(r'return "([a-z-]+)";', (ROOT / "src/base/error.cc").read_text()))
    for name, expr in all_expressions():
        assert expressions.labels(expr) <= expressions.LABELS, name
        assert expressions.recorded(expr) <= records, name
        assert expressions.matchers(expr, "kind") <= kinds, name
        assert expressions.matchers(expr, "outcome") <= {"success", "error"}, name


def test_metrics_exist(service):
    for name, expr in all_expressions():
        assert expressions.metrics(expr) <= service.metrics | OF_TRANSFERS, name


def test_metrics_of_transfers(service):
    if not service.has("/transfers"):
        pytest.skip("this build of telpher serve has no transfers yet")
    assert OF_TRANSFERS <= service.metrics


def test_metrics_are_shown(service):
    """What is exposed and neither alerts nor dashboards look at is forgotten, or not needed."""
    looked_at = set().union(*(expressions.metrics(expr) for _, expr in all_expressions()))
    assert service.metrics - looked_at == set()


def test_operations_exist(service):
    known = service.operations | named_operations()
    if not (service.has("/transfers") and service.has("/upload")):
        known |= {"http_post_upload", "http_post_api_upload", "http_patch_tus_id",
                  "http_post_transfers_batch"}
    for name, expr in all_expressions():
        for pattern in expressions.matchers(expr, "operation"):
            assert any(re.fullmatch(pattern, operation) for operation in known), f"{name}: {pattern}"


def test_exposition_is_right(service):
    done = subprocess.run(["promtool", "check", "metrics"], input=service.metrics_text,
                                        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
