"""An unpacked data-source.zip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model import data_source
from model.errors import BuildError

TABLE = "minutes,plan,churn\n10,a,no\n"


def fill(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def test_csv_files_go_to_the_channel_that_their_place_says(upload: Path) -> None:
    fill(upload, {"churn.csv": TABLE, "test.csv": TABLE, "baseline/b.csv": TABLE, "train/more.csv": TABLE,
                  "__MACOSX/._churn.csv": "junk", ".DS_Store": "junk"})
    files = {channel: [path.name for path in paths] for channel, paths in data_source.read(upload).files.items()}
    assert files == {"train": ["churn.csv", "more.csv"], "test": ["test.csv"], "baseline": ["b.csv"]}


def test_pointers_images_and_hyperparameters_are_read(upload: Path) -> None:
    fill(upload, {"inputData.json": {"TrainingUri": "s3://data-sets/a.csv", "TestUri": "", "BaselineUri": "s3://data-sets/b/"},
                  "imageDetail.json": {"ImageUri": "host/image:1"}, "hyperparameters.json": {"max_iter": 10}})
    source = data_source.read(upload)
    assert source.pointers == {"train": "s3://data-sets/a.csv", "baseline": "s3://data-sets/b/"}
    assert (source.images, source.hyperparameters) == ({"model": "host/image:1"}, {"max_iter": 10})


@pytest.mark.parametrize(("files", "message"), [
    ({}, "neither inputData.json nor training data as CSV; found: nothing"),
    ({"README.txt": "hello"}, "found: README.txt"),
    ({"imageDetail.json": {"ImageUri": "host/image:1"}}, "neither inputData.json nor training data"),
    ({"test.csv": TABLE}, "neither inputData.json nor training data"),
    ({"a.csv": TABLE, "inputData.json": {"TrainingUri": "s3://data-sets/a"}}, "holds both inputData.json and a.csv"),
    ({"old/a.csv": TABLE}, "old/a.csv is in no known folder; allowed: train, validation, test, baseline or none"),
    ({"inputData.json": "{"}, "inputData.json is not JSON"),
    ({"inputData.json": "[]"}, "inputData.json holds a list; allowed: one JSON object"),
    ({"inputData.json": {}}, "inputData.json lacks TrainingUri"),
    ({"inputData.json": {"TrainingUri": ""}}, "inputData.json lacks TrainingUri"),
    ({"inputData.json": {"TrainingUri": 1}}, "inputData.json: TrainingUri is 1; allowed: a text"),
    ({"inputData.json": {"TraningUri": "s3://data-sets/a"}}, "unknown field TraningUri; allowed: TrainingUri, ValidationUri, TestUri, BaselineUri"),
    ({"inputData.json": {"TrainingUri": "http://x"}}, "TrainingUri is 'http://x'; allowed: s3://bucket/key"),
    ({"a.csv": TABLE, "hyperparameters.json": {"depth": [1]}}, r"hyperparameters.json: depth is \[1\]; allowed: a text, a number"),
    ({"a.csv": TABLE, "hyperparameters.json": {"depth": None}}, "hyperparameters.json: depth is null"),
    ({"a.csv": TABLE, "imageDetail.json": "no"}, "imageDetail.json is not JSON"),
])
def test_a_bad_upload_is_refused_by_file_and_field(upload: Path, files: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        data_source.read(fill(upload, files))


@pytest.mark.parametrize(("texts", "message"), [
    ({"a.csv": ""}, "a.csv is empty"),
    ({"a.csv": "minutes,churn\n"}, "a.csv has no row after its column names"),
    ({"a.csv": "minutes,minutes,churn\n1,2,no\n"}, "blank or repeated column names"),
    ({"a.csv": "minutes,plan\n1,a\n"}, "a.csv has no column churn, which model/config.yml names as problem.target; its columns: minutes, plan"),
    ({"a.csv": TABLE, "b.csv": "minutes,churn\n1,no\n"}, "b.csv has other columns than a.csv: plan"),
])
def test_a_bad_table_is_refused_by_name(texts: dict[str, str], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        data_source.check_tables({"train": texts}, "churn")


def test_a_baseline_needs_no_target() -> None:
    data_source.check_tables({"baseline": {"b.csv": "minutes,plan\n1,a\n"}}, "churn")
