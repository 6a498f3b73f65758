"""Evaluation: real measurements, the live model beside the new one, and a page to look at."""

import html.parser
import shutil

import numpy as np
import pytest
from image_jobs import TO_EVALUATE, Job
from sklearn import metrics as reference

from container.metrics import deviations, difference, measure, precision_recall

RNG = np.random.default_rng(11)
EVALUATION = "processing/output/evaluation/evaluation.json"


@pytest.fixture
def evaluated(churn: Job, job: Job, in_process):
    """Return a function that evaluates churn's model on changed rows, beside a live model if one is named."""

    def run(change=lambda text: text, live=None) -> dict:
        job.write("processing/input/test/test.csv", change((churn.outputs / "test" / "test.csv").read_text()))
        for folder, archive in (("model", churn.base / "processing/input/model/model.tar.gz"), ("live", live)):
            if archive:
                shutil.copy(archive, job.write(f"processing/input/{folder}/model.tar.gz", ""))
        assert in_process(job, "evaluate") == 0, (job.base / "output" / "failure").read_text()
        return job.json(EVALUATION)

    return run


def with_wrong_answers(share: int):
    """Return a change of test.csv that turns the answer of every so many rows around."""

    def change(text: str) -> str:
        header, *rows = text.splitlines()
        turned = [({"no": "yes", "yes": "no"}[row.split(",", 1)[0]] + "," + row.split(",", 1)[1]) if place % share == 0 else row
                  for place, row in enumerate(rows)]
        return "\n".join([header, *turned]) + "\n"

    return change


def test_wrong_answers_planted_in_the_labels_lower_the_metrics(evaluated):
    honest, some, many = (evaluated(change)["binary_classification_metrics"]
                          for change in (lambda text: text, with_wrong_answers(10), with_wrong_answers(4)))
    for name in ("auc", "accuracy", "f1"):
        assert honest[name]["value"] > some[name]["value"] + 0.02 > many[name]["value"] + 0.04, name
    assert honest["accuracy"]["value"] - some["accuracy"]["value"] == pytest.approx(0.1, abs=0.03)


def test_the_metrics_are_those_of_the_models_answers(evaluated):
    metrics = evaluated()["binary_classification_metrics"]
    ((tn, fp), (fn, tp)) = (row.values() for row in metrics["confusion_matrix"].values())
    assert metrics["recall"]["value"] == pytest.approx(tp / (tp + fn)) and metrics["precision"]["value"] == pytest.approx(tp / (tp + fp))
    assert metrics["accuracy_best_constant_classifier"]["value"] == pytest.approx((tn + fp) / (tn + fp + fn + tp))
    assert {name for name, entry in metrics.items() if not {"value", "standard_deviation"} <= set(entry)} == {
        "confusion_matrix", "receiver_operating_characteristic_curve", "precision_recall_curve"}
    spreads = [entry["standard_deviation"] for entry in metrics.values() if "value" in entry]
    assert all(spread > 0 for spread in spreads) and len(set(spreads)) > 8


def test_without_a_live_model_nothing_is_compared(evaluated):
    assert "live_model" not in evaluated()


def test_the_same_model_live_differs_by_nothing(evaluated, churn: Job):
    live = evaluated(live=churn.base / "processing/input/model/model.tar.gz")["live_model"]
    assert live["compared"] and live["difference"]["auc"] == {"value": 0.0, "standard_deviation": 0.0}


@pytest.fixture(scope="module")
def weaker(churn: Job, tmp_path_factory) -> Job:
    """Return a job with a model of few trees on the same data."""
    job = Job(tmp_path_factory.mktemp("weaker"))
    shutil.copytree(churn.base / "input", job.base / "input")
    job.hyperparameters(max_iter="2")
    assert job.run("train").returncode == 0
    job.pack_model()
    return job


def test_a_better_model_is_seen_to_be_better_on_the_same_rows(evaluated, weaker: Job, job: Job):
    evaluation = evaluated(live=weaker.base / "processing/input/model/model.tar.gz")
    new, live = evaluation["binary_classification_metrics"], evaluation["live_model"]
    more = live["difference"]["log_loss"]
    assert more["value"] == pytest.approx(new["log_loss"]["value"] - live["metrics"]["log_loss"]["value"])
    assert more["value"] < -3 * more["standard_deviation"] < 0
    page = (job.outputs / "evaluation" / "report.html").read_text()
    assert "Against the live model" in page and '<span class="good">better</span>' in page and "live model</span>" in page


def test_a_live_model_of_another_problem_stops_nothing(evaluated, weaker: Job, job: Job, capsys):
    schema = weaker.json("model/schema.json")
    other = Job(job.base / "other")
    shutil.copytree(weaker.base / "model", other.base / "model")
    other.write("model/schema.json", __import__("json").dumps(schema | {"problem": schema["problem"] | {"target": "left"}}))
    other.pack_model()
    live = evaluated(live=other.base / "processing/input/model/model.tar.gz")["live_model"]
    assert not live["compared"] and "its problem differs" in live["reason"]
    assert "the live model cannot be compared" in capsys.readouterr().out


def test_a_live_model_that_reads_other_columns_stops_nothing(evaluated, churn: Job, weaker: Job, job: Job):
    schema = weaker.json("model/schema.json")
    schema["features"][0]["name"] = "province"
    other = Job(job.base / "other")
    shutil.copytree(weaker.base / "model", other.base / "model")
    other.write("model/schema.json", __import__("json").dumps(schema))
    other.pack_model()
    assert "no column 'province'" in evaluated(live=other.base / "processing/input/model/model.tar.gz")["live_model"]["reason"]


class Tags(html.parser.HTMLParser):
    """Checks that every tag that opens closes in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing_from_elsewhere(churn: Job):
    page = (churn.outputs / "evaluation" / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert not tags.open and {"svg", "polyline", "rect", "table", "figure"} <= tags.seen
    assert "http" not in page and "<script" not in page
    assert "HistGradientBoosting" in page and "scikit-learn" in page


def test_names_from_the_data_cannot_become_tags(job: Job, in_process):
    job.data([["x", "<b>y</b>"], *([n % 7, "<i>a</i>" if n % 2 else "b&b"] for n in range(90))])
    job.config({"problem": {"type": "binary", "target": "<b>y</b>", "positive": "<i>a</i>"}})
    job.hyperparameters(max_iter="3")
    assert in_process(job, "prepare") == 0
    job.hand_on(("train/train.csv", "input/data/train/train.csv"), ("validation/validation.csv", "input/data/validation/validation.csv"),
                ("schema/schema.json", "input/data/schema/schema.json"), *TO_EVALUATE)
    assert in_process(job, "train") == 0
    job.pack_model()
    assert in_process(job, "evaluate") == 0
    page = (job.outputs / "evaluation" / "report.html").read_text()
    assert "<i>a" not in page and "<b>y" not in page and "&lt;i&gt;a" in page


def test_a_difference_is_surer_than_the_metrics_that_it_is_of():
    targets = RNG.integers(2, size=500)
    good = np.clip(0.5 + 0.25 * (targets - 0.5) + RNG.normal(0, 0.2, 500), 0.01, 0.99)
    alike = np.clip(good + RNG.normal(0, 0.02, 500), 0.01, 0.99)
    first, second = (np.column_stack([1 - found, found]) for found in (good, alike))
    _, spread = difference(targets, first, second, "binary")
    assert 0 < 3 * spread["auc"] < deviations(targets, first, "binary")["auc"]


def test_deviations_of_many_rows_are_right_although_fewer_are_drawn(monkeypatch):
    errors = RNG.normal(size=20_000)
    monkeypatch.setattr("container.metrics.MOST_RESAMPLED", 2_000)
    found = deviations(np.zeros(20_000), errors, "regression")["mse"]
    assert found == pytest.approx(np.std(errors**2) / 20_000**0.5, rel=0.3)


@pytest.mark.parametrize("beta", [0.5, 2])
def test_f_scores_are_scikit_learns(beta):
    name = {0.5: "f0_5", 2: "f2"}[beta]
    targets, scores = RNG.integers(3, size=300), RNG.dirichlet([1, 1, 1], size=300)
    assert measure(targets, scores, "multiclass")[f"weighted_{name}"] == pytest.approx(
        reference.fbeta_score(targets, scores.argmax(axis=1), beta=beta, average="weighted"))
    targets = targets > 0
    assert measure(targets.astype(int), scores[:, :2], "binary")[name] == pytest.approx(
        reference.fbeta_score(targets, scores[:, :2].argmax(axis=1), beta=beta))


def test_the_precision_recall_curve_is_scikit_learns():
    targets, scores = RNG.integers(2, size=200), RNG.random(200).round(2)
    precisions, recalls = precision_recall(targets == 1, scores)
    expected_precisions, expected_recalls, _ = reference.precision_recall_curve(targets, scores)
    assert precisions == pytest.approx(expected_precisions[-2::-1]) and recalls == pytest.approx(expected_recalls[-2::-1])
