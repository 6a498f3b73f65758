"""Makes training data of production's requests: what was captured, joined with the labels that came for it later.

The labels are read first and kept in memory; the captures, many times as much, go by file by file. Every label is used
once, so a request that was captured twice is one observation. The same bucket gives the same file.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model import captures
from model.captures import SYNTHETIC, Table, Unreadable
from model.settings import Settings
from model.storage import encryption, input_key, listed_objects

CAPTURES, TRUTHS = "captures/", "ground-truth/"
Schema = dict[str, Any]
Schemas = Callable[[str], Schema | None]


@dataclass
class Learned:
    """What became of the labels."""

    rows: int = 0
    requests: int = 0
    sha256: str = ""
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def lineage(self) -> dict[str, Any]:
        """Return what the run keeps of it."""
        return {"rows": self.rows, "requests": self.requests, "sha256": self.sha256, "left_out": dict(sorted(self.left_out.items()))}

    @property
    def sentence(self) -> str:
        """Return what the build's log says of it."""
        left = ", ".join(f"{count} {why}" for why, count in sorted(self.left_out.items()))
        return f"{self.rows} rows of {self.requests} labelled requests join the training data" + (f"; left out: {left}" if left else "")


def learn(s3: Any, columns: list[str], target: str, schemas: Schemas, settings: Settings) -> tuple[Settings, Learned]:
    """Lay labelled requests beside the run's training data, whose columns they get; return settings with the data's version and what was found."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "captured.csv")
        learned = joined(path, s3, columns, target, schemas, settings.bucket)
        if learned.rows:
            learned.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            settings = replace(settings, data_version=f"{settings.data_version}+{learned.sha256[:12]}")
            name = f"captured-{learned.sha256[:12]}.csv"  # no upload has that name
            s3.upload_file(str(path), settings.bucket, input_key(settings, "train", name), ExtraArgs=encryption(settings))
    s3.put_object(Bucket=settings.bucket, Key=f"{settings.run_key}/data/captured.json", ContentType="application/json",
                  Body=json.dumps(learned.lineage, indent=2).encode(), **encryption(settings))
    return settings, learned


def joined(path: Path, s3: Any, columns: list[str], target: str, schemas: Schemas, bucket: str) -> Learned:
    """Write the labelled requests as a CSV with these columns."""
    learned = Learned()
    truths = ground_truth(s3, bucket, learned)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for endpoint, capture in captured(s3, bucket, truths, learned):
            labels = truths.pop(captures.request_id(capture))
            try:
                rows = observations(capture, labels, columns, target, schemas(endpoint))
            except Unreadable as error:
                learned.left_out[str(error)] += 1
                continue
            writer.writerows(rows)
            learned.rows, learned.requests = learned.rows + len(rows), learned.requests + 1
    if truths:
        learned.left_out["labels without a captured request"] = len(truths)
    return learned


def ground_truth(s3: Any, bucket: str, learned: Learned) -> dict[str, list[str]]:
    """Return the labels by id; of two under one id the one that was uploaded last."""
    found: dict[str, list[str]] = {}
    for item in sorted(listed_objects(s3, bucket, TRUTHS, f"s3://{bucket}/{TRUTHS}"), key=lambda item: (item["LastModified"], item["Key"])):
        for line in lines(s3, bucket, item["Key"]):
            try:
                truth = captures.event(line)
                identifier, values = str(truth["eventMetadata"].get("eventId") or ""), captures.labels(truth)
            except Unreadable:
                learned.left_out["unreadable labels"] += 1
                continue
            if not identifier.startswith(SYNTHETIC):
                found[identifier] = values
    return found


def captured(s3: Any, bucket: str, wanted: dict[str, list[str]], learned: Learned) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield endpoint and event of each captured request that is wanted, until none is any more."""
    for item in listed_objects(s3, bucket, CAPTURES, f"s3://{bucket}/{CAPTURES}"):
        if not wanted:
            return
        for line in lines(s3, bucket, item["Key"]):
            try:
                found = captures.event(line)
            except Unreadable:
                learned.left_out["unreadable captures"] += 1
                continue
            if captures.request_id(found) in wanted:
                yield item["Key"].split("/")[1], found


def lines(s3: Any, bucket: str, key: str) -> Iterator[str]:
    """Yield the lines of an object."""
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode(errors="replace")
    return (line for line in text.split("\n") if line.strip())


def observations(capture: dict[str, Any], labels: list[str], columns: list[str], target: str, schema: Schema | None) -> list[list[str]]:
    """Return a request's rows in the order of columns, each with its label; what the model did not ask for is empty."""
    if schema is None:
        raise Unreadable("requests to a model whose schema is gone")
    try:
        table = named(captures.table(capture, columns), schema)
    except Unreadable:
        raise Unreadable("unreadable requests") from None
    if len(labels) != len(table.rows):
        raise Unreadable("requests with another number of labels than rows")
    if not all(known(label, schema) for label in labels):
        raise Unreadable("requests with a label that the model does not know")
    places = {name: place for place, name in enumerate(table.names or ())}
    return [[label if name == target else captures.cell(row[places[name]]) if name in places else "" for name in columns]
            for row, label in zip(table.rows, labels, strict=True)]


def named(table: Table, schema: Schema) -> Table:
    """Return rows with names: their own, or those of the features of the model that was asked."""
    features = [feature["name"] for feature in schema["features"]]
    names = features if table.names is None else table.names
    if not set(features) <= set(names) or any(len(row) != len(names) for row in table.rows):
        raise Unreadable("other columns than the model's")
    return Table(names, table.rows)


def known(label: str, schema: Schema) -> bool:
    """Return whether a label is one of the model's classes, or for a regression a number."""
    if schema["problem"]["type"] != "regression":
        return label in schema["labels"]
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False
