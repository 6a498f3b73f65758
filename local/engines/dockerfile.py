"""Builds what a Dockerfile says about files, variables and programs.

RUN is not executed: its pip installations become the image's requirements, every other command is named in the
build's output. An external base image gives an empty root. What cannot be honoured is refused with its line.
"""

import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from posixpath import basename, join, normpath
from typing import Any

from dockerfile_parse import DockerfileParser
from dockerfile_parse.parser import image_from
from dockerfile_parse.util import WordSplitter, get_key_val_dictionary

from local.engines import dockerignore
from local.engines.requirements import Requirement, RequirementError, installed

WITHOUT_EFFECT = ("COMMENT", "EXPOSE", "LABEL", "HEALTHCHECK", "STOPSIGNAL", "MAINTAINER")
COPY_OPTIONS = ("from", "chmod", "chown", "link")  # owners and links make no difference here


class DockerfileError(Exception):
    """A Dockerfile that cannot be built here; the message names file, line and reason."""


@dataclass(frozen=True)
class File:
    """A file of the build: where its content is, and whether it may be executed (None: as its source)."""

    source: Path
    executable: bool | None = None


@dataclass
class Stage:
    """A stage of the build, or the image that it ends as; paths are absolute."""

    files: dict[str, File] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    own_cmd: bool = False

    def is_folder(self, path: str) -> bool:
        """Whether the image holds a folder of that name."""
        prefix = path.rstrip("/") + "/"
        return (self.workdir + "/").startswith(prefix) or any(name.startswith(prefix) for name in self.files)


class Build:
    """One reading of a Dockerfile against a context."""

    def __init__(self, dockerfile: Path, context: Path) -> None:
        self.dockerfile, self.context = dockerfile, context.resolve()
        self.notes: list[str] = []
        self._built: dict[int, Stage] = {}
        self._stages: list[list[dict[str, Any]]] = []
        self._names: list[str] = []
        self._read()

    def stage(self, target: str | None = None) -> Stage:
        """Build the stage of that name (or number), the last one by default; raises DockerfileError."""
        number = len(self._stages) - 1 if target is None else self._number(target)
        if number is None:
            raise DockerfileError(f'{self.dockerfile}: target stage "{target}" could not be found;'
                                  f" it has {', '.join(filter(None, self._names)) or 'no named stage'}.")
        if number not in self._built:
            self._built[number] = self._build(self._stages[number])
        return self._built[number]

    def _read(self) -> None:
        if not self.dockerfile.is_file():
            raise DockerfileError(f"failed to read dockerfile: open {self.dockerfile}: no such file or directory")
        for line in DockerfileParser(fileobj=io.BytesIO(self.dockerfile.read_bytes())).structure:
            if line["instruction"] == "FROM":
                self._stages.append([])
                self._names.append((image_from(line["value"])[1] or "").lower())
            if self._stages:
                self._stages[-1].append(line)
            elif line["instruction"] != "COMMENT":
                raise self._refused(line, f"{line['instruction']} before FROM is not understood by this machine")
        if not self._stages:
            raise DockerfileError(f"{self.dockerfile}: no FROM: nothing to build.")

    def _number(self, name: str) -> int | None:
        if name.lower() in self._names:
            return self._names.index(name.lower())
        return int(name) if name.isdigit() and int(name) < len(self._stages) else None

    def _build(self, lines: list[dict[str, Any]]) -> Stage:
        stage = self._base(lines[0])
        for line in lines[1:]:
            handler = HANDLERS.get(line["instruction"])
            if handler is None:
                raise self._refused(line, f"{line['instruction']} is not understood by this machine")
            if re.search(r"<<-?[\"']?[A-Za-z_]", line["value"]) and line["instruction"] in ("RUN", "COPY"):
                raise self._refused(line, "a here-document is not understood by this machine")
            try:
                handler(self, stage, line)
            except ValueError as error:
                raise self._refused(line, str(error)) from error
        return stage

    def _base(self, line: dict[str, Any]) -> Stage:
        image = image_from(line["value"])[0] or ""
        if image.lower() in self._names:
            stage = deepcopy(self.stage(image))
            stage.own_cmd = False
            return stage
        if image != "scratch":
            self.notes.append(f"not pulled on this machine: {image} (its files; Python is this machine's)")
        return Stage()

    def _refused(self, line: dict[str, Any], reason: str) -> DockerfileError:
        return DockerfileError(f"{self.dockerfile}:{line['startline'] + 1}: {reason}: {line['content'].strip()}")

    def _copy(self, stage: Stage, line: dict[str, Any]) -> None:
        options, value = _options(line["value"])
        words = _exec_form(value) or list(_expanded(value, stage.env))
        if len(words) < 2:
            raise ValueError("COPY needs a source and a destination")
        files = self._context_files
        if origin := options.get("from"):
            if self._number(origin) is None:
                raise ValueError(f"COPY --from={origin}: only stages of this file can be copied from")
            files = self.stage(origin).files
        self._place(stage, _selected(files, words[:-1]), words[-1], options.get("chmod"))

    def _place(self, stage: Stage, selected: list[tuple[str, str, File]], destination: str, mode: str | None) -> None:
        """Put the selected files (path, path below a copied folder, file) under the destination."""
        target = normpath(join(stage.workdir, destination))
        loose = [path for path, below, _ in selected if not below]
        folder = destination.endswith(("/", "/.")) or destination == "." or stage.is_folder(target)
        if len(loose) > 1 and not folder:
            raise ValueError(f"several files are copied to {destination}, which must then end with /")
        for path, below, file in selected:
            name = join(target, below or basename(path)) if below or folder else target
            executable = bool(int(mode, 8) & 0o100) if mode else file.executable
            stage.files[name] = self._checked(path, file.source, executable)

    def _checked(self, path: str, source: Path, executable: bool | None) -> File:
        """Return the file; a link is followed as long as it stays inside the context."""
        real = source.resolve()
        if not real.is_relative_to(self.context) or not real.is_file():
            raise ValueError(f"{path} links to something that is not a file of the build context")
        return File(real, bool(real.stat().st_mode & 0o100) if executable is None else executable)

    @cached_property
    def _context_files(self) -> dict[str, File]:
        rules = dockerignore.read_rules(self.context, self.dockerfile)
        return {"/" + path: File(self.context / path) for path in dockerignore.files(self.context, rules)}

    def _env(self, stage: Stage, line: dict[str, Any]) -> None:
        _check_variables(line["value"])
        stage.env |= get_key_val_dictionary(line["value"], env_replace=True, envs=stage.env)

    def _workdir(self, stage: Stage, line: dict[str, Any]) -> None:
        stage.workdir = normpath(join(stage.workdir, " ".join(_expanded(line["value"], stage.env))))

    def _entrypoint(self, stage: Stage, line: dict[str, Any]) -> None:
        stage.entrypoint = _command(line["value"])
        if not stage.own_cmd:  # as Docker does: a new entry point drops the arguments that the base had for its own
            stage.cmd = []

    def _cmd(self, stage: Stage, line: dict[str, Any]) -> None:
        stage.cmd, stage.own_cmd = _command(line["value"]), True

    def _user(self, stage: Stage, line: dict[str, Any]) -> None:
        self.notes.append(f"not changed on this machine: USER {line['value']} (programs run as you)")

    def _run(self, stage: Stage, line: dict[str, Any]) -> None:
        value = re.sub(r"^(--\S+\s+)+", "", line["value"])
        exec_form = _exec_form(value)
        for command in [shlex.join(exec_form)] if exec_form else re.split(r"&&|;", value):
            words = " ".join(command.split())
            requirements = installed(words, stage.env, lambda path: _read(stage, path))
            if requirements is None:
                self.notes.append(f"not run on this machine: RUN {words}")
            stage.requirements += requirements or []

    def _nothing(self, stage: Stage, line: dict[str, Any]) -> None:
        """Instructions without an effect on what runs."""


HANDLERS: dict[str, Callable[[Build, Stage, dict[str, Any]], None]] = {
    "COPY": Build._copy, "ENV": Build._env, "WORKDIR": Build._workdir, "ENTRYPOINT": Build._entrypoint,
    "CMD": Build._cmd, "USER": Build._user, "RUN": Build._run, **dict.fromkeys(WITHOUT_EFFECT, Build._nothing)}


def _read(stage: Stage, path: str) -> tuple[str, str]:
    """Return the absolute path and the text of a file of the image; raises RequirementError when it is not there."""
    name = normpath(join(stage.workdir, path))
    if name not in stage.files:
        raise RequirementError(f"{name} is not in the image at this line (COPY it first)")
    return name, stage.files[name].source.read_text()


def _selected(files: dict[str, File], patterns: list[str]) -> list[tuple[str, str, File]]:
    """Return what COPY takes: path, path below the folder that was named (empty for a named file), file."""
    selected: list[tuple[str, str, File]] = []
    for pattern in patterns:
        if normpath(pattern).startswith(".."):
            raise ValueError(f"forbidden path outside the build context: {pattern}")
        found = list(_matching(files, dockerignore.expression(normpath("/" + pattern.lstrip("/")))))
        if not found:
            raise ValueError(f'failed to compute cache key: "{pattern}" not found')
        selected += found
    return selected


def _matching(files: dict[str, File], pattern: re.Pattern[str]) -> Iterator[tuple[str, str, File]]:
    for path, file in files.items():
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            if pattern.fullmatch("/".join(parts[:depth]) or "/"):
                yield path, "/".join(parts[depth:]), file
                break


def _options(value: str) -> tuple[dict[str, str], str]:
    """Split leading --name=value options from an instruction's value."""
    options: dict[str, str] = {}
    while match := re.match(r"--([\w-]+)(?:=(\S+))?\s+", value):
        if match[1] not in COPY_OPTIONS:
            raise ValueError(f"--{match[1]} is not understood by this machine")
        options[match[1]], value = match[2] or "", value[match.end():]
    return options, value


def _exec_form(value: str) -> list[str] | None:
    """Return the words of a JSON array, None when the value is not one."""
    try:
        words = json.loads(value)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _command(value: str) -> list[str]:
    exec_form = _exec_form(value)
    return ["/bin/sh", "-c", value] if exec_form is None else exec_form


def _check_variables(value: str) -> None:
    if match := re.search(r"\$\{\w+[^\w}][^}]*}", value):
        raise ValueError(f"{match[0]} is not understood by this machine (only $NAME and ${{NAME}})")


def _expanded(value: str, env: dict[str, str]) -> Iterator[str]:
    _check_variables(value)
    words: Iterator[str] = WordSplitter(value, args={}, envs=env).split()
    return words
