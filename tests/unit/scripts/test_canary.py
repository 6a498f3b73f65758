"""Each version's share is what the answers say: nothing is computed from weights, and no answer is lost."""

import pytest

from canary import Canary, line, points, share
from traffic import Answer

OLD, NEW = "11111111-old", "22222222-new"


def answers(*found: tuple[float, str]) -> list[Answer]:
    """Return answers at moments by runs."""
    return [Answer(moment, run) for moment, run in found]


def test_a_point_has_what_each_version_answered_since_the_last_one() -> None:
    found = points(answers((10.2, OLD), (10.7, NEW), (11.0, OLD), (11.5, NEW), (11.6, NEW)), 10.0, OLD, NEW)
    assert found == [{"second": 1, "old": 2, "new": 1}, {"second": 2, "old": 0, "new": 2}]


def test_second_0_has_all_that_came_before_the_start() -> None:
    assert points(answers((3.0, OLD), (9.5, OLD), (10.0, OLD)), 10.0, OLD, NEW) == [{"second": 0, "old": 3, "new": 0}]


def test_a_second_without_answers_is_no_point() -> None:
    assert [point["second"] for point in points(answers((10.5, OLD), (13.5, OLD)), 10.0, OLD, NEW)] == [1, 4]


def test_late_answers_count_in_the_order_of_time() -> None:
    assert [point["second"] for point in points(answers((12.5, NEW), (10.5, OLD)), 10.0, OLD, NEW)] == [1, 3]


def test_every_answer_is_in_one_point() -> None:
    found = points(answers(*((number / 7, NEW if number % 10 == 0 else OLD) for number in range(500))), 20.0, OLD, NEW)
    assert (sum(point["old"] for point in found), sum(point["new"] for point in found)) == (450, 50)


@pytest.mark.parametrize(("old", "new", "percent"), [(20, 0, 0), (18, 2, 10), (0, 7, 100)])
def test_the_share_is_the_new_versions(old: int, new: int, percent: float) -> None:
    assert share({"second": 1, "old": old, "new": new}) == percent


def test_a_line_shows_counts_bar_and_share() -> None:
    assert line({"second": 4, "old": 21, "new": 2}) == "   4 s   old  21   new   2   ##..................   9 %"


def test_the_canary_begins_with_the_deployment_and_shows_each_second_once(capsys: pytest.CaptureFixture[str],
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Answer] = answers((4.0, OLD))
    canary = Canary(heard, OLD, NEW)
    canary.show(ended=True)
    assert (canary.points(), capsys.readouterr().err) == ([], "")
    for now in (5.0, 8.0):  # only the first call is the start
        monkeypatch.setattr("canary.time.monotonic", lambda now=now: now)
        canary.start()
    heard += answers((5.5, OLD), (6.5, NEW))
    canary.show()
    assert [text.split()[0] for text in capsys.readouterr().err.splitlines()] == ["0", "1"]
    canary.show(ended=True)
    canary.show(ended=True)
    assert [text.split()[0] for text in capsys.readouterr().err.splitlines()] == ["2"]
