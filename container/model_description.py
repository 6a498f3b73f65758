"""What a model is made of and how it came about, for model.json."""

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from container.estimators import Choice

PACKAGES = ("scikit-learn", "numpy", "skl2onnx", "onnx", "onnxruntime", "skops")


def versions() -> dict[str, str]:
    """Return what computes: another version may give another model."""
    return {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}


def data_hashes(files: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file by name."""
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def training_key(data: dict[str, str], choice: Choice) -> str:
    """Return a short name for all that decides how the model comes out."""
    content = [data, choice.name, dict(choice.hyperparameters), choice.seed, versions()]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def described(estimator: Any, choice: Choice, **found: Any) -> dict[str, Any]:
    """Return what model.json holds: the choice, what was found while training, and the versions."""
    fitted = estimator[-1] if hasattr(estimator, "steps") else estimator
    return {
        "estimator": choice.name,
        "class": f"{type(fitted).__module__}.{type(fitted).__name__}",
        "hyperparameters": dict(choice.hyperparameters),
        "seed": choice.seed,
        **found,
        "versions": versions(),
    }
