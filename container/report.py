"""The evaluation as one page that needs nothing else."""

from html import escape
from typing import Any

import numpy as np

from container.page import PAGE
from container.report_pictures import pictures
from container.schema import Schema

TILES = {"binary": ("auc", "accuracy", "precision", "recall"), "multiclass": ("accuracy", "weighted_f1", "auc", "log_loss"),
         "regression": ("r2", "rmse", "mae")}
SMALLER_IS_BETTER = frozenset({"rmse", "mae", "mse", "log_loss", "false_positive_rate", "false_negative_rate"})
# A difference of less than two deviations may be chance.
CERTAIN = 2


def render(evaluation: dict[str, Any], schema: Schema, model: dict[str, Any], targets: np.ndarray, scores: np.ndarray,
           live: np.ndarray | None) -> str:
    """Return the page's HTML; model is model.json's content, live the live model's scores."""
    metrics = next(entry for name, entry in evaluation.items() if name.endswith("_metrics"))
    parts = [_tiles(metrics, TILES[schema.problem.type]), _live(evaluation.get("live_model")),
             f'<h2>Pictures</h2><div class="pictures">{pictures(schema, targets, scores, live)}</div>']
    if "confusion_matrix" in metrics:
        parts.append(_confusion_table(metrics["confusion_matrix"]))
    parts += [_metric_table(metrics), _model_table(model)]
    summary = (f"Measured on {evaluation['dataset']['item_count']:,} rows that this model's training has not seen; "
               "&plusmn; is one standard deviation over bootstrap resamples of them.")
    title = escape(f"Evaluation of the model for {schema.problem.target}")
    return PAGE.format(title=title, summary=summary, parts="".join(parts))


def _tiles(metrics: dict[str, Any], names: tuple[str, ...]) -> str:
    tiles = "".join(f"<div class='tile'>{_title(name)}<b>{_number(metrics[name]['value'])}</b>"
                    f"<span>&plusmn; {_number(metrics[name]['standard_deviation'])}</span></div>" for name in names)
    return f'<div class="tiles">{tiles}</div>'


def _live(comparison: dict[str, Any] | None) -> str:
    """Return the table against the live model; each difference with what it means."""
    if comparison is None:
        return ""
    if not comparison["compared"]:
        return f"<h2>Against the live model</h2><p>{escape(comparison['reason'])}</p>"
    rows = "".join(
        f"<tr><th>{_title(name)}</th><td>{_number(comparison['metrics'][name]['value'])}</td>"
        f"<td>{_number(entry['value'], '+')} <span>&plusmn; {_number(entry['standard_deviation'])}</span></td><td>{_verdict(name, entry)}</td></tr>"
        for name, entry in comparison["difference"].items() if not name.endswith("_best_constant_classifier"))
    return ("<h2>Against the live model, on the same rows</h2><p>A live model that was trained on other data may know some of these rows, "
            "so that its numbers may be too good.</p><div class='wide'><table><thead><tr><th>metric</th><th>live model</th>"
            f"<th>this model's difference</th><th></th></tr></thead>{rows}</table></div>")


def _verdict(name: str, entry: dict[str, float | None]) -> str:
    value, spread = entry["value"], entry["standard_deviation"]
    if value is None or spread is None or abs(value) <= CERTAIN * spread:
        return "<span>no certain difference</span>"
    return '<span class="good">better</span>' if (value < 0) == (name in SMALLER_IS_BETTER) else '<span class="bad">worse</span>'


def _metric_table(metrics: dict[str, Any]) -> str:
    rows = "".join(f"<tr><th>{_title(name)}</th><td>{_number(entry['value'])}</td><td>&plusmn; {_number(entry['standard_deviation'])}</td></tr>"
                   for name, entry in metrics.items() if "value" in entry)
    return f"<h2>All metrics</h2><table>{rows}</table>"


def _confusion_table(matrix: dict[str, dict[str, int]]) -> str:
    """Return counts with their share of the actual label as shade."""
    head = "".join(f"<th>{escape(label)}</th>" for label in matrix)
    rows = []
    for actual, found in matrix.items():
        whole = max(sum(found.values()), 1)
        cells = "".join(f'<td style="background:rgba(10,125,90,{count / whole * .5:.2f})">{count:,} <span>{count / whole:.0%}</span></td>'
                        for count in found.values())
        rows.append(f"<tr><th>{escape(actual)}</th>{cells}</tr>")
    return ("<h2>Actual label (rows) and predicted label (columns)</h2><div class='wide'>"
            f"<table><thead><tr><th></th>{head}</tr></thead>{''.join(rows)}</table></div>")


def _model_table(model: dict[str, Any]) -> str:
    """Return how the model came about; nothing without model.json."""
    said: dict[str, Any] = {name: model[name] for name in ("estimator", "hyperparameters", "seed", "rows", "onnx", "data", "versions") if name in model}
    rows = "".join(f"<tr><th>{escape(name)}</th><td style='text-align:left'>{escape(_words(value))}</td></tr>" for name, value in said.items())
    return f"<h2>The model</h2><div class='wide'><table>{rows}</table></div>" if rows else ""


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(item)}" for name, item in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _title(name: str) -> str:
    return escape(name.replace("_", " "))


def _number(value: float | None, sign: str = "") -> str:
    return "undefined" if value is None else f"{value:{sign}.4g}"
