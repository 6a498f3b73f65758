"""Pictures of metrics, drawn with Pillow at twice their size and then made smaller, so that lines are smooth."""

import io
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from PIL import Image, ImageDraw, ImageFont

from local.widgets import Line, Picture

COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
INK, GRID, PAPER, ALARM = "#16191f", "#d5dbdb", "#ffffff", "#d13212"
SCALE, TEXT, ROW = 2, 11, 16  # pixels of the picture: of its text, and of a row of the legend
LEGEND_SHARE = 0.35  # of the height at most
Point = tuple[float, float]
Run = list[tuple[float, float]]  # wall time and value, without a gap


def png(picture: Picture) -> bytes:
    """Return a picture as a PNG file."""
    width, height = picture.size
    canvas = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
    chart = _Chart(picture, ImageDraw.Draw(canvas))
    chart.numbers() if picture.view == "singleValue" else chart.draw()
    buffer = io.BytesIO()
    canvas.reduce(SCALE).save(buffer, "PNG")
    return buffer.getvalue()


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round values from at or below ``low`` to at or above ``high``."""
    rough = (high - low) / wanted or 1.0
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * index for index in range(first, max(last, first + 1) + 1)]


def short(value: float) -> str:
    """Return a number in few characters."""
    size, letter = next(((size, letter) for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if abs(value) >= size), (1, ""))
    return f"{value / size:.4g}{letter}"


def color_of(line: Line, index: int) -> str:
    """Return a line's own colour, or the next of the palette."""
    return line.color or COLORS[index % len(COLORS)]


def runs(line: Line) -> Iterator[Run]:
    """Yield the parts of a line between gaps in its data."""
    run: Run = []
    for point in zip(line.starts, line.values, strict=True):
        if point[1] is not None:
            run.append((point[0], point[1]))
        elif run:
            yield run
            run = []
    if run:
        yield run


def stacked(lines: list[Line]) -> list[Line]:
    """Return lines that each stand on the one before of the same axis."""
    base: dict[tuple[bool, float], float] = {}
    done = []
    for line in lines:
        values = []
        for start, value in zip(line.starts, line.values, strict=True):
            base[line.right, start] = base.get((line.right, start), 0.0) + (value or 0.0)
            values.append(None if value is None else base[line.right, start])
        done.append(Line(line.label, line.starts, tuple(values), line.color, line.right))
    return done


class _Chart:
    """One picture on its canvas."""

    def __init__(self, picture: Picture, draw: ImageDraw.ImageDraw) -> None:
        self._picture, self._draw = picture, draw
        self._width, self._height = picture.size
        self._lines = stacked(picture.lines) if picture.stacked else picture.lines
        rows = min(len(picture.lines), int(self._height * LEGEND_SHARE / ROW))
        self._shown = picture.lines[:rows]
        right = 50 if any(line.right for line in self._lines) else 28
        self._left, self._top, self._right = 54, 28 if picture.title else 12, self._width - right
        self._bottom = self._height - 26 - ROW * (rows + (rows < len(picture.lines)))

    def _text(self, place: Point, text: str, anchor: str = "la", size: float = TEXT, color: str = INK) -> None:
        font = ImageFont.load_default(size * SCALE)
        self._draw.text((place[0] * SCALE, place[1] * SCALE), text, fill=color, font=font, anchor=anchor)

    def _path(self, points: list[Point], color: str, width: float = 1.0) -> None:
        self._draw.line([(x * SCALE, y * SCALE) for x, y in points], fill=color, width=round(width * SCALE), joint="curve")

    def draw(self) -> None:
        """Draw axes, lines, thresholds and legend."""
        self._text((self._left, 8), self._picture.title, size=13)
        for side in (False, True):
            lines = [(index, line) for index, line in enumerate(self._lines) if line.right == side]
            if lines or not side:
                self._side(lines, side)
        self._times()
        self._legend()
        if not any(value is not None for line in self._lines for value in line.values):
            self._text(((self._left + self._right) / 2, (self._top + self._bottom) / 2), "No data available", "mm", 13)

    def _side(self, lines: list[tuple[int, Line]], right: bool) -> None:
        """Draw one axis and what belongs to it."""
        axis = self._picture.axes.get("right" if right else "left") or {}
        thresholds = [] if right else self._picture.thresholds
        values = [value for _, line in lines for value in line.values if value is not None] + [each.value for each in thresholds]
        low, high = axis.get("min", min([0.0, *values])), axis.get("max", max([0.0, *values]) or 1.0)
        marks = ticks(low, max(high, low + 1e-12))
        low, high = axis.get("min", marks[0]), axis.get("max", marks[-1])

        def height(value: float) -> float:
            share = (value - low) / (high - low or 1.0)
            place: float = self._bottom - min(1.0, max(0.0, share)) * (self._bottom - self._top)
            return place

        for mark in (mark for mark in marks if low <= mark <= high):
            if not right:
                self._path([(self._left, height(mark)), (self._right, height(mark))], GRID, 0.5)
            self._text((self._right + 6 if right else self._left - 6, height(mark)), short(mark), "lm" if right else "rm")
        for index, line in lines:
            self._line(line, color_of(line, index), height)
        for each in thresholds:
            self._path([(self._left, height(each.value)), (self._right, height(each.value))], each.color or ALARM)
            self._text((self._right - 4, height(each.value) - 2), each.label, "rd", color=each.color or ALARM)

    def _line(self, line: Line, color: str, height: Callable[[float], float]) -> None:
        for run in runs(line):
            points = [(self._across(moment), height(value)) for moment, value in run]
            if len(points) > 1:
                self._path(points, color, 1.5)
            else:
                (x, y), size = points[0], 2.0
                self._draw.ellipse([(x - size) * SCALE, (y - size) * SCALE, (x + size) * SCALE, (y + size) * SCALE], fill=color)

    def _across(self, moment: float) -> float:
        share = (moment - self._picture.start) / (self._picture.end - self._picture.start)
        return self._left + min(1.0, max(0.0, share)) * (self._right - self._left)

    def _times(self) -> None:
        start, end = self._picture.start, self._picture.end
        form = "%H:%M:%S" if end - start < 1800 else "%H:%M" if end - start < 2 * 86400 else "%d %b"
        count = max(2, (self._right - self._left) // 90)
        for moment in (start + (end - start) * index / count for index in range(count + 1)):
            self._text((self._across(moment), self._bottom + 6), datetime.fromtimestamp(moment, UTC).strftime(form), "ma")

    def _legend(self) -> None:
        place = self._bottom + 26
        for index, line in enumerate(self._shown):
            middle = place + ROW * index + ROW / 2
            self._path([(self._left, middle), (self._left + 14, middle)], color_of(line, index), 3)
            self._text((self._left + 20, middle), line.label, "lm")
        if left := len(self._picture.lines) - len(self._shown):
            self._text((self._left + 20, place + ROW * len(self._shown) + ROW / 2), f"and {left} more", "lm")

    def numbers(self) -> None:
        """Draw the last value of each line, large."""
        self._text((16, 8), self._picture.title, size=13)
        columns = max(1, min(len(self._lines), self._width // 140))
        for index, line in enumerate(self._lines):
            known = [value for value in line.values if value is not None]
            x = (index % columns + 0.5) * self._width / columns
            y = self._height / 2 + (index // columns) * 60
            self._text((x, y), short(known[-1]) if known else "--", "mm", 28)
            self._text((x, y + 26), line.label, "mm", color=color_of(line, index))
