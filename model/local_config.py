"""Writes a config.yml as the image's programs read it, without a pipeline: config.json and hyperparameters.json.

usage: python -m model.local_config CONFIG.yml FOLDER     FOLDER stands for /opt/ml
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from model import config
from model.errors import BuildError


def write(source: Path, folder: Path) -> None:
    """Write both files below the folder, or raise BuildError."""
    loaded = config.load(source, name=str(source))
    written = {"processing/input/config/config.json": loaded, "input/config/hyperparameters.json": config.hyperparameters(loaded)}
    for name, content in written.items():
        put(folder / name, content)


def put(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Return 0 done, 1 refused, 2 misused."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        write(Path(sys.argv[1]), Path(sys.argv[2]))
    except BuildError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
