"""The function's environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The endpoint to ask, the run whose model it serves, and where that run's schema lies."""

    endpoint_name: str
    model_run: str
    artifacts_uri: str


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings, or refuse naming the variable that is missing."""
    missing = [name for name in ("ENDPOINT_NAME", "MODEL_RUN", "ARTIFACTS_URI") if not environment.get(name)]
    if missing:
        raise RuntimeError(f"{', '.join(missing)} not set; assets/deploy-model-prd.yml sets it")
    return Settings(environment["ENDPOINT_NAME"], environment["MODEL_RUN"], environment["ARTIFACTS_URI"])
