"""A copy of the repository's files, as a clone has them, in which a test changes one line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.local.local_aws import ROOT


def repository(folder: Path) -> Path:
    """Copy what git knows and what it would take up into ``folder``, and return it."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def without_line(path: Path, start: str) -> None:
    """Remove the one line of a file that begins so."""
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(start)]
    assert len(kept) == len(lines) - 1, f"{path.name} has not just one line {start}"
    path.write_text("".join(kept))


def without_action(text: str, role: str, action: str) -> str:
    """Return a template's text less one action of a role, and less the statement that would have none left."""
    start = re.search(rf"^  {role}:.*\n", text, re.MULTILINE)
    assert start, f"the template has no {role}"
    end = re.compile(r"^  \S", re.MULTILINE).search(text, start.end())
    block = text[start.end():end.start() if end else len(text)]
    lines, changed = block.splitlines(keepends=True), 0
    while places := [index for index, line in enumerate(lines) if re.search(rf"[ \[]{re.escape(action)}(?=[\],\n]| +#)", line)]:
        _remove(lines, places[0], action)
        changed += 1
    assert changed, f"{role} has no {action}"
    return text[:start.end()] + "".join(lines) + text[start.end() + len(block):]


def _remove(lines: list[str], place: int, action: str) -> None:
    """Take an action out of the line that names it: an item, a member of an inline list, or a statement's only one."""
    line = lines[place]
    if line.partition(" #")[0].strip() == f"- {action}":
        del lines[place]
    elif "[" in line:
        first = re.sub(rf"\[{re.escape(action)}, |, {re.escape(action)}(?=[\],])", lambda found: found[0][0] * (
            found[0][0] == "["), line)
        assert first != line, f"{line.strip()} would be left without an action"
        lines[place] = first
    else:
        top = max(index for index in range(place) if lines[index].lstrip().startswith("- Sid:"))
        indent = len(lines[top]) - len(lines[top].lstrip())
        inner = [index for index in range(top + 1, len(lines)) if len(lines[index]) - len(lines[index].lstrip()) <= indent]
        del lines[top:inner[0] if inner else len(lines)]
