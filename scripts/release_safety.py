"""Makes docs/release-safety.md's table of the last rehearsal of all faults (tests/local/test_release_faults.py).

Usage: python scripts/release_safety.py    after scripts/test.sh --full; reads build/release-safety.json
It keeps the report beside the page, docs/release-safety.json, so that a test can compare the two.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOUND, KEPT, PAGE = ROOT / "build" / "release-safety.json", ROOT / "docs" / "release-safety.json", ROOT / "docs" / "release-safety.md"
BEGIN, END = "<!-- report -->\n", "<!-- end of the report -->"
HEADS = ("fault", "detected by", "outcome", "requests", "failed", "old version", "new version", "seconds")


def table(report: dict[str, Any]) -> str:
    """Return the report as the page shows it."""
    lines = [f"Rehearsed on {report['date']}, on one machine whose clock runs 60 times as fast.", "",
             f"| {' | '.join(HEADS)} |", "|---" * 3 + "|---:" * 5 + "|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in report["rows"]]
    return "\n".join(lines) + "\n"


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row's cells; failed requests with their status."""
    failed = ", ".join(f"{count} x {status}" for status, count in row["failed"].items()) or "0"
    return [row["fault"], row["detector"], row["outcome"], str(row["requests"]), failed, str(row["old"]), str(row["new"]),
            f"{row['seconds']:.0f}"]


def filled(page: str, report: dict[str, Any]) -> str:
    """Return the page with the report between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"release_safety: {PAGE.name} lacks the marks {BEGIN.strip()} and {END}")
    return before + BEGIN + table(report) + END + after


def main() -> None:
    """Take over the newest rehearsal."""
    if not FOUND.exists():
        raise SystemExit("release_safety: there is no build/release-safety.json; bash scripts/test.sh --full writes it")
    report = {"date": datetime.now(UTC).date().isoformat(), "rows": json.loads(FOUND.read_text())}
    KEPT.write_text(json.dumps(report, indent=1) + "\n")
    PAGE.write_text(filled(PAGE.read_text(), report))
    print(f"release_safety: {len(report['rows'])} faults in {PAGE.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
