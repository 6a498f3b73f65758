"""Prepare: check the data, divide it, and write down what its columns are.

Reads processing/input/data/{train,test,baseline}/*.csv (the last two may be absent) and
processing/input/config/config.json; writes train, validation, test, schema, baseline and golden
below processing/output.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from container.column_types import feature_of
from container.encoding import encode, numbers
from container.errors import CellRefused, Misused, Refused
from container.paths import processing_input, processing_output, write_json
from container.schema import Problem, Schema
from container.settings import Settings, read_settings
from container.splits import draw
from container.table import Table, read_folder, write_table

GOLDEN_ROWS = 20
FEWEST_ROWS_OF_A_LABEL = 3


@dataclass(frozen=True)
class Parts:
    """The rows for each use; test holds target and features like the others."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def main(arguments: list[str]) -> None:
    """Run the program."""
    if arguments:
        raise Misused("usage: python -m container prepare")
    settings = read_settings(processing_input("config", "config.json"))
    data = processing_input("data")
    table = read_folder(data / "train")
    if table is None:
        raise Refused(f"{data / 'train'} holds no .csv file; the upload must name or bring training data")
    schema = describe(table, settings)
    parts = divide(table, _checked(read_folder(data / "test"), schema, with_target=True), schema, settings)
    baseline = _checked(read_folder(data / "baseline"), schema, with_target=False)
    _write(parts, baseline, schema, settings.seed)


def describe(table: Table, settings: Settings) -> Schema:
    """Return the schema of the training data; refuse what cannot be learned from."""
    _check_columns(table, settings)
    labels = _labels(table, settings.problem)
    left_out = {settings.problem.target, *settings.ignored}
    names = [name for name in table.names if name not in left_out]
    if not names:
        raise Refused(f"{table.source}: no column is left besides {', '.join(sorted(left_out))}")
    try:
        features = tuple(feature_of(name, table.cells(name), settings.types.get(name)) for name in names)
        schema = Schema(settings.problem, labels, features, settings.ignored)
        # Declared types are promises only until each cell has been read.
        encode(table.columns(names), schema)
    except CellRefused as error:
        raise table.located(error) from None
    except Refused as error:
        raise Refused(f"{table.source}: {error}") from None
    return schema


def _check_columns(table: Table, settings: Settings) -> None:
    named = {"problem.target": [settings.problem.target], "problem.ignore": settings.ignored,
             "problem.columns": settings.types}
    for field, names in named.items():
        for name in names:
            if name not in table.names:
                raise Refused(
                    f"{table.source}: no column {name!r}, which {field} names; it has {', '.join(table.names)}"
                )


def _labels(table: Table, problem: Problem) -> tuple[str, ...]:
    """Return the labels in the order of the model's outputs: the positive one last, if there is one."""
    cells = table.cells(problem.target)
    empty = np.flatnonzero(cells == "")
    if empty.size:
        raise table.located(CellRefused(int(empty[0]) + 1, problem.target, "the target is empty; remove the row"))
    if problem.type == "regression":
        _check_numeric_target(table, problem.target)
        return ()
    found, counts = np.unique(cells.astype(str), return_counts=True)
    where = f"{table.source}: target {problem.target}"
    if len(found) < 2:
        raise Refused(f"{where} has {len(found)} label ({', '.join(found)}); learning needs at least 2")
    for label, count in zip(found, counts, strict=True):
        if count < FEWEST_ROWS_OF_A_LABEL:
            raise Refused(f"{where} has label {str(label)!r} in {count} rows; each label needs "
                          f"{FEWEST_ROWS_OF_A_LABEL}: add rows, merge labels or remove it")
    return _ordered([str(label) for label in found], problem, where)


def _ordered(labels: list[str], problem: Problem, where: str) -> tuple[str, ...]:
    if len(labels) > 100:
        raise Refused(f"{where} has {len(labels)} labels; for a number to predict, set problem.type to regression")
    if problem.type == "multiclass":
        return tuple(labels)
    if len(labels) != 2:
        raise Refused(f"{where} has {len(labels)} labels; set problem.type to multiclass or merge them to 2")
    if problem.positive not in labels:
        raise Refused(f"{where} has the labels {', '.join(labels)}; problem.positive is {problem.positive!r} "
                      "and must be one of them (quote it in config.yml)")
    return tuple(sorted(labels, key=lambda label: label == problem.positive))


def _check_numeric_target(table: Table, target: str) -> None:
    try:
        values = numbers(table.cells(target), target)
    except CellRefused as error:
        raise table.located(error) from None
    missing = np.flatnonzero(np.isnan(values))
    if missing.size:
        raise table.located(CellRefused(int(missing[0]) + 1, target, "the target has no number; remove the row"))
    if values.min(initial=np.inf) >= values.max(initial=-np.inf):
        raise Refused(f"{table.source}: target {target} never changes; there is nothing to learn")


def _checked(table: Table | None, schema: Schema, with_target: bool) -> Table | None:
    """Return a given table if it fits the schema of the training data; refuse it otherwise."""
    if table is None:
        return None
    wanted = [*schema.names, schema.problem.target] if with_target else schema.names
    lacking = [name for name in wanted if name not in table.names]
    if lacking:
        raise Refused(f"{table.source}: no column {lacking[0]!r}, which the training data has")
    if not len(table):
        raise Refused(f"{table.source}: no rows")
    try:
        encode(table.columns(schema.names), schema)
    except CellRefused as error:
        raise table.located(error) from None
    if with_target:
        _check_test_labels(table, schema)
    return table


def _check_test_labels(table: Table, schema: Schema) -> None:
    target = schema.problem.target
    if schema.problem.type == "regression":
        _check_numeric_target(table, target)
        return
    cells = table.cells(target)
    for row, cell in enumerate(cells, 1):
        if cell not in schema.labels:
            raise table.located(CellRefused(row, target, f"label {cell!r} is not among {', '.join(schema.labels)}"))
    if len(set(cells)) < 2:
        raise Refused(f"{table.source}: target {target} has one label only; metrics need two")


def divide(table: Table, test: Table | None, schema: Schema, settings: Settings) -> Parts:
    """Return the data in its parts: a given test set is used whole, otherwise it is drawn."""
    kept = table.frame[[schema.problem.target, *schema.names]]
    labels = table.cells(schema.problem.target) if schema.labels else None
    generator = np.random.default_rng(settings.seed)
    rows = np.arange(len(table))
    test_rows = rows[:0]
    if test is None:
        test_rows = draw(labels, rows, settings.test, generator)
        rows = np.setdiff1d(rows, test_rows)
    # The fraction is of all rows, also where the test rows have been taken out before.
    share = settings.validation * len(table) / max(len(rows), 1)
    validation_rows = draw(labels, rows, min(share, 0.5), generator)
    rows = np.setdiff1d(rows, validation_rows)
    if min(len(rows), len(validation_rows)) < 1:
        raise Refused(f"{table.source}: {len(table)} rows are too few to divide")
    test_frame = kept.iloc[test_rows] if test is None else test.frame[kept.columns]
    return Parts(kept.iloc[rows], kept.iloc[validation_rows], test_frame)


def _write(parts: Parts, baseline: Table | None, schema: Schema, seed: int) -> None:
    features = schema.names
    generator = np.random.default_rng(seed)
    golden = np.sort(generator.permutation(len(parts.test))[:GOLDEN_ROWS])
    watched = parts.train if baseline is None else baseline.frame
    written = {
        "train/train.csv": parts.train,
        "validation/validation.csv": parts.validation,
        "test/test.csv": parts.test,
        "baseline/baseline.csv": watched[features],
        "golden/golden.csv": parts.test[features].iloc[golden],
    }
    for name, frame in written.items():
        write_table(frame, processing_output(*name.split("/")))
        print(f"prepare: {name} {len(frame)} rows")
    write_json(processing_output("schema", "schema.json"), schema.to_json())
    kinds = ", ".join(f"{feature.name} {feature.type}" for feature in schema.features)
    print(f"prepare: {len(features)} features: {kinds}")
