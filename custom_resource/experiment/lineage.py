"""What the experiment function decides without AWS."""

from __future__ import annotations

from typing import Any


def already_there(response: dict[str, Any]) -> bool:
    """Return whether a refusal says that the name is taken; SageMaker says so with a ValidationException."""
    error = response.get("Error", {})
    return error.get("Code") in ("ResourceInUse", "ConflictException") or "already exists" in error.get("Message", "")


def project_tags(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the tags that hold for every run: the experiment outlives the run that makes it."""
    return [tag for tag in tags if tag["Key"].startswith("sagemaker:project-")]
