"""What a monitoring job is told: SageMaker's contract for a monitor of one's own, with defaults where it says nothing.

publish_cloudwatch_metrics, sagemaker_endpoint_name and sagemaker_monitoring_schedule_name are not needed here: the
project publishes metrics from drift.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container.encoding import FALSE, TRUE
from container.errors import Refused
from container.paths import base, processing_input, read_json
from container.reference import NumberReference, Reference
from container.schema import Feature, Problem, Schema, read_schema
from container.verdict import Limits

FORMATS = ("sagemakerCaptureJson", "csv")


@dataclass(frozen=True)
class MonitoringJob:
    """Where the data, the baseline and the results are, and of what time the data is."""

    data: Path
    is_csv: bool
    has_header: bool
    statistics: Path
    constraints: Path
    output: Path
    start: str | None
    end: str | None


def monitoring_job(environment: Mapping[str, str]) -> MonitoringJob:
    """Return the job that the environment describes."""
    kind, options = _format(environment.get("dataset_format"))
    return MonitoringJob(
        data=_path(environment.get("dataset_source"), processing_input("captures")),
        is_csv=kind == "csv",
        has_header=bool(options.get("header", True)),
        statistics=_path(environment.get("baseline_statistics"), processing_input("baseline", "statistics.json")),
        constraints=_path(environment.get("baseline_constraints"), processing_input("baseline", "constraints.json")),
        output=_path(environment.get("output_path"), base() / "processing" / "output"),
        start=environment.get("start_time") or None,
        end=environment.get("end_time") or None,
    )


def _path(given: str | None, otherwise: Path) -> Path:
    return Path(given) if given else otherwise


def _format(text: str | None) -> tuple[str, dict[str, Any]]:
    if not text:
        return FORMATS[0], {}
    try:
        content = json.loads(text)
        kind, options = next((kind, content[kind]) for kind in FORMATS if kind in content)
        if not isinstance(options, dict):
            raise TypeError
    except (ValueError, TypeError, StopIteration):
        raise Refused(f"dataset_format is {text[:200]}; it must be a JSON object with {' or '.join(FORMATS)}") from None
    return kind, options


def read_limits(path: Path) -> Limits:
    """Return what config.json's section monitoring allows; the defaults where there is no such file."""
    if not path.exists():
        return Limits()
    content = read_json(path)
    section = (content.get("monitoring") if isinstance(content, dict) else None) or {}
    if not isinstance(section, dict):
        raise Refused(f"{path.name}: monitoring is {section!r}; it must be an object")
    default = Limits()
    return Limits(
        false_alarms=_number(section, "false_alarms", default.false_alarms, 0.2),
        least_effect=_number(section, "least_effect", default.least_effect, 1.0),
        threshold=_number(section, "threshold", default.threshold, 1.0),
    )


def _number(section: Mapping[str, Any], name: str, otherwise: float, most: float) -> float:
    value = section.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise Refused(f"config.json: monitoring.{name} is {value!r}; allowed is a number above 0 and at most {most:g}")
    return float(value)


def features_of(path: Path, references: Mapping[str, Reference]) -> Schema:
    """Return the schema that prepare wrote; without its file, as under SageMaker's own schedules, what the baseline's columns say."""
    if not path.exists():
        features = tuple(Feature(name, _type(reference)) for name, reference in references.items())
        return Schema(Problem("", ""), (), features)
    schema = read_schema(path)
    for feature in schema.features:
        reference = references.get(feature.name)
        if reference is None or isinstance(reference, NumberReference) != (feature.type == "numeric"):
            state = "lacks" if reference is None else "describes as another type"
            raise Refused(f"statistics.json {state} the feature {feature.name!r} of schema.json; both must be of one run")
    return schema


def _type(reference: Reference) -> str:
    if isinstance(reference, NumberReference):
        return "numeric"
    words = {word.lower() for word in reference.counts}
    return "boolean" if words and words <= TRUE | FALSE else "categorical"
