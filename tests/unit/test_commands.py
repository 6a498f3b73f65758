"""Every command that a document shows is one: program, subcommand, options and the number of arguments are what the program itself says.

What a block ```sh holds is run besides, by tests/local/test_guides.py.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from awscli.clidriver import create_clidriver

from local.__main__ import COMMANDS, _parser
from tests.unit.test_docs import DOCUMENTS, FENCE, ROOT, code

PROGRAMS = {"aws", "bash", "python", "git", "curl", "uv", "uvx", "container/local_test.sh", ".venv/bin/python"}
WORD = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'|;&()<>`#]+)"""
SCRIPT = re.compile(rf"((?:bash |python |^))((?:scripts|container)/[\w-]+\.(?:sh|py))((?: +{WORD})*)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]+)")
OPEN = re.compile(r"\[[^\]]*(?:\.\.\.|options|arguments)[^\]]*\]")  # takes any number
USAGES = {"scripts/README.md"}  # its table is the usages themselves: tests/unit/test_docs.py


def shown() -> Iterator[tuple[str, str]]:
    """Yield every document's name and code."""
    yield from ((str(path.relative_to(ROOT)), code(path)) for path in DOCUMENTS)


@cache
def aws_services() -> dict[str, Any]:
    """Return the aws CLI's commands."""
    return create_clidriver()._get_command_table()


def aws_command(words: list[str]) -> Any:
    """Return the aws CLI's command that begins the words, None when it has no such operation."""
    tables, path = aws_services(), []
    for word in words:
        if word not in tables:
            break
        path.append(tables[word])
        tables = getattr(path[-1], "_get_command_table", lambda: getattr(path[-1], "subcommand_table", {}))()
    return path[-1] if len(path) > 1 else None


def aws_calls(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield words and options of every call of the aws CLI."""
    for call in re.finditer(r"\baws ([a-z][a-z0-9]+ [a-z].*)", text):
        own = re.split(r"\baws [a-z]| [|] |; | && ", call[1])[0]
        yield own.split()[:3], re.findall(r"(?<=\s)--([a-z][a-z0-9-]+)", own)


COMMON = {"output", "query", "region", "no-cli-pager", "endpoint-url", "profile"}


def test_the_aws_cli_is_called_as_it_is() -> None:
    calls = [(where, *call) for where, text in shown() for call in aws_calls(text)]
    assert len(calls) > 60
    wrong = []
    for where, words, options in calls:
        command = aws_command(words)
        known = COMMON | set(command.arg_table) if command else set()
        wrong += [f"{where}: {' '.join(words)}: --{option}" for option in options if option not in known] if command else [f"{where}: {' '.join(words)}"]
    assert wrong == []


@cache
def usages(script: str) -> list[str]:
    """Return what a script says of its arguments, a line each way to call it."""
    text = (ROOT / script).read_text()
    lines = re.findall(rf"(?:^#? *|[Uu]sage: )(?:bash |python )?{re.escape(script)}((?: [^\"\n]*)?)", text, flags=re.MULTILINE)
    assert lines, f"{script} says no usage"
    return [re.split(r" {3,}", line)[0] for line in lines]


def fits(arguments: list[str], usage: str) -> bool:
    """Whether arguments may stand where a usage says: known options, and as many others as it has room for."""
    if OPEN.search(usage):
        return True
    options = dict(re.findall(r"--([\w-]+)(?: ([A-Z]\w*|[\d.]+))?", usage))
    given = [argument.strip("\"'") for argument in arguments]
    for name in [each for each in given if each.startswith("--")]:
        if name[2:] not in options:
            return False
        place = given.index(name)
        del given[place:place + (2 if options[name[2:]] else 1)]
    places = re.sub(r"\[?--[^\]]*\]?", "", usage)
    needed = len(re.sub(r"\[[^\]]*\]", "", places).split())
    return needed <= len(given) <= needed + places.count("[") and alike(given, places)


def alike(given: list[str], places: str) -> bool:
    """Whether a first word that is a choice of small words is one of them."""
    choices = re.match(r" *([a-z]+(?:\|[a-z]+)*)(?= |$)", places)
    return not choices or bool(given and given[0] in choices[1].split("|"))


def test_scripts_are_called_as_their_usage_says() -> None:
    wrong, count = [], 0
    for where, text in shown():
        for called, script, rest in SCRIPT.findall(text) if where not in USAGES else []:
            arguments = re.findall(WORD, rest)
            if not arguments and not called:
                continue  # named, not called
            count += 1
            if not any(fits(arguments, usage) for usage in usages(script)):
                wrong.append(f"{where}: {script} {' '.join(arguments)}")
    assert count > 30
    assert wrong == []


@pytest.mark.parametrize(("arguments", "usage", "right"), [
    ("NAME", "PROJECT_NAME [RUN]", True), ("NAME RUN", "PROJECT_NAME [RUN]", True), ("", "PROJECT_NAME [RUN]", False),
    ("NAME RUN x", "PROJECT_NAME [RUN]", False), ("NAME --yes", "NAME [--yes]", True), ("NAME --no", "NAME [--yes]", False),
    ("--rows 5 NAME", "NAME [--rows 1500]", True), ("dance", "train|serve [FOLDER]", False), ("train x", "train|serve [FOLDER]", True),
])
def test_the_judge_of_usages_knows_right_from_wrong(arguments: str, usage: str, right: bool) -> None:
    assert fits(arguments.split(), usage) is right


def test_the_local_aws_is_called_as_its_parser_says() -> None:
    lines = {line for _, text in shown() for line in re.findall(r"python -m local(?: [^\n`#]+)?", text)}
    parser = _parser()
    options = {name for action in parser._actions for name in action.option_strings}
    assert {word for line in lines for word in re.findall(r"--[a-z-]+", line)} <= options
    assert {word for line in lines for word in re.findall(r"(?:local|\|) ([a-z]+)", line)} <= set(COMMANDS)
    readme = (ROOT / "local" / "README.md").read_text()
    assert {name for name in options if name.startswith("--") and name != "--help" and name not in readme} == set()
    assert {name for name in COMMANDS if f"| `{name}` |" not in readme} == set()
    assert isinstance(parser, argparse.ArgumentParser)


def test_the_images_programs_are_called_by_their_names() -> None:
    tree = ast.parse((ROOT / "container" / "__main__.py").read_text())
    [table] = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROGRAMS"]
    named = {name for _, text in shown() for name in re.findall(r"python -m container ([a-z]+)", text)}
    assert named and named <= set(ast.literal_eval(table))


HELP = {"git": lambda words: ["git", words[0], "-h"], "curl": lambda words: ["curl", "--help", "all"],
        "uv": lambda words: [sys.executable, "-m", "uv", *words, "--help"], "uvx": lambda words: [sys.executable, "-m", "uv", "tool", "run", "--help"]}
FOREIGN = {"uvx pip-audit --no-deps": {"no-deps", "requirement"}}  # a tool that no environment here has; tried where there is an index


@cache
def known_options(program: str, *words: str) -> set[str]:
    """Return the options that a program tells of."""
    told = subprocess.run(HELP[program](words), capture_output=True, text=True, check=False)
    found = set(re.findall(r"--(?:\[no-\])?([a-z0-9-]+)", told.stdout + told.stderr))
    assert found, (program, words)
    return found


@pytest.mark.parametrize("program", HELP)
def test_other_programs_know_the_options_that_they_are_given(program: str) -> None:
    assert program.startswith("uv") or shutil.which(program)
    wrong, count = [], 0
    for where, text in shown():
        for call in re.findall(rf"(?<![\w./!-]){program} (?!-h\b)([^\n|`]*)", re.sub(r"\$\([^()\n]*\)", "", text)):
            words = [word for word in re.sub(r"-C \S+", "", call).split() if not word.startswith("-")]
            foreign = next((options for start, options in FOREIGN.items() if f"{program} {call}".startswith(start)), set())
            unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", call)
            if words and OPTION.search(unquoted):
                count += 1
                known = known_options(program, *words[:2 if words[0] == "pip" else 1] if program in ("git", "uv") else "") | foreign
                wrong += [f"{where}: {program} {call}: --{name}" for name in OPTION.findall(unquoted) if name not in known]
    assert count and wrong == []


def test_a_block_of_commands_holds_nothing_else() -> None:
    """A block ```text is commands to look at, each of a program that is checked above, or what a script has printed."""
    strange = []
    for path in DOCUMENTS:
        for block in FENCE.findall(path.read_text()):
            kind, _, body = block.strip().partition("\n")
            if kind.strip() == "```text":
                lines = body.replace("\\\n", " ").splitlines()[:-1]
                strange += [f"{path.relative_to(ROOT)}: {line}" for line in lines if line.strip() and not starts_well(line)]
    assert strange == []


def starts_well(line: str) -> bool:
    """Whether a line begins with a program, a variable's value from one, or a script's name as in what it prints."""
    first = re.sub(r"^\w+=\$\(", "", line).split()[0]
    return first in PROGRAMS or line[0] == " " or (first.endswith(":") and Path(ROOT / "scripts" / f"{first[:-1]}.sh").is_file())


GIVEN = {"role", "email", "bucket"}  # docs/README.md: the reader sets them; bucket in the README's commands only


def guides_in_order() -> list[Path]:
    """Return the guides in the order of docs/README.md, the runbook's pages after its index."""
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [ROOT / "docs" / name for name in re.findall(r"\]\(([\w/-]+\.md)\)", index)]
    place = pages.index(ROOT / "docs" / "runbook" / "README.md") + 1
    return [*pages[:place], *sorted((ROOT / "docs" / "runbook").glob("[a-z]*.md")), *pages[place:], ROOT / "README.md"]


def test_variables_are_set_before_they_are_used() -> None:
    """A block ```sh may use what blocks before it have set; what a reader types at a moment of his own may use anything that a page sets."""
    blocks = [(path.name, kind, block) for path in guides_in_order()
              for kind, block in re.findall(r"^```(sh|text)\n(.*?)^```$", path.read_text(), flags=re.MULTILINE | re.DOTALL)]
    known, unset = set(GIVEN), []
    for name, kind, block in sorted(blocks, key=lambda each: each[1] == "text"):
        known |= set(re.findall(r"(?:^|[\s(])([a-z_]+)=", block)) | set(re.findall(r"\bfor ([a-z_]+) in", block))
        unset += [f"{name}: {kind}: ${variable}" for variable in re.findall(r"\$\{?([a-z_]+)", block) if variable not in known]
    assert unset == []
