"""The state of all pipelines: plain documents under one lock; each change wakes whoever waits for it."""

import logging
import queue
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from local.machine import Machine
from local.store import Table

logger = logging.getLogger("local")
RUNNING = ("InProgress", "Stopping")


def iso(seconds: float) -> str:
    """Return a time stamp as AWS's events write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Records:
    """Pipelines (by name), executions and action executions (by id), and the events that their changes make."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.pipelines, self.executions, self.actions = (
            machine.store.table(f"codepipeline-{name}") for name in ("pipelines", "executions", "actions"))
        self.changed = threading.Condition(machine.store.lock)
        # a target of an event may call this service, so events are never published under the lock
        self._outbox, self._events = machine.store.table("codepipeline-events"), queue.SimpleQueue[str]()
        threading.Thread(target=self._publish, daemon=True, name="codepipeline-events").start()

    @contextmanager
    def change(self, table: Table, key: str) -> Iterator[dict[str, Any]]:
        """Yield a document to be changed in place; it is saved and told to all who wait."""
        with self.changed:
            with table.edit(key) as document:
                yield document
            self.changed.notify_all()

    def declaration(self, execution: dict[str, Any]) -> dict[str, Any]:
        """Return the pipeline as it was when the execution started."""
        versions = self.pipelines[execution["pipelineName"]]["declarations"]
        structure: dict[str, Any] = versions[execution["pipelineVersion"] - 1]
        return structure

    def actions_of(self, execution_id: str) -> list[dict[str, Any]]:
        """Return the action executions of an execution, oldest first."""
        return [record for record in self.actions.values() if record["pipelineExecutionId"] == execution_id]

    # Transitions; each is called under the lock or takes it

    def stage(self, execution: dict[str, Any], stage: str) -> dict[str, Any]:
        """Return the pipeline's own record of a stage: who is inside, who waits, who was last, the transition."""
        state: dict[str, Any] = self.pipelines[execution["pipelineName"]]["stages"].get(stage, {})
        return state

    def wait_at(self, execution_id: str, stage: str) -> None:
        """Let an execution wait before a stage; of two that wait the newer one stays (SUPERSEDED mode)."""
        with self.changed:
            execution = self.executions[execution_id]
            other = self.executions.get(self.stage(execution, stage).get("waiting") or "")
            if other and other["number"] > execution["number"]:
                return self.end(execution_id, "Superseded", by=other["pipelineExecutionId"])
            if other and other["pipelineExecutionId"] != execution_id:
                self.end(other["pipelineExecutionId"], "Superseded", by=execution_id)
            with self.change(self.pipelines, execution["pipelineName"]) as pipeline:
                pipeline["stages"].setdefault(stage, {})["waiting"] = execution_id
        return None

    def enter(self, execution_id: str, stage: str, event: str = "STARTED") -> None:
        """Put an execution inside a stage."""
        with self.change(self.executions, execution_id) as execution:
            execution["stages"].setdefault(stage, {"actions": {}})["status"] = "InProgress"
            execution["lastUpdateTime"] = self.machine.clock.now()
        with self.change(self.pipelines, execution["pipelineName"]) as pipeline:
            place = pipeline["stages"].setdefault(stage, {})
            place.update(inside=execution_id, latest=execution_id)
            place.update(waiting=None if place.get("waiting") == execution_id else place.get("waiting"))
        self.announce("Stage", execution, event, stage=stage)

    def leave(self, execution_id: str, stage: str, status: str) -> None:
        """Take an execution out of a stage that it ended with ``status``; all but success ends it altogether."""
        with self.changed:
            with self.change(self.executions, execution_id) as execution:
                execution["stages"][stage]["status"] = status
                execution["lastUpdateTime"] = self.machine.clock.now()
            with self.change(self.pipelines, execution["pipelineName"]) as pipeline:
                pipeline["stages"][stage]["inside"] = None
            self.announce("Stage", execution, status.upper(), stage=stage)
            if status != "Succeeded":
                self.end(execution_id, status)

    def end(self, execution_id: str, status: str, by: str = "") -> None:
        """Give an execution its last status."""
        with self.changed:
            with self.change(self.executions, execution_id) as execution:
                execution.update(status=status, lastUpdateTime=self.machine.clock.now())
                if by:
                    execution["statusSummary"] = f"Superseded by execution {by}"
            with self.change(self.pipelines, execution["pipelineName"]) as pipeline:
                for place in pipeline["stages"].values():
                    if place.get("waiting") == execution_id:
                        place["waiting"] = None
            self.announce("Pipeline", execution, status.upper())

    def abandon(self, execution_id: str) -> None:
        """End a running execution at once, whatever its actions do."""
        with self.changed:
            for record in self.actions_of(execution_id):
                if record["status"] == "InProgress":
                    self.end_action(record["actionExecutionId"], "Abandoned")
            inside = [name for name, stage in self.executions[execution_id]["stages"].items()
                      if stage["status"] == "InProgress"]
            if inside:
                return self.leave(execution_id, inside[0], "Stopped")
            self.end(execution_id, "Stopped")
        return None

    def end_action(self, action_id: str, status: str, error: dict[str, Any] | None = None, variables: dict[str, Any] | None = None) -> None:
        """Give an action execution its last status, unless it has one."""
        with self.changed:
            if self.actions.get(action_id, {}).get("status") != "InProgress":
                return
            with self.change(self.actions, action_id) as record:
                record.update(status=status, lastUpdateTime=self.machine.clock.now())
                record["output"]["outputVariables"] = variables or {}
                if error:
                    record["output"]["executionResult"]["errorDetails"] = error
            self.announce_action(record, status.upper())

    # Events

    def announce(self, level: str, execution: dict[str, Any], state: str, **detail: Any) -> None:
        """Publish the state change of an execution or of one of its stages."""
        self._announce(level, execution["pipelineName"], {
            "pipeline": execution["pipelineName"], "execution-id": execution["pipelineExecutionId"],
            "start-time": iso(execution["startTime"]), "version": execution["pipelineVersion"], "state": state,
            "execution-trigger": {"trigger-type": execution["trigger"]["triggerType"],
                                  "trigger-detail": execution["trigger"]["triggerDetail"]},
            "pipeline-execution-attempt": execution["walk"] + 1} | detail)

    def announce_action(self, record: dict[str, Any], state: str) -> None:
        """Publish the state change of an action."""
        result, kind = record["output"]["executionResult"], record["input"]["actionTypeId"]
        shown = {"external-execution-url": result.get("externalExecutionUrl"),
                 "external-execution-summary": result.get("externalExecutionSummary"),
                 "external-execution-id": result.get("externalExecutionId"),
                 "error-code": result.get("errorDetails", {}).get("code")}
        self._announce("Action", record["pipelineName"], {
            "pipeline": record["pipelineName"], "execution-id": record["pipelineExecutionId"],
            "start-time": iso(record["startTime"]), "stage": record["stageName"], "action": record["actionName"],
            "action-execution-id": record["actionExecutionId"], "state": state, "region": self.machine.region,
            "execution-result": {key: value for key, value in shown.items() if value},
            "type": {key: kind[key] for key in ("owner", "provider", "category", "version")},
            "version": record["pipelineVersion"]})

    def _announce(self, level: str, name: str, detail: dict[str, Any]) -> None:
        """Publish an event; one that a kill comes before is published by the next start."""
        key = str(uuid.uuid4())
        self._outbox[key] = {"level": level, "name": name, "detail": detail}
        self._events.put(key)

    def resume(self) -> None:
        """Publish what a former machine could not."""
        for key in self._outbox:
            self._events.put(key)

    def _publish(self) -> None:
        while True:
            key = self._events.get()
            if self.machine.stopping.is_set():
                return
            if key not in self._outbox:  # resumed while it was on its way
                continue
            event = self._outbox[key]
            try:
                self.machine.emit("aws.codepipeline", f"CodePipeline {event['level']} Execution State Change",
                                  event["detail"], [self.machine.arn("codepipeline", event["name"])])
                self.machine.saved()  # what a rule has begun with it
                self._outbox.pop(key, None)
            except Exception:  # a broken target must not silence the events after it
                if self.machine.stopping.is_set():
                    return
                logger.exception("event of pipeline %s", event["name"])
