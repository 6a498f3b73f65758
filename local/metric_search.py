"""CloudWatch's SEARCH expressions, as far as dashboards of this machine go: a pure function of a metric's names.

A query is `{Namespace,Dimension,...}` and terms, all of which must hold: NAME="value", NAME=("value" OR "value"), with
NOT before it, where NAME is MetricName or a dimension. Everything else is refused by name.
"""

import re
from dataclasses import dataclass

from local.service import UnsupportedError

QUOTED = r'"(?:[^"\\]|\\.)*"'
SCHEMA = re.compile(r"\s*\{\s*([^{}]+?)\s*\}")
TERM = re.compile(rf"\s*(NOT\s+)?([\w.-]+|{QUOTED})\s*=\s*({QUOTED}|\(\s*{QUOTED}(?:\s+OR\s+{QUOTED})*\s*\))(?:\s+AND\b)?")


@dataclass(frozen=True)
class Term:
    """One condition: the name's value is one of these, or is none of them."""

    name: str
    values: frozenset[str]
    negated: bool

    def holds(self, names: dict[str, str]) -> bool:
        """Whether a metric's names meet the condition."""
        return (names.get(self.name) in self.values) != self.negated


@dataclass(frozen=True)
class Search:
    """A parsed query."""

    namespace: str
    dimensions: frozenset[str]
    terms: tuple[Term, ...]

    def finds(self, namespace: str, name: str, dimensions: dict[str, str]) -> bool:
        """Whether a metric is one that the query asks for: these dimensions and no others."""
        names = dimensions | {"MetricName": name}
        return namespace == self.namespace and dimensions.keys() == self.dimensions and all(
            term.holds(names) for term in self.terms)


def parse(text: str) -> Search:
    """Return the query of a SEARCH; raises UnsupportedError naming what is not understood."""
    schema = SCHEMA.match(text)
    if not schema:
        raise UnsupportedError(f"SEARCH without a schema in braces: {text!r}")
    namespace, *dimensions = (_plain(name.strip()) for name in schema[1].split(","))
    terms, place = [], schema.end()
    while text[place:].strip():
        found = TERM.match(text, place)
        if not found:
            raise UnsupportedError(f"SEARCH's term {text[place:].strip()!r}")
        terms.append(Term(_plain(found[2]), frozenset(map(_plain, re.findall(QUOTED, found[3]))), bool(found[1])))
        place = found.end()
    return Search(namespace, frozenset(dimensions), tuple(terms))


def _plain(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
