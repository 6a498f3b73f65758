"""The documents say what is there: every field and parameter, links that lead somewhere, scripts that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SKIPPED = {"build", ".venv", ".git", ".pytest_cache", "node_modules"}
DOCUMENTS = sorted(path for path in ROOT.rglob("*.md") if not SKIPPED & {part for part in path.relative_to(ROOT).parts})
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
SCHEMA = json.loads((ROOT / "model" / "config.schema.json").read_text())


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Return the tables' rows as name -> (default, remark)."""
    found = re.findall(r"^\| `([^`]+)` \|([^|]*)\| (.*) \|$", text, flags=re.MULTILINE)
    return {name: (default.strip(), remark) for name, default, remark in found}


FIELDS = rows(CONFIGURATION.split("## The project's form")[0])
PARAMETERS = rows(CONFIGURATION.split("## The project's form")[1])


def fields(schema: dict, path: str = "") -> Iterator[tuple[str, dict, bool]]:
    """Yield (dotted name, schema, required) of every field below a schema that is not itself a section."""
    for name, part in schema.get("properties", {}).items():
        where, required = f"{path}.{name}".lstrip("."), name in schema.get("required", [])
        part = SCHEMA["$defs"][part["$ref"].rpartition("/")[2]] | part if "$ref" in part else part
        if "properties" not in part:
            yield where, part, required
        yield from fields(part, where)
        yield from fields(part.get("items", {}), f"{where}[]")


def default_of(part: dict, required: bool) -> str:
    """Return how the document writes a field's default."""
    if "default" in part:
        return f"`{json.dumps(part['default'])}`"
    return "required" if required else ""


def parameters() -> dict[str, dict]:
    """Return pipeline.yml's parameters."""
    class Loader(yaml.SafeLoader):
        """Takes CloudFormation's own tags for nothing."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    return yaml.load((ROOT / "pipeline.yml").read_text(), Loader)["Parameters"]  # noqa: S506 (a SafeLoader)


def test_every_field_of_the_configuration_is_documented_with_its_default() -> None:
    assert {name: default for name, (default, _) in FIELDS.items()} == {
        name: default_of(part, required) for name, part, required in fields(SCHEMA)}


def test_every_choice_of_a_field_is_documented() -> None:
    lacking = {f"{name}: {choice}" for name, part, _ in fields(SCHEMA) for choice in part.get("enum", [])
               if choice not in " ".join(FIELDS.get(name, ()))}
    assert lacking == set()


def test_every_parameter_of_the_form_is_documented_with_its_default() -> None:
    def shown(parameter: dict[str, Any]) -> str:
        if "Default" not in parameter:
            return "required"
        return f"`{parameter['Default']}`" if parameter["Default"] != "" else "`''`"

    assert {name: default for name, (default, _) in PARAMETERS.items()} == {
        name: shown(parameter) for name, parameter in parameters().items()}


def test_every_choice_of_a_parameter_is_documented() -> None:
    assert {f"{name}: {choice}" for name, parameter in parameters().items() for choice in parameter.get("AllowedValues", [])
            if f"`{choice}`" not in PARAMETERS[name][1]} == set()


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text()), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text())):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_a_host_but_this_machine(document: Path) -> None:
    addresses = re.findall(r"https?://[^\s)>\"'`]+", document.read_text())
    assert [address for address in addresses if not address.startswith("http://127.0.0.1")] == []


def test_scripts_that_documents_name_exist() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"\bscripts/[\w-]+\.(?:sh|py)\b", path.read_text())}
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_the_readme_of_scripts_gives_every_commands_usage() -> None:
    text = (ROOT / "scripts" / "README.md").read_text()
    usages = {match[1].strip() for path in (ROOT / "scripts").glob("*.*")
              if (match := re.search(r"^#? ?Usage: (.+?)(?:   .*)?$", path.read_text(), flags=re.MULTILINE))}
    assert {usage for usage in usages if f"`{usage}`" not in text} == set()


def test_the_readmes_layout_holds_every_folder() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.name[0] != "." and (path / "README.md").is_file()}
    assert {name for name in folders if f"[{name}/]({name}/README.md)" not in README} == set()


def test_the_stages_of_the_readme_are_the_pipelines() -> None:
    stages = re.findall(r"^        - Name: (\w+)$", (ROOT / "pipeline.yml").read_text(), flags=re.MULTILINE)
    assert stages and [stage for stage in stages if stage not in README] == []


def test_the_size_of_local_is_what_its_decision_says() -> None:
    text = (ROOT / "docs" / "decisions" / "size-of-local.md").read_text()
    match = re.search(r"It has about ([\d,]+)", text)
    lines = sum(len(path.read_text().splitlines()) for path in (ROOT / "local").rglob("*.py"))
    assert match and abs(lines - int(match[1].replace(",", ""))) < 0.1 * lines
