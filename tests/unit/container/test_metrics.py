"""Our metrics against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as reference

from container.metrics import auc, deviations, measure, roc

RNG = np.random.default_rng(7)


def binary(rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    targets = RNG.integers(2, size=rows)
    # Rounded, so that ties are among them.
    positive = np.clip(RNG.normal(0.35 + 0.3 * targets, 0.2), 0.01, 0.99).round(2)
    return targets, np.column_stack([1 - positive, positive])


def test_binary_metrics_are_scikit_learns():
    targets, scores = binary()
    found, labels = measure(targets, scores, "binary"), scores.argmax(axis=1)
    assert found["auc"] == pytest.approx(reference.roc_auc_score(targets, scores[:, 1]))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(targets, labels))
    assert found["precision"] == pytest.approx(reference.precision_score(targets, labels))
    assert found["recall"] == pytest.approx(reference.recall_score(targets, labels))
    assert found["f1"] == pytest.approx(reference.f1_score(targets, labels))
    assert found["log_loss"] == pytest.approx(reference.log_loss(targets, scores))


def test_the_curve_is_scikit_learns():
    targets, scores = binary()
    false, true = roc(targets == 1, scores[:, 1])
    expected_false, expected_true, _ = reference.roc_curve(targets, scores[:, 1], drop_intermediate=False)
    assert false == pytest.approx(expected_false) and true == pytest.approx(expected_true)


def test_multiclass_metrics_are_scikit_learns():
    targets = RNG.integers(3, size=300)
    scores = RNG.dirichlet([1, 1, 1], size=300) + np.eye(3)[targets] * 0.3
    scores /= scores.sum(axis=1, keepdims=True)
    found, labels = measure(targets, scores, "multiclass"), scores.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(targets, labels))
    assert found["weighted_f1"] == pytest.approx(reference.f1_score(targets, labels, average="weighted"))
    assert found["weighted_precision"] == pytest.approx(reference.precision_score(targets, labels, average="weighted"))
    assert found["auc"] == pytest.approx(reference.roc_auc_score(targets, scores, multi_class="ovr"))


def test_regression_metrics_are_scikit_learns():
    targets, scores = RNG.normal(size=200), RNG.normal(size=200)
    found = measure(targets, scores, "regression")
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(targets, scores))
    assert found["rmse"] == pytest.approx(reference.mean_squared_error(targets, scores) ** 0.5)
    assert found["r2"] == pytest.approx(reference.r2_score(targets, scores))


def test_what_the_rows_do_not_define_is_none():
    assert measure(np.zeros(3, dtype=int), np.full((3, 2), 0.5), "binary")["auc"] is None


def test_equal_scores_are_no_better_than_chance():
    assert auc(np.array([True, False, True]), np.ones(3)) == 0.5


def test_deviations_shrink_with_the_number_of_rows_and_repeat():
    few, many = binary(100), binary(10_000)
    assert deviations(*few, "binary") == deviations(*few, "binary")
    assert 0 < 4 * deviations(*many, "binary")["auc"] < deviations(*few, "binary")["auc"] < 0.1
