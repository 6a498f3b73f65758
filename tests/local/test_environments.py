"""The pool of functions' environments: used again, as many as the cores take, more for functions that wait, none left."""

import threading
from collections.abc import Iterator

import pytest

from local import runtime_api
from local.runtime_api import AT_ONCE, MOST_OF_ONE_FUNCTION, Environment, Pool, PoolFullError

KEY = ("function", "1", "revision", "code")


class Fake(Environment):
    """An environment without a process."""

    def __init__(self) -> None:
        self.ended, self.usable, self.idle_since = False, True, 0.0

    @property
    def reusable(self) -> bool:
        return self.usable and not self.ended

    def kill(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.close()


def test_an_environment_is_used_again(pool: Pool) -> None:
    first = pool.acquire(KEY, Fake)
    pool.release(KEY, first)
    assert pool.acquire(KEY, Fake) is first


def test_another_version_has_its_own(pool: Pool) -> None:
    first = pool.acquire(KEY, Fake)
    pool.release(KEY, first)
    assert pool.acquire(("function", "2", "revision", "code"), Fake) is not first


def test_who_finds_the_cores_busy_takes_what_comes_free(pool: Pool) -> None:
    busy = [pool.acquire(KEY, Fake) for _ in range(AT_ONCE)]
    taken: list[Environment] = []
    waiting = threading.Thread(target=lambda: taken.append(pool.acquire(KEY, Fake)))
    waiting.start()
    pool.release(KEY, busy[0])
    waiting.join()
    assert taken == [busy[0]]


def test_more_start_when_none_comes_free_and_no_more_than_the_most(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_api, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(runtime_api, "WAIT_SECONDS", 0.05)
    busy = {pool.acquire(KEY, Fake) for _ in range(MOST_OF_ONE_FUNCTION)}
    assert len(busy) == MOST_OF_ONE_FUNCTION
    with pytest.raises(PoolFullError, match=f"{MOST_OF_ONE_FUNCTION} environments of function are busy"):
        pool.acquire(KEY, Fake)


def test_idle_ones_end_and_make_room(pool: Pool) -> None:
    made = [pool.acquire(KEY, Fake) for _ in range(AT_ONCE)]
    for each in made:
        pool.release(KEY, each)
    pool.end_idle(lambda key, each: each is not made[0])
    assert [each.ended for each in made] == [False] + [True] * (AT_ONCE - 1)
    assert pool.acquire(KEY, Fake) is made[0]
    assert pool.acquire(KEY, Fake) not in made


def test_a_broken_one_is_not_used_again(pool: Pool) -> None:
    first = pool.acquire(KEY, Fake)
    first.usable = False  # type: ignore[attr-defined]
    pool.release(KEY, first)
    assert first.ended  # type: ignore[attr-defined]
    assert pool.acquire(KEY, Fake) is not first


def test_the_end_ends_idle_and_busy_ones(pool: Pool) -> None:
    idle, busy = pool.acquire(KEY, Fake), pool.acquire(KEY, Fake)
    pool.release(KEY, idle)
    pool.close()
    assert (idle.ended, busy.ended) == (True, True)  # type: ignore[attr-defined]
