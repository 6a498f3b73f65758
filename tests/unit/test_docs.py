"""The documents say what is there: every parameter, links that lead somewhere, scripts, files and names that exist."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.configuration import fields

ROOT = Path(__file__).parents[2]
SKIPPED = {"build", ".venv", ".git", ".pytest_cache", "node_modules"}
DOCUMENTS = sorted(path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts))
GUIDES = [path for path in DOCUMENTS if ROOT / "docs" in path.parents] + [ROOT / "README.md"]
TEMPLATES = [ROOT / "studio.yml", ROOT / "pipeline.yml", *sorted((ROOT / "assets").glob("*.yml"))]
RUN_FILES = {"model/model.tar.gz", "data/schema/schema.json", "data/captured.json"}  # below runs/X/ of a project's bucket, where folders are called as ours are
YOURS = {"container/inference.py"}  # the reader's to write
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
SCHEMA = json.loads((ROOT / "model" / "config.schema.json").read_text())


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Return the tables' rows as name -> (default, remark)."""
    found = re.findall(r"^\| `([^`]+)` \|([^|]*)\| (.*) \|$", text, flags=re.MULTILINE)
    return {name: (default.strip(), remark) for name, default, remark in found}


PARAMETERS = rows(CONFIGURATION.split("## The project's form")[1])
FIELDS = {name for name, _, _ in fields(SCHEMA, SCHEMA["$defs"])}


class Loader(yaml.SafeLoader):
    """Takes CloudFormation's own tags for nothing."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def parts(section: str, templates: list[Path]) -> dict[str, Any]:
    """Return a section of some templates, theirs together."""
    found: dict[str, Any] = {}
    for path in templates:
        found |= yaml.load(path.read_text(), Loader).get(section, {})  # noqa: S506 (a SafeLoader)
    return found


def parameters() -> dict[str, dict]:
    """Return pipeline.yml's parameters."""
    return parts("Parameters", [ROOT / "pipeline.yml"])


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


def test_pages_that_code_names_are_there() -> None:
    kinds = {".py", ".sh", ".yml", ".json"}
    files = [path for path in ROOT.rglob("*") if path.suffix in kinds and not SKIPPED & set(path.relative_to(ROOT).parts)]
    named = {(path, found) for path in files for found in re.findall(r"\b((?:docs|local|container)/[\w/-]+\.md(?:#[\w-]+)?)", path.read_text(errors="ignore"))}
    gone = {f"{path.relative_to(ROOT)}: {name}" for path, name in named if not (ROOT / (page := name.partition("#")[0])).is_file()
            or ("#" in name and name.partition("#")[2] not in anchors(ROOT / page))}
    assert len(named) > 15 and gone == set()


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


def code(path: Path) -> str:
    """Return a document's blocks and quoted words, continued lines joined."""
    text = path.read_text()
    return "\n".join([*FENCE.findall(text), *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))]).replace("\\\n", " ")


def named(pattern: str, documents: list[Path] = GUIDES) -> set[str]:
    """Return what a pattern's group finds in the documents' code."""
    return {name for path in documents for name in re.findall(pattern, code(path))}


def test_files_that_the_guides_name_exist() -> None:
    folders = "|".join(path.name for path in ROOT.iterdir() if (path / "README.md").is_file())
    files = named(rf"(?<![\w/.$-])((?:{folders})/[\w/.-]*\w\.\w+)")
    assert len(files) > 20
    assert {name for name in files - RUN_FILES - YOURS if not (ROOT / name).exists()} == set()


def test_fields_of_the_configuration_that_the_guides_name_exist() -> None:
    sections = "|".join(SCHEMA["properties"])
    mentioned = named(rf"(?<![\w/.-])((?:{sections})\.[a-z_\[\].]*[a-z_])(?![\w/]*\.)")
    short = {name.replace("[]", "") for name in FIELDS}
    assert len(mentioned) > 15
    assert {name for name in mentioned if not any(f"{field}.".startswith(f"{name}.") for field in FIELDS | short)} == set()


def test_parameters_and_outputs_that_the_guides_name_exist() -> None:
    assert named(r"Key=(\w+),Value=") - set(parameters()) == set()
    assert named(r"OutputKey=='(\w+)'") - set(parts("Outputs", TEMPLATES)) == set()
    assert named(r"\$\(resource (\w+)\)") <= set(parts("Resources", TEMPLATES))


def test_the_form_is_explained_field_by_field_under_its_labels() -> None:
    labels = parts("Metadata", [ROOT / "pipeline.yml"])["AWS::CloudFormation::Interface"]["ParameterLabels"]
    table = (ROOT / "docs" / "project.md").read_text().split("## By command")[0]
    written = {name: label for label, name in re.findall(r"^\| ([^|]+) \| `(\w+)` \|", table, flags=re.MULTILINE)}
    studios = {"SageMakerProjectName": "Name"}  # Studio asks for it itself; the id it makes
    assert written == {name: label["default"] for name, label in labels.items() if name != "SageMakerProjectId"} | studios


def test_stages_and_actions_that_the_guides_name_exist() -> None:
    text = (ROOT / "pipeline.yml").read_text()
    stages = set(re.findall(r"^        - Name: (\w+)$", text, flags=re.MULTILINE))
    actions = set(re.findall(r"^            - Name: (\w+)$", text, flags=re.MULTILINE))
    assert named(r"--stage-name (\w+)") - stages <= {"STAGE"}
    assert named(r"--action-name (\w+)") <= actions
    assert {action for action in named(r"actionName(?:=|==')(\w+)") if action not in actions} <= {"1"}


def physical_names() -> set[str]:
    """Return what follows NAME in the names that templates and model/parameters.py give."""
    text = "\n".join(path.read_text() for path in TEMPLATES)
    found = re.findall(r"\$\{(?:NamePrefix|SageMakerProjectId)\}((?:-[a-z0-9-]+|-#\{Build.RUN_ID\}-\w+|-\$\{AWS::AccountId\})?)", text)
    stages = ast.literal_eval(re.search(r"^STAGES = (.+)$", (ROOT / "model" / "parameters.py").read_text(), flags=re.MULTILINE)[1])
    short = {name.replace("#{Build.RUN_ID}", "R").replace("${AWS::AccountId}", "ACCOUNT").rstrip("-") for name in found}
    named_endpoints = [*(f"-R-{letter}" for letter in stages.values()), f"-live-{stages['prd']}"]
    of_endpoints = {f"{endpoint}{suffix}" for endpoint in named_endpoints for suffix in re.findall(r"\$\{EndpointName\}(-[a-z0-9]+)", text)}
    endpoints = {f"-R-{end}" for pair in stages.items() for end in pair} | {"-live-prd", f"-live-{stages['prd']}"}
    return short | of_endpoints | endpoints | {"-R"}


def test_physical_names_that_the_guides_name_are_given() -> None:
    suffixes = {name.rstrip("-.") for name in named(r"(?<![\w-])NAME((?:-[a-zA-Z0-9]+)+)")}
    assert len(suffixes) > 15
    assert suffixes - physical_names() == set()


@pytest.mark.parametrize("folder", ["docs", "docs/decisions", "docs/runbook"])
def test_every_document_is_listed(folder: str) -> None:
    index = (ROOT / folder / "README.md").read_text()
    assert {path.name for path in (ROOT / folder).glob("*.md") if path.name != "README.md" and f"]({path.name})" not in index} == set()


def test_every_block_that_is_to_be_run_is_run_by_the_test_of_the_guides() -> None:
    run = re.search(r"^GUIDES = (\(.+?\))$", (ROOT / "tests" / "local" / "test_guides.py").read_text(), flags=re.MULTILINE | re.DOTALL)
    assert run
    assert {path for path in DOCUMENTS if re.search(r"^```sh$", path.read_text(), flags=re.MULTILINE)} == {
        ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ast.literal_eval(run[1]))}
