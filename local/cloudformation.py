"""CloudFormation as it is on AWS: stacks act with the rights of their role, and know the types of our services."""

import contextvars
import re
from typing import Any
from urllib.parse import parse_qs

from local import alias_shift
from local.authorization import authorize, authorize_pass_role
from local.completion import CALLS, complete
from local.machine import ROOT, AccessDeniedError, Credentials, Machine
from local.native_rights import RIGHTS
from local.native_types import NATIVE_TYPES
from local.service import Call, UnsupportedError
from local.stacks import TYPES, Provisioner

PRINCIPAL = "cloudformation.amazonaws.com"
# Attributes that ministack's types lack and that are properties of the same name.
ATTRIBUTES = {"AWS::EC2::VPC": ("CidrBlock",)}
STATE_REFUSED = re.compile(r"Stack \[([^]]+)\] is in (\w+) state and cannot be updated")
# Whose rights the stack operation under way has; a task that an operation starts copies it.
_actor: contextvars.ContextVar[Credentials] = contextvars.ContextVar("stack_actor", default=ROOT)


def install(machine: Machine) -> None:
    """Put role enforcement and our types at ministack's CloudFormation."""
    import ministack.app as native
    from ministack.services.cloudformation import provisioners, stacks

    native.SERVICE_HANDLERS["cloudformation"] = _with_role(machine, native.SERVICE_HANDLERS["cloudformation"])
    for name, kind in (TYPES | NATIVE_TYPES).items():
        provisioners._RESOURCE_HANDLERS[name] = _handlers(machine, name)
        provisioners._REPLACING_PROPERTIES[name] = kind.replaced_on
        if kind.tagged or name.startswith(("AWS::SageMaker", "AWS::CodeCommit", "AWS::CodeBuild", "AWS::CodePipeline")):
            provisioners._STACK_TAG_PROPERTY[name] = ("Tags", "list")
    threaded = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in TYPES or name in NATIVE_TYPES or name in CALLS or threaded(name)
    alias_shift.install(machine, _actor.get)
    stacks._provision_resource = _checked_create(machine, stacks._provision_resource)
    stacks._update_resource = _checked_update(machine, stacks._update_resource)
    stacks._delete_resource = _checked_delete(machine, stacks._delete_resource)


# The stack's role

def _with_role(machine: Machine, handler: Any) -> Any:
    """Return the CloudFormation handler that checks PassRole and remembers whose rights an operation has."""
    roles = machine.store.table("stack-roles")

    async def handle(method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Any:
        from ministack.core.iam_actions import access_denied_response
        from ministack.core.router import extract_access_key_id

        fields = {key: values[0] for key, values in (query | parse_qs(body.decode())).items()}
        call = Call(machine, extract_access_key_id(headers, query))
        stack = fields.get("StackName", "").rpartition(":stack/")[2].split("/")[0]
        try:
            _actor.set(_acting(call, stack, fields, roles))
        except AccessDeniedError as error:
            return access_denied_response("cloudformation", "iam:PassRole", "", "", message=str(error))
        status, answered, told = await handler(method, path, headers, body, query)
        return status, answered, _refusal(call.machine, told) if status >= 400 else told

    return handle


def _refusal(machine: Machine, told: Any) -> Any:
    """Return a refusal in CloudFormation's words where a stack's state is the reason: people search for them."""
    from ministack.services.cloudformation import _stacks

    def worded(match: re.Match[str]) -> str:
        stack = _stacks.get_scoped(machine.account_id, machine.region, match[1]) or {}
        return f"Stack:{stack.get('StackId', match[1])} is in {match[2]} state and can not be updated."

    text = told.decode() if isinstance(told, bytes) else told
    return STATE_REFUSED.sub(worded, text).encode()


def _acting(call: Call, stack: str, fields: dict[str, Any], roles: Any) -> Credentials:
    """Return the credentials that an operation acts with: its role's, the role that the stack has, or the caller's."""
    role = fields.get("RoleARN")
    if role:
        authorize_pass_role(call.machine, call.access_key, role, PRINCIPAL)
        roles[stack] = {"role": role}
    elif fields.get("Action") == "CreateStack":
        roles.pop(stack, None)
    role = role or roles.get(stack, {}).get("role")
    if role and fields.get("Action") in ("CreateStack", "UpdateStack", "DeleteStack", "ExecuteChangeSet",
                                         "CreateChangeSet", "ContinueUpdateRollback", "RollbackStack"):
        return call.machine.session(role, PRINCIPAL, "AWSCloudFormation")
    return call.credentials if call.access_key else ROOT


def act_for(machine: Machine, stack: str) -> None:
    """Let what follows in this task act for a stack, with the rights of its role where it has one."""
    role = machine.store.table("stack-roles").get(stack, {}).get("role")
    _actor.set(machine.session(role, PRINCIPAL, "AWSCloudFormation") if role else ROOT)


# Our types

def _handlers(machine: Machine, name: str) -> dict[str, Any]:
    from ministack.services.cloudformation.provisioners import _physical_name

    def provisioner() -> Provisioner:
        return Provisioner(machine, NATIVE_TYPES[name], ROOT) if name in NATIVE_TYPES else Provisioner(machine, TYPES[name], _actor.get())

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        return provisioner().create(_without_aws_tags(properties), _physical_name(stack_name, logical_id, max_len=63))

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        maker = provisioner()
        maker.check_change(old, new)
        return maker.update(maker.name_of(physical_id, old), _without_aws_tags(new))

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        maker = provisioner()
        maker.delete(maker.name_of(physical_id, properties))

    return {"create": create, "update": update, "delete": delete}


def _without_aws_tags(properties: dict[str, Any]) -> dict[str, Any]:
    """Drop CloudFormation's own tags, which no service accepts from a caller."""
    tags = properties.get("Tags")
    if not tags:
        return {key: value for key, value in properties.items() if key != "Tags"}
    kept = ({key: value for key, value in tags.items() if not key.startswith("aws:")} if isinstance(tags, dict)
            else [tag for tag in tags if not tag["Key"].startswith("aws:")])
    return properties | {"Tags": kept}


# The types that ministack provides

class StillNeededError(Exception):
    """A resource outlives the deletion of its stack, which has failed at one that depends on it."""


def _check(machine: Machine, kind: str, phase: str, properties: dict[str, Any], default_name: str) -> None:
    """Raise AccessDeniedError where the stack's role lacks a right that the operation needs."""
    if kind in TYPES:
        return  # its calls are authorized one by one
    rights = RIGHTS.get("Custom::" if kind.startswith("Custom::") else kind)
    if rights is None:
        raise UnsupportedError(kind)
    key = _actor.get().access_key
    try:
        for action, arn in rights.needed(phase, machine, _without_aws_tags(properties), default_name):
            for policy in properties.get("ManagedPolicyArns") or [None]:
                authorize(machine, key, action, arn, rights.context(machine) | {
                    "iam:PermissionsBoundary": properties.get("PermissionsBoundary"), "iam:PolicyARN": policy})
        if phase != "delete":
            for role, principal in rights.passed_roles(properties):
                authorize_pass_role(machine, key, role, principal)
    except AccessDeniedError as error:
        raise AccessDeniedError(f'Resource handler returned message: "{error}" (HandlerErrorCode: AccessDenied)') from error


def authorize_transform(machine: Machine, name: str) -> None:
    """Raise AccessDeniedError unless who acts in the stack may have CloudFormation expand a template with a macro."""
    authorize(machine, _actor.get().access_key, "cloudformation:CreateChangeSet",
              f"arn:aws:cloudformation:{machine.region}:aws:transform/{name.removeprefix('AWS::')}")


def _checked_create(machine: Machine, inner: Any) -> Any:
    def create(kind: str, logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        _check(machine, kind, "create", properties, f"{stack_name}-{logical_id}")
        physical_id, attributes = inner(kind, logical_id, properties, stack_name)
        complete(machine, kind, physical_id, properties)
        missing = {name: properties[name] for name in ATTRIBUTES.get(kind, ()) if name in properties}
        return physical_id, missing | attributes

    return create


def _checked_update(machine: Machine, inner: Any) -> Any:
    from ministack.services.cloudformation.provisioners import _replacing_change

    def update(kind: str, physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        if old != new:  # what is replaced is made anew
            _check(machine, kind, "create" if _replacing_change(kind, old, new) else "update", new, physical_id)
        physical_id, attributes = inner(kind, physical_id, old, new, *rest)
        complete(machine, kind, physical_id, new)
        return physical_id, attributes

    return update


def _checked_delete(machine: Machine, inner: Any) -> Any:
    def delete(kind: str, physical_id: str, properties: dict[str, Any], stack_name: str, logical_id: str) -> Any:
        _keep_what_is_needed(stack_name, logical_id)
        _check(machine, kind, "delete", properties, physical_id)
        return inner(kind, physical_id, properties, stack_name, logical_id)

    return delete


def _keep_what_is_needed(stack_name: str, logical_id: str) -> None:
    """Raise StillNeededError where a stack's deletion has failed at what depends on the resource, which a repetition needs."""
    from ministack.services.cloudformation import _stacks
    from ministack.services.cloudformation.stacks import _with_dependencies

    stack = _stacks.get(stack_name) or {}
    held = stack.get("_resources", {}) if stack.get("StackStatus") == "DELETE_IN_PROGRESS" else {}
    for other in [name for name, resource in held.items() if resource.get("ResourceStatus") == "DELETE_FAILED" and name != logical_id]:
        if logical_id in _with_dependencies([other], (stack.get("_template") or {}).get("Resources", {}), set(held)):
            raise StillNeededError(f"kept: {other} depends on it and failed to delete")
