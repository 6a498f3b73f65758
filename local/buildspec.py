"""The buildspec: read, checked, and refused by name where it asks for what this machine does not have."""

from dataclasses import dataclass, field
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
KNOWN = {
    "": ("version", "env", "phases", "artifacts", "cache", "reports"),
    "env": ("shell", "variables", "parameter-store", "secrets-manager", "exported-variables"),
    "phases": PHASES,
    "phase": ("commands", "finally", "on-failure", "runtime-versions"),
    "artifacts": ("files", "name", "discard-paths", "base-directory", "exclude-paths", "secondary-artifacts"),
    "cache": ("paths",)}


class BuildspecError(Exception):
    """The buildspec cannot be used; the message says which part of it."""


@dataclass(frozen=True)
class Phase:
    """The commands of one phase, those that always follow, and what a failure means."""

    commands: list[str] = field(default_factory=list)
    always: list[str] = field(default_factory=list)
    on_failure: str = ""


@dataclass(frozen=True)
class Files:
    """What an artifact holds."""

    patterns: list[str]
    base: str
    name: str
    flat: bool
    excluded: list[str]


@dataclass(frozen=True)
class Buildspec:
    """A checked buildspec; every scalar is text."""

    one_shell: bool
    variables: dict[str, str]
    parameters: dict[str, str]
    secrets: dict[str, str]
    exported: list[str]
    phases: dict[str, Phase]
    runtimes: dict[str, str]
    artifacts: dict[str, Files]  # the primary one is ""
    cached: list[str]
    reports: list[str]


def parse(text: str) -> Buildspec:
    """Return the buildspec that ``text`` holds."""
    try:
        document = yaml.load(text, yaml.BaseLoader) or {}  # noqa: S506 - makes texts only
    except yaml.YAMLError as error:
        raise BuildspecError(f"YAML file is not valid: {error}") from None
    _known(document, "", "buildspec")
    if document.get("version") not in ("0.1", "0.2"):
        raise BuildspecError(f"version is {document.get('version')}; it must be 0.1 or 0.2")
    environment = _known(document.get("env"), "env", "env")
    if environment.get("shell", "bash") not in ("bash", "/bin/sh"):
        raise BuildspecError(f"env.shell is {environment['shell']}; this machine has bash")
    phases = _known(document.get("phases"), "phases", "phases")
    artifacts = _known(document.get("artifacts"), "artifacts", "artifacts")
    several = {"": artifacts} if "files" in artifacts else {}
    several |= artifacts.get("secondary-artifacts") or {}
    return Buildspec(
        document["version"] == "0.2", environment.get("variables") or {}, environment.get("parameter-store") or {},
        environment.get("secrets-manager") or {}, environment.get("exported-variables") or [],
        {name: _phase(name, phase or {}) for name, phase in phases.items()}, _runtimes(phases.get("install") or {}),
        {name: _files(each, f"artifacts {name}") for name, each in several.items()},
        _known(document.get("cache"), "cache", "cache").get("paths") or [], list(document.get("reports") or {}))


def _known(section: Any, kind: str, where: str) -> dict[str, Any]:
    """Return a section, which must be a mapping of what KNOWN lists for it."""
    if section in (None, ""):
        return {}
    if not isinstance(section, dict):
        raise BuildspecError(f"{where} must be a mapping")
    if unknown := [name for name in section if name not in KNOWN[kind]]:
        raise BuildspecError(f"{where}: {', '.join(unknown)} is not available on this machine; "
                             f"known are {', '.join(KNOWN[kind])}")
    return section


def _phase(name: str, section: dict[str, Any]) -> Phase:
    _known(section, "phase", f"phases.{name}")
    on_failure = section.get("on-failure", "")
    if on_failure not in ("", "ABORT", "CONTINUE"):
        raise BuildspecError(f"phases.{name}.on-failure is {on_failure}; it must be ABORT or CONTINUE")
    commands, always = (_commands(f"phases.{name}.{key}", section.get(key) or []) for key in ("commands", "finally"))
    return Phase(commands, always, on_failure)


def _commands(where: str, commands: Any) -> list[str]:
    for index, command in enumerate(commands):
        if not isinstance(commands, list) or not isinstance(command, str):
            raise BuildspecError(f"Expected {where}[{index}] to be of string type: "
                                 f"found {command!r}; put a command with ': ' in quotes")
    return list(commands)


def _runtimes(install: dict[str, Any]) -> dict[str, str]:
    runtimes = install.get("runtime-versions") or {}
    if unknown := [name for name in runtimes if name != "python"]:
        raise BuildspecError(f"Unknown runtime named {', '.join(unknown)}. This machine has the runtime python.")
    return runtimes


def _files(section: Any, where: str) -> Files:
    _known(section, "artifacts", where)
    return Files(section.get("files") or [], section.get("base-directory", ""), section.get("name", ""),
                 section.get("discard-paths", "no") in ("yes", "true"), section.get("exclude-paths") or [])
