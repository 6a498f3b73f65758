"""Step Functions' service integrations, run with the rights of the state machine's role.

One mechanism for all: the resource names a service and an operation, a client of the role calls it, and ``.sync``
follows the job to its end.
"""

import contextvars
import io
import json
import re
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError

from local import workflow_history
from local.authorization import authorize
from local.machine import AccessDeniedError, Credentials, Machine

RESOURCE = re.compile(r"arn:aws[\w-]*:states:::(?:aws-sdk:)?([\w-]+):(\w+?)(\.sync(?::2)?)?$")
POLL_SECONDS = 0.2
_role: contextvars.ContextVar[str] = contextvars.ContextVar("state_machine_role", default="")


@dataclass(frozen=True)
class Job:
    """How ``.sync`` follows a job: its name in the request, its read call, its status, and the events rule it needs."""

    name: str
    read: str
    status: str
    rule: str


def _job(noun: str) -> Job:
    return Job(f"{noun}Name", f"Describe{noun}", f"{noun}Status", f"StepFunctionsGetEventsForSageMaker{noun}sRule")


JOBS = {("sagemaker", f"create{noun}"): _job(noun) for noun in ("TrainingJob", "ProcessingJob", "TransformJob")}
# Integrations other than the generic aws-sdk form; what is not here is refused by name.
OPTIMIZED = {("lambda", "invoke"), ("sns", "publish"), ("sqs", "sendMessage"), ("events", "putEvents"),
             ("sagemaker", "createModel"), ("sagemaker", "createEndpointConfig"), ("sagemaker", "createEndpoint"),
             ("sagemaker", "updateEndpoint"), *JOBS}
ERROR_PREFIX = {"lambda": "Lambda", "sagemaker": "SageMaker", "sns": "SNS", "sqs": "SQS", "events": "EventBridge"}


def install(machine: Machine) -> None:
    """Put the integrations at ministack's Step Functions."""
    from ministack.services import stepfunctions

    execute = stepfunctions._execute_task

    def execute_task(state: dict[str, Any], raw_input: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        arn = execution.get("stateMachineArn", "")
        _role.set((stepfunctions._state_machines.get(arn) or {}).get("roleArn", ""))
        return execute(state, raw_input, execution, context)

    stepfunctions._execute_task = execute_task
    stepfunctions._invoke_resource = lambda resource, request: invoke(machine, resource, request)
    stepfunctions._invoke_with_callback = _refuse_callback
    workflow_history.install()


def settle() -> None:
    """Tell of the executions that a kill ended, which ministack marks as failed when it loads them."""
    from ministack.services import stepfunctions

    cause = "interrupted: the local AWS was stopped during this execution"
    for execution in stepfunctions._executions.all_values():
        if execution.get("error") == "States.ServiceRestart" and execution["events"][-1]["type"] != "ExecutionFailed":
            stepfunctions._fail_execution(execution, "States.ServiceRestart", cause)


def _refuse_callback(resource: str, *_: Any) -> Any:
    from ministack.services.stepfunctions import _ExecutionError

    raise _ExecutionError("States.Runtime", f"{resource} is not available on this machine; see local/README.md")


def invoke(machine: Machine, resource: str, request: dict[str, Any]) -> Any:
    """Run one task; raises Step Functions' error with AWS's error name and cause."""
    from ministack.services.stepfunctions import _ExecutionError

    try:
        credentials = machine.session(_role.get(), "states.amazonaws.com", "StepFunctions")
        if ":lambda:" in resource and ":function:" in resource:
            return _invoke_function(machine, credentials, {"FunctionName": resource, "Payload": request})["Payload"]
        match = RESOURCE.match(resource)
        if match is None or ("aws-sdk:" not in resource and match.group(1, 2) not in OPTIMIZED):
            raise _ExecutionError("States.Runtime", f"{resource} is not available on this machine; see local/README.md")
        service, operation, sync = match.groups()
        if (service, operation) == ("lambda", "invoke"):
            return _invoke_function(machine, credentials, request)
        if sync:
            return _run_job(machine, credentials, JOBS[service, operation], operation, request)
        return _call(machine, credentials, service, operation, request, capitals="aws-sdk:" in resource)
    except AccessDeniedError as error:
        raise _ExecutionError("States.TaskFailed", f"AccessDeniedException: {error}") from error


def _call(machine: Machine, credentials: Credentials, service: str, operation: str, request: dict[str, Any], capitals: bool = False) -> dict[str, Any]:
    """Call an operation and return its answer as JSON values; SDK integrations write members in capitals, also where the API does not."""
    from ministack.services.stepfunctions import _ExecutionError

    client = machine.client(service, credentials)
    if capitals:
        members = client.meta.service_model.operation_model(f"{operation[0].upper()}{operation[1:]}").input_shape.members
        request = {name if name in members else f"{name[0].lower()}{name[1:]}": value for name, value in request.items()}
    try:
        answer = getattr(client, xform_name(operation))(**request)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        name = code if code.endswith("Exception") else f"{code}Exception"
        prefix = ERROR_PREFIX.get(service, service.title())
        raise _ExecutionError(f"{prefix}.{_sagemaker_name(service, name)}",
                              f"{error.response['Error']['Message']} (Service: {service}; Error Code: {code})") from error
    except ParamValidationError as error:
        raise _ExecutionError("States.Runtime", str(error)) from error
    answer.pop("ResponseMetadata", None)
    plain: dict[str, Any] = json.loads(json.dumps(answer, default=_plain))
    return plain


def _sagemaker_name(service: str, name: str) -> str:
    """SageMaker's errors, throttling aside, reach a workflow under one name."""
    return "AmazonSageMakerException" if service == "sagemaker" and "Throttl" not in name else name


def _plain(value: Any) -> Any:
    if hasattr(value, "timestamp"):
        return int(value.timestamp() * 1000)
    return value.read().decode() if isinstance(value, io.IOBase) or hasattr(value, "read") else str(value)


def _invoke_function(machine: Machine, credentials: Credentials, request: dict[str, Any]) -> dict[str, Any]:
    """Invoke a function; an error of the function is the task's error, with its payload as the cause."""
    from ministack.services.stepfunctions import _ExecutionError

    payload = json.dumps(request.get("Payload", {}))
    answer = _call(machine, credentials, "lambda", "invoke", request | {"Payload": payload})
    answer["Payload"] = json.loads(answer.get("Payload") or "null")
    if answer.get("FunctionError"):
        error = answer["Payload"] if isinstance(answer["Payload"], dict) else {}
        raise _ExecutionError(error.get("errorType", "Lambda.Unknown"), json.dumps(answer["Payload"]))
    return answer


def _run_job(machine: Machine, credentials: Credentials, job: Job, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Create a job and follow it; one that does not complete fails the task with its description as the cause."""
    from ministack.services.stepfunctions import _ExecutionError

    rule = machine.arn("events", f"rule/{job.rule}")
    for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
        authorize(machine, credentials.access_key, action, rule)
    _call(machine, credentials, "sagemaker", operation, request)
    while True:
        try:
            answer = _call(machine, credentials, "sagemaker", job.read, {job.name: request[job.name]})
        except _ExecutionError as error:  # the job runs: a retry that made it anew would hide the reason
            raise _ExecutionError("States.TaskFailed", error.cause) from error
        status = answer[job.status]
        if status == "Completed":
            return answer
        if status in ("Failed", "Stopped"):
            raise _ExecutionError("States.TaskFailed", json.dumps(answer))
        if machine.stopping.wait(POLL_SECONDS):
            raise _ExecutionError("States.TaskFailed", f"{request[job.name]}: the local AWS was stopped")
