"""How long a canary that fails keeps traffic: from its first error to the alarm, and from there to the old version alone.

Usage: python -m local up --speed 1, the export lines that it prints, then
python benchmarks/rollback.py [--rounds 3]

Each round shifts an alias by 10 % to a version that raises, asks it until the alarm on that version's errors has gone off,
and goes on until the alias points at the old version alone and has answered so a hundred times. Everything that a round
needs is made by it and deleted after it. At speed 1 all waits are as long as on AWS.
"""

import argparse
import io
import json
import sys
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import boto3

CODE = """
import os
def handler(event, context):
    if os.environ["FAILS"] == "yes":
        raise RuntimeError("broken by a benchmark")
    return context.function_version
"""
EVENTS = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
LONGEST_SECONDS = 120.0
SETTLED = 100  # answers of the old version that show that nothing else answers


class BenchmarkError(Exception):
    """Something that must happen did not; the message says what."""


@dataclass(frozen=True)
class Round:
    """What one round took."""

    to_alarm: float  # seconds from the first error
    to_old: float  # seconds from the alarm
    requests: int
    failed: int
    status: str
    reason: str


@dataclass
class Release:
    """A function with two versions, the second of which raises, and what moves its alias."""

    client: Callable[[str], Any] = boto3.client
    name: str = field(default_factory=lambda: f"rollback-{uuid.uuid4().hex[:8]}")

    def __enter__(self) -> Self:
        self.functions, self.deploy, self.alarms, self.iam = map(self.client, ("lambda", "codedeploy", "cloudwatch", "iam"))
        self._functions(self._role("lambda", "logs:*"))
        self._group(self._role("codedeploy", "lambda:*", "cloudwatch:DescribeAlarms"))
        return self

    def __exit__(self, *_: object) -> None:
        self.deploy.delete_application(applicationName=self.name)
        self.alarms.delete_alarms(AlarmNames=[self.name])
        self.functions.delete_function(FunctionName=self.name)
        for service in ("lambda", "codedeploy"):
            self.iam.delete_role_policy(RoleName=f"{self.name}-{service}", PolicyName="rights")
            self.iam.delete_role(RoleName=f"{self.name}-{service}")

    def _role(self, service: str, *actions: str) -> str:
        def document(**statement: Any) -> str:
            return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})

        name = f"{self.name}-{service}"
        trust = document(Action="sts:AssumeRole", Principal={"Service": f"{service}.amazonaws.com"})
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document(Action=actions, Resource="*"))
        return arn

    def _functions(self, role: str) -> None:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", CODE)
        named = {"FunctionName": self.name}
        self.functions.create_function(**named, Runtime="python3.13", Handler="index.handler", Role=role,
                                       Code={"ZipFile": code.getvalue()}, Environment={"Variables": {"FAILS": "no"}})
        self.old = self.functions.publish_version(**named)["Version"]
        self.functions.update_function_configuration(**named, Environment={"Variables": {"FAILS": "yes"}})
        self.new = self.functions.publish_version(**named)["Version"]
        self.functions.create_alias(**named, Name="live", FunctionVersion=self.old)

    def _group(self, role: str) -> None:
        dimensions = {"FunctionName": self.name, "Resource": f"{self.name}:live", "ExecutedVersion": self.new}
        self.alarms.put_metric_alarm(
            AlarmName=self.name, Namespace="AWS/Lambda", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()])
        self.deploy.create_application(applicationName=self.name, computePlatform="Lambda")
        self.deploy.create_deployment_group(
            applicationName=self.name, deploymentGroupName=self.name, serviceRoleArn=role,
            deploymentConfigName="CodeDeployDefault.LambdaCanary10Percent5Minutes",
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            alarmConfiguration={"enabled": True, "alarms": [{"name": self.name}]},
            autoRollbackConfiguration={"enabled": True, "events": EVENTS})

    # What is seen of it

    def start(self) -> str:
        """Start the deployment, and return its id once the new version has its share."""
        content = json.dumps({"version": 0.0, "Resources": [{"live": {"Type": "AWS::Lambda::Function", "Properties": {
            "Name": self.name, "Alias": "live", "CurrentVersion": self.old, "TargetVersion": self.new}}}]})
        name = self.deploy.create_deployment(applicationName=self.name, deploymentGroupName=self.name, revision={
            "revisionType": "AppSpecContent", "appSpecContent": {"content": content}})["deploymentId"]
        reached(lambda: self.weights() == {self.new: 0.1}, "the new version's share")
        return name

    def weights(self) -> dict[str, float]:
        """Return the shares of versions other than the alias's own."""
        alias = self.functions.get_alias(FunctionName=self.name, Name="live")
        return (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}

    def fails(self) -> bool:
        """Ask the alias once, and say whether its answer is an error."""
        return "FunctionError" in self.functions.invoke(FunctionName=self.name, Qualifier="live")

    def on_alarm(self) -> bool:
        [alarm] = self.alarms.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return alarm["StateValue"] == "ALARM"


def reached(condition: Callable[[], object], what: str) -> float:
    """Wait until a condition holds, and return when it did."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"not within {LONGEST_SECONDS:.0f} s: {what}")
    return time.monotonic()


def measure(release: Release) -> Round:
    """Run one deployment into its alarm and back."""
    name, answers = release.start(), []

    def ask() -> bool:
        answers.append(release.fails())
        return answers[-1]

    def asking(condition: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: (ask(), condition())[1]

    first = reached(ask, "the first error")
    alarm = reached(asking(release.on_alarm), "the alarm")
    old = reached(asking(lambda: not release.weights()), "the old version alone")
    if any(ask() for _ in range(SETTLED)):
        raise BenchmarkError("the new version answered after the alias had gone back")
    reached(lambda: release.deploy.get_deployment(deploymentId=name)["deploymentInfo"].get("completeTime"), "the end")
    info = release.deploy.get_deployment(deploymentId=name)["deploymentInfo"]
    return Round(alarm - first, old - alarm, len(answers), sum(answers), info["status"], info["errorInformation"]["code"])


def main() -> int:
    """Print one line a round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    try:
        for number in range(1, rounds + 1):
            with Release() as release:
                found = measure(release)
            print(f"round {number}: error to alarm {found.to_alarm:.2f} s, alarm to the old version alone {found.to_old:.2f} s, "
                  f"{found.failed} of {found.requests} requests failed, {found.status}: {found.reason}")
    except BenchmarkError as error:
        print(f"rollback: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
