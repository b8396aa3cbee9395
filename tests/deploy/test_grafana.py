"""Dashboards: what Grafana needs of them, and expressions that Prometheus can read."""

import itertools
import json

import pytest
import yaml

from conftest import DEPLOY, promtool

FOLDER = DEPLOY / "grafana/dashboards"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TYPES = {"timeseries", "stat", "table", "heatmap"}


def test_the_four_are_there():
    assert set(BOARDS) == {"system", "performance", "storage", "errors"}
    assert len({board["uid"] for board in BOARDS.values()}) == 4
    assert len({board["title"] for board in BOARDS.values()}) == 4


@pytest.fixture(params=BOARDS)
def board(request):
    return BOARDS[request.param]


def test_dashboard_is_complete(board):
    for field in ("uid", "title", "description", "schemaVersion", "time", "refresh", "panels"):
        assert board[field], field
    assert "id" not in board  # Grafana's own, different in each
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["instance"]["datasource"] == SOURCE


def test_panels_are_complete(board):
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids) >= 8
    for panel in board["panels"]:
        title = panel["title"]
        assert title and panel["description"], panel["id"]
        assert panel["type"] in TYPES, title
        assert panel["datasource"] == SOURCE, title
        assert panel["fieldConfig"]["defaults"]["unit"], title
        references = [target["refId"] for target in panel["targets"]]
        assert references and len(set(references)) == len(references), title
        for target in panel["targets"]:
            assert "$instance" in target["expr"] or "ALERTS" in target["expr"], title


def test_panels_do_not_overlap(board):
    places = [(panel["title"], panel["gridPos"]) for panel in board["panels"]]
    for title, place in places:
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0, title
    for (one, a), (other, b) in itertools.combinations(places, 2):
        apart = (a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or
                 a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"])
        assert apart, f"{one} lies over {other}"


def test_expressions_are_right(tmp_path):
    exprs = [target["expr"] for board in BOARDS.values() for panel in board["panels"]
             for target in panel["targets"]]
    found = [{"record": f"panel:{i}", "expr": expr.replace("$__rate_interval", "5m").replace("$instance", ".*")}
             for i, expr in enumerate(exprs)]
    for rule in found:
        assert "$" not in rule["expr"], rule["expr"]
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": found}]}))
    promtool("check", "rules", rules)


def test_provisioning_finds_them():
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    boards = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/telpher.yml").read_text())
    path = boards["providers"][0]["options"]["path"]
    compose = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())
    assert f"../grafana/dashboards:{path}:ro" in compose["services"]["grafana"]["volumes"]
