"""The dashboard shows what something emits: every metric of every widget stands in a table of what AWS measures for the
resources of the templates, or is published by the project's own code, found by reading that code.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.templates.evaluation import Evaluation
from tests.templates.expansion import expanded
from tests.templates.sources import API, ENDPOINT, ROOT, resources, template
from tests.templates.test_names import LONGEST, PREFIX

# (namespace, names of the dimensions) -> (what emits them, names); from the services' pages on their CloudWatch metrics.
LAMBDA = ("AWS::Lambda::Function", {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"})
EMITTED_BY_AWS = {
    ("AWS/ApiGateway", ("ApiName", "Stage")): (
        "AWS::ApiGateway::Stage", {"Count", "4XXError", "5XXError", "Latency", "IntegrationLatency"}),
    ("AWS/Lambda", ("FunctionName",)): LAMBDA,
    ("AWS/Lambda", ("FunctionName", "Resource")): LAMBDA,
    ("AWS/Lambda", ("FunctionName", "Resource", "ExecutedVersion")): LAMBDA,
    ("AWS/SageMaker", ("EndpointName", "VariantName")): ("AWS::SageMaker::Endpoint", {
        "Invocations", "InvocationsPerInstance", "ModelLatency", "OverheadLatency", "Invocation4XXErrors", "Invocation5XXErrors",
        "InvocationModelErrors"}),
    ("/aws/sagemaker/Endpoints", ("EndpointName", "VariantName")): (
        "AWS::SageMaker::Endpoint", {"CPUUtilization", "MemoryUtilization", "DiskUtilization"}),
}
DIMENSIONS = {  # values that a dimension has, by its name
    "ApiName": {f"{PREFIX}-api"}, "Stage": {"prd"}, "FunctionName": {"ApiFunction"}, "Resource": {"ApiFunction:live"},
    "EndpointName": {LONGEST["EndpointName"]}, "Endpoint": {LONGEST["EndpointName"]}, "Schedule": {f"{PREFIX}-monitoring"},
}
SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[^}]+)\} (?P<terms>.+)', '(?P<statistic>\w+)', (?P<period>\d+)\)")
OFF = {"CallsPerMinute": "0", "ClientErrorsPerMinute": "0", "FaultsPerMinute": "0"}
ON = dict.fromkeys(OFF, "5")


@dataclass(frozen=True)
class Metric:
    """One line of a widget, or the lines that a search finds; what a search leaves open has no value."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @property
    def kind(self) -> tuple[str, tuple[str, ...]]:
        """Return the namespace and the names of the dimensions."""
        return self.namespace, tuple(name for name, _ in self.dimensions)


def dashboard(**values: str) -> dict:
    """Return the dashboard's body."""
    found = Evaluation(template(API), LONGEST | values).resources()["Dashboard"]["Properties"]
    return json.loads(found["DashboardBody"])


def metric(line: list) -> Metric:
    """Return what a line of a widget shows."""
    if isinstance(line[0], dict):
        found = SEARCH.fullmatch(line[0]["expression"])
        assert found, line[0]
        namespace, *names = found["schema"].split(",")
        terms = dict(re.findall(r'(\w+)="([^"]+)"', found["terms"]))
        name = terms.pop("MetricName")
        assert set(terms) < set(names), "a search leaves a dimension open, and asks for none that its schema lacks"
        return Metric(namespace, name, tuple((each, terms.get(each, "")) for each in names))
    namespace, name, *dimensions = [item for item in line if isinstance(item, str)]
    return Metric(namespace, name, tuple(zip(dimensions[::2], dimensions[1::2], strict=True)))


WIDGETS = dashboard(**ON)["widgets"]
METRICS = [metric(line) for widget in WIDGETS for line in widget["properties"].get("metrics", [])]


def publishing() -> Iterator[Path]:
    """Yield the folders of the functions that publish metrics."""
    for folder in sorted({path.parent for place in ("custom_resource", "api") for path in (ROOT / place).rglob("*.py")}):
        calls = {node.func.attr for path in folder.glob("*.py") for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
        if "put_metric_data" in calls:
            yield folder


def published() -> list[set[str]]:
    """Return the texts in the code of each function that publishes metrics: namespace, names and dimensions are among them."""
    return [{node.value for path in folder.glob("*.py") for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Constant) and isinstance(node.value, str)} for folder in publishing()]


def emitted(shown: Metric, kinds: set[str]) -> bool:
    """Return whether something of the project emits a metric."""
    kind, names = EMITTED_BY_AWS.get(shown.kind, ("", set()))
    ours = {shown.namespace, shown.name, *shown.kind[1]}
    return (kind in kinds and shown.name in names) or any(ours <= texts for texts in published())


KINDS = {item["Type"] for found in (expanded(API)["Resources"], resources(ENDPOINT)) for item in found.values()}


@pytest.mark.parametrize("shown", METRICS, ids=lambda shown: f"{shown.namespace}-{shown.name}")
def test_something_emits_what_a_widget_shows(shown: Metric) -> None:
    assert emitted(shown, KINDS)
    for name, value in shown.dimensions:
        assert not value or value in DIMENSIONS[name], f"{name} is never {value}"


@pytest.mark.parametrize("shown", [
    Metric("AWS/Lambda", "Invocation", (("FunctionName", ""),)), Metric("AWS/SageMaker", "Invocations", (("EndpointName", ""),)),
    Metric("MLDelivery", "NoSuchMetric", (("Endpoint", ""), ("Schedule", "")))], ids=["misspelt", "another-dimension", "not-published"])
def test_what_nothing_emits_is_found(shown: Metric) -> None:
    assert not emitted(shown, KINDS)


@pytest.mark.parametrize("what, wanted", {
    "API": {("AWS/ApiGateway", name) for name in ("Count", "4XXError", "5XXError", "Latency")},
    "function": {("AWS/Lambda", name) for name in ("Invocations", "Duration", "Errors", "ConcurrentExecutions")},
    "endpoint": {*(("AWS/SageMaker", name) for name in ("Invocations", "ModelLatency", "Invocation5XXErrors")),
                 *(("/aws/sagemaker/Endpoints", name) for name in ("CPUUtilization", "MemoryUtilization", "DiskUtilization"))},
    "drift": {("MLDelivery", name) for name in ("FeatureDrift", "MaxFeatureDrift", "DriftedFeatures")},
}.items(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_dashboard_shows_what_the_readme_promises(what: str, wanted: set[tuple[str, str]]) -> None:
    assert wanted <= {(shown.namespace, shown.name) for shown in METRICS}


def test_each_variant_each_version_and_each_feature_has_its_line() -> None:
    opened = {name for shown in METRICS for name, value in shown.dimensions if not value}
    assert opened == {"VariantName", "ExecutedVersion", "Feature"}
    assert {shown.dimensions[-1][0] for shown in METRICS if "SageMaker" in shown.namespace.replace("sagemaker", "SageMaker")} == {"VariantName"}


@pytest.mark.parametrize("values, mailing", [(ON, 3), (OFF, 0)])
def test_the_dashboard_shows_every_alarm_that_there_is(values: dict[str, str], mailing: int) -> None:
    shown = dashboard(**values)["widgets"][0]["properties"]["alarms"]
    found = Evaluation(template(API), LONGEST | values).resources()
    own = {f"{key}.Arn" for key, item in found.items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
    others = {f"{arn}{LONGEST['EndpointName']}-5xx", f"{arn}{LONGEST['EndpointName']}-latency", f"{arn}{PREFIX}-drift"}
    assert len(own) == 3 + mailing and set(shown) == own | others


def test_widgets_do_not_lie_on_each_other() -> None:
    taken = [(column, row) for widget in WIDGETS for column in range(widget["x"], widget["x"] + widget["width"])
             for row in range(widget["y"], widget["y"] + widget["height"])]
    assert len(taken) == len(set(taken))
    assert max(column for column, _ in taken) < 24, "a dashboard is 24 columns wide"
    assert {widget["properties"]["region"] for widget in WIDGETS if widget["type"] == "metric"} == {"us-east-1"}


def test_alarms_that_mail_go_by_the_configuration() -> None:
    found = Evaluation(template(API), LONGEST | {"CallsPerMinute": "100", "ClientErrorsPerMinute": "0", "FaultsPerMinute": "7"}).resources()
    mailing = {key: item["Properties"] for key, item in found.items()
               if item["Type"] == "AWS::CloudWatch::Alarm" and item["Properties"].get("AlarmActions")}
    assert {key: (item["MetricName"], item["Threshold"], item["Statistic"], item["Period"]) for key, item in mailing.items()} == {
        "CallsAlarm": ("Count", "100", "Sum", 60), "FaultsAlarm": ("5XXError", "7", "Sum", 60)}
    assert all(item["AlarmActions"] == [LONGEST["TopicArn"]] for item in mailing.values())
    rolled_back = {alarm["Name"] for alarm in found["DeploymentGroup"]["Properties"]["AlarmConfiguration"]["Alarms"]}
    assert not rolled_back & set(mailing), "a busy hour is no reason to go back"


def test_a_call_is_one_line_of_json_in_the_access_log() -> None:
    stage = expanded(API)["Resources"]["ApiprdStage"]["Properties"]["AccessLogSetting"]
    line = json.loads(stage["Format"])
    assert "\n" not in stage["Format"] and line["requestId"] == "$context.requestId"
    assert stage["DestinationArn"] == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
    assert all(value.startswith("$context.") for value in line.values())
