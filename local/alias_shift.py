"""CloudFormation's UpdatePolicy of a Lambda alias: a new version goes live through a CodeDeploy deployment.

The stack's role starts the deployment and waits for it. A rollback of the stack starts none: the alias of a deployment
that failed is back on its version already, and any other goes back at once.
"""

import contextvars
import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local.alias_deployment import ACTIVE
from local.alias_traffic import EVENTS
from local.machine import Credentials, Machine
from local.stacks import POLL_SECONDS, ResourceError

_CFN = "ministack.services.cloudformation"
SEAMS: tuple[tuple[str, str], ...] = (
    *((f"{_CFN}.{module}", "_deploy_stack_async") for module in ("stacks", "handlers", "changesets")),
    *((f"{_CFN}.{module}", "_extract_deps") for module in ("engine", "stacks")),
    (f"{_CFN}.engine", "_evaluate_conditions"), (f"{_CFN}.engine", "_intrinsic_references"),
    (f"{_CFN}.engine", "_resolve_refs"), (f"{_CFN}.stacks", "_revert_update"),
    ("ministack.services.iam", "_aws_managed_policies"), ("ministack.services.iam", "_make_aws_managed_record"))
KIND, POLICY = "AWS::Lambda::Alias", "CodeDeployLambdaAliasUpdate"
MANAGED_POLICY = "service-role/AWSCodeDeployRoleForLambda"
MANAGED_RIGHTS = [
    {"Effect": "Allow", "Resource": "*", "Action": [
        "cloudwatch:DescribeAlarms", "lambda:UpdateAlias", "lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig",
        "sns:Publish"]},
    {"Effect": "Allow", "Resource": "arn:aws:s3:::*/CodeDeploy/*", "Action": ["s3:GetObject", "s3:GetObjectVersion"]},
    {"Effect": "Allow", "Resource": "*", "Action": ["s3:GetObject", "s3:GetObjectVersion"],
     "Condition": {"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}}},
    {"Effect": "Allow", "Resource": "arn:aws:lambda:*:*:function:CodeDeployHook_*", "Action": ["lambda:InvokeFunction"]}]
# (stack, template, parameter values, stack id) of the operation that goes forward; None while one is rolled back.
_operation: contextvars.ContextVar[tuple[str, dict[str, Any], dict[str, Any], str] | None] = contextvars.ContextVar("operation", default=None)


def install(machine: Machine, acting: Callable[[], Credentials]) -> None:
    """Put the update policy at ministack's CloudFormation; ``acting`` tells whose rights an operation has."""
    from ministack.services import iam
    from ministack.services.cloudformation import engine, stacks

    iam._aws_managed_policies[f"arn:aws:iam::aws:policy/{MANAGED_POLICY}"] = iam._make_aws_managed_record(
        MANAGED_POLICY, json.dumps({"Version": "2012-10-17", "Statement": MANAGED_RIGHTS}))
    extract, threaded, update = engine._extract_deps, stacks._runs_on_worker_thread, stacks._update_resource

    def extract_with_policy(definition: dict[str, Any], names: set[str]) -> set[str]:
        found = {name for name, _ in engine._intrinsic_references(definition.get("UpdatePolicy", {}))}
        needed: set[str] = extract(definition, names)
        return needed | (found & names)

    def update_resource(kind: str, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str, *rest: Any) -> Any:
        policy = _policy(kind, old, new, stack, logical_id)
        if policy:
            _shift(machine, acting(), policy, old, new)
            old = old | {"FunctionVersion": new["FunctionVersion"]}
        return update(kind, physical_id, old, new, stack, logical_id, *rest)

    engine._extract_deps = stacks._extract_deps = extract_with_policy
    stacks._update_resource = update_resource
    stacks._runs_on_worker_thread = lambda kind: kind == KIND or threaded(kind)
    _follow_operations()


def turn_back() -> None:
    """Say that the operation under way is one that is undone: it starts no deployment."""
    _operation.set(None)


def _follow_operations() -> None:
    """Know the template of an operation while it goes forward."""
    from ministack.services.cloudformation import changesets, handlers, stacks

    deploy, revert = stacks._deploy_stack_async, stacks._revert_update

    async def deploy_stack(stack: str, stack_id: str, template: dict[str, Any], values: dict[str, Any], *rest: Any, **more: Any) -> Any:
        _operation.set((stack, template, values, stack_id))
        return await deploy(stack, stack_id, template, values, *rest, **more)

    async def revert_update(*arguments: Any, **more: Any) -> Any:
        turn_back()
        return await revert(*arguments, **more)

    stacks._revert_update = revert_update
    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = deploy_stack


def _policy(kind: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str) -> dict[str, Any] | None:
    """Return the resolved update policy where the update is one of an alias to another version."""
    from ministack.services.cloudformation import _stacks, engine

    operation = _operation.get()
    if kind != KIND or operation is None or operation[0] != stack or old["FunctionVersion"] == new["FunctionVersion"]:
        return None
    if (old["FunctionName"], old["Name"]) != (new["FunctionName"], new["Name"]):
        return None  # a new alias has nothing to shift from
    _, template, values, stack_id = operation
    attribute = engine._resolve_refs(
        copy.deepcopy(template["Resources"][logical_id].get("UpdatePolicy")), _stacks[stack]["_resources"], values,
        engine._evaluate_conditions(template, values), template.get("Mappings", {}), stack, stack_id)
    policy = attribute.get(POLICY) if isinstance(attribute, dict) else None  # else AWS::NoValue: no policy
    return {key: value for key, value in policy.items() if isinstance(value, str)} if isinstance(policy, dict) else None


def _shift(machine: Machine, credentials: Credentials, policy: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> None:
    """Deploy the new version and wait for the end; raises ResourceError with CodeDeploy's reason."""
    function = new["FunctionName"].partition(":function:")[2].split(":")[0] or new["FunctionName"]
    content = json.dumps({"version": 0.0, "Resources": [{new["Name"]: {"Type": "AWS::Lambda::Function", "Properties": {
        "Name": function, "Alias": new["Name"], "CurrentVersion": old["FunctionVersion"],
        "TargetVersion": new["FunctionVersion"]}}}],
        "Hooks": [{event: policy[f"{event}Hook"]} for event in EVENTS if f"{event}Hook" in policy]})
    client = machine.client("codedeploy", credentials)
    try:
        name = client.create_deployment(
            applicationName=policy["ApplicationName"], deploymentGroupName=policy["DeploymentGroupName"],
            revision={"revisionType": "AppSpecContent", "appSpecContent": {
                "content": content, "sha256": hashlib.sha256(content.encode()).hexdigest()}})["deploymentId"]
        ended = _ended(machine, client, name)
        if ended["status"] == "Succeeded":
            return
        rollback = ended.get("rollbackInfo", {}).get("rollbackDeploymentId")
        if not rollback or _ended(machine, client, rollback)["status"] != "Succeeded":
            machine.client("lambda", credentials).update_alias(
                FunctionName=function, Name=new["Name"], FunctionVersion=old["FunctionVersion"],
                RoutingConfig={"AdditionalVersionWeights": {}})
    except ClientError as error:
        raise ResourceError(_words(error.response["Error"].get("Message", ""), error.response["Error"]["Code"])) from error
    raise ResourceError(_words(f"{name} failed. {ended['errorInformation']['message']}", "InternalFailure"))


def _ended(machine: Machine, client: Any, name: str) -> dict[str, Any]:
    """Wait for the end of a deployment and return it."""
    found: dict[str, Any]
    while (found := client.get_deployment(deploymentId=name)["deploymentInfo"])["status"] in ACTIVE:
        if machine.stopping.wait(POLL_SECONDS):
            raise ResourceError(f"{name}: the local AWS was stopped during the deployment")
    return found


def _words(message: str, code: str) -> str:
    return f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})'
