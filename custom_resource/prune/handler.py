"""Deletes from the file system the folders of runs that nobody can go back to; the bucket keeps the originals."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # a pipeline execution id; nothing else is touched
YOUNG_SECONDS = 3600  # a run that has just written may be missing in a list that was made before


def handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    """Take Keep, the ids of the runs that stay; return the ids Deleted and Kept."""
    keep = event.get("Keep")
    if not isinstance(keep, list) or not all(isinstance(run, str) and RUN.fullmatch(run) for run in keep):
        raise ValueError(f"Keep is {keep!r}; allowed: a list of run ids, empty when none stays")
    deleted, kept = [], []
    for folder in sorted(runs(Path(os.environ["ARTIFACTS_PATH"]))):
        if folder.name in keep or time.time() - folder.stat().st_mtime < YOUNG_SECONDS:
            kept.append(folder.name)
        else:
            shutil.rmtree(folder)
            deleted.append(folder.name)
    print(f"deleted {deleted}, kept {kept}")
    return {"Deleted": deleted, "Kept": kept}


def runs(root: Path) -> list[Path]:
    """Return the folders that belong to runs."""
    return [folder for folder in root.iterdir() if folder.is_dir() and not folder.is_symlink() and RUN.fullmatch(folder.name)]
