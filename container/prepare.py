"""Prepare: check the data, divide it, and write down what its columns are.

Reads processing/input/data/{train,test,baseline}/*.csv (the last two may be absent) and
processing/input/config/config.json; writes train, validation, test, schema, baseline and golden
below processing/output. The data are read batch by batch, once to learn what they are and once to
write them; of each row only a few bytes stay in memory.
"""

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


def main(arguments: list[str]) -> None:
    """Run the program."""
    if arguments:
        raise Misused("usage: python -m container prepare")
    settings = read_settings(processing_input("config", "config.json"))
    data = processing_input("data")
    files, test_files = csv_files(data / "train"), csv_files(data / "test")
    if not files:
        raise Refused(f"{data / 'train'} holds no .csv file; the upload must name or bring training data")
    found = survey(files, settings)
    test = survey_given(test_files, found.schema, with_target=True) if test_files else None
    parts = _parts(found, test, settings, source(files))
    written = _learning_parts(found.schema, parts)
    if test is None:
        written += _test_parts(found, parts == TEST, settings.seed)
    else:
        _write(test_files, _test_parts(test, np.ones(len(test), dtype=bool), settings.seed))
    given = csv_files(data / "baseline")
    if given:
        rows = len(survey_given(given, found.schema, with_target=False))
        _write(given, [_baseline_part(found.schema, np.ones(rows, dtype=bool))])
    else:
        written.append(_baseline_part(found.schema, _some(parts == TRAIN, None, BASELINE_ROWS, settings.seed)))
    _write(files, written)
    _write_schema(found.schema)


def _parts(found: Survey, test: Survey | None, settings: Settings, where: str) -> np.ndarray:
    """Return each training row's part; no row of the test data, given or drawn, is in another part."""
    firsts = first_equals(found.keys)
    parts = divide(len(found), found.labels, settings.validation, 0.0 if test else settings.test, firsts, settings.seed)
    if firsts is not None:
        print(f"prepare: {len(found) - len(np.unique(firsts)):,} rows repeat others; equal rows stay in one part")
    if test is not None:
        _leave_out(parts, found.keys, test.keys)
    if min(np.count_nonzero(parts == TRAIN), np.count_nonzero(parts == VALIDATION)) < 1:
        raise Refused(f"{where}: {len(found)} rows are too few to divide"
                      + ("; those that the test files hold, too, do not count" if (parts == LEFT_OUT).any() else ""))
    return parts


def _leave_out(parts: np.ndarray, keys: np.ndarray, test_keys: np.ndarray) -> None:
    """Take the rows of the given test data out of the training data: their answers would be known."""
    known = np.isin(keys, test_keys)
    if not known.any():
        return
    if tells_observations(len(np.unique(test_keys)), len(test_keys)):
        parts[known] = LEFT_OUT
    word = "left out of" if (parts == LEFT_OUT).any() else "left in, as rows repeat so much, in"
    print(f"prepare: {np.count_nonzero(known):,} rows of the training data are in the given test data, too; {word} training")


def _learning_parts(schema: Schema, parts: np.ndarray) -> list[Part]:
    columns = [schema.problem.target, *schema.names]
    return [Part(processing_output("train", "train.csv"), columns, parts == TRAIN),
            Part(processing_output("validation", "validation.csv"), columns, parts == VALIDATION)]


def _test_parts(data: Survey, rows: np.ndarray, seed: int) -> list[Part]:
    """Return the test data and the golden rows among them, which show every label."""
    columns = [data.schema.problem.target, *data.schema.names]
    return [Part(processing_output("test", "test.csv"), columns, rows),
            Part(processing_output("golden", "golden.csv"), data.schema.names, _some(rows, data.labels, GOLDEN_ROWS, seed))]


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
