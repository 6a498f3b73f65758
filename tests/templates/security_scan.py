"""Templates and Dockerfiles as checkov, a scanner of known misconfigurations, judges them.

`python -m tests.templates.security_scan FILE...` prints what is wrong, a finding a line, and exits 1 if anything is.
checkov wants an old botocore and so has build/env/checkov of its own. What it finds and is right is in accepted_security.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.templates.accepted_security import ACCEPTED
from tests.templates.sources import ROOT

CHECKOV = ROOT / "build" / "env" / "checkov" / "bin" / "checkov"


@dataclass(frozen=True)
class Finding:
    """One thing that checkov says."""

    file: str
    check: str
    resource: str
    says: str

    def __str__(self) -> str:
        return f"{self.file} {self.resource}: {self.check}: {self.says}"

    @property
    def accepted(self) -> bool:
        """Whether it is right all the same."""
        return any(self.accepted_by(*pattern) for pattern in ACCEPTED)

    def accepted_by(self, check: str, resource: str) -> bool:
        """Return whether patterns of check and resource match."""
        return self.check == check and fnmatchcase(self.resource, resource)


def findings(paths: list[Path]) -> list[Finding]:
    """Return what checkov finds; raises RuntimeError when it cannot scan."""
    if not CHECKOV.exists():
        raise RuntimeError(f"{CHECKOV} is missing. bash scripts/check.sh makes it of requirements/checkov.txt")
    files = [argument for path in paths for argument in ("--file", str(path))]
    done = subprocess.run([str(CHECKOV), "--quiet", "--compact", "--skip-download", "--output", "json",
                           "--framework", "cloudformation", "dockerfile", *files], capture_output=True, text=True, check=False)
    reports = json.loads(done.stdout) if done.stdout.strip() else []
    reports = reports if isinstance(reports, list) else [reports]
    if not any("results" in report for report in reports) or any(report["summary"]["parsing_errors"] for report in reports):
        raise RuntimeError(f"checkov could not read every file: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return [finding(failed) for report in reports for failed in report["results"]["failed_checks"]]


def finding(failed: dict[str, Any]) -> Finding:
    """Return one of checkov's findings; it names resources `Type.LogicalId`."""
    return Finding(failed["file_path"].lstrip("/"), failed["check_id"], failed["resource"].split(".")[-1], failed["check_name"])


if __name__ == "__main__":
    wrong = [str(found) for found in findings([Path(argument) for argument in sys.argv[1:]]) if not found.accepted]
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))
