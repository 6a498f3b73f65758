"""What is shown where there is nothing: why, and what to do next."""

from collections.abc import Sequence

from console.parts.markup import link, paragraph, tag
from console.place import Place


def empty(*texts: str, **links: str) -> None:
    """Add the reason and what to do; ``links`` are addresses by text, the first one is the likely one."""
    with tag("div", classes="empty"):
        for text in texts:
            paragraph(text)
        if links:
            with tag("div", classes="buttons"):
                for place, (text, address) in enumerate(links.items()):
                    link(text, address, "button" if place else "button primary")


def faults(texts: Sequence[str]) -> None:
    """Add what could not be read, where the rest could."""
    with tag("div", classes="banner", role="alert"):
        paragraph("Not all of it can be shown:")
        with tag("ul"):
            for text in texts:
                tag("li", text)


def to_a_release(place: Place, *texts: str) -> None:
    """Add the reason why there is no release, and the ways to one."""
    empty(*texts, **{"Look whether a run asks": place.link("approval", run=""), "See the runs": place.link("project", run="")})
