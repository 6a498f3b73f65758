"""Prepare: check the data, divide it, and write down what its columns are.

Reads processing/input/data/{train,validation,test,baseline}/*.csv (all but the first may be absent) and
processing/input/config/config.json; writes train, validation, test, schema, baseline and golden
below processing/output. The data are read batch by batch, once to learn what they are and once to
write them; of each row only a few bytes stay in memory.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from container.errors import Misused, Refused
from container.parts import Part, write_parts
from container.paths import processing_input, processing_output, write_json
from container.row_identity import first_equals, tells_observations
from container.schema import Schema
from container.settings import Settings, read_settings
from container.splits import LEFT_OUT, TEST, TRAIN, VALIDATION, divide, sample
from container.survey import Survey, source, survey, survey_given
from container.table import CsvFile, csv_files

GOLDEN_ROWS = 20
# Rows that stand for the training data in monitoring: a share in them is right to a quarter of a percent.
BASELINE_ROWS = 200_000


@dataclass(frozen=True)
class Given:
    """A part of the data that comes in files of its own."""

    files: list[CsvFile]
    data: Survey


def main(arguments: list[str]) -> None:
    """Run the program."""
    if arguments:
        raise Misused("usage: python -m container prepare")
    settings = read_settings(processing_input("config", "config.json"))
    data = processing_input("data")
    files = csv_files(data / "train")
    if not files:
        raise Refused(f"{data / 'train'} holds no .csv file; the upload must name or bring training data")
    found = survey(files, settings)
    validation, test, baseline = (_given(data / name, found.schema, name) for name in ("validation", "test", "baseline"))
    parts = _parts(found, validation, test, settings, source(files))
    _write_all(files, found, parts, validation, test, baseline, settings.seed)
    _write_schema(found.schema)


def _write_all(files: list[CsvFile], found: Survey, parts: np.ndarray, validation: Given | None, test: Given | None,
               baseline: Given | None, seed: int) -> None:
    """Write each part from the files that it was given in, the rest in one reading of the training data."""
    written = [_part("train", found.schema, parts == TRAIN)]
    if validation:
        _write(validation.files, [_part("validation", found.schema, _apart(validation.data, test))])
    else:
        written.append(_part("validation", found.schema, parts == VALIDATION))
    if test:
        _write(test.files, _test_parts(test.data, np.ones(len(test.data), dtype=bool), seed))
    else:
        written += _test_parts(found, parts == TEST, seed)
    if baseline:
        _write(baseline.files, [_baseline_part(found.schema, np.ones(len(baseline.data), dtype=bool))])
    else:
        written.append(_baseline_part(found.schema, _some(parts == TRAIN, None, BASELINE_ROWS, seed)))
    _write(files, written)


def _given(folder: Path, schema: Schema, name: str) -> Given | None:
    files = csv_files(folder)
    return Given(files, survey_given(files, schema, with_target=name != "baseline")) if files else None


def _parts(found: Survey, validation: Given | None, test: Given | None, settings: Settings, where: str) -> np.ndarray:
    """Return each training row's part; no row of one part, given or drawn, is in another."""
    firsts = first_equals(found.keys)
    if firsts is not None:
        print(f"prepare: {len(found) - len(np.unique(firsts)):,} rows repeat others; equal rows stay in one part")
    shares = (0.0 if validation else settings.validation, 0.0 if test else settings.test)
    parts = divide(len(found), found.labels, *shares, firsts, settings.seed)
    for given in (validation, test):
        parts[~_apart(found, given)] = LEFT_OUT
    needed = [TRAIN] if validation else [TRAIN, VALIDATION]
    if any(not (parts == part).any() for part in needed):
        raise Refused(f"{where}: {len(found)} rows are too few to divide"
                      + ("; those that are in other given files, too, do not count" if (parts == LEFT_OUT).any() else ""))
    return parts


def _apart(data: Survey, given: Given | None) -> np.ndarray:
    """Return which rows are not in the given data as well: whose answers the model must not have seen."""
    if given is None:
        return np.ones(len(data), dtype=bool)
    known = np.isin(data.keys, given.data.keys)
    if known.any():
        leave = tells_observations(len(np.unique(given.data.keys)), len(given.data))
        print(f"prepare: {np.count_nonzero(known):,} rows are in the given {given.files[0].path.parent.name} data, too; "
              + ("they are used there only" if leave else "rows repeat so much that this is taken for coincidence"))
        return ~known if leave else np.ones(len(data), dtype=bool)
    return ~known


def _part(name: str, schema: Schema, rows: np.ndarray) -> Part:
    return Part(processing_output(name, f"{name}.csv"), [schema.problem.target, *schema.names], rows)


def _test_parts(data: Survey, rows: np.ndarray, seed: int) -> list[Part]:
    """Return the test data and the golden rows among them, which show every label."""
    golden = _some(rows, data.labels, GOLDEN_ROWS, seed)
    return [_part("test", data.schema, rows), Part(processing_output("golden", "golden.csv"), data.schema.names, golden)]


def _baseline_part(schema: Schema, rows: np.ndarray) -> Part:
    return Part(processing_output("baseline", "baseline.csv"), schema.names, rows)


def _some(rows: np.ndarray, labels: np.ndarray | None, most: int, seed: int) -> np.ndarray:
    """Return which of the chosen rows are in a sample of them."""
    some = np.zeros(len(rows), dtype=bool)
    some[sample(labels, np.flatnonzero(rows), most, seed)] = True
    return some


def _write(files: list[CsvFile], parts: list[Part]) -> None:
    write_parts(files, parts)
    for part in parts:
        print(f"prepare: {part.path.parent.name}/{part.path.name} {np.count_nonzero(part.rows)} rows")


def _write_schema(schema: Schema) -> None:
    write_json(processing_output("schema", "schema.json"), schema.to_json())
    kinds = ", ".join(f"{feature.name} {feature.type}" for feature in schema.features)
    print(f"prepare: {len(schema.features)} features: {kinds}")
