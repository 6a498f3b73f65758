"""A log is read in pages, from its end: nothing twice, nothing left out, and never all of it at once."""

import pytest

from console.account import Account, Project
from console.parts.log_panel import marked
from console.reading import log_lines
from console.reading.log_lines import Log, pattern
from tests.console.recorded_project import PREFIX, RecordedProject
from tests.console.stubs import RecordedSession


def log(recorded: RecordedProject, search: str = "") -> Log:
    """Return a log of the recorded project."""
    return Log(Project(Account(RecordedSession(recorded)), "churn", "p-1", PREFIX, "000000000000"), "group", "stream", search)


def texts(lines: log_lines.Lines) -> list[str]:
    """Return the lines that a page shows."""
    return [line.text for piece in lines.pieces for line in piece.lines]


def recorded(count: int) -> RecordedProject:
    """Return a project whose logs have so many lines."""
    made = RecordedProject()
    made.lines = [f"line {number}" for number in range(count)]
    return made


def test_a_long_log_begins_with_its_end_and_goes_back_page_by_page() -> None:
    source = recorded(1700)
    read = log(source)
    first = read.read()
    assert (texts(first)[0], texts(first)[-1], first.count, first.earlier) == ("line 1200", "line 1699", 500, True)
    counts = []
    for _ in range(4):
        read.wanted_earlier = True
        counts.append(read.read().count)
    assert counts == [1000, 1500, 1700, 1700]
    whole = read.read()
    assert texts(whole) == source.lines
    assert not whole.earlier


def test_new_lines_are_added_and_no_page_is_read_twice() -> None:
    source = recorded(3)
    read = log(source)
    read.read()
    source.lines += ["four", "five"]
    assert texts(read.read()) == ["line 0", "line 1", "line 2", "four", "five"]
    asked = len(source.requests("GetLogEvents"))
    before = read.read()
    assert len(source.requests("GetLogEvents")) == asked + 1
    assert all(one is other for one, other in zip(before.pieces, read.read().pieces, strict=True))  # so nothing is drawn again


def test_a_short_log_offers_nothing_earlier() -> None:
    assert not log(recorded(3)).read().earlier


def test_a_stream_that_comes_later_is_listed_and_the_chosen_one_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "STREAMS_SECONDS", 0)
    found = [["one"], ["two", "one"]]
    monkeypatch.setattr(log_lines, "streams", lambda *_: found.pop(0))
    read = log(recorded(3))
    assert (read.read().streams, (later := read.read()).stream, later.streams) == (("one",), "one", ("two", "one"))


def test_a_log_that_nothing_was_written_to_is_no_fault() -> None:
    assert log(recorded(0)).read().missing


def test_a_page_shows_so_many_lines_and_then_says_that_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "MOST", 900)
    source = recorded(5000)
    read = log(source)
    for _ in range(5):
        read.wanted_earlier = True
        found = read.read()
    assert (found.count, found.full) == (1000, True)


def test_a_search_finds_what_is_written_and_what_comes_later_once() -> None:
    source = recorded(50)
    read = log(source, "line 4")
    assert len(texts(read.read())) == 11
    source.lines.append("line 4 again")
    assert texts(read.read())[-1] == "line 4 again"
    assert len(texts(read.read())) == 12


def test_the_searched_text_is_a_phrase_whatever_it_holds() -> None:
    assert pattern('say "no" \\') == '"say \\"no\\" \\\\"'


def test_colours_of_a_terminal_are_taken_out() -> None:
    source = recorded(0)
    source.lines = ["\x1b[31mred\x1b[0m\r\n"]
    assert texts(log(source).read()) == ["red"]


def test_what_a_log_holds_is_text_and_never_markup() -> None:
    assert marked("<script>x</script>", "") == "&lt;script&gt;x&lt;/script&gt;"
    assert marked("<b>Fail</b> fail", "fail") == "&lt;b&gt;<mark>Fail</mark>&lt;/b&gt; <mark>fail</mark>"
