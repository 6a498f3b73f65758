"""Durations as people say them."""

import pytest

from console.parts.times import duration


@pytest.mark.parametrize("seconds, said", [
    (-1, "0.0 s"), (0.24, "0.2 s"), (9.94, "9.9 s"), (10, "10 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (3780, "1 h 3 min"),
    (187_200, "2 d 4 h"),
])
def test_a_duration_has_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said
