"""The model's columns, from the run's schema.json on the file system or in S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse


@dataclass(frozen=True)
class Schema:
    """The features in the model's order, the numeric ones among them, and columns that may come along unread."""

    features: tuple[str, ...]
    numeric: frozenset[str]
    unread: frozenset[str]


def parse(content: dict[str, Any]) -> Schema:
    """Return the schema that a schema.json describes."""
    features = content["features"]
    return Schema(
        features=tuple(feature["name"] for feature in features),
        numeric=frozenset(feature["name"] for feature in features if feature["type"] == "numeric"),
        unread=frozenset([content["problem"]["target"], *content.get("ignored", [])]),
    )


def load(artifacts_uri: str, read_s3: Callable[[str, str], bytes]) -> Schema:
    """Return the schema of a run's artifacts: a folder, or s3://bucket/prefix."""
    if artifacts_uri.startswith("s3://"):
        address = urlparse(f"{artifacts_uri}/schema.json")
        return parse(json.loads(read_s3(address.netloc, address.path.lstrip("/"))))
    return parse(json.loads((Path(artifacts_uri) / "schema.json").read_bytes()))
