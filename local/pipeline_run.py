"""One execution on its way through the stages of a pipeline."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from local.pipeline_action import Action, new_record
from local.pipeline_records import RUNNING, Records

Runner = Callable[[Action], dict[str, Any] | None]


class Run:
    """Walks an execution through its stages on a thread of its own.

    All it knows is in the documents: it leaves out stages and actions that succeeded, and goes on with those in
    progress. So a start, a retry and a restart of the machine are the same walk.
    """

    def __init__(self, records: Records, runners: Mapping[tuple[str, str], Runner], execution_id: str) -> None:
        self._records, self._runners, self._id = records, runners, execution_id
        execution = records.executions[execution_id]
        self._walk, self._pipeline = execution["walk"], records.declaration(execution)

    def start(self) -> None:
        """Begin the walk."""
        self._thread(self._through_stages).start()

    def _thread(self, work: Callable[..., None], *arguments: Any) -> threading.Thread:
        def go() -> None:
            try:
                work(*arguments)
            except Exception:
                if not self._halted():  # after a halt the documents, or the store itself, may be gone
                    raise

        return threading.Thread(target=go, daemon=True, name=f"pipeline-{self._id}")

    def _halted(self) -> bool:
        """Whether this walk is over: ended, taken over by a retry, deleted, or the machine stops."""
        if self._records.machine.stopping.is_set():
            return True
        execution = self._records.executions.get(self._id)
        return execution is None or execution["walk"] != self._walk or execution["status"] not in RUNNING

    def _through_stages(self) -> None:
        for stage in self._pipeline["stages"]:
            status = self._records.executions[self._id]["stages"].get(stage["name"], {}).get("status")
            if status == "Succeeded":
                continue
            if status != "InProgress" and not self._enter(stage["name"]):
                return
            if not self._perform(stage):
                return
        self._records.end(self._id, "Succeeded")

    def _enter(self, stage: str) -> bool:
        """Wait for the stage to be free and its transition enabled; return whether the execution is inside."""
        records = self._records
        with records.changed:
            if self._halted():
                return False
            records.wait_at(self._id, stage)
            while not self._halted():
                place = records.stage(records.executions[self._id], stage)
                if not place.get("inside") and place.get("transition", {}).get("enabled", True):
                    records.enter(self._id, stage)
                    return True
                records.changed.wait(1.0)
        return False

    def _perform(self, stage: dict[str, Any]) -> bool:
        """Run the actions of a stage in the order of their groups; return whether all succeeded."""
        orders = sorted({action.get("runOrder", 1) for action in stage["actions"]})
        for order in orders:
            succeeded = self._together(stage["name"], [
                action for action in stage["actions"] if action.get("runOrder", 1) == order])
            with self._records.changed:
                if self._halted():
                    return False
                stopping = self._records.executions[self._id]["status"] == "Stopping"
                if not succeeded or (stopping and order != orders[-1]):
                    self._records.leave(self._id, stage["name"], "Stopped" if stopping else "Failed")
                    return False
        with self._records.changed:
            self._records.leave(self._id, stage["name"], "Succeeded")
            if stopping:
                self._records.end(self._id, "Stopped")
            return not stopping

    def _together(self, stage: str, actions: list[dict[str, Any]]) -> bool:
        """Run one group of actions side by side; return whether all succeeded."""
        threads = [self._thread(self._act, stage, action) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = self._records.executions.get(self._id, {}).get("stages", {}).get(stage, {}).get("actions", {})
        return all(self._records.actions.get(done.get(action["name"], ""), {}).get("status") == "Succeeded"
                   for action in actions)

    def _act(self, stage: str, action: dict[str, Any]) -> None:
        record = self._record(stage, action)
        if record is None or record["status"] != "InProgress":
            return
        kind = action["actionTypeId"]
        Action(self._records, record["actionExecutionId"]).perform(self._runners[kind["category"], kind["provider"]])

    def _record(self, stage: str, action: dict[str, Any]) -> dict[str, Any] | None:
        """Return the document of an action in this stage, made now unless the action was begun before."""
        records: Any = self._records
        with records.changed:
            if self._halted():
                return None
            execution = records.executions[self._id]
            if begun := execution["stages"][stage]["actions"].get(action["name"]):
                record: dict[str, Any] | None = records.actions[begun]
                return record
            record = new_record(execution, stage, action, action.get("roleArn", self._pipeline["roleArn"]),
                                records.machine.region, records.machine.clock.now())
            records.actions[record["actionExecutionId"]] = record
            with records.change(records.executions, self._id) as execution:
                execution["stages"][stage]["actions"][action["name"]] = record["actionExecutionId"]
            with records.change(records.pipelines, execution["pipelineName"]) as pipeline:
                pipeline["latestActions"][f"{stage}/{action['name']}"] = record["actionExecutionId"]
            records.announce_action(record, "STARTED")
            return record
