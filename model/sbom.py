"""What this run's images are made of, as CycloneDX documents beside the run's other files.

Not as attestations on the images: SageMaker and Lambda refuse those. What Debian's packages in the base image are, and
what is wrong with any of it, ECR's scan says, which looks at each image as it is pushed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = {"model": "container/requirements.txt", "api": "api/requirements.txt"}
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+_-]+)")
BASE = re.compile(r"^FROM (\S+) AS base$", re.MULTILINE)


def document(target: str, image_uri: str) -> dict[str, Any]:
    """Return the document of an image that was built from this repository; its URI names it by digest."""
    repository, _, digest = image_uri.partition("@")
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {"type": "container", "bom-ref": image_uri, "name": repository, "version": digest}},
        "components": [base(), *packages((ROOT / REQUIREMENTS[target]).read_text(encoding="utf-8"))],
    }


def base() -> dict[str, str]:
    """Return the image that ours stand on, as the Dockerfile names it."""
    found = BASE.search((ROOT / "container/Dockerfile").read_text(encoding="utf-8"))
    name, _, tag = (found[1] if found else "").rpartition(":")
    return {"type": "container", "bom-ref": f"{name}:{tag}", "name": name, "version": tag}


def packages(requirements: str) -> list[dict[str, str]]:
    """Return what a requirements file pins; the image installs each line and nothing that no line names."""
    pins = [match for line in requirements.splitlines() if (match := PIN.fullmatch(line.strip()))]
    return [{"type": "library", "bom-ref": f"pkg:pypi/{name}@{version}", "name": name, "version": version,
             "purl": f"pkg:pypi/{name}@{version}"} for name, version in (pin.groups() for pin in pins)]
