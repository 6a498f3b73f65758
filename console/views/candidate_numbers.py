"""The candidate's numbers: metrics with intervals beside the live model's, confusion matrix, ROC, golden records."""

import math
from functools import partial

from nicegui import ui

from console.parts.badges import badge
from console.parts.figures import figure, interval, plain
from console.parts.markup import heading, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import moment
from console.reading.candidate import Golden
from console.reading.evaluation import Evaluation, Measured, Metric
from console.reading.revision import Revision, changes

FIRST = ("auc", "accuracy", "precision", "recall", "f1", "weighted_precision", "weighted_recall", "weighted_f1", "r2", "rmse", "mae", "log_loss")
COLUMNS = (Column("Metric"), Column("Candidate", number=True))
LIVE_COLUMNS = (*COLUMNS, Column("Live model", number=True), Column("Difference", number=True), Column("Verdict"))
VERDICTS = {"better": "good", "worse": "bad", "no certain difference": "idle"}
MILD = VERDICTS | {"worse": "warn"}  # where the live model may know the rows
ROC_ROWS = 10
KNOWS = "The live model was trained on other data and may know some of these rows,"


def metrics(value: tuple[Evaluation, Revision, Revision | None]) -> None:
    """Draw the gate, what was compared with what, and the metrics."""
    found, new, live = value
    heading(2, "Metrics")
    gate(found, new)
    _compared(found, new, live)
    chosen = new.input("MetricName")
    first = [metric for metric in found.metrics if metric.name in (chosen, *FIRST)]
    first.sort(key=lambda metric: (metric.name != chosen, FIRST.index(metric.name) if metric.name in FIRST else 0))
    show = partial(_table, compared=found.compared, verdicts=MILD if may_know(new, live) else VERDICTS)
    show("Metrics of the candidate", first or list(found.metrics))
    rest = [metric for metric in found.metrics if metric not in first] if first else []
    if rest:
        with tag("details", data_key="more-metrics"):
            tag("summary", f"{len(rest)} more metrics")
            show("More metrics of the candidate", rest)


def gate(found: Evaluation, new: Revision) -> None:
    """Draw whether the candidate has passed the gate of model/config.yml."""
    metric, threshold, side = found.metric(new.input("MetricName")), new.input("Threshold"), new.input("Comparison")
    if metric is None or not threshold:
        return
    passed = metric.own.value >= float(threshold) if side == "at least" else metric.own.value <= float(threshold)
    with tag("p", classes="headline"):
        badge("Gate passed" if passed else "Gate not met", "good" if passed else "bad")
        tag("span", f"{plain(metric.name)} is {figure(metric.own.value)}, model/config.yml asks for {side} {threshold}.")


def _compared(found: Evaluation, new: Revision, live: Revision | None) -> None:
    rows = f"{found.rows:,} rows" if found.rows is not None else "rows"
    if found.compared:
        paragraph(f"Candidate and live model were measured on the same {rows}, which the candidate's training has not seen. "
                  "Below each number is its 95 % interval; a difference whose interval holds 0 may be chance.", "quiet")
        if may_know(new, live):
            with tag("p", classes="headline"):
                badge("Not the same for both", "warn")
                tag("span", f"{KNOWS} so that its numbers may be too good, and the candidate's differences too bad.")
        if live and new.compared_with and live.run not in (new.compared_with, new.run):
            with tag("p", classes="headline"):
                badge("Compared with another run", "warn")
                tag("span", f"The numbers are against run {new.compared_with[:8]}, which was live when this run was built; now run {live.run[:8]} serves.")
    else:
        paragraph(f"Measured on {rows} that training has not seen; below each number is its 95 % interval. "
                  + (f"There is no comparison: {found.why_not}." if found.why_not else "There was no live model to compare with."), "quiet")


def may_know(new: Revision, live: Revision | None) -> bool:
    """Return whether the live model's training may have seen rows that the candidate was measured on: other data is split otherwise."""
    return live is None or live.run != new.compared_with or live.data != new.data or any(name.startswith("data.") for name, _, _ in changes(live, new))


def _table(caption: str, found: list[Metric], compared: bool, verdicts: dict[str, str]) -> None:
    table(caption, LIVE_COLUMNS if compared else COLUMNS, [_row(metric, compared, verdicts) for metric in found])


def _row(metric: Metric, compared: bool, verdicts: dict[str, str]) -> list[Cell]:
    own: list[Cell] = [plain(metric.name), partial(_estimate, metric.own, metric.bounds)]
    if not compared:
        return own
    verdict: Cell = partial(badge, metric.verdict, verdicts[metric.verdict]) if metric.verdict else "none"
    return [*own, partial(_estimate, metric.live, metric.bounds), partial(_estimate, metric.difference, sign="+"), verdict]


def _estimate(found: Measured | None, bounds: tuple[float, float] = (-math.inf, math.inf), sign: str = "") -> None:
    """Draw a number over the interval in which it lies."""
    if found is None:
        tag("span", "undefined")
        return
    with tag("span", classes="stack"):
        tag("span", figure(found.value, sign))
        tag("span", interval(found.interval(bounds)), "quiet")


def confusion(found: Evaluation) -> None:
    """Draw counts with their share of the actual label, which is also their shade."""
    heading(2, "Confusion matrix")
    paragraph("Rows: what the data says. Columns: what the candidate answers. Shares are of the row.", "quiet")
    columns = (Column("Actual"), *(Column(f"Predicted {label}", number=True) for label in found.labels))
    with tag("div", classes="matrix"):
        table("Actual label by predicted label", columns, [
            [f"Actual {label}", *(partial(_count, count, max(sum(row), 1)) for count in row)]
            for label, row in zip(found.labels, found.counts, strict=True)])


def _count(count: int, whole: int) -> None:
    share = count / whole
    tag("span", f"{count:,} ({share:.1%})", "shade", style=f"--share: {share:.3f}")


def curve(found: Evaluation) -> None:
    """Draw the ROC curve, and the same as a table."""
    heading(2, "ROC curve")
    area = found.metric("auc")
    told = f"The area under the curve is {figure(area.own.value)}; guessing has 0.5. " if area else ""
    paragraph(f"{told}Of the rows that are positive it finds {_found_at(found, 0.01):.1%} when 1 % of the others are taken for positive, "
              f"and {_found_at(found, 0.1):.1%} when 10 % are.", "quiet")
    with tag("div", classes="roc", role="img", aria_label="ROC curve; the table below holds its points"):
        ui.echart(_options(found), renderer="svg")
    with tag("details", data_key="roc"):
        tag("summary", "The curve as a table")
        table("Points of the ROC curve", (Column("False positive rate", number=True), Column("True positive rate", number=True)), [
            [f"{x:.3f}", f"{y:.3f}"] for x, y in _thinned(found.curve)])


def _found_at(found: Evaluation, wrong: float) -> float:
    return max((y for x, y in found.curve if x <= wrong), default=0.0)


def _thinned(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    step = max(len(points) // ROC_ROWS, 1)
    return [*points[:-1:step], points[-1]]


def _options(found: Evaluation) -> dict[str, object]:
    text, line = "var(--quiet)", {"lineStyle": {"color": "var(--line)"}}
    axis = {"type": "value", "min": 0, "max": 1, "interval": 0.2, "nameLocation": "middle", "nameGap": 32, "splitLine": line, "axisLine": line,
            "axisLabel": {"color": text}, "nameTextStyle": {"color": text}}
    return {
        "animation": False, "grid": {"left": 56, "right": 16, "top": 16, "bottom": 56}, "textStyle": {"fontFamily": "inherit"},
        "xAxis": {**axis, "name": "False positive rate"}, "yAxis": {**axis, "name": "True positive rate", "nameGap": 40},
        "series": [
            {"type": "line", "name": "Candidate", "data": [list(point) for point in found.curve], "showSymbol": False, "step": "end",
             "lineStyle": {"color": "var(--accent)", "width": 2}, "itemStyle": {"color": "var(--accent)"}},
            {"type": "line", "name": "Guessing", "data": [[0, 0], [1, 1]], "showSymbol": False,
             "lineStyle": {"color": "var(--quiet)", "type": "dashed", "width": 1}, "itemStyle": {"color": "var(--quiet)"}}]}


def golden(found: Golden) -> None:
    """Draw whether dev's endpoint predicts the golden records as training did, and the records."""
    heading(2, "Golden records")
    with tag("p", classes="headline"):
        if found.passed:
            badge("Repeated in dev", "good")
            with tag("span", f"The endpoint of stack {found.stack} predicts {len(found.answers)} golden records as training did. "):
                if found.proven:
                    tag("span", "Proven ")
                    moment(found.proven)
        else:
            badge("Not repeated in dev", "warn")
            tag("span", f"The stack {found.stack} has no proof that its endpoint predicts as training did"
                        + (f" ({found.status})." if found.status else ": it has not been made, or is gone."))
    if found.answers:
        with tag("details", data_key="golden"):
            tag("summary", "What the candidate predicts for them")
            table("Golden records", (Column("Record"), Column("Label"), Column("Probability", number=True)), [
                [str(number), label, probability] for number, (label, probability) in enumerate(found.answers, start=1)])
