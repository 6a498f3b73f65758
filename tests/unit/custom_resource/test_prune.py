"""The function that deletes former runs' files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

OLD, YOUNG, KEPT = (f"{letter * 8}-1111-4222-8333-444455556666" for letter in "abc")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file system with three runs' folders and something else, all but one of them two hours old."""
    monkeypatch.setenv("ARTIFACTS_PATH", str(tmp_path))
    for name in (OLD, YOUNG, KEPT, "lost+found"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "schema.json").write_text("{}", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    for path in tmp_path.iterdir():
        if path.name != YOUNG:
            os.utime(path, (time.time() - 7200, time.time() - 7200))
    return tmp_path


def test_what_no_run_needs_goes_and_all_else_stays(load: Any, files: Path) -> None:
    assert load("prune").handler({"Keep": [KEPT]}, None) == {"Deleted": [OLD], "Kept": [YOUNG, KEPT]}
    assert sorted(path.name for path in files.iterdir()) == [YOUNG, KEPT, "lost+found", "notes.txt"]
    assert (files / KEPT / "schema.json").is_file()


def test_doing_it_again_deletes_no_more(load: Any, files: Path) -> None:
    prune = load("prune")
    prune.handler({"Keep": [KEPT]}, None)
    assert prune.handler({"Keep": [KEPT]}, None) == {"Deleted": [], "Kept": [YOUNG, KEPT]}


def test_a_run_that_was_never_written_may_be_kept(load: Any, files: Path) -> None:
    never = "dddddddd-1111-4222-8333-444455556666"
    assert load("prune").handler({"Keep": [never, KEPT, OLD]}, None)["Deleted"] == []


@pytest.mark.parametrize("keep", [None, "all", [1], ["abc"], [f"../{KEPT}"]])
def test_a_list_that_is_none_deletes_nothing(load: Any, files: Path, keep: Any) -> None:
    with pytest.raises(ValueError, match="allowed: a list of run ids, empty when none stays"):
        load("prune").handler({"Keep": keep}, None)
    assert (files / OLD).is_dir()


def test_a_link_is_not_followed(load: Any, files: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").write_text("", encoding="utf-8")
    (files / "eeeeeeee-1111-4222-8333-444455556666").symlink_to(elsewhere)
    load("prune").handler({"Keep": []}, None)
    assert (elsewhere / "file").is_file()
