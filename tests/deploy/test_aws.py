"""The CloudFormation template: its references, and what it promises. cfn-lint where it is."""

import json
import re
import shutil

import pytest
import yaml

from conftest import DEPLOY, ROOT, run

TEMPLATE = DEPLOY / "aws/cloudformation.yaml"


class Loader(yaml.SafeLoader):
    """!Ref X → {"Ref": X}, !GetAtt A.b → {"Fn::GetAtt": "A.b"} …"""

    def compose_node(self, parent, index):
        assert not self.check_event(yaml.AliasEvent), "CloudFormation has no aliases"
        return super().compose_node(parent, index)


def construct(loader, tag, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {"Ref" if tag == "Ref" else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", construct)
DOCUMENT = yaml.load(TEMPLATE.read_text(), Loader)
RESOURCES, PARAMETERS = DOCUMENT["Resources"], DOCUMENT["Parameters"]


def walk(value):
    yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from walk(item)


def references(value):
    """(name, attribute or None) of all that is referred to."""
    for node in walk(value):
        if not isinstance(node, dict) or len(node) != 1:
            continue
        (function, argument), = node.items()
        if function == "Ref":
            yield argument, None
        elif function == "Fn::GetAtt":
            yield tuple(argument.split(".", 1))
        elif function == "Fn::Sub":
            text, own = (argument, {}) if isinstance(argument, str) else argument
            for name in re.findall(r"\$\{([^!}]+)\}", text):
                if name not in own:
                    yield tuple(name.split(".", 1)) if "." in name else (name, None)


def of_type(kind):
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


def test_references_exist():
    for name, attribute in references([RESOURCES, DOCUMENT["Outputs"]]):
        if name.startswith("AWS::"):
            continue
        assert name in RESOURCES or (name in PARAMETERS and attribute is None), f"{name}.{attribute}"
    for resource in RESOURCES.values():
        wanted = resource.get("DependsOn", [])
        assert set([wanted] if isinstance(wanted, str) else wanted) <= set(RESOURCES)


def test_nothing_is_left_over():
    used = {name for name, _ in references([RESOURCES, DOCUMENT["Outputs"], DOCUMENT["Conditions"]])}
    assert set(PARAMETERS) - used == set()
    conditions = {node["Fn::If"][0] for node in walk(RESOURCES)
                  if isinstance(node, dict) and "Fn::If" in node}
    assert conditions == set(DOCUMENT["Conditions"])
    shown = {name for group in DOCUMENT["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
             for name in group["Parameters"]}
    assert shown == set(PARAMETERS)


def test_uploads_are_a_parameter_within_what_the_program_takes():
    parameter = PARAMETERS["MaxConcurrentUploads"]
    assert (parameter["Type"], parameter["MinValue"], parameter["MaxValue"]) == ("Number", 1, 256)
    container, = of_type("AWS::ECS::TaskDefinition")["Task"]["ContainerDefinitions"]
    variables = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert variables["MAX_CONCURRENT_UPLOADS"] == {"Ref": "MaxConcurrentUploads"}
    assert '"MAX_CONCURRENT_UPLOADS"' in (ROOT / "src/session/settings.cc").read_text()


def test_roles_may_little():
    """No wildcard actions; all resources only where AWS knows none."""
    everywhere = {"ecr:GetAuthorizationToken"}
    for role in of_type("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                statement = statement.get("Fn::If", [None, statement])[1]
                actions = statement["Action"]
                actions = [actions] if isinstance(actions, str) else actions
                assert not any("*" in action for action in actions), actions
                if statement["Resource"] == "*":
                    assert all(a in everywhere or a.startswith("ssmmessages:") for a in actions), actions
                if any(action.startswith("s3:") for action in actions):
                    resource = statement["Resource"]["Fn::Sub"]
                    assert re.fullmatch(r"arn:\$\{AWS::Partition\}:s3:::\$\{BucketName\}(/\*)?", resource)


def test_there_is_never_a_second_task():
    """The home belongs to one process."""
    service = of_type("AWS::ECS::Service")["Service"]
    assert service["DesiredCount"] == 1
    assert service["DeploymentConfiguration"]["MaximumPercent"] == 100


def test_keys_reach_no_log():
    container, = of_type("AWS::ECS::TaskDefinition")["Task"]["ContainerDefinitions"]
    assert container["Command"][0]["Fn::Sub"].endswith(">/dev/null")


def test_log_is_kept_for_a_while():
    group, = of_type("AWS::Logs::LogGroup").values()
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert PARAMETERS["LogRetentionDays"]["Default"] == 30


def test_queries_ask_for_fields_of_the_log():
    """Those that src/cli/service_log.cc writes."""
    log = ROOT / "src/cli/service_log.cc"
    if not log.exists():
        pytest.skip("there is no service yet")
    fields = set(re.findall(r'(?:text|number|raw)\("(\w+)"', log.read_text()))
    assert {"level", "path", "status", "ms", "trace_id"} <= fields
    words = {"fields", "filter", "stats", "sort", "limit", "asc", "desc", "by", "as", "in", "not",
             "count", "max", "pct", "bin", "ispresent", "m"}
    queries = of_type("AWS::Logs::QueryDefinition")
    assert len(queries) >= 5
    for name, query in queries.items():
        assert query["LogGroupNames"] == [{"Ref": "LogGroup"}]
        text = re.sub(r'"[^"]*"', "", query["QueryString"])
        made = set(re.findall(r"\bas (\w+)", text))
        used = set(re.findall(r"(?<![@\w])[a-z]\w*", text)) - words - made
        assert used <= fields, f"{name}: {used - fields}"
    for name, metric in of_type("AWS::Logs::MetricFilter").items():
        assert set(re.findall(r"\$\.(\w+)", metric["FilterPattern"])) <= fields, name


def test_dashboard_is_json():
    text = of_type("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"][0]
    board = json.loads(re.sub(r"\$\{[^}]+\}", "x", text))
    assert {widget["type"] for widget in board["widgets"]} == {"metric", "log", "alarm"}
    alarms = next(w for w in board["widgets"] if w["type"] == "alarm")["properties"]["alarms"]
    assert len(alarms) == len(of_type("AWS::CloudWatch::Alarm"))


def test_metrics_of_alarms_are_made():
    """Those of our own namespace come from filters of the log."""
    made = {one["MetricName"] for metric in of_type("AWS::Logs::MetricFilter").values()
            for one in metric["MetricTransformations"]}
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        if alarm.get("Namespace") == {"Ref": "AWS::StackName"}:
            assert alarm["MetricName"] in made, name


def test_alarms_have_runbooks():
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        path = re.search(r"docs/runbooks/\w+\.md", alarm["AlarmDescription"])[0]
        assert (ROOT / path).is_file(), name


def test_cfn_lint():
    """Its opinion, where it is installed: a package of PyPI, which Debian does not have."""
    if not shutil.which("cfn-lint"):
        pytest.skip("no cfn-lint here (pip install cfn-lint)")
    done = run("cfn-lint", TEMPLATE)
    assert done.returncode == 0, done.stdout + done.stderr
