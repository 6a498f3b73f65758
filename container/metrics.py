"""How good predictions are, and how sure that number is.

Plain numpy: evaluate runs without scikit-learn, whose import costs more than the job. targets are
places in the labels (binary: 1 is positive) or numbers; scores are as Predictor.scores gives them.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

RESAMPLES = 100
# Rows of a resample: more would cost minutes and tell the same.
MOST_RESAMPLED = 50_000
# Squares of the weight of recall against precision, by SageMaker's names.
F_SQUARES = {"f0_5": 0.25, "f1": 1.0, "f2": 4.0}
Raw = dict[str, float]
# None stands for a metric that the rows do not define, such as AUC where all have one label.
Metrics = dict[str, float | None]


def measure(targets: np.ndarray, scores: np.ndarray, problem_type: str) -> Metrics:
    """Return each metric of this type of problem by name."""
    found = MEASURES[problem_type](targets, scores)
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def deviations(targets: np.ndarray, scores: np.ndarray, problem_type: str, seed: int = 0) -> Metrics:
    """Return each metric's standard deviation over bootstrap resamples of the rows."""
    return _spread([measure(targets[rows], scores[rows], problem_type) for rows in _resamples(len(targets), seed)], len(targets))


def difference(targets: np.ndarray, scores: np.ndarray, others: np.ndarray, problem_type: str, seed: int = 0) -> tuple[Metrics, Metrics]:
    """Return by how much each metric of scores exceeds that of others, and the standard deviation of that.

    Both are measured on the same resamples: rows that are hard for one model are mostly hard for
    the other, so the difference is known better than either metric.
    """
    drawn = [_minus(measure(targets[rows], scores[rows], problem_type), measure(targets[rows], others[rows], problem_type))
             for rows in _resamples(len(targets), seed)]
    return _minus(measure(targets, scores, problem_type), measure(targets, others, problem_type)), _spread(drawn, len(targets))


def _resamples(rows: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    return (generator.integers(rows, size=min(rows, MOST_RESAMPLED)) for _ in range(RESAMPLES))


def _minus(metrics: Metrics, others: Metrics) -> Metrics:
    pairs = ((name, value, others[name]) for name, value in metrics.items())
    return {name: None if value is None or other is None else value - other for name, value, other in pairs}


def _spread(drawn: list[Metrics], rows: int) -> Metrics:
    # Resamples that are smaller than the data vary more, by the root of how much smaller they are.
    scale = (min(rows, MOST_RESAMPLED) / rows) ** 0.5
    spreads = {name: _deviation([values[name] for values in drawn]) for name in drawn[0]}
    return {name: None if spread is None else spread * scale for name, spread in spreads.items()}


def _deviation(values: list[float | None]) -> float | None:
    # A resample may miss a label, which leaves its metric undefined.
    defined = [value for value in values if value is not None]
    return float(np.std(defined, ddof=1)) if len(defined) > 1 else None


def confusion(targets: np.ndarray, found: np.ndarray, labels: int) -> np.ndarray:
    """Return counts by actual label (row) and predicted label (column)."""
    return np.bincount(targets * labels + found, minlength=labels * labels).reshape(labels, labels)


def auc(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the chance that a positive row scores above a negative one; ties count half."""
    _, ranks, counts = np.unique(scores, return_inverse=True, return_counts=True)
    positives = np.bincount(ranks, weights=is_positive, minlength=len(counts))
    negatives = counts - positives
    pairs = positives.sum() * negatives.sum()
    below = np.cumsum(negatives) - negatives / 2
    return _ratio(float(positives @ below), float(pairs))


def roc(is_positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false and true positive rates over falling thresholds, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.concatenate([[0], np.cumsum(is_positive[order])[ends]])
    false = np.concatenate([[0], np.cumsum(~is_positive[order])[ends]])
    return false / max(false[-1], 1), true / max(true[-1], 1)


def precision_recall(is_positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall over falling thresholds."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.cumsum(is_positive[order])[ends]
    return true / (ends + 1), true / max(true[-1], 1)


def _binary(targets: np.ndarray, scores: np.ndarray) -> Raw:
    table = confusion(targets, scores.argmax(axis=1), 2)
    (true_negative, false_positive), (false_negative, true_positive) = table.tolist()
    recall = _ratio(true_positive, true_positive + false_negative)
    specificity = _ratio(true_negative, true_negative + false_positive)
    precision = _ratio(true_positive, true_positive + false_positive, 0.0)
    return {
        "auc": auc(targets == 1, scores[:, 1]),
        "accuracy": _ratio(true_positive + true_negative, len(targets)),
        "accuracy_best_constant_classifier": _commonest(table),
        "precision": precision,
        "recall": recall,
        **{name: _ratio((1 + square) * true_positive, (1 + square) * true_positive + square * false_negative + false_positive)
           for name, square in F_SQUARES.items()},
        "true_positive_rate": recall,
        "true_negative_rate": specificity,
        "false_positive_rate": 1 - specificity,
        "false_negative_rate": 1 - recall,
        "log_loss": _log_loss(targets, scores),
    }


def _multiclass(targets: np.ndarray, scores: np.ndarray) -> Raw:
    labels = scores.shape[1]
    table = confusion(targets, scores.argmax(axis=1), labels)
    hits, actual, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    rows = max(actual.sum(), 1)
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(actual, 1)
    areas = [auc(targets == label, scores[:, label]) for label in range(labels)]
    return {
        "accuracy": float(hits.sum() / rows),
        "accuracy_best_constant_classifier": _commonest(table),
        "weighted_precision": float(actual @ precision / rows),
        "weighted_recall": float(actual @ recall / rows),
        **{f"weighted_{name}": float(actual @ ((1 + square) * hits / np.maximum(square * actual + predicted, 1)) / rows)
           for name, square in F_SQUARES.items()},
        "auc": float(np.mean([area for area in areas if not math.isnan(area)] or [math.nan])),
        "log_loss": _log_loss(targets, scores),
    }


def _regression(targets: np.ndarray, scores: np.ndarray) -> Raw:
    errors = scores - targets
    square = float(np.mean(errors**2))
    spread = float(np.mean((targets - targets.mean()) ** 2))
    return {
        "mae": float(np.mean(np.abs(errors))),
        "mse": square,
        "rmse": square**0.5,
        "r2": 1 - _ratio(square, spread),
    }


def _commonest(table: np.ndarray) -> float:
    """Return the share of the commonest label: what always answering it is worth."""
    return float(table.sum(axis=1).max() / max(table.sum(), 1))


def _log_loss(targets: np.ndarray, scores: np.ndarray) -> float:
    told = scores[np.arange(len(targets)), targets].astype(np.float64)
    return float(-np.log(np.clip(told, 1e-15, 1)).mean())


def _ratio(part: float, whole: float, otherwise: float = float("nan")) -> float:
    return part / whole if whole else otherwise


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], Raw]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
}
