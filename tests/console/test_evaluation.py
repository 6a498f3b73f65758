"""What the console makes of an evaluation.json: intervals, verdicts, counts and curve; and of one that is none."""

import json

import pytest

from console.reading.evaluation import Measured, Metric, Unreadable, parse

FOUND = {
    "dataset": {"item_count": 500, "target": "churn"},
    "binary_classification_metrics": {
        "auc": {"value": 0.9, "standard_deviation": 0.03},
        "log_loss": {"value": 0.2, "standard_deviation": 0.01},
        "precision": {"value": None, "standard_deviation": None},
        "accuracy_best_constant_classifier": {"value": 0.85, "standard_deviation": 0.01},
        "confusion_matrix": {"no": {"no": 425, "yes": 3}, "yes": {"no": 17, "yes": 55}},
        "receiver_operating_characteristic_curve": {"false_positive_rates": [0.0, 0.1, 1.0], "true_positive_rates": [0.0, 0.8, 1.0]},
    },
    "live_model": {"compared": True,
                   "metrics": {"auc": {"value": 0.8, "standard_deviation": 0.03}, "log_loss": {"value": 0.3, "standard_deviation": 0.02}},
                   "difference": {"auc": {"value": 0.1, "standard_deviation": 0.06}, "log_loss": {"value": -0.1, "standard_deviation": 0.02}}},
}


def written(**changed: object) -> bytes:
    return json.dumps(FOUND | changed).encode()


def test_metrics_stand_beside_the_live_models_and_undefined_ones_are_left_out() -> None:
    found = parse(written())
    assert [metric.name for metric in found.metrics] == ["auc", "log_loss", "accuracy_best_constant_classifier"]
    assert found.metric("auc") == Metric("auc", Measured(0.9, 0.03), Measured(0.8, 0.03), Measured(0.1, 0.06))
    assert (found.rows, found.target, found.compared, found.why_not) == (500, "churn", True, "")


def test_an_interval_is_two_deviations_wide_and_ends_where_the_metric_does() -> None:
    assert Measured(0.9, 0.03).interval((0, 1)) == (pytest.approx(0.84), pytest.approx(0.96))
    assert Measured(0.99, 0.03).interval((0, 1)) == (pytest.approx(0.93), 1)
    assert Measured(0.9).interval() is None
    assert [metric.bounds for metric in parse(written()).metrics] == [(0, 1), (0, float("inf")), (0, 1)]


@pytest.mark.parametrize("name, value, deviation, verdict", [
    ("auc", 0.1, 0.06, "no certain difference"), ("auc", 0.13, 0.06, "better"), ("auc", -0.13, 0.06, "worse"),
    ("log_loss", -0.13, 0.06, "better"), ("rmse", 2.0, 0.1, "worse"), ("auc", 0.13, None, "no certain difference"),
    ("accuracy_best_constant_classifier", 0.5, 0.01, "")])
def test_a_difference_counts_beyond_two_deviations_in_the_metrics_own_direction(
        name: str, value: float, deviation: float | None, verdict: str) -> None:
    assert Metric(name, Measured(1.0), Measured(1.0), Measured(value, deviation)).verdict == verdict


def test_counts_and_curve_are_read_where_they_are_whole() -> None:
    found = parse(written())
    assert (found.labels, found.counts) == (("no", "yes"), ((425, 3), (17, 55)))
    assert found.curve == ((0.0, 0.0), (0.1, 0.8), (1.0, 1.0))
    broken = {"auc": {"value": 0.9}, "confusion_matrix": {"no": {"no": 1}, "yes": {"no": 1, "yes": 2}},
              "receiver_operating_characteristic_curve": {"false_positive_rates": [0.0], "true_positive_rates": [0.0, 1.0]}}
    found = parse(written(binary_classification_metrics=broken))
    assert (found.labels, found.counts, found.curve) == ((), (), ())


def test_a_regression_has_neither_counts_nor_curve() -> None:
    found = parse(json.dumps({"regression_metrics": {"rmse": {"value": 3.2, "standard_deviation": 0.1}}}).encode())
    assert (found.metrics[0].own.interval(found.metrics[0].bounds), found.labels, found.curve) == ((3.0, pytest.approx(3.4)), (), ())


def test_why_there_is_no_comparison_is_kept() -> None:
    found = parse(written(live_model={"compared": False, "reason": "the live model cannot be compared: its labels differ"}))
    assert (found.compared, found.why_not) == (False, "the live model cannot be compared: its labels differ")
    assert found.metric("auc").verdict == ""


@pytest.mark.parametrize("content, reason", [
    (b"", "it is not JSON"), (b"[1]", "it is no object"), (b"{}", "it holds nothing, and no metric"),
    (b'{"metrics": 1}', "it holds metrics, and no metric"), (b'{"binary_classification_metrics": [1]}', "no metric"),
    (b'{"binary_classification_metrics": {"auc": {"value": "good"}, "f1": 3, "recall": {"value": true}}}', "no metric")])
def test_a_file_without_metrics_says_what_it_holds(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parse(content)
