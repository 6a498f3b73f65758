"""Application Auto Scaling of SageMaker's endpoints; what a policy does is in target_tracking.py."""

import hashlib
import json
import uuid
from contextlib import suppress
from typing import Any

from botocore.model import OperationModel

from local.authorization import authorize
from local.machine import Machine
from local.service import Call, Service, ServiceError, UnsupportedError
from local.target_tracking import ACTIVITIES, POLICIES, TARGETS, Scaler, alarms_of, key_of, place_of

DIMENSION, METRIC = "sagemaker:variant:DesiredInstanceCount", "SageMakerVariantInvocationsPerInstance"
PRINCIPAL = "sagemaker.application-autoscaling.amazonaws.com"
ROLE = f"aws-service-role/{PRINCIPAL}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
NEITHER_SUSPENDED = {f"{name}Suspended": False for name in ("DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling")}
SUPPORTED = {"ServiceNamespace": "sagemaker", "ScalableDimension": DIMENSION, "PolicyType": "TargetTrackingScaling"}
# What the caller needs besides: these calls are validated against the target's and the alarms' own rights.
ENDPOINT_RIGHTS = ("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities")
ALARM_RIGHTS = ("cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms")
CALLS_ON_ENDPOINTS = ("RegisterScalableTarget", "PutScalingPolicy")
CALLS_ON_ALARMS = ("PutScalingPolicy", "DeleteScalingPolicy")


class ApplicationAutoScaling(Service):
    """Scalable targets, their target tracking policies, and what these did."""

    service_name = "application-autoscaling"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._targets, self._policies, self._activities = (
            machine.store.table(name) for name in (TARGETS, POLICIES, ACTIVITIES))
        self._scaler = Scaler(machine)

    def setup(self) -> None:
        """Scale from now on."""
        self._scaler.start()

    def resource_arn(self, operation: str, request: dict[str, Any]) -> str:
        """Return the ARN of the scalable target that an operation is about."""
        if operation.startswith("Describe"):
            return "*"
        return self._target_arn(key_of(request))

    def _target_arn(self, key: str) -> str:
        """Return a target's ARN; its id follows from its names, so that IAM can be asked before it exists."""
        return self.machine.arn("application-autoscaling", f"scalable-target/{hashlib.sha256(key.encode()).hexdigest()[:32]}")

    def authorize(self, operation: OperationModel, request: dict[str, Any], call: Call) -> None:
        """Ask IAM also for what the service does for the caller with the endpoint and the alarms."""
        refuse(operation.name, request)
        super().authorize(operation, request, call)
        if operation.name in CALLS_ON_ENDPOINTS:
            endpoint = place_of(request["ResourceId"])[0].lower()
            for action in ENDPOINT_RIGHTS:
                call.authorize(action, self.machine.arn("sagemaker", f"endpoint/{endpoint}"))
        if operation.name in CALLS_ON_ALARMS:
            for action in ALARM_RIGHTS:
                call.authorize(action, self.machine.arn("cloudwatch", f"alarm:TargetTracking-{request['ResourceId']}"))

    # Scalable targets

    def register_scalable_target(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Make a target, or change what the request names of one that is there."""
        key = key_of(request)
        known = self._targets.get(key)
        limits = {name: request.get(name, (known or {}).get(name)) for name in ("MinCapacity", "MaxCapacity")}
        _check_limits(limits)
        self._check_variant(request["ResourceId"])
        self._ensure_role(call)
        suspended = (known or {}).get("SuspendedState", NEITHER_SUSPENDED) | request.get("SuspendedState", {})
        self._targets[key] = (known or {
            "CreationTime": self.machine.clock.now(), "ScalableTargetARN": self._target_arn(key),
            "RoleARN": f"arn:aws:iam::{self.machine.account_id}:role/{ROLE}",
            **{name: request[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
        }) | limits | {"SuspendedState": suspended}
        return {"ScalableTargetARN": self._targets[key]["ScalableTargetARN"]}

    def _check_variant(self, resource: str) -> None:
        """Raise ValidationException unless the endpoint and its variant are there."""
        name, variant = place_of(resource)
        found = self.machine.store.table("sagemaker-endpoint").get(name.lower())
        variants = [each["VariantName"] for each in (found or {}).get("ProductionVariants", [])]
        if variant not in variants:
            what = f'Could not find endpoint "{name}"' if found is None else f"Endpoint {name} has no variant {variant}"
            raise ServiceError("ValidationException", f"{what} (resource ID {resource}). Register it once it is InService.")

    def _ensure_role(self, call: Call) -> None:
        """Make the service-linked role where it is missing, if the caller may."""
        iam, name = self.machine.client("iam"), ROLE.rpartition("/")[2]
        try:
            iam.get_role(RoleName=name)
        except iam.exceptions.NoSuchEntityException:
            authorize(self.machine, call.access_key, "iam:CreateServiceLinkedRole",
                      f"arn:aws:iam::{self.machine.account_id}:role/{ROLE}", {"iam:AWSServiceName": PRINCIPAL})
            trust = {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": "sts:AssumeRole"}]}
            with suppress(iam.exceptions.EntityAlreadyExistsException):  # of two first targets at once
                iam.create_role(RoleName=name, Path=f"/{ROLE.removesuffix(name)}", AssumeRolePolicyDocument=json.dumps(trust))

    def describe_scalable_targets(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return the targets that the request selects."""
        return {"ScalableTargets": [target for target in self._targets.values() if _selected(target, request)]}

    def deregister_scalable_target(self, request: dict[str, Any], call: Call) -> None:
        """Forget a target with its policies and their alarms."""
        target = self._target(request)
        for policy in [policy for policy in self._policies.values() if key_of(policy) == key_of(target)]:
            self._forget(policy)
        del self._targets[key_of(target)]

    def _target(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._targets[key_of(request)]
        except KeyError:
            raise ServiceError("ObjectNotFoundException", "No scalable target found for service namespace: sagemaker, "
                               f"resource ID: {request['ResourceId']}, scalable dimension: {DIMENSION}") from None

    # Policies

    def put_scaling_policy(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Make or change a target tracking policy, and its two alarms."""
        _check_tracking(request)
        self._target(request)
        key = f"{key_of(request)}|{request['PolicyName']}"
        known = self._policies.get(key) or self._new_policy(request)
        members = ("PolicyName", "PolicyType", "ServiceNamespace", "ResourceId", "ScalableDimension",
                   "TargetTrackingScalingPolicyConfiguration")
        policy = self._policies[key] = known | {name: request[name] for name in members}
        for alarm in alarms_of(policy):
            self.machine.client("cloudwatch").put_metric_alarm(**alarm)
        return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}

    def _new_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        resource = request["ResourceId"]
        names = [f"TargetTracking-{resource}-Alarm{side}-{uuid.uuid4()}" for side in ("High", "Low")]
        return {"PolicyARN": self.machine.arn("autoscaling", f"scalingPolicy:{uuid.uuid4()}:resource/sagemaker/{resource}:"
                                                             f"policyName/{request['PolicyName']}"),
                "CreationTime": self.machine.clock.now(), "Alarms": [
                    {"AlarmName": name, "AlarmARN": self.machine.arn("cloudwatch", f"alarm:{name}")} for name in names]}

    def describe_scaling_policies(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return the policies that the request selects."""
        names = request.get("PolicyNames")
        return {"ScalingPolicies": [policy for policy in self._policies.values() if _selected(policy, request)
                                    and (not names or {policy["PolicyName"], policy["PolicyARN"]} & {*names})]}

    def delete_scaling_policy(self, request: dict[str, Any], call: Call) -> None:
        """Forget a policy and its alarms."""
        policy = self._policies.get(f"{key_of(request)}|{request['PolicyName']}")
        if policy is None:
            raise ServiceError("ObjectNotFoundException", f"No scaling policy found for service namespace: sagemaker, resource "
                               f"ID: {request['ResourceId']}, scalable dimension: {DIMENSION}, policy name: "
                               f"{request['PolicyName']}")
        self._forget(policy)

    def _forget(self, policy: dict[str, Any]) -> None:
        self.machine.client("cloudwatch").delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in policy["Alarms"]])
        del self._policies[f"{key_of(policy)}|{policy['PolicyName']}"]

    # Activities

    def describe_scaling_activities(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return what was scaled, the newest first."""
        found = [each for each in self._activities.values() if _selected(each, request)]
        return {"ScalingActivities": sorted(found, key=lambda each: each["StartTime"], reverse=True)}


def refuse(operation: str, request: dict[str, Any]) -> None:
    """Raise UnsupportedError for what this machine does not scale or not in this way, naming it."""
    for member, only in SUPPORTED.items():
        if request.get(member, only) != only:
            raise UnsupportedError(f"{operation} with {member} {request[member]}")
    if operation == "PutScalingPolicy" and "PolicyType" not in request:
        raise UnsupportedError("PutScalingPolicy with PolicyType StepScaling, its default")
    tracking = request.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", METRIC)
    refused = {"Tags": request.get("Tags"), f"PredefinedMetricType {metric}": metric != METRIC,
               "CustomizedMetricSpecification.Metrics": tracking.get("CustomizedMetricSpecification", {}).get("Metrics")}
    for what, given in refused.items():
        if given:
            raise UnsupportedError(f"{operation} with {what}")


def _check_limits(limits: dict[str, Any]) -> None:
    if None in limits.values():
        raise ServiceError("ValidationException", "MinCapacity and MaxCapacity are required to register a scalable target.")
    if limits["MinCapacity"] < 1:
        raise ServiceError("ValidationException", f"MinCapacity is {limits['MinCapacity']}: an endpoint's variant that is no "
                                                  "inference component has at least 1 instance.")
    if limits["MaxCapacity"] < limits["MinCapacity"]:
        raise ServiceError("ValidationException", "Maximum capacity cannot be less than minimum capacity.")


def _check_tracking(request: dict[str, Any]) -> None:
    tracking = request.get("TargetTrackingScalingPolicyConfiguration") or {}
    kinds = [name for name in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if tracking.get(name)]
    if len(kinds) != 1:
        raise ServiceError("ValidationException", "TargetTrackingScalingPolicyConfiguration needs either "
                           "PredefinedMetricSpecification or CustomizedMetricSpecification.")
    custom = tracking.get("CustomizedMetricSpecification", {})
    if custom and not {"MetricName", "Namespace", "Statistic"} <= custom.keys():
        raise ServiceError("ValidationException", "CustomizedMetricSpecification needs MetricName, Namespace and Statistic.")
    if tracking["TargetValue"] <= 0:
        raise ServiceError("ValidationException", f"TargetValue is {tracking['TargetValue']}; it must be above 0.")


def _selected(document: dict[str, Any], request: dict[str, Any]) -> bool:
    """Whether a document is of the resource, or the resources, that a request names."""
    wanted = request.get("ResourceIds") or [request.get("ResourceId", document["ResourceId"])]
    return document["ResourceId"] in wanted
