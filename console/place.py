"""Where a person is: project, view, run and the query of the address. All of a page's state is in its address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class Place:
    """An address of the console."""

    project: str
    view: str
    run: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """Return a value of the query."""
        return self.query.get(name, default)

    def link(self, view: str = "", run: str | None = None, **query: str) -> str:
        """Return the address of a view (this one's by default) with a run (this one's by default) and a query."""
        wanted = self.run if run is None else run
        steps = [self.project, view or self.view, *([wanted] if wanted else [])]
        given = {name: value for name, value in query.items() if value}
        return "/" + "/".join(quote(step, safe="") for step in steps) + (f"?{urlencode(given)}" if given else "")

    def same(self, **changed: str) -> str:
        """Return this address with some of its query changed; an empty value takes one out."""
        return self.link(**{**self.query, **changed})
