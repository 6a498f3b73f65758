"""Who may know whom: the tree's dependency rules.

Code of a function imports nothing of the repository outside its folder, code of the image nothing outside
container/ and no AWS, model/ names the image by address only, and nothing but tests/ and scripts/ knows local/.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.templates.sources import ROOT, TEMPLATES, template

PACKAGES = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and any(path.rglob("*.py"))}
AWS = {"boto3", "botocore", "awscli", "sagemaker", "stepfunctions"}
MAY_IMPORT = {  # folder -> packages of the repository
    "api": {"api"},
    "container": {"container"},
    "model": {"model"},
    "console": {"console"},
    "benchmarks": {"benchmarks", "container"},
    "scripts": set(),
    "notebooks": {"tests"},  # conftest.py: the account in which they are tested
    "local": {"local"},
}


def imported(path: Path) -> Iterator[str]:
    """Yield the top names of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0] if not node.level else ""
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and named(node.func) in ("import_module", "__import__"):
            yield str(node.args[0].value).split(".")[0]


def named(function: ast.expr) -> str:
    """Return the name by which a function is called, without its module's."""
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def code(folder: str) -> list[Path]:
    """Return the Python files of a folder of the repository."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


@pytest.mark.parametrize("folder", [name for name in MAY_IMPORT if (ROOT / name).is_dir()])
def test_a_folder_imports_only_what_it_may_know(folder: str) -> None:
    siblings = {path.stem for path in code(folder)}  # scripts call each other by name
    wrong = {f"{path.relative_to(ROOT)} imports {name}" for path in code(folder) for name in imported(path)
             if name in PACKAGES - MAY_IMPORT[folder] and not (folder == "scripts" and name in siblings)}
    assert wrong == set()


def test_the_code_of_the_image_knows_no_aws() -> None:
    assert {f"{path.name} imports {name}" for path in code("container") for name in imported(path) if name in AWS} == set()


@pytest.mark.parametrize("folder", ["views", "parts"])
def test_what_the_console_draws_asks_no_aws(folder: str) -> None:
    assert {f"{path.name} imports {name}" for path in code(f"console/{folder}") for name in imported(path) if name in AWS} == set()


def test_what_the_console_reads_draws_nothing() -> None:
    assert {path.name for part in ("reading", "acting") for path in code(f"console/{part}") if "nicegui" in imported(path)} == set()


FUNCTIONS = sorted(path for path in (ROOT / "custom_resource").iterdir() if path.is_dir() and any(path.glob("*.py")))


@pytest.mark.parametrize("folder", FUNCTIONS, ids=lambda path: path.name)
def test_a_function_imports_nothing_outside_its_folder(folder: Path) -> None:
    own = {path.stem for path in folder.glob("*.py")}
    known = own | set(sys.stdlib_module_names) | {"boto3", "botocore"}
    assert {f"{path.name} imports {name}" for path in folder.glob("*.py") for name in imported(path) if name not in known} == set()


SCRIPTS = sorted((ROOT / "scripts").glob("*.*"))
LOCAL_ONLY = re.compile(r"/_aws/|_ministack|_localstack|_user_request_|ministack")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_works_against_aws_as_well(script: Path) -> None:
    """demo.sh starts and stops the local AWS, endpoints.py makes the one address that differs; nothing else knows which it is."""
    text = script.read_text()
    calls = {call for line in text.splitlines() if not line.lstrip().startswith(("#", "echo"))
             for call in re.findall(r"-m[\"',\s]+local\b[\"',\s]*(\w*)", line)}
    assert calls <= ({"up", "down"} if script.name == "demo.sh" else set())
    assert "import local" not in text and "from local" not in text
    if script.name != "endpoints.py":
        assert LOCAL_ONLY.findall(text) == []


def test_templates_do_not_ask_where_they_run() -> None:
    for path in (ROOT / "pipeline.yml", ROOT / "studio.yml", *(ROOT / "assets").glob("*.yml"), ROOT / "model" / "buildspec.yml"):
        assert re.findall(r"(?i)islocal|localhost|127\.0\.0\.1|AWS_ENDPOINT_URL", path.read_text()) == [], path.name


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_mutes_nothing_but_what_packaging_mends(name: str) -> None:
    """W3002 is a local path, which `aws cloudformation package` replaces."""
    found = template(name)
    assert set(found.get("Metadata", {})) <= {"AWS::CloudFormation::Interface"}
    for key, item in found["Resources"].items():
        assert item.get("Metadata") in (None, {"cfn-lint": {"config": {"ignore_checks": ["W3002"]}}}), f"{name}: {key} mutes findings"


@pytest.mark.parametrize("folder", [path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))])
def test_a_folder_says_what_lives_in_it(folder: str) -> None:
    if folder not in ("scripts", "tests"):
        assert (ROOT / folder / "README.md").is_file()


def test_no_python_package_hides_local() -> None:
    assert not (ROOT / "tests" / "local" / "__init__.py").exists()
