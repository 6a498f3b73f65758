"""Where SageMaker puts what a job reads and collects what it writes."""

import json
import os
from pathlib import Path
from typing import Any

from container.errors import Refused


def base() -> Path:
    """Return the base folder: /opt/ml, or SAGEMAKER_BASE_DIR as in AWS's own toolkits."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")


def processing_input(*parts: str) -> Path:
    """Return a path below a processing job's inputs."""
    return base().joinpath("processing", "input", *parts)


def processing_output(*parts: str) -> Path:
    """Return a path below a processing job's outputs, with its folder made."""
    path = base().joinpath("processing", "output", *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def channel(*parts: str) -> Path:
    """Return a path below a training job's channels."""
    return base().joinpath("input", "data", *parts)


def model_folder() -> Path:
    """Return the folder of the model: training fills it, serving reads it."""
    return base() / "model"


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; refuse by name what is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{path} is missing; the job's inputs must bring it") from None
    except ValueError as error:
        raise Refused(f"{path} is no JSON: {error}") from None


def write_json(path: Path, content: Any, indent: int | None = 2) -> None:
    """Write a JSON file; NaN is refused, because no other reader takes it. Without indent a large one is written in a tenth of the time."""
    path.write_text(json.dumps(content, indent=indent, allow_nan=False) + "\n", encoding="utf-8")
