"""Small pictures for reports, as SVG that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 360, 300, 66, 44, 14
# Of a picture with bars: the places for their names and values, and how many letters of a name are shown.
NAMES, VALUES, LONGEST_NAME = 110, 44, 18
COLOURS = ("#0a7d5a", "#c2571a", "#3b5bdb", "#8a3ffc", "#6b6b6b", "#b3261e")


@dataclass(frozen=True)
class Axis:
    """An axis: its title, and the values at its ends."""

    title: str
    low: float
    high: float

    def ticks(self) -> list[float]:
        """Return five values from end to end."""
        return [float(value) for value in np.linspace(self.low, self.high, 5)]

    def share(self, value: float) -> float:
        """Return how far along the axis a value is."""
        return (value - self.low) / ((self.high - self.low) or 1.0)


@dataclass(frozen=True)
class Series:
    """Points with a name for the legend."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]


def lines(title: str, x: Axis, y: Axis, series: Sequence[Series], diagonal: bool = False) -> str:
    """Return a picture with a line for each series."""
    marks = [_diagonal(x, y)] if diagonal else []
    for place, each in enumerate(series):
        points = " ".join(f"{_x(x, a):.1f},{_y(y, b):.1f}" for a, b in zip(each.xs, each.ys, strict=True))
        marks.append(f'<polyline points="{points}" fill="none" stroke="{_colour(place)}" stroke-width="2"/>')
    return _picture(title, x, y, marks, [each.name for each in series])


def dots(title: str, x: Axis, y: Axis, series: Series) -> str:
    """Return a picture with a dot for each point and the line where x and y are the same."""
    marks = [f'<circle cx="{_x(x, a):.1f}" cy="{_y(y, b):.1f}" r="2.5" fill="{COLOURS[0]}" fill-opacity=".4"/>'
             for a, b in zip(series.xs, series.ys, strict=True)]
    return _picture(title, x, y, [_diagonal(x, y), *marks], [])


def steps(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """Return a histogram: xs are the edges of ranges, ys their heights; later series lie over earlier ones."""
    marks = []
    for place, each in enumerate(series):
        for low, high, height in zip(each.xs, each.xs[1:], each.ys, strict=False):
            top = _y(y, height)
            marks.append(f'<rect x="{_x(x, low):.1f}" y="{top:.1f}" width="{max(_x(x, high) - _x(x, low) - 1, 1):.1f}" '
                         f'height="{HEIGHT - BOTTOM - top:.1f}" fill="{_colour(place)}" fill-opacity=".55"/>')
    return _picture(title, x, y, marks, [each.name for each in series])


def overlaid(title: str, x: Axis, y: Axis, below: Series, above: Series) -> str:
    """Return two histograms over the same ranges, the second as an outline: xs are the edges, ys the heights."""
    marks = []
    for low, high, height in zip(below.xs, below.xs[1:], below.ys, strict=False):
        marks.append(f'<rect x="{_x(x, low):.1f}" y="{_y(y, height):.1f}" width="{max(_x(x, high) - _x(x, low) - 1, 1):.1f}" '
                     f'height="{_y(y, y.low) - _y(y, height):.1f}" fill="{_colour(0)}" fill-opacity=".35"/>')
    corners = [(above.xs[0], y.low)]
    for low, high, height in zip(above.xs, above.xs[1:], above.ys, strict=False):
        corners += [(low, height), (high, height)]
    points = " ".join(f"{_x(x, a):.1f},{_y(y, b):.1f}" for a, b in [*corners, (above.xs[-1], y.low)])
    marks.append(f'<polyline points="{points}" fill="none" stroke="{_colour(1)}" stroke-width="2"/>')
    return _picture(title, x, y, marks, [below.name, above.name])


def pairs(title: str, names: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Return a bar of each of the series for each name, with the value as a percentage."""
    longest = max((value for _, values in series for value in values), default=0) or 1.0
    thick, gap, space = 9, 8, WIDTH - NAMES - VALUES
    step = thick * len(series) + gap
    marks = []
    for row, name in enumerate(names):
        top = row * step + gap / 2
        shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        marks.append(f'<text x="{NAMES - 6}" y="{top + step / 2:.1f}" text-anchor="end"><title>{escape(name)}</title>{escape(shown)}</text>')
        for place, (_, values) in enumerate(series):
            width, y = values[row] / longest * space, top + place * thick
            marks.append(f'<rect x="{NAMES}" y="{y:.1f}" width="{width:.1f}" height="{thick - 1}" fill="{_colour(place)}" '
                         f'fill-opacity="{0.9 if place else 0.45}"/>'
                         f'<text x="{NAMES + width + 4:.1f}" y="{y + thick - 1:.1f}" class="small">{100 * values[row]:.3g} %</text>')
    return (f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {max(len(names), 1) * step}" role="img" '
            f'aria-label="{escape(title)}">{"".join(marks)}</svg>{_legend([name for name, _ in series])}</figure>')


def _picture(title: str, x: Axis, y: Axis, marks: list[str], names: list[str]) -> str:
    return (f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(title)}">{_grid(x, y)}{"".join(marks)}</svg>{_legend(names)}</figure>')


def _grid(x: Axis, y: Axis) -> str:
    across = "".join(f'<line class="grid" x1="{_x(x, tick):.1f}" x2="{_x(x, tick):.1f}" y1="{EDGE}" y2="{HEIGHT - BOTTOM}"/>'
                     f'<text x="{_x(x, tick):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{tick:.3g}</text>' for tick in x.ticks())
    up = "".join(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - EDGE}" y1="{_y(y, tick):.1f}" y2="{_y(y, tick):.1f}"/>'
                 f'<text x="{LEFT - 6}" y="{_y(y, tick) + 4:.1f}" text-anchor="end">{tick:.3g}</text>' for tick in y.ticks())
    middle = (HEIGHT - BOTTOM + EDGE) / 2
    return across + up + (
        f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.title)}</text>'
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">{escape(y.title)}</text>')


def _legend(names: list[str]) -> str:
    if len(names) < 2:
        return ""
    items = "".join(f'<span><i style="background:{_colour(place)}"></i>{escape(name)}</span>' for place, name in enumerate(names))
    return f'<div class="legend">{items}</div>'


def _diagonal(x: Axis, y: Axis) -> str:
    low, high = max(x.low, y.low), min(x.high, y.high)
    return f'<line x1="{_x(x, low):.1f}" y1="{_y(y, low):.1f}" x2="{_x(x, high):.1f}" y2="{_y(y, high):.1f}" stroke="#999" stroke-dasharray="4 4"/>'


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - EDGE)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - BOTTOM - EDGE)
