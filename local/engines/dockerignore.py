"""Which files of a build context Docker would send: .dockerignore, by Docker's own rules.

Patterns are rooted at the context, the last one that matches a path or a folder above it decides.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath


def expression(pattern: str) -> re.Pattern[str]:
    """Return Go's file pattern (with Docker's ``**``) as a regular expression over a whole path."""
    tokens = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    return re.compile("".join(
        tokens.get(part) or (part if part[:1] == "[" and part[-1:] == "]" else re.escape(part)) for part in parts))


@dataclass(frozen=True)
class Rule:
    """One line of the file."""

    pattern: str
    keeps: bool

    def matches(self, path: str) -> bool:
        """Whether the rule speaks of the path or of a folder above it."""
        parts = path.split("/")
        matcher = expression(self.pattern)
        return any(matcher.fullmatch("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))


def read_rules(context: Path, dockerfile: Path) -> list[Rule]:
    """Read the Dockerfile's own ignore file, or else the context's; none of them is no rule."""
    for file in (dockerfile.with_name(dockerfile.name + ".dockerignore"), context / ".dockerignore"):
        if file.is_file():
            lines = [line.strip() for line in file.read_text().splitlines()]
            return [Rule(normpath(line.lstrip("!").strip()).lstrip("/"), line.startswith("!"))
                    for line in lines if line and not line.startswith("#")]
    return []


def ignored(path: str, rules: list[Rule]) -> bool:
    """Whether the path is left out of the context."""
    verdict = False
    for rule in rules:
        if rule.keeps is verdict and rule.matches(path):
            verdict = not rule.keeps
    return verdict


def files(context: Path, rules: list[Rule]) -> Iterator[str]:
    """Yield the paths, relative to the context, that are sent; ignored folders are not even read."""
    for folder, names, entries in os.walk(context):
        inside = Path(folder).relative_to(context).as_posix()
        prefix = "" if inside == "." else inside + "/"
        names[:] = [name for name in names if not ignored(prefix + name, rules) or any(
            rule.keeps and (rule.pattern + "/").startswith(prefix + name + "/") for rule in rules)]
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        yield from (prefix + name for name in sorted(entries + links) if not ignored(prefix + name, rules))
