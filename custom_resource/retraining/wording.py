"""What the mail on drift says. Nothing here asks AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from guard import Decision

SHOWN = 10  # features; the report has all


@dataclass(frozen=True)
class Mail:
    """One message to people; SNS takes a subject of up to 100 ASCII characters in one line."""

    subject: str
    message: str


@dataclass(frozen=True)
class Links:
    """Addresses for people: of the consoles on AWS, or of the endpoint that the SDK is pointed at."""

    region: str
    endpoint_url: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Links:
        """Read the function's variables."""
        return cls(settings["AWS_REGION"], settings.get("AWS_ENDPOINT_URL", "").rstrip("/"))

    def report(self, bucket: str, key: str) -> str:
        """Return where a look's report is seen."""
        if self.endpoint_url:
            return f"{self.endpoint_url}/{bucket}/{quote(key)}"
        return f"https://{self.region}.console.aws.amazon.com/s3/object/{bucket}?region={self.region}&prefix={quote(key, safe='')}"

    def pipeline(self, name: str) -> str:
        """Return the pipeline's page, where runs are approved."""
        return f"https://{self.region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{name}/view?region={self.region}"


def of_drift(prefix: str, endpoint: str, drift: dict[str, Any], decision: Decision, run: str, report: str, pipeline: str) -> Mail:
    """Return the mail on a look that found drift: what, where the report is, and what happens next."""
    outcome = f"run {run[:8]} is started" if decision.start else "no retraining"
    names = ", ".join(each["Feature"] for each in drift["Drifted"])
    count = drift["DriftedFeatures"]
    subject = f"{prefix}: drift in {count} feature{'s' if count != 1 else ''}, {outcome}: {names}"
    return Mail(
        subject.encode("ascii", "replace").decode().translate(ONE_LINE)[:100],
        f"{count} of {drift['Features']} features of endpoint {endpoint} {'has' if count == 1 else 'have'} drifted from the live model's "
        f"training data, in {drift['Rows']} rows captured {window(drift)}.\n\n"
        f"{features(drift)}\n\nReport: {report}\n\n{following(decision, run)}\nPipeline: {pipeline}")


def window(drift: dict[str, Any]) -> str:
    """Return the time that a look was about, to the minute."""
    start, end = (drift[key][:16].replace("T", " ") for key in ("Start", "End"))
    return f"from {start} to {end} UTC" if start else f"before {end} UTC"


ONE_LINE = {ord("\n"): " ", ord("\r"): " ", ord("\t"): " "}


def features(drift: dict[str, Any]) -> str:
    """Return a line for each feature: check, distance, threshold and what the check says."""
    lines = [line(each) for each in drift["Drifted"][:SHOWN]]
    more = drift["DriftedFeatures"] - len(lines)
    return "\n".join([*lines, *([f"and {more} more, see the report"] if more > 0 else [])])


def line(feature: dict[str, Any]) -> str:
    """Return one feature's line."""
    numbers = [f"{word} {feature[key]:.3g}" for word, key in (("distance", "Distance"), ("threshold", "Threshold"))
               if feature.get(key) is not None]
    parts = [part for part in (feature["Check"], ", ".join(numbers), feature["Description"]) if part]
    return f"- {feature['Feature']}: {'; '.join(parts)}"


def following(decision: Decision, run: str) -> str:
    """Return what happens next."""
    if decision.start:
        return (f"Retraining: run {run} is started. {decision.why} If its model passes the gate, you are asked to approve it; "
                "until then nothing changes in production.")
    return f"No retraining is started: {decision.why}\n{decision.help}"
