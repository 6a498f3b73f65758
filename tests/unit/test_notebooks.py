"""What is committed of notebooks: no outputs, no logic, no names of places, and cells that only call what exists."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SCRIPTS = {path.stem for path in (ROOT / "scripts").glob("*.py")}
LIBRARIES = {"boto3", "IPython", "matplotlib"} | set(sys.stdlib_module_names)
# What a cell holds is calls, and loops over what it shows; what decides, repeats or defines lives in scripts/.
LOGIC = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.While, ast.Try, ast.If, ast.With)
LONGEST_CELL = 24
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path, kind: str = "") -> list[dict[str, Any]]:
    """Return a notebook's cells, or those of one kind."""
    return [cell for cell in json.loads(path.read_text())["cells"] if kind in ("", cell["cell_type"])]


def programs(path: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield the code cells by their id; a cell that begins with a magic is no Python."""
    for cell in cells(path, "code"):
        text = "".join(cell["source"])
        if not text.startswith("%%"):
            yield cell["id"], ast.parse(text)


def test_there_are_five_in_order() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["1_container", "2_jobs", "3_api", "4_workflow", "5_mlops"]


@every_notebook
def test_nothing_of_a_run_is_committed(path: Path) -> None:
    left = [cell["id"] for cell in cells(path, "code") if cell["outputs"] or cell["execution_count"] is not None or cell["metadata"]]
    assert left == []
    assert json.loads(path.read_text())["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}


@every_notebook
def test_cells_have_names_that_a_difference_can_be_read_by(path: Path) -> None:
    names = [cell["id"] for cell in cells(path)]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z0-9-]{3,}", name) or re.fullmatch(r"[0-9a-f-]+", name)] == []


@every_notebook
def test_it_begins_with_what_it_is_and_every_part_says_why(path: Path) -> None:
    first, *rest = cells(path)
    assert first["cell_type"] == "markdown" and "".join(first["source"]).startswith(f"# {path.stem[0]} ")
    kinds = [cell["cell_type"] for cell in rest]
    assert not any(kinds[place:place + 4] == ["code"] * 4 for place in range(len(kinds))), "four cells without a word between them"


@every_notebook
def test_it_begins_as_all_do_and_says_at_once_whose_account_it_uses(path: Path) -> None:
    """So that what tests/notebooks shows of one of them holds for all."""
    alone = ["import sys\n", "\n", 'sys.path.insert(0, "../scripts")\n', "import walkthrough\n", "\n", "walkthrough.begin()"]
    first = cells(path, "code")[0]["source"]
    assert first == (alone if path.stem == "1_container" else [*alone[:-1], "walkthrough.begin()\n", "walkthrough.account()"])


@every_notebook
def test_cells_hold_no_logic(path: Path) -> None:
    found = {f"{name}: {type(node).__name__}" for name, tree in programs(path) for node in ast.walk(tree) if isinstance(node, LOGIC)}
    assert found == set()
    assert {cell["id"] for cell in cells(path, "code") if len(cell["source"]) > LONGEST_CELL} == set()


@every_notebook
def test_cells_import_scripts_boto3_and_what_draws(path: Path) -> None:
    imports = {(node.module or "").split(".")[0] for _, tree in programs(path) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imports |= {alias.name.split(".")[0] for _, tree in programs(path) for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    own = {"api"} if path.stem == "3_api" else set()  # whose code it runs on this machine
    assert imports - LIBRARIES - SCRIPTS - own == set()


@every_notebook
def test_it_works_on_aws_as_well(path: Path) -> None:
    """It names no place: not this machine, no account, no region; the environment does."""
    text = "".join("".join(cell["source"]) for cell in cells(path, "code"))
    assert re.findall(r"127\.0\.0\.1|localhost|/_aws/|local-outbox|AWS_ENDPOINT_URL|\b\d{12}\b|\b[a-z]{2}-[a-z]+-\d\b|-m local\b", text) == []


@every_notebook
def test_files_and_notebooks_that_it_names_exist(path: Path) -> None:
    text = "".join("".join(cell["source"]) for cell in cells(path))
    named = set(re.findall(r"(?<![\w/.-])((?:api|container|data|docs|model|scripts|tests)/[\w/.-]*\w\.(?:md|py|sh|json|yml|csv))\b", text))
    assert named - {"container/inference.py"} and {name for name in named - {"container/inference.py"} if not (ROOT / name).is_file()} == set()
    assert {name for name in re.findall(r"\]\(([\w.]+)\)", text) if not (path.parent / name).is_file()} == set()


def test_the_command_that_opens_them_names_its_arguments_when_it_is_given_another() -> None:
    outcome = subprocess.run(["bash", "scripts/notebooks.sh", "--tset"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (2, "usage: scripts/notebooks.sh [--test [pytest arguments]]\n")
