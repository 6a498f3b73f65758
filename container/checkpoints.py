"""Keeping a half-grown estimator where SageMaker keeps it, so that training goes on after an interruption.

Spot capacity is taken back with SIGTERM and, two minutes later, SIGKILL; the job starts again
elsewhere with the folder's files. A checkpoint's name says of which data and hyperparameters it is,
so that no other training takes it up. Files are skops's, as all estimators: loading runs no code.
"""

import re
from pathlib import Path
from typing import Any

from container.predictor import TRUSTED

FOLDER = "checkpoints"


class Checkpoints:
    """The checkpoints of one training; without a folder there are none and none is kept."""

    def __init__(self, folder: Path, key: str) -> None:
        # SageMaker makes the folder when the job has a CheckpointConfig, and only then.
        self._folder = folder if folder.is_dir() else None
        self._key = key

    @property
    def are_kept(self) -> bool:
        """Tell whether there is a folder for checkpoints."""
        return self._folder is not None

    def save(self, grown: int, estimator: Any) -> None:
        """Keep an estimator that has grown so far, in the place of earlier ones."""
        if self._folder is None:
            return
        import skops.io

        # Half a file must never look like a whole one: the upload runs all the time, the end may come any time.
        partial = self._folder / f"{self._key}.partial"
        skops.io.dump(estimator, partial)
        partial.replace(self._path(grown))
        for earlier in self._found():
            if earlier < grown:
                self._path(earlier).unlink()

    def latest(self) -> tuple[int, Any] | None:
        """Return how far the last readable checkpoint has grown, and its estimator; None without one."""
        import skops.io

        for grown in self._found():
            try:
                return grown, skops.io.load(self._path(grown), trusted=list(TRUSTED))
            except Exception as error:  # noqa: BLE001
                # Whatever is wrong with it: training from an earlier one, or from the start, is right.
                print(f"train: checkpoint {self._path(grown).name} cannot be read and is passed over: {error}")
        return None

    def _path(self, grown: int) -> Path:
        assert self._folder
        return self._folder / f"{self._key}-{grown}.skops"

    def _found(self) -> list[int]:
        """Return how far this training's checkpoints have grown, the furthest first."""
        names = [path.name for path in self._folder.iterdir()] if self._folder else []
        matches = [re.fullmatch(rf"{self._key}-(\d+)\.skops", name) for name in names]
        return sorted((int(match[1]) for match in matches if match), reverse=True)
