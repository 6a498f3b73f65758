"""config.yml as the image's programs read it on a person's machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from model import config, local_config


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["local_config", *map(str, arguments)])
    return local_config.main()


def test_it_is_what_a_run_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert call(monkeypatch, config.CONFIG, tmp_path) == 0
    assert json.loads((tmp_path / "processing/input/config/config.json").read_text(encoding="utf-8")) == config.load()
    assert json.loads((tmp_path / "input/config/hyperparameters.json").read_text(encoding="utf-8")) == {"estimator": "HistGradientBoosting"}


def test_a_refusal_names_the_file_as_it_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, tmp_path / "mine.yml", tmp_path) == 1
    assert f"{tmp_path}/mine.yml is missing" in capsys.readouterr().err
    (tmp_path / "mine.yml").write_text("problem: [", encoding="utf-8")
    assert call(monkeypatch, tmp_path / "mine.yml", tmp_path) == 1
    assert f"{tmp_path}/mine.yml is not YAML" in capsys.readouterr().err
    assert not (tmp_path / "processing").exists()


def test_a_wrong_call_says_how_to_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch) == 2
    assert "usage: python -m model.local_config" in capsys.readouterr().err
