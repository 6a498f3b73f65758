"""What a RUN line installs with pip."""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import dirname, join
from typing import NoReturn

from dockerfile_parse.util import WordSplitter

PIP_INSTALL = re.compile(
    r"(?:\w+=\S+ )*(?:\S*python[\d.]* (?:-\w+ )+|uv )?(?:\S*/)?pip[\d.]* (?:-\S+ )*install (.*)")
WITHOUT_EFFECT = ("--no-cache-dir", "--no-cache", "--upgrade", "-U", "--quiet", "-q", "--no-compile", "--no-input",
                  "--disable-pip-version-check", "--prefer-binary", "--no-index", "--system", "--user", "--break-system-packages")
Reader = Callable[[str], tuple[str, str]]


class RequirementError(ValueError):
    """A pip command or requirements file that cannot be honoured here."""


@dataclass(frozen=True)
class Requirement:
    """A requirements file of an image (or the words of a pip command): its name, its text, and whether it is all."""

    file: str
    text: str
    alone: bool = False  # --no-deps: what the packages require does not come along


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RequirementError(f"pip install: {message}; not understood by this machine")


def _parser() -> argparse.ArgumentParser:
    parser = _Arguments(add_help=False, allow_abbrev=False)
    parser.add_argument("-r", "--requirement", "--requirements", action="append", default=[])
    parser.add_argument("--root-user-action", "--timeout", "--retries", "--progress-bar")
    parser.add_argument("-f", "--find-links")  # wheels of another stage: here they come from the index
    parser.add_argument("--no-deps", action="store_true")
    for flag in WITHOUT_EFFECT:
        parser.add_argument(flag, action="store_true")
    parser.add_argument("packages", nargs="*")
    return parser


def installed(command: str, env: dict[str, str], read: Reader) -> list[Requirement] | None:
    """Return what a command installs, None when it is not pip's; ``read`` opens a file of the image."""
    match = PIP_INSTALL.fullmatch(command)
    if match is None:
        return None
    arguments = _parser().parse_args(list(WordSplitter(match[1], args={}, envs=env).split()))
    if local := [package for package in arguments.packages if re.match(r"[./~]", package)]:
        raise RequirementError(f"pip install {local[0]}: installing a folder is not understood by this machine")
    found = [Requirement(name, "\n".join(_lines(name, text, read)) + "\n", arguments.no_deps)
             for name, text in map(read, arguments.requirement)]
    if arguments.packages:
        found.append(Requirement(f"pip install {' '.join(arguments.packages)}", "\n".join(arguments.packages) + "\n",
                                 arguments.no_deps))
    return found


def _lines(name: str, text: str, read: Reader) -> Iterator[str]:
    """Yield the file's lines with the files that it includes in their place."""
    for line in text.splitlines():
        include = re.match(r"\s*(?:-r|--requirement)[ =]\s*(\S+)", line)
        if re.match(r"\s*(?:-c|--constraint|-e|--editable)\b", line):
            raise RequirementError(f"{name}: {line.strip()!r} is not understood by this machine")
        if include:
            yield from _lines(*read(join(dirname(name), include[1])), read)
        else:
            yield line
