"""The recipes of docs/faq.md: what a reader pastes, and a copy of the repository in which it has been pasted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAQ = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")


def block(question: str, kind: str) -> str:
    """Return the blocks of one kind below a question, one after the other."""
    section = re.search(rf"^## {re.escape(question)}$(.*?)(?:^## |\Z)", FAQ, flags=re.MULTILINE | re.DOTALL)
    assert section, question
    found = re.findall(rf"^```{kind}\n(.*?)^```$", section[1], flags=re.MULTILINE | re.DOTALL)
    assert found, (question, kind)
    return "".join(found)


def copy(folder: Path, *names: str) -> Path:
    """Copy folders of the repository, without what Python leaves in them."""
    for name in names:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def apply(diff: str, folder: Path) -> None:
    """Change files as a diff without line numbers says; each of its places has to be there once."""
    for name, change in re.findall(r"^--- (\S+)\n((?:[-+ ].*\n)+?)(?=^--- |\Z)", diff, flags=re.MULTILINE):
        lines = change.splitlines()
        before, after = ("\n".join(line[1:] for line in lines if line[0] in kinds) for kinds in (" -", " +"))
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} has not just once: {before}"
        (folder / name).write_text(text.replace(before, after), encoding="utf-8")
