"""Which image analyzes captures with monitoring.engine model-monitor: AWS's, from the list that its SDK keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.errors import BuildError
from model.settings import required


def image(config: dict[str, Any], environment: Mapping[str, str]) -> str:
    """Return AWS's analyzer for the build's region; blank with engine own. Raises BuildError where AWS has none."""
    if config["monitoring"]["engine"] != "model-monitor":
        return ""
    from model.states import image_uris  # the SDK takes seconds to import, and only this engine needs it

    region = required(environment, "AWS_REGION")
    try:
        return str(image_uris.retrieve("model-monitor", region))
    except ValueError as error:
        raise BuildError(f'model/config.yml: monitoring.engine is "model-monitor", which AWS does not offer in {region} ({error}); '
                         "allowed there: own") from error
