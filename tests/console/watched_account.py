"""The account of released_account.py, whose production is watched: looks, what they found, retraining, capacity, mail."""

import io
import json
import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.console.any_order import refusal
from tests.console.released_account import NEW, NOW, OLD, Released

MINUTES, PLAN = "total_day_minutes", "international_plan"
OUTBOX = "local-outbox"
WHY = "The training data is that of the live model (run {}), so that another run would learn nothing."


def numbers(name: str, middle: float) -> dict[str, Any]:
    """Return a column of numbers around a middle, as statistics.json has it."""
    values = [middle + 54 * math.sqrt(2) * _inverse((place + 0.5) / 500 * 2 - 1) for place in range(500)]
    return {"name": name, "inferred_type": "Fractional", "numerical_statistics": {
        "common": {"num_present": 500, "num_missing": 0}, "distribution": {"kll": {"buckets": [], "sketch": {"data": [values]}}}}}


def _inverse(part: float) -> float:
    """Return the inverse of the error function, roughly (Winitzki)."""
    log = math.log(1 - part * part)
    first = 2 / (math.pi * 0.147) + log / 2
    return math.copysign(math.sqrt(math.sqrt(first * first - log / 0.147) - first), part)


def words(name: str, yes: int) -> dict[str, Any]:
    """Return a column of yes and no."""
    return {"name": name, "inferred_type": "String", "string_statistics": {"common": {"num_present": 500, "num_missing": 0}, "distribution": {
        "categorical": {"buckets": [{"value": "no", "count": 500 - yes}, {"value": "yes", "count": yes}]}}}}


def feature(name: str, kind: str, distance: float, drifted: bool) -> dict[str, Any]:
    """Return a feature of drift.json."""
    said = "Its values lie higher than the training data's." if drifted else "Its values lie as the training data's."
    return {"name": name, "type": kind, "distance": distance, "threshold": 0.05, "drifted": drifted, "checks": [
        {"check": "centre", "effect": distance, "threshold": 0.05, "p_value": 1e-40 if drifted else 0.6, "description": said}]}


@dataclass
class Watched(Released):
    """The account; ``verdicts`` are those of its looks, the newest first."""

    verdicts: list[str] = field(default_factory=lambda: ["drift", "no drift", "too few rows", "nothing to look at", "FAILED"])
    capturing: str = "yes"
    decision: str = "same-data"
    features: int = 18  # besides the one that drifts
    mails: int = 30
    judged_before: bool = False  # two days ago, and not since

    def __post_init__(self) -> None:
        super().__post_init__()
        answers = (
            ("cloudformation", "DescribeStacks", self._stack), ("stepfunctions", "ListExecutions", self._executions),
            ("stepfunctions", "DescribeExecution", self._execution), ("s3", "ListObjectsV2", self._objects), ("s3", "GetObject", self._object),
            ("cloudwatch", "ListMetrics", self._measured), ("sagemaker", "DescribeEndpointConfig", self._config),
            ("application-autoscaling", "DescribeScalableTargets", self._targets), ("application-autoscaling", "DescribeScalingPolicies", self._policies),
            ("application-autoscaling", "DescribeScalingActivities", self._activities))
        for service, operation, answer in answers:
            self.stubs.answer(service, operation, answer)

    def _stack(self, given: dict[str, Any]) -> dict[str, Any]:
        if not self.released:
            raise refusal("ValidationError", f"Stack with id {given['StackName']} does not exist")
        prefix = self.project.prefix
        told = {"RunId": OLD, "EndpointName": f"{prefix}-{OLD[:8]}-p", "Engine": "own", "Schedule": "hourly", "Capturing": self.capturing,
                "CooldownHours": "24", "RetrainingsPerWeek": "3", "SameData": "no"}
        return {"Stacks": [{"StackName": given["StackName"], "CreationTime": NOW, "StackStatus": "UPDATE_COMPLETE", "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in told.items()]}]}

    def _arn(self, number: int) -> str:
        return f"arn:aws:states:us-east-1:000000000000:execution:{self.project.monitoring}:look-{number}-{self.verdicts[number].replace(' ', '')}"

    def _executions(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"executions": [
            {"executionArn": self._arn(number), "stateMachineArn": given["stateMachineArn"], "name": f"look-{number}", "startDate": self._began(number),
             "status": "FAILED" if verdict == "FAILED" else "SUCCEEDED"} for number, verdict in enumerate(self.verdicts)]}

    def _began(self, number: int) -> Any:
        return NOW - timedelta(minutes=2 + 60 * number)

    def _execution(self, given: dict[str, Any]) -> dict[str, Any]:
        number = int(given["executionArn"].split(":look-")[1].split("-")[0])
        verdict = self.verdicts[number]
        base = {"executionArn": given["executionArn"], "stateMachineArn": "m", "startDate": self._began(number),
                "stopDate": self._began(number) + timedelta(seconds=41), "status": "SUCCEEDED"}
        if verdict == "FAILED":
            return base | {"status": "FAILED", "error": "EndpointGone", "cause": json.dumps({"errorMessage": "endpoint demo-p is gone"})}
        if verdict == "nothing to look at":
            return base | {"output": json.dumps({"Planned": {"Plan": {"Captures": 0, "Why": "it has captured nothing since noon"}}})}
        drift = {"Verdict": verdict, "Rows": 2212 if verdict != "too few rows" else 5, "RowsNeeded": 501, "DriftedFeatures": int(verdict == "drift"),
                 "Folder": f"s3://{self.project.bucket}/runs/{OLD}/monitoring/{number}", "Drifted": [
                     {"Feature": MINUTES, "Check": "centre", "Distance": 0.181, "Threshold": 0.05, "Description": "Its values lie higher."}]
                 if verdict == "drift" else []}
        answer = {"Decision": self.decision, "Why": WHY.format(OLD), "Run": NEW if self.decision == "started" else "", "Mailed": True}
        return base | {"output": json.dumps({"Found": {"Drift": drift}, **({"Retraining": {"Answer": answer}} if verdict == "drift" else {})})}

    def _names(self) -> list[str]:
        return [MINUTES, PLAN, *(f"feature_{place:02}" for place in range(self.features - 1))]

    def _measured(self, given: dict[str, Any]) -> dict[str, Any]:
        judged = self.judged_before or {"drift", "no drift"} & set(self.verdicts)
        more = [("Feature", name) for name in self._names()] if given["MetricName"] == "FeatureDrift" else [
            ("Endpoint", f"{self.project.prefix}-{OLD[:8]}-p")] if judged else []
        return {"Metrics": [{"Namespace": "MLDelivery", "MetricName": given["MetricName"], "Dimensions": [
            *given["Dimensions"], {"Name": key, "Value": value}]} for key, value in more]}

    def _values(self, metric: dict[str, Any]) -> list[tuple[Any, float]]:
        if metric["Namespace"] != "MLDelivery":
            return super()._values(metric)
        name = next((each["Value"] for each in metric["Dimensions"] if each["Name"] == "Feature"), "")
        judged = [number for number, verdict in enumerate(self.verdicts) if verdict in ("drift", "no drift")]
        if self.judged_before:
            return [(NOW - timedelta(days=2), 0.181 if name == MINUTES else 0.02)]
        far = {number: 0.181 if self.verdicts[number] == "drift" and name == MINUTES else 0.01 + 0.001 * len(name) for number in judged}
        count = {"MonitoredRows": 2212.0, "DriftedFeatures": 1.0}.get(metric["MetricName"])
        return [(self._began(number), count if count is not None else far[number]) for number in reversed(judged)]

    def _objects(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["Bucket"] != OUTBOX:
            key = f"monitoring/retrainings/{'a' * 64}/{NEW}.json"
            return {"Contents": [{"Key": key, "LastModified": NOW - timedelta(hours=3)}]}
        if not self.mails:
            raise refusal("NoSuchBucket", "no such bucket", status=404)
        keys = sorted(f"{NOW - timedelta(minutes=number):%Y%m%dT%H%M%S}-{number:08x}.eml" for number in range(self.mails))
        return {"Contents": [{"Key": key} for key in keys if key > given.get("StartAfter", "")]}

    def _object(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["Bucket"] == OUTBOX:
            return _body(self._letter(int(given["Key"][16:24], 16)))
        names = self._names()[2:]
        files = {
            "baseline/statistics.json": {"features": [numbers(MINUTES, 180), words(PLAN, 50), *(numbers(name, 100) for name in names)]},
            "statistics.json": {"features": [numbers(MINUTES, 235), words(PLAN, 55), *(numbers(name, 101) for name in names)]},
            "drift.json": {"unreadable": 3, "synthetic": 262, "features": [
                feature(MINUTES, "numeric", 0.181, True), feature(PLAN, "categorical", 0.02, False),
                *(feature(name, "numeric", 0.01, False) for name in names)]}}
        found = next((content for name, content in files.items() if given["Key"].endswith(name)), None)
        if found is None:
            raise refusal("NoSuchKey", "no such key", status=404)
        return _body(json.dumps(found))

    def _letter(self, number: int) -> str:
        topic = self.project.prefix
        link = "http://127.0.0.1:4566/bucket/runs/x/monitoring/y/report.html"
        return (f"Date: now\nTo: team@example.com\nSubject: {topic}: drift in 1 feature, no retraining: {MINUTES} ({number})\n"
                f"X-Topic: arn:aws:sns:us-east-1:0:{topic}\n\n1 of 19 features has drifted.\n\n- {MINUTES}: <b>centre</b>; distance 0.181\n\nReport: {link}\n")

    def _config(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"EndpointConfigName": "c", "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/c", "CreationTime": NOW,
                "ProductionVariants": [{"VariantName": "AllTraffic", "InstanceType": "ml.m5.large"}],
                "DataCaptureConfig": {"EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://b/captures", "CaptureOptions": [
                    {"CaptureMode": "Input"}]}}

    def _place(self, given: dict[str, Any]) -> dict[str, Any]:
        resource = given.get("ResourceId") or given["ResourceIds"][0]
        return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}

    def _targets(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"ScalableTargets": [self._place(given) | {"MinCapacity": 2, "MaxCapacity": 10, "RoleARN": "r", "CreationTime": NOW, "SuspendedState": {
            "DynamicScalingInSuspended": True}}]}

    def _policies(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"ScalingPolicies": [self._place(given) | {
            "PolicyARN": "p", "PolicyName": "p", "PolicyType": "TargetTrackingScaling", "CreationTime": NOW,
            "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 750.0}}]}

    def _activities(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"ScalingActivities": [self._place(given) | {
            "ActivityId": "a", "Description": "Setting desired instance count to 3.", "Cause": "monitor alarm AlarmHigh in state ALARM triggered policy p",
            "StartTime": NOW - timedelta(minutes=4), "StatusCode": "Successful"}]}


def _body(text: str) -> dict[str, Any]:
    content = text.encode()
    return {"Body": io.BytesIO(content), "ContentLength": len(content)}
