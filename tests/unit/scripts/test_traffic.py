"""Steady requests: each is counted once, by the run that its answer names, or as a failure with its reason."""

import threading
from collections.abc import Callable

import pytest

from project_api import ApiError, Reply
from traffic import THREADS, Traffic

OLD, NEW = "11111111-old", "22222222-new"
WAIT_SECONDS = 10


class FakeApi:
    """Answers request after request with what ``answer`` makes of its number, and says when ``enough`` came."""

    url = "the API"

    def __init__(self, answer: Callable[[int], str], enough: int) -> None:
        self.bodies: list[bytes] = []
        self.done = threading.Event()
        self._answer, self._enough, self._lock = answer, enough, threading.Lock()

    def ask(self, body: bytes) -> Reply:
        with self._lock:
            self.bodies.append(body)
            number = len(self.bodies)
        if number >= self._enough:
            self.done.set()
        return Reply(self._answer(number), [])


def sent(answer: Callable[[int], str], enough: int = 40) -> tuple[FakeApi, Traffic]:
    """Send some requests quickly."""
    api = FakeApi(answer, enough)
    with Traffic(api, [b"a", b"b"], (OLD, NEW), rate=2000) as traffic:
        assert api.done.wait(WAIT_SECONDS)
    return api, traffic


def test_every_request_is_an_answer_of_the_run_that_it_names() -> None:
    api, traffic = sent(lambda number: NEW if number % 10 == 0 else OLD)
    assert len(traffic.answers) == len(api.bodies) >= 40
    assert sum(answer.run == NEW for answer in traffic.answers) == len(api.bodies) // 10
    assert traffic.failures == []


def test_the_bodies_take_turns() -> None:
    api, _ = sent(lambda _: OLD)
    assert abs(api.bodies.count(b"a") - api.bodies.count(b"b")) <= THREADS


def test_what_another_run_answers_is_a_failure() -> None:
    api, traffic = sent(lambda number: "33333333-other" if number == 5 else OLD)
    assert traffic.failures == ["the API was answered by run 33333333-other, which is neither the old nor the new one"]
    assert len(traffic.answers) == len(api.bodies) - 1


@pytest.mark.parametrize("error", [ApiError("the API answered 503: busy"), KeyError("predictions")])
def test_every_failed_request_is_counted_with_its_reason(error: Exception) -> None:
    def answer(number: int) -> str:
        if number in (3, 7):
            raise error
        return OLD

    api, traffic = sent(answer)
    assert traffic.failures == [str(error)] * 2
    assert len(traffic.answers) == len(api.bodies) - 2


def test_no_thread_is_left_to_send_after_the_end() -> None:
    sent(lambda _: OLD)
    assert not [thread for thread in threading.enumerate() if "_work" in thread.name]


def test_an_error_ends_the_traffic_too() -> None:
    api = FakeApi(lambda _: OLD, 1)
    with pytest.raises(KeyboardInterrupt), Traffic(api, [b"a"], (OLD, NEW), rate=2000):
        assert api.done.wait(WAIT_SECONDS)
        raise KeyboardInterrupt
    assert not [thread for thread in threading.enumerate() if "_work" in thread.name]
