"""What took how long, drawn as bars below each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import svg
from pipeline_runs import place, waits
from workflow_runs import StateRun

ROW, BAR, PADDING, SCALE = 26.0, 18.0, 12.0, 420.0
STATUSES = {"InProgress": "running", "Succeeded": "succeeded", "Failed": "failed", "Abandoned": "stopped"}


@dataclass(frozen=True)
class Bar:
    """Something that took its time."""

    name: str
    status: str
    started: datetime
    ended: datetime


def of_states(runs: dict[str, StateRun]) -> list[Bar]:
    """Return a bar for each state of an execution that has ended."""
    return [Bar(name, run.status, run.started, run.ended) for name, run in runs.items() if run.ended]


def of_actions(actions: Sequence[dict[str, Any]]) -> list[Bar]:
    """Return a bar for each action of a pipeline's run that does not wait for a person."""
    return [Bar("/".join(place(action)), STATUSES.get(action["status"], "stopped"), action["startTime"], action["lastUpdateTime"])
            for action in actions if not waits(action)]


def picture(bars: Sequence[Bar]) -> str:
    """Return the bars as SVG, from the first start to the last end."""
    first, last = min(bar.started for bar in bars), max(bar.ended for bar in bars)
    whole = max((last - first).total_seconds(), 0.001)
    left = svg.CHARACTER * max(len(bar.name) for bar in bars) + PADDING
    parts = []
    for number, bar in enumerate(bars):
        y, seconds = PADDING + ROW * number, (bar.ended - bar.started).total_seconds()
        x, width = left + SCALE * (bar.started - first).total_seconds() / whole, max(SCALE * seconds / whole, 2.0)
        parts += [svg.words(left - 8, y + BAR / 2, bar.name, "end"), svg.box(x, y, width, BAR, svg.COLORS[bar.status]),
                  svg.words(x + width + 6, y + BAR / 2, f"{svg.length(seconds)} {svg.SIGNS[bar.status]}", "start", svg.GREY)]
    title = "; ".join(f"{bar.name} {bar.status} in {svg.length((bar.ended - bar.started).total_seconds())}" for bar in bars)
    return svg.picture(title, left + SCALE + 90, 2 * PADDING + ROW * len(bars), parts)
