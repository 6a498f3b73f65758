"""Which pictures a report shows for each type of problem."""

import numpy as np

from container.charts import Axis, Series, dots, lines, steps
from container.metrics import precision_recall, roc
from container.schema import Schema

CURVE_POINTS, DOTS, RANGES, MOST_LABELS = 200, 600, 20, 6


def pictures(schema: Schema, targets: np.ndarray, scores: np.ndarray, live: np.ndarray | None) -> str:
    """Return the figures, one after the other."""
    kind = schema.problem.type
    if kind == "regression":
        return _predictions(targets, scores) + _errors(targets, scores, live)
    if kind == "multiclass":
        return _curves([(label, targets == place, scores[:, place]) for place, label in list(enumerate(schema.labels))[:MOST_LABELS]]) \
            + _calibration(scores.max(axis=1), scores.argmax(axis=1) == targets)
    models = [("this model", scores), *([("live model", live)] if live is not None else [])]
    curves = [(name, targets == 1, found[:, 1]) for name, found in models]
    return _curves(curves) + _precision_recall(curves) + _shares(schema, targets, scores[:, 1]) + _calibration(scores[:, 1], targets == 1)


def _curves(curves: list[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """Return receiver operating characteristics; with labels, each against all others."""
    series = []
    for name, is_positive, scores in curves:
        series.append(_thinned(name, *roc(is_positive, scores)))
    return lines("Receiver operating characteristic", Axis("false positive rate", 0, 1), Axis("true positive rate", 0, 1), series, diagonal=True)


def _precision_recall(curves: list[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """Return what share of the rows called positive is so, over the share of the positive that is found."""
    series = []
    for name, is_positive, scores in curves:
        precision, recall = precision_recall(is_positive, scores)
        series.append(_thinned(name, recall, precision))
    return lines("Precision and recall", Axis("recall", 0, 1), Axis("precision", 0, 1), series)


def _thinned(name: str, xs: np.ndarray, ys: np.ndarray) -> Series:
    kept = np.unique(np.linspace(0, len(xs) - 1, CURVE_POINTS).round().astype(int))
    return Series(name, xs[kept].tolist(), ys[kept].tolist())


def _shares(schema: Schema, targets: np.ndarray, probabilities: np.ndarray) -> str:
    """Return how the probabilities of each label's rows lie: apart is good."""
    edges = np.linspace(0, 1, RANGES + 1)
    heights = [np.histogram(probabilities[targets == place], edges)[0] / max(int((targets == place).sum()), 1) for place in (0, 1)]
    series = [Series(f"actually {label}", edges.tolist(), height.tolist()) for label, height in zip(schema.labels, heights, strict=True)]
    top = max(float(height.max()) for height in heights) or 1.0
    return steps(f"Probabilities of {schema.labels[1]} by actual label", Axis("probability", 0, 1), Axis("share of the label's rows", 0, top), series)


def _calibration(probabilities: np.ndarray, happened: np.ndarray) -> str:
    """Return how often what was told with a probability was so: on the diagonal is honest."""
    places = np.minimum((probabilities * 10).astype(int), 9)
    counts = np.bincount(places, minlength=10)
    told, seen = (np.bincount(places, weights=weights, minlength=10)[counts > 0] / counts[counts > 0] for weights in (probabilities, happened))
    return lines("Told and seen: are probabilities honest?", Axis("probability told", 0, 1), Axis("share seen", 0, 1),
                 [Series("this model", told.tolist(), seen.tolist())], diagonal=True)


def _predictions(targets: np.ndarray, scores: np.ndarray) -> str:
    rows = np.linspace(0, len(targets) - 1, min(len(targets), DOTS)).astype(int)
    low, high = float(min(targets.min(), scores.min())), float(max(targets.max(), scores.max()))
    return dots("Predicted and actual", Axis("actual", low, high), Axis("predicted", low, high),
                Series("rows", targets[rows].tolist(), scores[rows].tolist()))


def _errors(targets: np.ndarray, scores: np.ndarray, live: np.ndarray | None) -> str:
    found = [("this model", scores - targets), *([("live model", live - targets)] if live is not None else [])]
    edges = np.histogram_bin_edges(np.concatenate([errors for _, errors in found]), RANGES)
    series = [Series(name, edges.tolist(), (np.histogram(errors, edges)[0] / len(errors)).tolist()) for name, errors in found]
    top = max(max(each.ys) for each in series) or 1.0
    return steps("Errors (predicted less actual)", Axis("error", float(edges[0]), float(edges[-1])), Axis("share of rows", 0, top), series)
