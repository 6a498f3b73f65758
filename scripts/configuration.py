"""Writes the tables of docs/configuration.md that say what model/config.yml may hold, from its schema.

Usage: python scripts/configuration.py
The page's words between the tables are its own: a table stands below a heading named as its section.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCHEMA, PAGE = ROOT / "model" / "config.schema.json", ROOT / "docs" / "configuration.md"
HEAD = ["| field | default | allowed | |", "|---|---|---|---|"]
Field = tuple[str, dict[str, Any], bool]  # dotted name, schema, whether it has to be there


def fields(schema: dict[str, Any], definitions: dict[str, Any], path: str = "") -> Iterator[Field]:
    """Yield every field below a schema that is not itself a section."""
    for name, given in schema.get("properties", {}).items():
        where = f"{path}.{name}".lstrip(".")
        part = definitions[given["$ref"].rpartition("/")[2]] | given if "$ref" in given else given
        if "properties" not in part:
            yield where, part, name in schema.get("required", [])
        yield from fields(part, definitions, where)
        yield from fields(part.get("items", {}), definitions, f"{where}[]")


def default(part: dict[str, Any], required: bool) -> str:
    """Return what stands in for a field that is left out."""
    if "default" in part:
        return f"`{json.dumps(part['default'])}`"
    return "required" if required else ""


def allowed(part: dict[str, Any]) -> str:
    """Return what a field may hold."""
    return ", ".join(f"`{choice}`" for choice in part["enum"]) if "enum" in part else str(part["allowed"])


def row(field: Field) -> str:
    """Return a field's line of its table."""
    name, part, required = field
    return f"| `{name}` | {default(part, required)} | {allowed(part)} | {part['description']} |"


def sections(schema: dict[str, Any]) -> dict[str, list[str]]:
    """Return the lines of each section's table."""
    found: dict[str, list[str]] = {}
    for field in fields(schema, schema["$defs"]):
        found.setdefault(field[0].partition(".")[0], []).append(row(field))
    return found


def filled(page: str, schema: dict[str, Any]) -> str:
    """Return the page with the schema's tables in the place of its own."""
    for section, rows in sections(schema).items():
        table = "\n".join([*HEAD, *rows, ""])
        place = re.search(rf"^### {section}\n(?:(?!#|\|).*\n)*((?:\|.*\n)+)", page, re.MULTILINE)
        if not place:
            raise SystemExit(f"configuration: {PAGE.name} has no table below the heading '### {section}'. Write the heading and '| |' below it.")
        page = page[:place.start(1)] + table + page[place.end(1):]
    return page


def main() -> None:
    """Bring the page's tables up to date."""
    if len(sys.argv) > 1:
        raise SystemExit(__doc__)
    schema = json.loads(SCHEMA.read_text())
    PAGE.write_text(filled(PAGE.read_text(), schema))
    print(f"configuration: {sum(map(len, sections(schema).values()))} fields in {PAGE.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
