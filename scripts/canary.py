"""How the requests of a release divide between the old version and the new one: counted from the answers, never computed."""

import math
import time
from collections import Counter
from collections.abc import Sequence

from narration import say
from traffic import Answer

BAR = 20
Point = dict[str, int]


def points(answers: Sequence[Answer], started: float, old: str, new: str) -> list[Point]:
    """Return the requests that each run answered in each second since ``started``; second 0 has all that came before."""
    counts = Counter((max(0, math.ceil(answer.moment - started)), answer.run) for answer in answers)
    return [{"second": second, "old": counts[second, old], "new": counts[second, new]}
            for second in sorted({second for second, _ in counts})]


def share(point: Point) -> float:
    """Return the new version's share of a point's requests, in percent."""
    return 100 * point["new"] / (point["old"] + point["new"])


def line(point: Point) -> str:
    """Return a point as a person reads it: counts, a bar and the new version's share."""
    filled = round(share(point) * BAR / 100)
    bar = "#" * filled + "." * (BAR - filled)
    return f"{point['second']:>4} s   old {point['old']:>3}   new {point['new']:>3}   {bar} {share(point):>3.0f} %"


class Canary:
    """Shows the answers second by second from the deployment's start on."""

    def __init__(self, answers: list[Answer], old: str, new: str) -> None:
        self._answers, self._old, self._new = answers, old, new
        self._started: float | None = None
        self._shown = 0

    def start(self) -> None:
        """Take now, when this is called first, for the deployment's start."""
        self._started = self._started or time.monotonic()

    def points(self) -> list[Point]:
        """Return what was counted until now; nothing before the start."""
        return points(list(self._answers), self._started, self._old, self._new) if self._started else []

    def show(self, ended: bool = False) -> None:
        """Print the seconds that are over and not yet printed; all when the traffic has ended."""
        found = self.points()
        complete = found if ended else found[:-1]
        for point in complete[self._shown:]:
            say(line(point))
        self._shown = max(self._shown, len(complete))
