"""Charts. Each is a figure with a caption, a sentence that says what is to be seen, and the same numbers as a table.

They are drawn as SVG with the page's own colours (static/charts.css), so that a theme's change needs no new drawing.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from nicegui import ui

from console.parts.markup import tag
from console.parts.table import Cell, Column, table
from console.parts.times import moment
from console.reading.distributions import Numbers, Words
from console.reading.series import Line

COLOURS = 6
MOST_ROWS = 30  # of a table beside a chart; the newest ones
BEFORE, NOW = "training data", "captured"
TEXT, GRID = "var(--quiet)", "var(--line)"
LABEL = {"color": TEXT, "fontSize": 11}
TIMES = {"year": "{yyyy}", "month": "{MMM}", "day": "{d} {MMM}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}", "second": "{HH}:{mm}:{ss}",
         "millisecond": "{HH}:{mm}:{ss}"}  # in the reader's zone; other than by default none stands out
Named = tuple[str, Line]


def colour(place: int) -> str:
    """Return the colour of a series."""
    return f"var(--series-{place % COLOURS + 1})"


def number(value: float | None) -> str:
    """Return a number in three digits; "none" where there is none."""
    return "none" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def over_time(caption: str, said: str, series: Sequence[Named], unit: str = "", *, stacked: bool = False, top: float | None = None) -> None:
    """Add lines over time; ``said`` is what there is to see, for those who do not see it."""
    label = LABEL | {"rich": None, "formatter": TIMES, "hideOverlap": True, "alignMinLabel": "left", "alignMaxLabel": "right"}
    options = _frame({"type": "time", "splitNumber": 4, "axisLabel": label, "axisLine": {"lineStyle": {"color": GRID}}, "splitLine": {"show": False}},
                     {"type": "value", "min": 0, "max": top, "axisLabel": LABEL | {"formatter": f"{{value}}{unit}"}})
    options["series"] = [_line(place, name, line, stacked=stacked) for place, (name, line) in enumerate(series)]
    _figure(caption, said, [name for name, _ in series], options, lambda: _points(caption, series, unit))


def _line(place: int, name: str, line: Line, *, stacked: bool) -> dict[str, Any]:
    points = [[moment.timestamp() * 1000, value] for moment, value in zip(line.moments, line.values, strict=True)]
    few, alone = len(points) < 40, len(points) < 3
    return {"type": "line", "name": name, "data": points, "showSymbol": few, "symbol": "circle", "symbolSize": 9 if alone else 5,
            "step": "end" if stacked else None, "stack": "all" if stacked else None,
            "areaStyle": {"color": colour(place), "opacity": 0.35} if stacked else None,
            "itemStyle": {"color": colour(place)}, "lineStyle": {"color": colour(place), "width": 2}, "emphasis": {"disabled": True}}


def _points(caption: str, series: Sequence[Named], unit: str) -> None:
    """Add the newest points as a table."""
    every = sorted({when for _, line in series for when in line.moments}, reverse=True)[:MOST_ROWS]
    known = [dict(zip(line.moments, line.values, strict=True)) for _, line in series]
    columns = [Column("Time"), *(Column(f"{name}{f', {unit.strip()}' if unit else ''}", number=True) for name, _ in series)]
    table(f"{caption}, the newest first", columns, [[_time(when), *(number(values.get(when)) for values in known)] for when in every])


def _time(when: datetime) -> Callable[[], object]:
    return lambda: moment(when.astimezone(UTC))


def distribution(caption: str, said: str, shown: Numbers | Words) -> None:
    """Add a feature's values beside those of the training data."""
    names = list(shown.names) if isinstance(shown, Words) else [f"{low:.4g} to {high:.4g}" for low, high in zip(shown.edges, shown.edges[1:], strict=False)]
    short = names if isinstance(shown, Words) else [f"{edge:.4g}" for edge in shown.edges[:-1]]
    options = _frame({"type": "category", "data": short, "axisLabel": LABEL | {"hideOverlap": True, "width": 80, "overflow": "truncate"},
                      "axisLine": {"lineStyle": {"color": GRID}}, "axisTick": {"show": False}},
                     {"type": "value", "min": 0, "axisLabel": LABEL | {"formatter": "{value} %"}})
    options["series"] = [{"type": "bar", "name": name, "data": list(values), "itemStyle": {"color": colour(place), "opacity": 0.85},
                          "emphasis": {"disabled": True}, "barGap": "0%", "barCategoryGap": "15%"}
                         for place, (name, values) in enumerate(((BEFORE, shown.before), (NOW, shown.now)))]
    rows: list[list[Cell]] = [[name, f"{before:.3g} %", f"{now:.3g} %"] for name, before, now in zip(names, shown.before, shown.now, strict=True)]
    _figure(caption, said, [BEFORE, NOW], options, lambda: table(
        caption, [Column("Value"), Column(BEFORE, number=True), Column(NOW, number=True)], rows))


def _frame(across: dict[str, Any], up: dict[str, Any]) -> dict[str, Any]:
    """Return what all charts have."""
    return {
        "animation": False, "grid": {"left": 8, "right": 28, "top": 12, "bottom": 4, "containLabel": True}, "xAxis": across,
        "yAxis": up | {"splitLine": {"lineStyle": {"color": GRID}}}, "textStyle": {"fontFamily": "inherit"},
        "tooltip": {"trigger": "axis", "axisPointer": {"lineStyle": {"color": TEXT}, "shadowStyle": {"color": GRID, "opacity": 0.5}},
                    "backgroundColor": "var(--sheet)", "borderColor": GRID, "textStyle": {"color": "var(--ink)", "fontSize": 12}, "confine": True}}


def _figure(caption: str, said: str, names: Sequence[str], options: dict[str, Any], as_table: Callable[[], None]) -> None:
    with tag("figure", classes="chart"):
        tag("figcaption", caption)
        if len(names) > 1:
            with tag("ul", classes="legend", aria_hidden="true"):
                for place, name in enumerate(names):
                    with tag("li"):
                        tag("span", classes="swatch", style=f"background: {colour(place)}")
                        tag("span", name)
        with tag("div", classes="plot", role="img", aria_label=f"{caption}. {said}"):
            ui.echart(options, renderer="svg")
        tag("p", said, "quiet")
        with tag("details", data_key=f"table of {caption}"):
            tag("summary", "As a table")
            as_table()
