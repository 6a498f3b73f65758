"""The buildspec against a schema of our own, and its commands as the one script that CodeBuild makes of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from tests.templates.sources import ROOT

BUILDSPEC = ROOT / "model" / "buildspec.yml"
SCHEMA = json.loads(Path(__file__).with_suffix(".schema.json").read_text(encoding="utf-8"))
PHASES = ("install", "pre_build", "build", "post_build")


def problems(document: Any) -> Iterator[str]:
    """Yield what is wrong with a buildspec, each with its place."""
    for error in Draft202012Validator(SCHEMA).iter_errors(document):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'buildspec'}: {error.message}"


def commands(document: dict[str, Any]) -> list[str]:
    """Return all commands in the order in which CodeBuild runs them."""
    phases = [document["phases"].get(name, {}) for name in PHASES]
    return [line for phase in phases for part in ("commands", "finally") for line in phase.get(part, [])]


def unset(document: dict[str, Any]) -> Iterator[str]:
    """Yield exported variables that no command sets: CodePipeline would hand on blanks."""
    script = "\n".join(commands(document))
    for name in document.get("env", {}).get("exported-variables", []):
        if not re.search(rf"^(export )?{name}=", script, re.MULTILINE):
            yield f"env.exported-variables: no command sets {name}"


def lost(document: dict[str, Any]) -> Iterator[str]:
    """Yield files of the sources that a command reads and that are not there."""
    words = re.findall(r"[^\s\"'$()=]+", "\n".join(commands(document)))
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "build"}
    for word in dict.fromkeys(words):
        if word.partition("/")[0] in folders and "/" in word and not (ROOT / word).exists():
            yield f"phases: a command reads {word}, which is not there"


def main(target: Path) -> int:
    """Say what is wrong, or write the script; return whether something is wrong."""
    document = yaml.safe_load(BUILDSPEC.read_text(encoding="utf-8"))
    wrong = list(problems(document)) or [*unset(document), *lost(document)]
    for problem in wrong:
        print(f"model/buildspec.yml: {problem}")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not wrong:
        target.write_text("\n".join(["#!/usr/bin/env bash", "set -e", *commands(document), ""]), encoding="utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
