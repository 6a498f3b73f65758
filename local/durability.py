"""ministack's state on disk: no answer tells of a change that a kill could take back.

ministack keeps its state in memory. Here each answer to a change, and each answer of a service that has changed since
the last save, waits until a save holds the change; who waits at the same time shares one save. A save looks at the
services that changed, takes their entries on the event loop, where no request is half done, and writes those that
differ in one transaction. What changes without a request is saved once a second. Log events and metrics have journals.
"""

import asyncio
import copy
import json
import logging
import re
import sqlite3
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from types import ModuleType
from typing import Any

from local.machine import Machine
from local.storage import StorageError
from local.store import Store

_CORE, _SERVICES = "ministack.core", "ministack.services"
SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.app", "_get_module"), ("ministack.app", "_load_persisted_state"), ("ministack.app", "_state_map"),
    ("ministack.app", "save_all"), (f"{_CORE}.persistence", "_json_default"), (f"{_CORE}.persistence", "_json_object_hook"),
    (f"{_CORE}.persistence", "load_state"), (f"{_CORE}.iam_actions", "access_denied_response"),
    *((f"{_SERVICES}.cloudformation.{module}", "_add_event") for module in ("stacks", "handlers", "changesets")),
    (f"{_SERVICES}.s3", "_atomic_write"), (f"{_SERVICES}.stepfunctions", "_add_event"))
SWEEP_SECONDS = 1.0
SWEEP_SHARE = 0.05  # of the time at most; a sweep that takes longer comes less often
# What changes nothing, as far as a caller is told; Invoke changes what the function does, by requests of its own.
READS = re.compile(r"(Describe|Get|List|BatchGet|Head|Lookup|Filter|Query|Scan|Select|Simulate|Validate|Test|Estimate"
                   r"|Check|Decode|Encrypt|Decrypt|GenerateData|Invoke|AssumeRole|BatchCheck|Poll)")
RESUMED = frozenset({"cloudformation", "stepfunctions"})
BATCHED = ("PutLogEvents", "PutMetricData")
# Services whose get_state copies what it returns and changes nothing in the copy.
UNCOPIED = ("cloudformation", "cloudwatch", "cloudwatch_logs", "ecr", "efs", "eventbridge", "iam", "s3", "scheduler",
            "secretsmanager", "sns", "sqs", "ssm", "stepfunctions")
logger = logging.getLogger("local")
Rows = dict[str, str]


class Durability:
    """Loads ministack's state, and keeps answers back until it is saved."""

    def __init__(self, machine: Machine, native: ModuleType, services: Iterable[str]) -> None:
        self._machine, self._native = machine, native
        self._store = Store(machine.data / "native.sqlite", machine.storage)
        self._states = _states(native, services)
        self._all = frozenset(name for names in self._states.values() for name in names)
        self._known: dict[str, dict[str, bytes]] = {name: {} for name in self._all}
        self._changed, self._lock = set[str](), threading.Lock()
        self._coming: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def install(self) -> None:
        """Put ourselves before each service, and where ministack loads and saves."""
        from ministack.services import s3, stepfunctions
        from ministack.services.cloudformation import changesets, handlers, stacks

        for name, handler in self._native.SERVICE_HANDLERS.items():
            self._native.SERVICE_HANDLERS[name] = self._held(name, handler)
        vars(self._native).update(_load_persisted_state=self._load, save_all=lambda services: None)
        stepfunctions._add_event = self._telling(stepfunctions._add_event, frozenset({"stepfunctions"}))
        add_event = self._telling(stacks._add_event, self._all)  # a stack makes resources of any service
        for module in (stacks, handlers, changesets):
            module._add_event = add_event
        s3._atomic_write = self._machine.storage.noting(s3._atomic_write)
        self._machine.saved = self.wait

    def _telling(self, inner: Callable[..., Any], names: frozenset[str]) -> Callable[..., Any]:
        def add_event(*arguments: Any, **more: Any) -> Any:
            answer = inner(*arguments, **more)
            self.touch(names)
            return answer

        return add_event

    # Requests

    def _held(self, service: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return the handler whose answer waits for what it acknowledges."""
        from ministack.core.iam_actions import access_denied_response

        own = self._states.get(service, frozenset())

        async def handle(method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Any:
            operation = operation_of(method, path, headers, body, query)
            changes = READS.match(operation) is None
            try:
                if changes:
                    self._machine.storage.check(len(body))
                with self._machine.storage.watch():
                    answer = await handler(method, path, headers, body, query)
                if changes and operation not in BATCHED:
                    self.touch(own)
                if own & self._changed and operation not in BATCHED:
                    await self.saved()
                return answer
            except (StorageError, OSError) as problem:
                error = self._machine.storage.explained(problem) if isinstance(problem, OSError) else problem
                _, fields, text = access_denied_response(service, operation, "", "", error_code="InsufficientStorage",
                                                         message=str(error), headers=headers)
                return 507, fields, text

        return handle

    # Saving

    def touch(self, names: Iterable[str]) -> None:
        """Say that the services of these names changed."""
        with self._lock:
            self._changed.update(self._all.intersection(names))

    async def saved(self) -> None:
        """Return when all that has changed so far is on disk; raises StorageError where it cannot be."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._save())
        await asyncio.shield(self._coming)

    def wait(self) -> None:
        """The same for a thread: what changed without a request counts as well."""
        if self._loop is not None and not self._machine.stopping.is_set():
            self.touch(self._all)
            asyncio.run_coroutine_threadsafe(self.saved(), self._loop).result()

    async def _save(self) -> None:
        async with self._turn:
            self._coming = None  # who comes from here on waits for the next
            with self._lock:
                names, self._changed = self._changed, set()
            try:
                writes = [(name, *self._differences(name)) for name in sorted(names)]
                if changes := [(f"native-{name}", rows, gone) for name, rows, gone, _ in writes if rows or gone]:
                    await asyncio.to_thread(self._store.replace, changes)
            except (OSError, sqlite3.Error) as error:
                self.touch(names)
                raise self._machine.storage.explained(error) from error
            except BaseException:
                self.touch(names)
                raise
            for name, _, _, known in writes:
                self._known[name] = known

    def _differences(self, name: str) -> tuple[Rows, list[str], dict[str, bytes]]:
        """Return the rows of a service that changed, the keys that are gone, and what is then known."""
        before, rows, known = self._known[name], {}, {}
        module = sys.modules.get(f"{_SERVICES}.{self._native._state_map[name]}")
        for key, text in _rows(_state(module)) if module else ():
            known[key] = _mark(text)
            if before.get(key) != known[key]:
                rows[key] = text
        return rows, [key for key in before if key not in known], known

    async def sweep(self) -> None:
        """Save what changes without a request, until the machine stops."""
        self._loop, pause, told = asyncio.get_running_loop(), SWEEP_SECONDS, False
        while not self._machine.stopping.is_set():
            await asyncio.sleep(pause)
            started = time.monotonic()
            try:
                for name in sorted(self._all):  # one by one: requests come in between
                    self.touch((name,))
                    await self.saved()
                told = False
            except StorageError as error:
                if not told:
                    logger.error("%s", error)
                told = True
            except Exception:
                logger.exception("ministack's state could not be saved")
            pause = max(SWEEP_SECONDS, (time.monotonic() - started) / SWEEP_SHARE)

    async def freeze(self) -> None:
        """Save stacks and workflows for the last time: what the end of the machine makes of them the next start settles."""
        await self._save_all()
        self._all -= RESUMED

    async def close(self) -> None:
        """Save what the end of the machine has left."""
        await self._save_all()

    async def _save_all(self) -> None:
        self.touch(self._all)
        with suppress(StorageError):
            await self.saved()

    # Loading

    def _load(self) -> None:
        from ministack.core import persistence

        for name in sorted(self._all):
            rows = self._store.rows(f"native-{name}")
            self._known[name] = {key: _mark(text) for key, text in rows}
            # a folder of the first release has a file for each service instead
            data = _restored(rows) if rows else persistence.load_state(name)
            if data:
                self._native._get_module(self._native._state_map[name]).load_persisted_state(data)


def operation_of(method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> str:
    """Return the operation that a request names, by its protocol; Get or Change where only the method tells."""
    if target := headers.get("x-amz-target"):
        operation: str = target.rpartition(".")[2]
        return operation
    if "/operation/" in path:  # smithy's RPC
        return path.rpartition("/")[2]
    if named := query.get("Action"):
        action: str = named[0] if isinstance(named, list) else named
        return action
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        found = re.search(rb"(?:^|&)Action=(\w+)", body)
        return found[1].decode() if found else "Change"
    invoked = path.endswith("/invocations") or path.startswith("/endpoints/")
    return "Get" if method in ("GET", "HEAD", "OPTIONS") else "Invoke" if invoked and method == "POST" else "Change"


def _states(native: ModuleType, services: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the names that the state of each service is saved under."""
    modules = {name: {native.SERVICE_REGISTRY[name]["module"], *native.SERVICE_REGISTRY[name].get("sub_modules", ())}
               for name in services}
    return {name: frozenset(key for key, module in native._state_map.items() if module in own)
            for name, own in modules.items()}


class _Copies:
    """The module ``copy`` as a service sees it, which hands out the original to who only reads it for a save."""

    def __init__(self) -> None:
        self._saving = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(copy, name)

    def deepcopy(self, value: Any, memo: Any = None) -> Any:
        """Copy, unless this thread saves."""
        return value if getattr(self._saving, "on", False) else copy.deepcopy(value, memo)

    def state(self, module: ModuleType) -> dict[str, Any]:
        """Return a service's state; it holds the service's own objects."""
        module.copy = self  # type: ignore[attr-defined] # ministack's module takes this copy
        self._saving.on = True
        try:
            state: dict[str, Any] = module.get_state()
            return state
        finally:
            self._saving.on = False


_copies = _Copies()


def _state(module: ModuleType) -> dict[str, Any]:
    """Return a service's state; one that another thread changed while it was read is read again."""
    short = module.__name__.rpartition(".")[2]
    for _ in range(5):
        try:
            return (_copies.state(module) if short in UNCOPIED else module.get_state()) or {}
        except RuntimeError:  # dictionary changed size during iteration
            continue
    state: dict[str, Any] = module.get_state()
    return state


def _rows(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield key and text of each row of a service's state: one for each store, and one for each entry of a store."""
    from ministack.core.persistence import _json_default

    for store, content in state.items():
        if not hasattr(content, "_data"):
            yield store, json.dumps({"value": content}, default=_json_default)
            continue
        yield store, json.dumps({"scope": type(content).__name__})
        for key, value in list(content._data.items()):
            yield f"{store}\n{key!r}", json.dumps(value, default=_json_default)


def _mark(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _restored(rows: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a service's state from its rows."""
    from ministack.core import responses
    from ministack.core.persistence import _json_object_hook

    state: dict[str, Any] = {}
    for key, text in rows:
        value = json.loads(text, object_hook=_json_object_hook)
        store, _, entry = key.partition("\n")
        if entry:
            state[store]._data[literal_eval(entry)] = value
        else:
            state[store] = getattr(responses, value["scope"])() if "scope" in value else value["value"]
    return state
