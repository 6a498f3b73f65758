"""The evaluation as one page that needs nothing else."""

from html import escape
from typing import Any

from container.schema import Schema

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }}
table {{ border-collapse: collapse; margin: 1rem 0 }} th, td {{ padding: .3rem .8rem; border-bottom: 1px solid #ccc }}
td {{ text-align: right; font-variant-numeric: tabular-nums }} th {{ text-align: left }}
</style></head><body><h1>{title}</h1><p>Measured on {rows} rows that training has not seen;
&plusmn; is one standard deviation over bootstrap resamples.</p>{parts}</body></html>
"""
SIDE = 300


def render(evaluation: dict[str, Any], schema: Schema) -> str:
    """Return the page's HTML."""
    metrics = next(entry for name, entry in evaluation.items() if name.endswith("_metrics"))
    parts = [_metric_table(metrics)]
    if "confusion_matrix" in metrics:
        parts.append(_confusion_table(metrics["confusion_matrix"]))
    if "receiver_operating_characteristic_curve" in metrics:
        parts.append(_roc_picture(metrics["receiver_operating_characteristic_curve"]))
    title = escape(f"Evaluation of the model for {schema.problem.target}")
    return PAGE.format(title=title, rows=evaluation["dataset"]["item_count"], parts="".join(parts))


def _metric_table(metrics: dict[str, Any]) -> str:
    rows = [
        f"<tr><th>{escape(name)}</th><td>{_number(entry['value'])}</td>"
        f"<td>&plusmn; {_number(entry['standard_deviation'])}</td></tr>"
        for name, entry in metrics.items()
        if "value" in entry
    ]
    return f"<h2>Metrics</h2><table>{''.join(rows)}</table>"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _confusion_table(matrix: dict[str, dict[str, int]]) -> str:
    head = "".join(f"<th>{escape(label)}</th>" for label in matrix)
    rows = "".join(
        f"<tr><th>{escape(actual)}</th>{''.join(f'<td>{count}</td>' for count in found.values())}</tr>"
        for actual, found in matrix.items()
    )
    return f"<h2>Actual (rows) and predicted (columns)</h2><table><tr><th></th>{head}</tr>{rows}</table>"


def _roc_picture(curve: dict[str, list[float]]) -> str:
    points = " ".join(
        f"{x * SIDE:.1f},{(1 - y) * SIDE:.1f}"
        for x, y in zip(curve["false_positive_rates"], curve["true_positive_rates"], strict=True)
    )
    return (
        f'<h2>True against false positive rate</h2><svg width="{SIDE}" height="{SIDE}" role="img" '
        f'aria-label="Receiver operating characteristic curve" style="border:1px solid #ccc">'
        f'<line x1="0" y1="{SIDE}" x2="{SIDE}" y2="0" stroke="#ccc"/>'
        f'<polyline points="{points}" fill="none" stroke="#0b6" stroke-width="2"/></svg>'
    )
