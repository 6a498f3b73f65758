"""The user's own steps of serving: model_fn, input_fn, predict_fn, output_fn in one optional file.

Signatures are those of AWS's toolkits: model_fn(folder) -> model, input_fn(body, content_type) -> rows,
predict_fn(rows, model) -> scores, output_fn(scores, accept) -> body or (body, content type).
"""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import signature
from pathlib import Path
from typing import Any

from container.errors import Refused

DEFAULT_FILE = Path(__file__).with_name("inference.py")
Hook = Callable[..., Any] | None


@dataclass(frozen=True)
class Hooks:
    """The steps that the user's file replaces; None where the default stays."""

    model_fn: Hook = None
    input_fn: Hook = None
    predict_fn: Hook = None
    output_fn: Hook = None


NO_HOOKS = Hooks()
NAMES = tuple(field.name for field in fields(Hooks))
TAKEN = {"model_fn": ("folder",), "input_fn": ("body", "content_type"), "predict_fn": ("rows", "model"), "output_fn": ("scores", "accept")}


def hooks_file() -> Path | None:
    """Return the user's file: MODEL_SERVER_HOOKS, or inference.py beside this one; None without either."""
    named = os.environ.get("MODEL_SERVER_HOOKS")
    if named and not Path(named).is_file():
        raise Refused(f"MODEL_SERVER_HOOKS is {named!r}, which is no file")
    return Path(named) if named else DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def load_hooks(file: Path | None) -> Hooks:
    """Return the steps that a file defines; refuse one that cannot be imported or defines none."""
    if file is None:
        return NO_HOOKS
    spec = importlib.util.spec_from_file_location("user_inference", file)
    if spec is None or spec.loader is None:
        raise Refused(f"{file} is no Python file; hooks are functions of one")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Refused(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    found = {name: getattr(module, name) for name in NAMES if callable(getattr(module, name, None))}
    if not found:
        raise Refused(f"{file} defines none of {', '.join(NAMES)}; define one, or remove the file")
    for name, function in found.items():
        _check_signature(name, function, file)
    return Hooks(**found)


def _check_signature(name: str, function: Callable[..., Any], file: Path) -> None:
    try:
        taken = signature(function)
        taken.bind(*TAKEN[name])
    except TypeError:
        raise Refused(f"{file}: {name} takes {taken}; it must take ({', '.join(TAKEN[name])})") from None
    except ValueError:
        return  # written in C: it does not say what it takes
