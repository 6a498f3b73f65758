"""docs/release-safety.md is what the last rehearsal of all faults saw, no less and nothing else."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
REHEARSALS = ROOT / "tests" / "local" / "test_release_faults.py"


@pytest.fixture
def release_safety(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    sys.modules.pop("release_safety", None)
    import release_safety

    return release_safety


def rehearsed() -> list[str]:
    """Return the faults that the tests inflict, in their order."""
    calls = (node for node in ast.walk(ast.parse(REHEARSALS.read_text())) if isinstance(node, ast.Call))
    found = sorted((call.lineno, call.args[0].value) for call in calls
                   if isinstance(call.func, ast.Attribute) and call.func.attr == "fault" and isinstance(call.args[0], ast.Constant))
    return [str(name) for _, name in found]


def test_the_page_shows_the_report(release_safety: Any) -> None:
    page = release_safety.PAGE.read_text()
    assert page == release_safety.filled(page, json.loads(release_safety.KEPT.read_text()))


def test_the_report_has_every_fault_that_is_rehearsed(release_safety: Any) -> None:
    assert sorted(row["fault"] for row in json.loads(release_safety.KEPT.read_text())["rows"]) == sorted(rehearsed())


def test_failed_requests_are_shown_with_their_status(release_safety: Any) -> None:
    row = {"fault": "f", "detector": "d", "outcome": "o", "requests": 9, "failed": {"502": 2, "503": 1}, "old": 6, "new": 0, "seconds": 12.3}
    assert "| f | d | o | 9 | 2 x 502, 1 x 503 | 6 | 0 | 12 |" in release_safety.table({"date": "2026-01-01", "rows": [row]})


def test_a_page_without_its_marks_is_left_alone(release_safety: Any) -> None:
    with pytest.raises(SystemExit, match="lacks the marks"):
        release_safety.filled("# A page", {"date": "2026-01-01", "rows": []})
