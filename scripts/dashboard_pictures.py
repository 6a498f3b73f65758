"""A project's dashboard as CloudWatch draws it, on one page: alarms as words, each metric widget as its picture."""

import base64
import json
from html import escape
from typing import Any

import boto3

WIDTH, HEIGHT = 560, 260
STYLE = "font: 14px system-ui, sans-serif; display: flex; flex-wrap: wrap; gap: 12px; background: #fff; color: #1a1a1a"


def page(name: str) -> str:
    """Return the page as HTML; raises botocore's ClientError where there is no dashboard of that name."""
    body = json.loads(boto3.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    shown = [SHOWN[widget["type"]](widget["properties"], body.get("start", "-PT3H")) for widget in body["widgets"] if widget["type"] in SHOWN]
    return f'<div style="{STYLE}">{"".join(shown)}</div>'


def _alarms(properties: dict[str, Any], start: str) -> str:
    names = [arn.rpartition(":alarm:")[2] for arn in properties["alarms"]]
    found = {alarm["AlarmName"]: alarm for alarm in boto3.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]}
    rows = "".join(f"<tr><td>{SIGNS[found[name]['StateValue']]}</td><td>{escape(name)}</td><td>{escape(found[name].get('StateReason', ''))}</td></tr>"
                   for name in names if name in found)
    return f'<table style="flex: 1 1 100%; border-spacing: 12px 4px"><caption>Alarms</caption>{rows}</table>'


def _metrics(properties: dict[str, Any], start: str) -> str:
    widget = properties | {"width": WIDTH, "height": HEIGHT, "start": start}
    drawn = boto3.client("cloudwatch").get_metric_widget_image(MetricWidget=json.dumps(widget))["MetricWidgetImage"]
    title = escape(properties.get("title", ""))
    return f'<img alt="{title}" style="flex: 1 1 26rem; min-width: 0; max-width: {WIDTH}px" src="data:image/png;base64,{base64.b64encode(drawn).decode()}">'


SIGNS = {"OK": "✓ ok", "ALARM": "✗ in alarm", "INSUFFICIENT_DATA": "… no data"}
SHOWN = {"alarm": _alarms, "metric": _metrics}
