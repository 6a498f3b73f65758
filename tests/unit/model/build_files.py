"""The workflow's stack as a build makes it, with names as long as they may be.

`python tests/unit/model/build_files.py FOLDER` writes its template; it needs requirements/build.txt. By its path and not
with -m, because one of those packages brings a package `tests` of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from build_variables import variables

from model import settings, workflow_template

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workflow-graph.yml").write_text(workflow_template.rendered(settings.read(variables(folder))), encoding="utf-8")
