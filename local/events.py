"""Repairs of EventBridge and SNS: pipelines as targets, rights of every target, and mail that a person can read."""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from local.authorization import authorize
from local.encryption import publishing
from local.machine import AccessDeniedError, Machine
from local.service import SOURCE_ARN

_EVENTS = "ministack.services.eventbridge"
SEAMS: tuple[tuple[str, str], ...] = (
    *((_EVENTS, name) for name in ("_apply_input_transformer", "_dispatch_event", "_dispatch_to_lambda",
                                   "_dispatch_to_stepfunctions", "_events_log_list", "_invoke_target", "_pattern_event_view")),
    ("ministack.services.lambda_svc", "_execute_function_with_config_scope"),
    ("ministack.services.lambda_svc", "_execution_record_for_config"),
    ("ministack.services.lambda_svc", "_get_func_record_for_ref"),
    ("ministack.services.sns", "_fanout"),
    ("ministack.services.stepfunctions", "_executions"),
    ("ministack.services.stepfunctions", "_start_execution"),
)
OUTBOX = "local-outbox"
RIGHTS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage", "states": "states:StartExecution"}
logger = logging.getLogger("local")


@dataclass
class Delivery:
    """An event on its way to a target: the service that delivers, and the work that the target does because of it."""

    principal: str = "events.amazonaws.com"
    work: list[Callable[[], bool]] = field(default_factory=list)

    def goes_on(self) -> bool:
        """Whether the target still works on the event."""
        return any(running() for running in self.work)


_delivery: ContextVar[Delivery] = ContextVar("delivery")
_rule: ContextVar[str] = ContextVar("rule", default="")  # whose target this thread starts


@contextmanager
def delivering(principal: str) -> Iterator[Delivery]:
    """Deliver as this service, and learn what work it makes."""
    delivery = Delivery(principal)
    token = _delivery.set(delivery)
    try:
        yield delivery
    finally:
        _delivery.reset(token)


def install(machine: Machine) -> None:
    """Put the repairs at ministack's EventBridge and SNS."""
    from ministack.services import eventbridge, s3, sns

    invoke_target, fanout = eventbridge._invoke_target, sns._fanout
    _add_version_to_s3_events(eventbridge, s3)

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> Any:
        if ":codepipeline:" not in target.get("Arn", ""):
            return invoke_target(target, event, rule, view) if _may_deliver(machine, target, rule) else None
        payload = _payload(eventbridge, target, event, rule, view)
        delivery, arn = _delivery.get(Delivery()), rule.get("Arn", "")
        threading.Thread(target=_start_pipeline, args=(machine, target, payload, delivery.principal, arn), daemon=True).start()
        return None

    def fan_out(topic_arn: str, message_id: str, message: str, subject: str, *rest: Any, **more: Any) -> Any:
        threading.Thread(target=_mail, args=(machine, topic_arn, message, subject), daemon=True).start()
        return fanout(topic_arn, message_id, message, subject, *rest, **more)

    eventbridge._invoke_target, sns._fanout = invoke, fan_out
    eventbridge._dispatch_to_lambda, eventbridge._dispatch_to_stepfunctions = _invoke_function, _start_workflow
    eventbridge._events_log_list = list  # nobody reads that log


def _invoke_function(arn: str, payload: str) -> None:
    """Invoke a function without waiting for it, and let the delivery know how long it works."""
    from ministack.services import lambda_svc

    func, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if config is None:
        logger.error("EventBridge could not invoke %s: there is no such function", arn)
        return
    record = lambda_svc._execution_record_for_config(func, config)
    thread = threading.Thread(target=lambda_svc._execute_function_with_config_scope, args=(record, json.loads(payload)),
                              name=f"event for {config['FunctionName']}", daemon=True)
    thread.start()
    _delivery.get(Delivery()).work.append(thread.is_alive)


def _start_workflow(arn: str, payload: str) -> None:
    """Start a state machine, and let the delivery know how long it works."""
    from ministack.services import stepfunctions

    status, _, body = stepfunctions._start_execution({"stateMachineArn": arn, "input": payload})
    answer = json.loads(body)
    if status >= 400:
        logger.error("EventBridge could not start %s: %s", arn, answer)
        return
    execution = stepfunctions._executions[answer["executionArn"]]
    _delivery.get(Delivery()).work.append(lambda: execution["status"] == "RUNNING")


def _add_version_to_s3_events(eventbridge: Any, s3: Any) -> None:
    """Let S3's events name the version of the object, which ministack knows and leaves out."""
    version: ContextVar[str | None] = ContextVar("object_version", default=None)
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_event(*arguments: Any, version_id: str | None = None, **more: Any) -> None:
        version.set(version_id)
        fire(*arguments, version_id=version_id, **more)

    def dispatch_event(event: dict[str, Any], *arguments: Any, **more: Any) -> Any:
        if event.get("Source") == "aws.s3" and version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event = event | {"Detail": json.dumps(detail)}
        return dispatch(event, *arguments, **more)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_event, dispatch_event


def _payload(eventbridge: Any, target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any) -> dict[str, Any]:
    """Return what the target's input transformer or constant makes of an event, empty where it has none."""
    view = view or eventbridge._pattern_event_view(event)
    if target.get("InputTransformer"):
        made: dict[str, Any] = json.loads(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
        return made
    return json.loads(target["Input"]) if target.get("Input") else {}


def _may_deliver(machine: Machine, target: dict[str, Any], rule: dict[str, Any]) -> bool:
    """Whether the target's role, or where it has none the function's policy, lets the event in; a refusal is logged."""
    arn, role, principal = target.get("Arn", ""), target.get("RoleArn"), _delivery.get(Delivery()).principal
    service = (arn.split(":") + [""] * 3)[2]
    try:
        if role and service in RIGHTS:
            key = machine.session(role, principal, "EventBridge").access_key
            further = publishing(machine, arn) if service == "sns" else ()
            for action, resource in ((RIGHTS[service], arn), *further):
                authorize(machine, key, action, resource)
        elif service == "states" or (service == "lambda" and not _admitted(machine, arn, rule.get("Arn", ""), principal)):
            raise AccessDeniedError(f"{principal} has no role for it, and no policy of the target lets it in")
    except AccessDeniedError as error:
        logger.error("EventBridge could not deliver to %s: %s", arn, error)
        return False
    return True


def _admitted(machine: Machine, function_arn: str, rule_arn: str, principal: str) -> bool:
    """Whether a function's own policy lets the rule invoke it; one that is not there is told when it is invoked."""
    from ministack.core import iam_evaluator
    from ministack.services import lambda_svc

    func, _, _ = lambda_svc._get_func_record_for_ref(function_arn)
    context = iam_evaluator.EvalContext(
        principal_arn=principal, principal_type="Service", principal_account=machine.account_id,
        action=RIGHTS["lambda"], resource_arn=function_arn, region=machine.region,
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": machine.account_id})
    return func is None or any(
        statement.get("Effect") == "Allow" and iam_evaluator._conditions_met(statement, context)
        and iam_evaluator._service_principal_matches(statement.get("Principal"), principal)
        for statement in func["policy"]["Statement"])


def _start_pipeline(machine: Machine, target: dict[str, Any], payload: dict[str, Any], principal: str, rule_arn: str) -> None:
    """Start the pipeline of a target with the target's role; a refusal is logged, as a failed invocation on AWS is."""
    _rule.set(rule_arn if principal == Delivery.principal else "")  # EventBridge Scheduler calls as any other client
    try:
        credentials = machine.session(target.get("RoleArn", ""), principal, "EventBridge")
        overrides = {key: payload[key] for key in ("sourceRevisions", "variables") if payload.get(key)}
        if any(each["revisionType"] == "S3_OBJECT_VERSION_ID" for each in overrides.get("sourceRevisions", [])):
            # one run for one version, although its event may come twice
            overrides["clientRequestToken"] = str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([target["Arn"], overrides])))
        client = machine.client("codepipeline", credentials)
        client.meta.events.register("before-call.codepipeline", _name_rule, unique_id="rule")
        client.start_pipeline_execution(name=target["Arn"].rpartition(":")[2], **overrides)
    except (AccessDeniedError, ClientError, ParamValidationError) as error:
        logger.error("EventBridge could not start %s: %s", target["Arn"], error)


def _name_rule(params: dict[str, Any], **_: Any) -> None:
    if rule_arn := _rule.get():
        params["headers"][SOURCE_ARN] = rule_arn


def _mail(machine: Machine, topic_arn: str, message: str, subject: str) -> None:
    """Leave a mail in the outbox bucket for each email subscription of the topic."""
    from ministack.core.responses import request_scope
    from ministack.services import sns

    with request_scope(machine.account_id, machine.region):
        topic = sns._topic_by_arn_any_scope(topic_arn) or {}
    addresses = [sub["endpoint"] for sub in topic.get("subscriptions", []) if sub.get("protocol") == "email"]
    if not addresses:
        return
    s3, now = _outbox(machine), datetime.now(UTC)
    for address in addresses:
        text = (f"Date: {now:%a, %d %b %Y %H:%M:%S +0000}\nTo: {address}\nSubject: {subject or 'AWS Notification'}\n"
                f"X-Topic: {topic_arn}\n\n{message}\n")
        s3.put_object(Bucket=OUTBOX, Key=f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}.eml", Body=text.encode())


def _outbox(machine: Machine) -> Any:
    """Return a client of S3 that finds the outbox bucket."""
    s3, elsewhere = machine.client("s3"), {"CreateBucketConfiguration": {"LocationConstraint": machine.region}}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):  # us-east-1, which takes no constraint, does not mind
        s3.create_bucket(Bucket=OUTBOX, **({} if machine.region == "us-east-1" else elsewhere))
    return s3
