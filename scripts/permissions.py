"""Writes docs/permissions.md: what each role is granted, needs and uses; exit 1 names every right without a reason.

Usage: python scripts/permissions.py [build/calls.jsonl]    with an environment that has requirements/test.txt
A recording given (scripts/test.sh --full leaves that one) replaces docs/permissions.json, from which the page is made.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Let the tests' reading of the templates write the page."""
    if len(sys.argv) > 2 or sys.argv[1:2] in (["--help"], ["-h"]):
        print(__doc__, file=sys.stderr)
        return 2
    if importlib.util.find_spec("cfnlint") is None:
        print(f"permissions: {sys.executable} lacks cfn-lint. Use build/env/test/bin/python, which scripts/test.sh makes.", file=sys.stderr)
        return 1
    calls = [str(Path(path).resolve()) for path in sys.argv[1:]]
    return subprocess.run([sys.executable, "-m", "tests.templates.permissions", *calls], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
