"""Training data from production's requests and their labels."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any

import pytest

from model import learning, live_run
from model.settings import Settings

COLUMNS = ["id", "plan", "minutes", "churn"]
SCHEMA = {"problem": {"type": "binary", "target": "churn", "positive": "yes"}, "labels": ["no", "yes"], "ignored": ["id"],
          "features": [{"name": "minutes", "type": "numeric"}, {"name": "plan", "type": "categorical"}]}
HOUR = "AllTraffic/2026/11/20/09"


def capture(identifier: str, rows: list[list[Any]], names: list[str] | None = None) -> str:
    data = json.dumps({"columns": names, "data": rows} if names else {"instances": rows})
    return json.dumps({
        "captureData": {"endpointInput": {"observedContentType": "application/json", "mode": "INPUT", "data": data, "encoding": "JSON"}},
        "eventMetadata": {"eventId": f"event-{identifier}", "inferenceId": identifier, "inferenceTime": "2026-11-20T09:00:00Z"},
        "eventVersion": "0"})


def truth(identifier: str, label: str) -> str:
    return json.dumps({"groundTruthData": {"data": label, "encoding": "CSV"}, "eventMetadata": {"eventId": identifier}, "eventVersion": "0"})


class Bucket:
    """A project's bucket with captures and labels in it."""

    def __init__(self, s3: Any, settings: Settings) -> None:
        self.s3, self.settings, self.endpoint = s3, settings, f"{settings.name_prefix}-0123abcd-p"
        self.put("runs/0123abcd-1111/data/schema/schema.json", json.dumps(SCHEMA))

    def put(self, key: str, *lines: str) -> None:
        self.s3.objects[self.settings.bucket, key] = "".join(f"{line}\n" for line in lines).encode()

    def captured(self, *lines: str, name: str = "00-00.jsonl") -> None:
        self.put(f"captures/{self.endpoint}/{HOUR}/{name}", *lines)

    def labelled(self, *lines: str, name: str = "labels.jsonl", time: int = 0) -> None:
        self.put(f"ground-truth/2026/11/20/10/{name}", *lines)
        self.s3.times[f"ground-truth/2026/11/20/10/{name}"] = time

    def learn(self) -> tuple[Settings, learning.Learned]:
        def schema(endpoint: str) -> dict[str, Any] | None:
            return live_run.schema_of(endpoint, None, self.s3, self.settings)
        return learning.learn(self.s3, COLUMNS, "churn", schema, self.settings)

    def rows(self) -> list[list[str]]:
        [content] = [content for (_, key), content in self.s3.objects.items() if "/data/input/train/captured-" in key]
        return list(csv.reader(io.StringIO(content.decode())))


@pytest.fixture
def bucket(s3: Any, project: Settings) -> Bucket:
    return Bucket(s3, project)


def test_labelled_requests_become_rows_of_the_training_data(bucket: Bucket) -> None:
    bucket.captured(capture("one", [["a", 10], ["b", None]], ["plan", "minutes"]), capture("two", [[30.5, "c"]]), capture("three", [[1, "d"]]))
    bucket.labelled(truth("one", "yes\nno"), truth("two", "no"))
    _settings, learned = bucket.learn()
    assert bucket.rows() == [COLUMNS, ["", "a", "10", "yes"], ["", "b", "", "no"], ["", "c", "30.5", "no"]]
    assert (learned.rows, learned.requests, dict(learned.left_out)) == (3, 2, {})


def test_the_datas_version_names_what_was_learned(bucket: Bucket) -> None:
    bucket.captured(capture("one", [[10, "a"]]))
    bucket.labelled(truth("one", "yes"))
    settings, learned = bucket.learn()
    [(key, content)] = [(key, content) for (_, key), content in bucket.s3.objects.items() if "/data/input/train/captured-" in key]
    assert learned.sha256 == hashlib.sha256(content).hexdigest()
    assert settings.data_version == f"v1+{learned.sha256[:12]}" and learned.sha256[:12] in key
    kept = json.loads(bucket.s3.objects[settings.bucket, f"{settings.run_key}/data/captured.json"])
    assert kept == {"rows": 1, "requests": 1, "sha256": learned.sha256, "left_out": {}}
    assert bucket.s3.keys[settings.bucket, key] == settings.kms_key_arn


def test_the_same_bucket_gives_the_same_file(bucket: Bucket) -> None:
    for name in ("b.jsonl", "a.jsonl"):
        bucket.captured(*(capture(f"{name}-{number}", [[number, "a"]]) for number in range(20)), name=name)
    bucket.labelled(*(truth(f"{name}-{number}", "yes") for number in range(19, -1, -1) for name in ("a.jsonl", "b.jsonl")))
    first, second = bucket.learn()[1], bucket.learn()[1]
    assert first.rows == 40 and first.sha256 == second.sha256


def test_a_request_that_was_captured_twice_is_one_observation(bucket: Bucket) -> None:
    bucket.captured(capture("one", [[10, "a"]]), capture("one", [[10, "a"]]))
    bucket.captured(capture("one", [[10, "a"]]), name="01-00.jsonl")
    bucket.labelled(truth("one", "yes"), truth("one", "yes"))
    assert bucket.learn()[1].rows == 1


def test_a_corrected_label_is_the_one_that_was_uploaded_last(bucket: Bucket) -> None:
    bucket.captured(capture("one", [[10, "a"]]))
    bucket.labelled(truth("one", "no"), name="a-correction.jsonl", time=2)
    bucket.labelled(truth("one", "yes"), name="labels.jsonl", time=1)
    bucket.learn()
    assert bucket.rows()[1][-1] == "no"


def test_requests_that_prove_a_release_are_no_data(bucket: Bucket) -> None:
    bucket.captured(capture("synthetic-1", [[10, "a"]]), capture("one", [[10, "a"]]))
    bucket.labelled(truth("synthetic-1", "yes"), truth("one", "yes"))
    assert bucket.learn()[1].rows == 1


@pytest.mark.parametrize(("captured", "label", "why"), [
    ([[10, "a"]], "yes\nno", "requests with another number of labels than rows"), ([[10, "a"]], "maybe", "requests with a label that the model does not know"),
    ([[10, "a"]], "", "requests with another number of labels than rows"), ([[10, "a", 5]], "yes", "unreadable requests"),
    ([{"minutes": 1}], "yes", "unreadable requests"),
])
def test_what_cannot_be_learned_is_counted_and_not_learned(bucket: Bucket, captured: list[Any], label: str, why: str) -> None:
    bucket.captured(capture("one", captured), "no event")
    bucket.labelled(truth("one", label), "no event")
    settings, learned = bucket.learn()
    assert dict(learned.left_out) == {why: 1, "unreadable labels": 1} | ({"unreadable captures": 1} if learned.left_out["unreadable captures"] else {})
    assert learned.rows == 0 and settings.data_version == "v1"
    assert not any("/data/input/train/" in key for _, key in bucket.s3.objects)


def test_labels_that_no_request_has_are_told(bucket: Bucket) -> None:
    bucket.captured(capture("one", [[10, "a"]]))
    bucket.labelled(truth("one", "yes"), truth("other", "no"), truth("third", "no"))
    learned = bucket.learn()[1]
    assert learned.sentence == "1 rows of 1 labelled requests join the training data; left out: 2 labels without a captured request"


def test_a_project_without_labels_learns_nothing(bucket: Bucket) -> None:
    bucket.captured(capture("one", [[10, "a"]]))
    settings, learned = bucket.learn()
    assert (learned.rows, settings) == (0, bucket.settings)


def test_what_was_asked_of_a_model_that_is_gone_is_left_out(bucket: Bucket) -> None:
    bucket.endpoint = f"{bucket.settings.name_prefix}-ffffffff-p"
    bucket.captured(capture("one", [[10, "a"]]))
    bucket.labelled(truth("one", "yes"))
    assert dict(bucket.learn()[1].left_out) == {"requests to a model whose schema is gone": 1}


def test_a_regressions_label_is_a_number(bucket: Bucket) -> None:
    bucket.put("runs/0123abcd-1111/data/schema/schema.json", json.dumps(SCHEMA | {"problem": {"type": "regression", "target": "churn"}, "labels": []}))
    bucket.captured(capture("one", [[10, "a"]]), capture("two", [[11, "a"]]), capture("three", [[12, "a"]]))
    bucket.labelled(truth("one", "2.5"), truth("two", "much"), truth("three", "nan"))
    learned = bucket.learn()[1]
    assert bucket.rows()[1:] == [["", "a", "10", "2.5"]]
    assert dict(learned.left_out) == {"requests with a label that the model does not know": 2}
