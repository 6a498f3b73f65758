"""A state machine drawn from its definition, each state in the colour and with the sign of how far an execution is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import svg
from workflow_runs import StateRun

HEIGHT, ACROSS, DOWN, PADDING = 44.0, 24.0, 30.0, 16.0
States = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Drawn:
    """A part of the picture: its size, and what it is made of once its corner is known."""

    width: float
    height: float
    parts: list[str]

    def at(self, x: float, y: float) -> str:
        """Return the part moved to a corner."""
        return f'<g transform="translate({x:.1f},{y:.1f})">{"".join(self.parts)}</g>'


def picture(definition: dict[str, Any], runs: Mapping[str, StateRun] | None = None) -> str:
    """Return the drawing as SVG. Left out: the Fail state that each task's Catch leads to, unless it was entered."""
    graph = _graph(definition, runs or {})
    told = ", ".join(f"{name} {run.status}" for name, run in (runs or {}).items()) or "not started"
    return svg.picture(f"State machine: {told}", graph.width + 2 * PADDING, graph.height + 2 * PADDING, [graph.at(PADDING, PADDING)])


def _graph(machine: dict[str, Any], runs: Mapping[str, StateRun]) -> Drawn:
    """Return the states of a machine or branch in rows, each below all that lead to it."""
    states: States = machine["States"]
    rows = _rows(machine["StartAt"], states, runs)
    drawn = {name: _state(name, states[name], runs) for row in rows for name in row}
    widths = [sum(drawn[name].width for name in row) + ACROSS * (len(row) - 1) for row in rows]
    parts: list[str] = []
    places: dict[str, tuple[float, float]] = {}
    y = 0.0
    for row, width in zip(rows, widths, strict=True):
        x = (max(widths) - width) / 2
        for name in row:
            places[name] = (x, y)
            parts.append(drawn[name].at(x, y))
            x += drawn[name].width + ACROSS
        y += max(drawn[name].height for name in row) + DOWN
    return Drawn(max(widths), y - DOWN, _arrows(states, drawn, places, runs) + parts)


def _arrows(states: States, drawn: dict[str, Drawn], places: dict[str, tuple[float, float]], runs: Mapping[str, StateRun]) -> list[str]:
    found = []
    for name, (x, y) in places.items():
        for target in _next(states[name], runs):
            to_x, to_y = places[target]
            found.append(svg.arrow(x + drawn[name].width / 2, y + drawn[name].height, to_x + drawn[target].width / 2, to_y))
    return found


def _next(state: dict[str, Any], runs: Mapping[str, StateRun]) -> Iterator[str]:
    """Yield the states that may follow; of those for failures the ones that did."""
    targets = [state.get("Next"), *(choice["Next"] for choice in state.get("Choices", [])), state.get("Default")]
    caught = [catch["Next"] for catch in state.get("Catch", []) if catch["Next"] in runs]
    yield from dict.fromkeys(target for target in [*targets, *caught] if target)


def _rows(first: str, states: States, runs: Mapping[str, StateRun]) -> list[list[str]]:
    """Return the names row by row: a state's row is the longest way to it; a way back to an earlier state counts for nothing."""
    depth: dict[str, int] = {}

    def visit(name: str, level: int, path: tuple[str, ...]) -> None:
        if name in path or depth.get(name, -1) >= level:
            return
        depth[name] = level
        for target in _next(states[name], runs):
            visit(target, level + 1, (*path, name))

    visit(first, 0, ())
    return [[name for name in depth if depth[name] == level] for level in range(max(depth.values()) + 1)]


def _state(name: str, state: dict[str, Any], runs: Mapping[str, StateRun]) -> Drawn:
    """Return one state; a Parallel or Map with its branches side by side inside."""
    branches = state.get("Branches") or [state[part] for part in ("ItemProcessor", "Iterator") if part in state]
    if branches:
        return _frame(name, [_graph(branch, runs) for branch in branches])
    run = runs.get(name)
    status = run.status if run else "waiting"
    title = f"{svg.SIGNS[status]} {name}".strip()
    below = f"{state['Type'].lower()}{_seconds(run)}"
    width = max(110.0, svg.CHARACTER * max(len(title), len(below)) + 20)
    return Drawn(width, HEIGHT, [svg.box(0, 0, width, HEIGHT, svg.COLORS[status]), svg.words(width / 2, 15, title),
                                 svg.words(width / 2, 31, below, color=svg.GREY)])


def _frame(name: str, inner: list[Drawn]) -> Drawn:
    width = sum(graph.width for graph in inner) + ACROSS * (len(inner) - 1) + 2 * PADDING
    height = max(graph.height for graph in inner) + 2 * PADDING + 18
    parts, x = [svg.box(0, 0, width, height, svg.PAPER, dashed=True), svg.words(12, 15, name, "start", svg.GREY)], PADDING
    for graph in inner:
        parts.append(graph.at(x, PADDING + 18))
        x += graph.width + ACROSS
    return Drawn(width, height, parts)


def _seconds(run: StateRun | None) -> str:
    if run is None:
        return ""
    return f", {svg.length(((run.ended or datetime.now(UTC)) - run.started).total_seconds())}"
