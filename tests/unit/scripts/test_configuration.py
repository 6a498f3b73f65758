"""docs/configuration.md says of every field of model/config.yml what its schema says."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "model" / "config.schema.json").read_text())
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "maxProperties")


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    sys.modules.pop("configuration", None)
    import configuration

    return configuration


@pytest.fixture
def fields(configuration: Any) -> dict[str, dict]:
    """Every field's schema by its name."""
    return {name: part for name, part, _ in configuration.fields(SCHEMA, SCHEMA["$defs"])}


def test_the_page_is_what_the_schema_says(configuration: Any) -> None:
    page = configuration.PAGE.read_text()
    assert page == configuration.filled(page, SCHEMA), "python scripts/configuration.py writes the tables anew"


def test_the_page_has_a_row_for_every_field_and_for_nothing_else(configuration: Any, fields: dict[str, dict]) -> None:
    page = configuration.PAGE.read_text().split("## The project's form")[0]
    assert re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE) == list(fields)


def test_every_field_says_what_it_is_for_and_what_it_may_hold(fields: dict[str, dict]) -> None:
    assert {name for name, part in fields.items() if not part.get("description") or not (part.get("allowed") or "enum" in part)} == set()


def test_the_words_for_what_is_allowed_name_the_limits_that_are_checked(fields: dict[str, dict]) -> None:
    unsaid = {f"{name}: {limit} {part[limit]}" for name, part in fields.items() for limit in LIMITS
              if limit in part and str(part[limit]) not in re.findall(r"\d+(?:\.\d+)?", part["allowed"])}
    assert unsaid == set()


@pytest.mark.parametrize("change", [
    pytest.param(lambda schema: schema["properties"]["data"]["properties"]["seed"].update(default=43), id="another default"),
    pytest.param(lambda schema: schema["$defs"]["calls"].update(allowed="a whole number from 0 to 5"), id="another limit"),
    pytest.param(lambda schema: schema["properties"]["gate"]["properties"].update(rows={"allowed": "a number", "description": "new"}), id="another field"),
])
def test_a_changed_schema_is_another_page(configuration: Any, change: Any) -> None:
    changed = json.loads(json.dumps(SCHEMA))
    change(changed)
    page = configuration.PAGE.read_text()
    assert configuration.filled(page, changed) != page
    assert configuration.filled(configuration.filled(page, changed), SCHEMA) == page


def test_a_section_without_a_heading_is_named(configuration: Any) -> None:
    page = configuration.PAGE.read_text().replace("### release\n", "### releases\n")
    with pytest.raises(SystemExit, match="has no table below the heading '### release'"):
        configuration.filled(page, SCHEMA)
