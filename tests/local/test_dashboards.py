"""Dashboards: bodies are taken or refused as on AWS, and a metric widget is drawn from what was measured."""

import io
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from local import metric_search
from local.chart import COLORS, INK, png, ticks
from local.clock import Clock
from local.service import UnsupportedError
from local.widgets import Picture, Reader, picture, rows
from tests.local.local_aws import LocalAws

NOW, SPEED = 1_000_000.0, 60.0
DRIFT = ("MLDelivery", "FeatureDrift")
METRICS = {(*DRIFT, ("e", "tenure")): 0.2, (*DRIFT, ("e", "charges")): 0.4, (*DRIFT, ("other", "tenure")): 9.0}
SEARCH = "SEARCH('{MLDelivery,Endpoint,Feature} MetricName=\"FeatureDrift\" Endpoint=\"e\"', 'Maximum', 300)"


def names(values: tuple[str, str]) -> dict[str, str]:
    return dict(zip(("Endpoint", "Feature"), values, strict=True))


def fetch(stat: dict, start: float, length: float, count: int) -> tuple[float | None, ...]:
    """Give a metric's own value, times how many minutes of AWS its period has, in all periods but the first."""
    metric = stat["Metric"]
    own = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
    value = METRICS[metric["Namespace"], metric["MetricName"], (own["Endpoint"], own["Feature"])]
    return (None, *[value * length * SPEED / 60] * (count - 1))


READER = Reader(fetch, lambda: ((space, name, names(values)) for space, name, values in METRICS),
                {"arn:alarm": {"AlarmName": "drift", "Threshold": 1.0}}.get, Clock(SPEED), "us-east-1")
TENURE = [*DRIFT, "Endpoint", "e", "Feature", "tenure"]


def shown(*metrics: list, **members: Any) -> Picture:
    return picture({"metrics": list(metrics), "period": 60} | members, READER, NOW)


def body(**properties: Any) -> str:
    return json.dumps({"widgets": [{"type": "metric", "properties": {"region": "us-east-1", **properties}}]})


@pytest.mark.parametrize(("text", "problem"), [
    ("{", "must be a valid JSON object"), ("{}", "'widgets' is a required property"),
    (json.dumps({"widgets": [{"type": "chart", "properties": {}}]}), "/widgets/0/type"),
    (json.dumps({"widgets": [{"type": "text", "properties": {}}]}), "'markdown' is a required property"),
    (body(metrics="AWS/Lambda"), "/widgets/0/properties/metrics")])
def test_a_body_that_is_wrong_is_refused_with_its_place(aws: LocalAws, text: str, problem: str) -> None:
    with pytest.raises(ClientError, match=problem) as refused:
        aws.client("cloudwatch").put_dashboard(DashboardName="wrong", DashboardBody=text)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterInput"


def test_a_dashboard_of_a_stack_is_put_changed_and_deleted(aws: LocalAws) -> None:
    stacks, watch, once = aws.client("cloudformation"), aws.client("cloudwatch"), {"Delay": 1}

    def template(text: str) -> str:
        return json.dumps({"Resources": {"Board": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {
            "DashboardName": "board", "DashboardBody": text}}}})

    stacks.create_stack(StackName="board", TemplateBody=template(body(metrics=[TENURE])))
    stacks.get_waiter("stack_create_complete").wait(StackName="board", WaiterConfig=once)
    stacks.update_stack(StackName="board", TemplateBody=template(body(metrics=[TENURE], title="drift")))
    stacks.get_waiter("stack_update_complete").wait(StackName="board", WaiterConfig=once)
    found = watch.get_dashboard(DashboardName="board")
    assert json.loads(found["DashboardBody"])["widgets"][0]["properties"]["title"] == "drift"
    assert [entry["DashboardName"] for entry in watch.list_dashboards(DashboardNamePrefix="board")["DashboardEntries"]] == ["board"]
    stacks.create_stack(StackName="bad-board", TemplateBody=template("{}").replace('"board"', '"bad"'))
    with pytest.raises(Exception, match="ROLLBACK"):
        stacks.get_waiter("stack_create_complete").wait(StackName="bad-board", WaiterConfig=once)
    stacks.delete_stack(StackName="board")
    stacks.get_waiter("stack_delete_complete").wait(StackName="board", WaiterConfig=once)
    assert watch.list_dashboards(DashboardNamePrefix="board")["DashboardEntries"] == []


def test_a_picture_shows_what_was_put(aws: LocalAws) -> None:
    watch, now = aws.client("cloudwatch"), time.time()
    watch.put_metric_data(Namespace="Seen", MetricData=[
        {"MetricName": "Level", "Timestamp": now - age, "Value": 5.0} for age in range(0, 100, 4)])
    widget = {"metrics": [["Seen", "Level", {"color": "#00ff00"}]], "width": 300, "height": 200, "start": "-PT2H"}
    drawn, empty = (Image.open(io.BytesIO(watch.get_metric_widget_image(MetricWidget=json.dumps(asked))["MetricWidgetImage"]))
                    for asked in (widget, widget | {"metrics": [["Seen", "Nothing", {"color": "#00ff00"}]]}))
    assert (drawn.format, drawn.size) == ("PNG", (300, 200))
    assert green(drawn) > green(empty) + 20


def green(image: Image.Image) -> int:
    return sum(count for count, (red, green, blue) in image.convert("RGB").getcolors(10**6) if green > red + 100 > blue)


def test_what_is_not_understood_is_refused_by_name(aws: LocalAws) -> None:
    for widget, name in (({"view": "pie"}, "view pie"), ({"metrics": [[{"expression": "RATE(m1)"}]]}, "RATE")):
        with pytest.raises(ClientError, match=name) as refused:
            aws.client("cloudwatch").get_metric_widget_image(MetricWidget=json.dumps(widget))
        assert refused.value.response["Error"]["Code"] == "UnsupportedOperation"


def test_a_picture_of_a_dashboard_needs_the_right(aws: LocalAws) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="viewer")
    key = iam.create_access_key(UserName="viewer")["AccessKey"]
    iam.put_user_policy(UserName="viewer", PolicyName="one", PolicyDocument=json.dumps({"Statement": [{
        "Effect": "Allow", "Action": "cloudwatch:PutDashboard", "Resource": "arn:aws:cloudwatch::000000000000:dashboard/mine"}]}))
    viewer = aws.called_by(key["AccessKeyId"], key["SecretAccessKey"]).client("cloudwatch")
    with pytest.raises(ClientError, match="cloudwatch:GetMetricWidgetImage"):
        viewer.get_metric_widget_image(MetricWidget="{}")
    with pytest.raises(ClientError, match="cloudwatch:PutDashboard"):
        viewer.put_dashboard(DashboardName="yours", DashboardBody=body(metrics=[TENURE]))
    viewer.put_dashboard(DashboardName="mine", DashboardBody=body(metrics=[TENURE]))


# ---------------------------------------------------------------------- what a widget asks for

def test_periods_and_starts_are_of_aws_time() -> None:
    found = shown(TENURE, start="-PT2H", period=300)
    assert (found.start, found.end) == (NOW - 120, NOW)
    assert found.lines[0].starts == [NOW - 120 + 5 * index for index in range(24)]
    assert found.lines[0].values == (None, *[1.0] * 23)


def test_dots_stand_for_the_metric_before() -> None:
    one, two, three = rows([TENURE, ["...", "charges", {"id": "c"}], [".", "Other", ".", "."]])
    assert [each["Value"] for each in two[0]["Dimensions"]] == ["e", "charges"] and two[1] == {"id": "c"}
    assert (three[0]["MetricName"], three[0]["Dimensions"]) == ("Other", [{"Name": "Endpoint", "Value": "e"}])
    assert one[0]["Dimensions"][1] == {"Name": "Feature", "Value": "tenure"}


def test_lines_are_named_by_what_tells_them_apart() -> None:
    assert [line.label for line in shown(TENURE, ["...", "charges"]).lines] == ["tenure FeatureDrift", "charges FeatureDrift"]
    assert [line.label for line in shown([*TENURE, {"label": "now ${LAST}"}]).lines] == ["now 0.2"]


def test_an_expression_counts_with_hidden_metrics() -> None:
    hidden = {"visible": False}
    [line] = shown([*TENURE, {"id": "a", **hidden}], ["...", "charges", {"id": "b", **hidden}],
                   [{"expression": "100 * b / (a + b)", "label": "share"}]).lines
    assert line.label == "share" and line.values[0] is None and line.values[-1] == pytest.approx(200 / 3)


def test_a_search_finds_metrics_by_dimensions_and_terms() -> None:
    found = shown([{"expression": SEARCH, "label": "${PROP('Dim.Feature')}"}])
    assert {line.label: line.values[-1] for line in found.lines} == {"charges": 2.0, "tenure": 1.0}
    [line] = shown([{"expression": f"MAX({SEARCH})", "period": 300}]).lines
    assert line.values[-1] == 2.0


def test_a_searchs_terms_are_all_asked_for() -> None:
    search = metric_search.parse('{A/B, "Own name",C} MetricName=("x" OR "y") NOT C="1" AND "Own name"="n"')
    assert search.finds("A/B", "x", {"Own name": "n", "C": "2"})
    assert not any(search.finds("A/B", name, {"Own name": "n", "C": c}) for name, c in (("z", "2"), ("x", "1")))
    assert not search.finds("A/B", "x", {"Own name": "n", "C": "2", "D": "3"})
    for text in ('MetricName="x"', "{A} cpu", "{A} x=1"):
        with pytest.raises(UnsupportedError):
            metric_search.parse(text)


def test_annotations_are_thresholds() -> None:
    found = shown(TENURE, annotations={"horizontal": [{"value": 0.1, "label": "limit"}], "alarms": ["arn:alarm"]})
    assert [(each.label, each.value) for each in found.thresholds] == [("limit", 0.1), ("drift", 1.0)]


@pytest.mark.parametrize(("members", "problem"), [
    ({"view": "gauge"}, "view gauge"), ({"region": "eu-west-1"}, "eu-west-1"), ({"sparks": 1}, "sparks"),
    ({"start": "-PT200H"}, "at most 5000"), ({"start": "PT0H"}, "before end"), ({"width": 0}, "between 1 and 2000"),
    ({"stat": "tm90"}, "tm90"), ({"annotations": {"vertical": []}}, "vertical")])
def test_a_widget_that_cannot_be_shown_is_refused_by_name(members: dict, problem: str) -> None:
    with pytest.raises((ValueError, UnsupportedError), match=problem):
        shown(TENURE, **members)


def test_an_axis_has_round_values_around_the_data() -> None:
    assert ticks(0, 0.37) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert ticks(-3, 7200) == [-2000, 0, 2000, 4000, 6000, 8000]


@pytest.mark.parametrize(("members", "color"), [
    ({}, COLORS[1]), ({"stacked": True}, COLORS[0]), ({"view": "singleValue"}, INK), ({"metrics": []}, INK)])
def test_every_view_is_drawn(members: dict, color: str) -> None:
    image = Image.open(io.BytesIO(png(shown(TENURE, ["...", "charges", {"yAxis": "right", "label": "x"}], **members))))
    colors = {f"#{red:02x}{green:02x}{blue:02x}" for _, (red, green, blue) in image.convert("RGB").getcolors(10**6)}
    assert image.size == (600, 400) and color in colors
