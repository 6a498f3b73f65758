"""Repairs of EventBridge and SNS: pipelines as targets, and mail that a person can read."""

import json
import logging
import threading
import uuid
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from local.authorization import authorize
from local.encryption import publishing
from local.machine import AccessDeniedError, Machine

OUTBOX = "local-outbox"
logger = logging.getLogger("local")


def install(machine: Machine) -> None:
    """Put the repairs at ministack's EventBridge and SNS."""
    from ministack.services import eventbridge, s3, sns

    invoke_target, fanout = eventbridge._invoke_target, sns._fanout
    _add_version_to_s3_events(eventbridge, s3)

    def invoke(target: dict, event: dict, rule: dict, view: Any = None) -> Any:
        if ":codepipeline:" not in target.get("Arn", ""):
            return invoke_target(target, event, rule, view) if _may_publish(machine, target) else None
        payload = _payload(eventbridge, target, event, rule, view)
        threading.Thread(target=_start_pipeline, args=(machine, target, payload), daemon=True).start()
        return None

    def fan_out(topic_arn: str, message_id: str, message: str, subject: str, *rest: Any, **more: Any) -> Any:
        threading.Thread(target=_mail, args=(machine, topic_arn, message, subject), daemon=True).start()
        return fanout(topic_arn, message_id, message, subject, *rest, **more)

    eventbridge._invoke_target, sns._fanout = invoke, fan_out


def _add_version_to_s3_events(eventbridge: Any, s3: Any) -> None:
    """Let S3's events name the version of the object, which ministack knows and leaves out."""
    version: ContextVar[str | None] = ContextVar("object_version", default=None)
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_event(*arguments: Any, version_id: str | None = None, **more: Any) -> None:
        version.set(version_id)
        fire(*arguments, version_id=version_id, **more)

    def dispatch_event(event: dict, *arguments: Any, **more: Any) -> Any:
        if event.get("Source") == "aws.s3" and version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event = event | {"Detail": json.dumps(detail)}
        return dispatch(event, *arguments, **more)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_event, dispatch_event


def _payload(eventbridge: Any, target: dict, event: dict, rule: dict, view: Any) -> dict:
    """Return what the target's input transformer or constant makes of an event, empty where it has none."""
    view = view or eventbridge._pattern_event_view(event)
    if target.get("InputTransformer"):
        return json.loads(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    return json.loads(target["Input"]) if target.get("Input") else {}


def _may_publish(machine: Machine, target: dict) -> bool:
    """Whether a topic's target has a role that may publish to it, or none; a refusal is logged."""
    topic, role = target["Arn"], target.get("RoleArn")
    try:
        if ":sns:" in topic and role:
            key = machine.session(role, "events.amazonaws.com", "EventBridge").access_key
            for action, resource in (("sns:Publish", topic), *publishing(machine, topic)):
                authorize(machine, key, action, resource)
    except AccessDeniedError as error:
        logger.error("EventBridge could not publish to %s: %s", topic, error)
        return False
    return True


def _start_pipeline(machine: Machine, target: dict, payload: dict) -> None:
    """Start the pipeline of a target with the target's role; a refusal is logged, as a failed invocation on AWS is."""
    try:
        credentials = machine.session(target.get("RoleArn", ""), "events.amazonaws.com", "EventBridge")
        overrides = {key: payload[key] for key in ("sourceRevisions", "variables") if payload.get(key)}
        machine.client("codepipeline", credentials).start_pipeline_execution(
            name=target["Arn"].rpartition(":")[2], **overrides)
    except (AccessDeniedError, ClientError, ParamValidationError) as error:
        logger.error("EventBridge could not start %s: %s", target["Arn"], error)


def _mail(machine: Machine, topic_arn: str, message: str, subject: str) -> None:
    """Leave a mail in the outbox bucket for each email subscription of the topic."""
    from ministack.core.responses import request_scope
    from ministack.services import sns

    with request_scope(machine.account_id, machine.region):
        topic = sns._topic_by_arn_any_scope(topic_arn) or {}
    addresses = [sub["endpoint"] for sub in topic.get("subscriptions", []) if sub.get("protocol") == "email"]
    if not addresses:
        return
    s3, now = machine.client("s3"), datetime.now(timezone.utc)
    s3.create_bucket(Bucket=OUTBOX)
    for address in addresses:
        text = f"Date: {now:%a, %d %b %Y %H:%M:%S +0000}\nTo: {address}\nSubject: {subject or 'AWS Notification'}\n" \
               f"X-Topic: {topic_arn}\n\n{message}\n"
        s3.put_object(Bucket=OUTBOX, Key=f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}.eml", Body=text.encode())
