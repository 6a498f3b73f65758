"""What the hooks ask, stubbed: each call has to be expected, and what is expected has to be called."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

RUN = "0a1b2c3d-1111-4222-8333-444455556666"
NAME = "demo-churn-p-1"
ENDPOINT, LIVE = f"{NAME}-0a1b2c3d-p", f"{NAME}-99999999-p"
DEPLOYMENT, TOKEN = "d-ABCDEF123", "token"
EVENT = {"DeploymentId": DEPLOYMENT, "LifecycleEventHookExecutionId": TOKEN}
FUNCTION = f"arn:aws:lambda:us-east-1:123456789012:function:{NAME}-api"
MACHINES = f"arn:aws:states:us-east-1:123456789012:stateMachine:{NAME}"
TOPIC = f"arn:aws:sns:us-east-1:123456789012:{NAME}"
ENVIRONMENT = {
    "NAME_PREFIX": NAME, "ENDPOINT_NAME": ENDPOINT, "MODEL_RUN": RUN, "CAPTURING": "yes", "BUCKET": "bucket", "TOPIC_ARN": TOPIC,
    "FUNCTION_VERSION_ARN": f"{FUNCTION}:7", "LATENCY_MS": "1000", "SYNTHETIC_MACHINE_ARN": f"{MACHINES}-synthetic",
    "WATCH_MACHINE_ARN": f"{MACHINES}-watch", "WATCH_SECONDS": "600", "ALIAS_ARN": f"{FUNCTION}:live", "PER_MINUTE": "12"}
RECORDS = [{"features": {"minutes": 1.0}, "prediction": {"label": "no", "probability": 0.25}},
           {"features": {"minutes": 9.0}, "prediction": {"label": "yes", "probability": 0.75}}]
BEGAN = datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)
SERVICES = ("application-autoscaling", "cloudwatch", "codedeploy", "lambda", "s3", "sagemaker", "sns", "stepfunctions")


class Cloud:
    """The services' clients and what they answer."""

    def __init__(self) -> None:
        self.clients, self.stubbers = {}, {}
        for service in SERVICES:
            self.clients[service] = boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
            self.stubbers[service] = Stubber(self.clients[service])
            self.stubbers[service].activate()

    def answers(self, service: str, operation: str, response: dict[str, Any], request: dict[str, Any]) -> None:
        self.stubbers[service].add_response(operation, response, request)

    def refuses(self, service: str, operation: str, code: str, message: str = "no") -> None:
        self.stubbers[service].add_client_error(operation, code, message)

    def describes(self, name: str = ENDPOINT, *, status: str = "InService", capture: str = "Started", enabled: bool = True,
                  instances: int = 2) -> None:
        self.answers("sagemaker", "describe_endpoint", {
            "EndpointName": name, "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e", "EndpointStatus": status,
            "EndpointConfigName": "c", "CreationTime": BEGAN, "LastModifiedTime": BEGAN,
            "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": 1, "DesiredInstanceCount": instances}],
            "DataCaptureConfig": {"EnableCapture": enabled, "CaptureStatus": capture, "CurrentSamplingPercentage": 100,
                                  "DestinationS3Uri": "s3://bucket/captures", "KmsKeyId": "key"}}, {"EndpointName": name})

    def grows(self, instances: int) -> None:
        self.answers("sagemaker", "update_endpoint_weights_and_capacities", {
            "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"}, {
            "EndpointName": ENDPOINT, "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "DesiredInstanceCount": instances}]})

    def lives(self, name: str = LIVE) -> None:
        self.answers("lambda", "get_alias", {"FunctionVersion": "6"}, {"FunctionName": f"{NAME}-api", "Name": "live"})
        self.answers("lambda", "get_function_configuration", {"Environment": {"Variables": {"ENDPOINT_NAME": name}}},
                     {"FunctionName": f"{NAME}-api", "Qualifier": "6"})

    def keeps(self, *records: dict[str, Any]) -> None:
        content = "".join(json.dumps(record) + "\n" for record in records).encode()
        self.answers("s3", "get_object", {"Body": StreamingBody(io.BytesIO(content), len(content))},
                     {"Bucket": "bucket", "Key": f"runs/{RUN}/golden/records.jsonl"})

    def predicts(self, content: dict[str, Any], qualifier: str = "7", **members: str) -> None:
        payload = json.dumps(content).encode()
        self.answers("lambda", "invoke", {"Payload": StreamingBody(io.BytesIO(payload), len(payload)), **members},
                     {"FunctionName": f"{FUNCTION}:{qualifier}", "Payload": ANY})

    def deployment(self, status: str = "InProgress") -> None:
        self.answers("codedeploy", "get_deployment", {"deploymentInfo": {"createTime": BEGAN, "status": status}},
                     {"deploymentId": DEPLOYMENT})

    def alarms(self, *on: str) -> None:
        names = [f"{NAME}-api-5xx", f"{ENDPOINT}-latency"]
        self.answers("codedeploy", "get_deployment_group", {"deploymentGroupInfo": {"alarmConfiguration": {
            "alarms": [{"name": name} for name in names]}}}, {"applicationName": f"{NAME}-api", "deploymentGroupName": f"{NAME}-api"})
        self.answers("cloudwatch", "describe_alarms", {"MetricAlarms": [
            {"AlarmName": name, "StateReason": "1 datapoint was above"} for name in on]}, {"AlarmNames": names, "StateValue": "ALARM"})

    def lists(self, *captures: tuple[str, timedelta]) -> None:
        self.answers("s3", "list_objects_v2", {"Contents": [{"Key": key, "LastModified": BEGAN + age} for key, age in captures]},
                     {"Bucket": "bucket", "Prefix": f"captures/{ENDPOINT}/"})

    def scales(self, name: str, *, suspended: bool, changes: bool) -> None:
        resource = f"endpoint/{name}/variant/AllTraffic"
        target = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
        state = {"DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}
        self.describes(name)
        self.answers("application-autoscaling", "describe_scalable_targets", {"ScalableTargets": [target | {
            "ResourceId": resource, "MinCapacity": 2, "MaxCapacity": 10, "RoleARN": "role", "CreationTime": BEGAN,
            "SuspendedState": state | {"DynamicScalingInSuspended": suspended}}]}, target | {"ResourceIds": [resource]})
        if changes:
            self.answers("application-autoscaling", "register_scalable_target", {}, target | {
                "ResourceId": resource, "SuspendedState": state | {"DynamicScalingInSuspended": not suspended}})

    def starts(self, machine: str, name: str, content: dict[str, Any]) -> None:
        self.answers("stepfunctions", "start_execution", {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:e:e",
                                                          "startDate": BEGAN},
                     {"stateMachineArn": f"{MACHINES}-{machine}", "name": name, "input": json.dumps(content)})

    def hears(self, status: str) -> None:
        self.answers("codedeploy", "put_lifecycle_event_hook_execution_status", {},
                     {"deploymentId": DEPLOYMENT, "lifecycleEventHookExecutionId": TOKEN, "status": status})

    def mails(self) -> None:
        self.answers("sns", "publish", {"MessageId": "1"}, {"TopicArn": TOPIC, "Subject": ANY, "Message": ANY})

    def refused(self) -> None:
        self.hears("Failed")
        self.mails()


def context(*remaining: int) -> Any:
    """Return a function's context whose time runs out as given."""
    left = iter(remaining)
    return SimpleNamespace(get_remaining_time_in_millis=lambda: next(left))


def reply(predictions: list[dict[str, Any]], status: int = 200, run: str = RUN) -> dict[str, Any]:
    """Return the API function's answer."""
    return {"statusCode": status, "headers": {"X-Model-Run": run}, "body": json.dumps({"predictions": predictions})}


def predicted(*probabilities: float) -> list[dict[str, Any]]:
    """Return the golden predictions with other probabilities."""
    return [{**record["prediction"], "probability": value} for record, value in zip(RECORDS, probabilities, strict=False)]
