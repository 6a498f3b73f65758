"""Monitor: tell whether captured data has drifted from what the model was trained on, and describe that beforehand.

Without an argument it follows SageMaker's contract for a monitor of one's own (container/monitoring_job.py): it reads
captures (or CSV files), the baseline's statistics.json and constraints.json, and, where they are there, schema/schema.json,
config/config.json, ground_truth/ and evaluation/evaluation.json below processing/input. It writes
statistics.json, constraints.json, constraint_violations.json, drift.json and report.html, and ends with 0 whatever it finds.

`baseline` reads processing/input/baseline/baseline.csv and processing/input/schema/schema.json; writes
statistics.json and constraints.json in the layout of SageMaker Model Monitor.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from container.aws_rule import aws_rule
from container.baseline import constraints, described, statistics
from container.captures import Seen, Task, captures, columns_of_all, csv_rows
from container.description import describe
from container.drift_page import render
from container.errors import CellRefused, Misused, Refused
from container.ground_truth import Truths, merge, read_truths
from container.monitoring_job import MonitoringJob, features_of, monitoring_job, read_limits
from container.paths import processing_input, processing_output, read_json, write_json
from container.reference import read_references
from container.rules import Check
from container.schema import Schema, read_schema
from container.verdict import TOO_FEW, Baseline, Limits, judge, rules_of
from container.violations import violations


def main(arguments: list[str]) -> None:
    """Run the program's named command."""
    command = " ".join(arguments)
    if command not in COMMANDS:
        raise Misused(f"usage: python -m container monitor [{'|'.join(name for name in COMMANDS if name)}]")
    COMMANDS[command]()


def write_baseline() -> None:
    """Write the baseline's statistics and the constraints that they suggest."""
    # A look needs no reader of tables.
    from container.table import read_table

    schema = read_schema(processing_input("schema", "schema.json"))
    table = read_table(processing_input("baseline", "baseline.csv"))
    lacking = [name for name in schema.names if name not in table.names]
    if lacking or not len(table):
        raise Refused(f"{table.source}: {f'no column {lacking[0]!r}' if lacking else 'no rows'}; prepare writes it")
    try:
        found = statistics(described(table.columns(schema.names), schema.features), schema.features)
    except CellRefused as error:
        raise table.located(error) from None
    limits = read_limits(processing_input("config", "config.json"))
    write_json(processing_output("baseline", "statistics.json"), found, indent=None)
    write_json(processing_output("baseline", "constraints.json"), constraints(found, limits.threshold))
    print(f"monitor: baseline of {len(table)} rows and {len(schema.features)} features")


def look() -> None:
    """Write what the captured data shows, and the verdict."""
    job, limits = monitoring_job(os.environ), read_limits(processing_input("config", "config.json"))
    rows, references = read_references(job.statistics)
    schema = features_of(processing_input("schema", "schema.json"), references)
    seen, truths = Seen(), _truths(job, schema)
    found = describe(columns_of_all(_tasks(job, schema, truths), seen), schema.features, references)
    if seen.unreadable and not found.rows:
        raise Refused(f"none of {seen.unreadable} captured requests can be read; the first: {seen.faults[0]}")
    quality, worse = _quality(truths, seen, schema, limits)
    judged = judge(found, Baseline(rows, references), schema.features, limits, aws_rule(read_json(job.constraints)), worse)
    judged |= {"window": {"start": job.start, "end": job.end}, "unreadable": seen.unreadable, "faults": seen.faults,
               "synthetic": seen.synthetic, "model_quality": quality}
    _write(job, statistics(found, schema.features), judged, limits)
    page = render(judged, found, references, os.environ.get("sagemaker_endpoint_name"))  # noqa: SIM112 - SageMaker's name
    (job.output / "report.html").write_text(page, encoding="utf-8")
    _tell(judged)


def _truths(job: MonitoringJob, schema: Schema) -> Truths | None:
    """Return what turned out to be true; None where none was brought, or no answers are captured to compare it with."""
    folder = processing_input("ground_truth")
    return None if job.is_csv or not schema.problem.target or not folder.is_dir() else read_truths(folder)


def _tasks(job: MonitoringJob, schema: Schema, truths: Truths | None) -> Iterator[Task]:
    if not job.data.is_dir():
        raise Refused(f"{job.data} is missing; the job's inputs must bring what was captured")
    if job.is_csv:
        return csv_rows(job.data, schema, job.has_header)
    return captures(job.data, schema, answered=truths.labels.keys() if truths else frozenset())


def _quality(truths: Truths | None, seen: Seen, schema: Schema, limits: Limits) -> tuple[dict[str, Any] | None, dict[str, Check]]:
    if truths is None:
        return None, {}
    # The metrics are loaded only where there is something to measure.
    from container.model_quality import model_quality

    evaluation = processing_input("evaluation", "evaluation.json")
    return model_quality(merge(truths, seen.answers), schema, evaluation, rules_of(schema.features, limits))


def _write(job: MonitoringJob, described: dict[str, Any], judged: dict[str, Any], limits: Limits) -> None:
    job.output.mkdir(parents=True, exist_ok=True)
    write_json(job.output / "statistics.json", described, indent=None)
    write_json(job.output / "constraints.json", constraints(described, limits.threshold))
    write_json(job.output / "constraint_violations.json", violations(judged))
    write_json(job.output / "drift.json", judged)


def _tell(judged: dict[str, Any]) -> None:
    for feature in judged["features"]:
        if feature["drifted"]:
            worst = feature["checks"][0]
            print(f"monitor: {feature['name']}: {worst['check']}: {worst['description']}")
    needed = f" ({judged['rows_needed']} needed)" if judged["verdict"] == TOO_FEW else ""
    print(f"monitor: {judged['rows']} rows, besides {judged['synthetic']} synthetic and {judged['unreadable']} unreadable requests: "
          f"{judged['verdict']}{needed}")


COMMANDS: dict[str, Callable[[], None]] = {"": look, "baseline": write_baseline}
