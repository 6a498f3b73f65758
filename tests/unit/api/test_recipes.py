"""docs/faq.md's recipe for the API's request and answer, done as it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.recipes import ROOT, apply, block, copy

ASK = """
import json, sys
from api import requests, responses, schema
event = json.load(sys.stdin)
columns = schema.Schema(features=("minutes", "plan"), numeric=frozenset({"minutes"}), unread=frozenset())
print(json.dumps([requests.table(event, columns), responses.predicted([{"label": "no"}], "a run")]))
"""
LINES = '{"minutes": 1.5, "plan": "no"}\n\n{"plan": "yes", "minutes": 2}\n'


def asked(checkout: Path, body: str, kind: str) -> Any:
    """Return the rows of a request and an answer, as a checkout's code makes them."""
    event = json.loads((ROOT / "tests/unit/api/events/csv.json").read_text()) | {"body": body, "headers": {"Content-Type": kind}}
    ended = subprocess.run([sys.executable, "-c", ASK], cwd=checkout, input=json.dumps(event), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise ValueError(ended.stderr)
    return json.loads(ended.stdout)


def test_the_api_takes_json_lines_and_tells_the_run(tmp_path: Path) -> None:
    checkout = copy(tmp_path, "api")
    with pytest.raises(ValueError, match="Content-Type is application/jsonlines; allowed"):
        asked(checkout, LINES, "application/jsonlines")
    apply(block("How do I change the API's request and answer?", "diff"), checkout)
    rows, answer = asked(checkout, LINES, "application/jsonlines")
    assert rows == [[1.5, "no"], [2, "yes"]]
    assert json.loads(answer["body"]) == {"predictions": [{"label": "no"}], "run": "a run"}
    assert asked(checkout, "1,no\n", "text/csv")[0] == [[1, "no"]]
