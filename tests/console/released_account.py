"""An account with a project that has released twice, as the reads of Release and Watch see it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from console.account import Project
from tests.console.any_order import Stubs, project, refusal

OLD, NEW = "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
NOW = datetime.now(UTC).replace(microsecond=0)
HOOK_SAID = "InService with 2 instances; 20 golden records are predicted as in training, in 31 ms"


@dataclass
class Released:
    """The account; a test changes what it needs otherwise before it reads."""

    name: str
    stubs: Stubs = field(default_factory=Stubs)
    live: int = 1
    weights: dict[str, float] = field(default_factory=lambda: {"2": 0.1})
    status: dict[str, str] = field(default_factory=dict)  # of endpoints
    runs: dict[str, str] = field(default_factory=dict)
    deployment: dict[str, Any] = field(default_factory=lambda: {"status": "InProgress"})
    events: list[dict[str, Any]] = field(default_factory=lambda: [event("BeforeAllowTraffic", "Succeeded"), event("AllowTraffic", "InProgress"),
                                                                  event("AfterAllowTraffic", "Pending")])
    alarm: str = "OK"
    released: bool = True
    ended: float | None = None  # minutes ago

    def __post_init__(self) -> None:
        answers = (
            ("lambda", "GetAlias", self._alias), ("lambda", "GetFunctionConfiguration", self._version), ("sagemaker", "DescribeEndpoint", self._endpoint),
            ("codedeploy", "ListDeployments", lambda given: {"deployments": ["d-AAAAAAAAA"] if self.released else []}),
            ("codedeploy", "BatchGetDeployments", self._deployments), ("codedeploy", "ListDeploymentTargets", lambda given: {"targetIds": ["f:live"]}),
            ("codedeploy", "GetDeploymentTarget", self._target), ("logs", "FilterLogEvents", self._log),
            ("cloudwatch", "DescribeAlarms", self._alarms), ("cloudwatch", "GetMetricData", self._metrics),
            ("codepipeline", "GetPipelineExecution", self._run))
        for service, operation, answer in answers:
            self.stubs.answer(service, operation, answer)

    @property
    def project(self) -> Project:
        return project(self.stubs, self.name)

    def _alias(self, given: dict[str, Any]) -> dict[str, Any]:
        if not self.released:
            raise refusal("ResourceNotFoundException", f"Function not found: {given['FunctionName']}", status=404)
        return {"FunctionVersion": str(self.live), "RoutingConfig": {"AdditionalVersionWeights": self.weights}}

    def _version(self, given: dict[str, Any]) -> dict[str, Any]:
        run = {"1": OLD, "2": NEW, "3": OLD}.get(given["Qualifier"] if int(given["Qualifier"]) <= max(2, self.live) else "")
        if run is None:
            raise refusal("ResourceNotFoundException", "no such version")
        return {"LastModified": "2026-11-21T10:00:00.000+0000", "Environment": {"Variables": {
            "MODEL_RUN": run, "ENDPOINT_NAME": f"{self.project.prefix}-{run[:8]}-p"}}}

    def _endpoint(self, given: dict[str, Any]) -> dict[str, Any]:
        status = self.status.get(given["EndpointName"].rsplit("-", 2)[1], "InService")
        if status == "Gone":
            raise refusal("ValidationException", f"Could not find endpoint {given['EndpointName']}.")
        return {"EndpointName": given["EndpointName"], "EndpointArn": "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e", "EndpointStatus": status,
                "EndpointConfigName": "config-1", "CreationTime": NOW, "LastModifiedTime": NOW,
                "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": 2, "DesiredInstanceCount": 3}]}

    def _deployments(self, given: dict[str, Any]) -> dict[str, Any]:
        ended = {} if self.ended is None else {"completeTime": NOW - timedelta(minutes=self.ended)}
        return {"deploymentsInfo": [{"deploymentId": name, "createTime": NOW - timedelta(minutes=6), "creator": "user",
                                     "deploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent5Minutes", **ended, **self.deployment}
                                    for name in given["deploymentIds"]]}

    def _target(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"deploymentTarget": {"deploymentTargetType": "LambdaTarget", "lambdaTarget": {
            "deploymentId": given["deploymentId"], "targetId": given["targetId"], "lifecycleEvents": self.events, "lambdaFunctionInfo": {
                "functionName": "f", "functionAlias": "live", "currentVersion": "1", "targetVersion": "2", "targetVersionWeight": 0.1}}}}

    def _log(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["filterPattern"].strip('"')
        report = {"hook": "pre-traffic", "deployment": name, "run": NEW, "status": "Succeeded", "reason": HOOK_SAID, "level": "INFO"}
        return {"events": [{"message": f"START {name}"}, {"message": json.dumps(report)}, {"message": f"END {name}"}]}

    def _alarms(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": self.alarm if name.endswith("-latency") else "OK", "StateReason": "no datapoints",
                                  "AlarmDescription": "what it says", "StateTransitionedTimestamp": NOW} for name in given["AlarmNames"]]}

    def _metrics(self, given: dict[str, Any]) -> dict[str, Any]:
        points = {query["Id"]: [(when, value) for when, value in self._values(query["MetricStat"]["Metric"]) if when >= given["StartTime"]]
                  for query in given["MetricDataQueries"]}
        return {"MetricDataResults": [{"Id": name, "Timestamps": [when for when, _ in found], "Values": [value for _, value in found]}
                                      for name, found in points.items()]}

    def _values(self, metric: dict[str, Any]) -> list[tuple[Any, float]]:
        """Return the points of a metric: of the requests nine parts of ten, and at last half of them, go to the old version."""
        old = any(each["Value"] == "1" or OLD[:8] in each["Value"] for each in metric["Dimensions"])
        values = {"Invocations": [90.0, 50.0] if old else [10.0, 50.0], "Errors": [0.0, 0.0 if old else 1.0], "Duration": [12.0, 14.0],
                  "ModelLatency": [9000.0, 9500.0], "InvocationsPerInstance": [30.0, 40.0]}[metric["MetricName"]]
        return list(zip([NOW - timedelta(minutes=2), NOW - timedelta(minutes=1)], values, strict=True))

    def _run(self, given: dict[str, Any]) -> dict[str, Any]:
        run = given["pipelineExecutionId"]
        if self.runs.get(run) == "Forgotten":
            raise refusal("PipelineExecutionNotFoundException", "no such execution")
        return {"pipelineExecution": {"pipelineExecutionId": run, "status": self.runs.get(run, "Succeeded"), "artifactRevisions": [
            {"name": "SourceCode", "revisionSummary": "Grow smaller trees\n\nThey learn less."}, {"name": "DataSource", "revisionSummary": "zip"}]}}


def event(name: str, status: str, **more: Any) -> dict[str, Any]:
    """Return a lifecycle event."""
    return {"lifecycleEventName": name, "status": status} | more
