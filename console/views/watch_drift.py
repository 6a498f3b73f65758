"""Drift: each feature's distance look by look, and what one look found of one feature."""

from functools import partial

from console.parts.badges import badge
from console.parts.charts import BEFORE, distribution, number, over_time
from console.parts.markup import heading, link, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import moment
from console.place import Place
from console.reading.distributions import Distribution, Numbers, Words
from console.reading.drift import Drift
from console.reading.findings import Feature, Findings
from console.views.watch_looks import VERDICTS

LINES = 6  # that one chart can show
COLUMNS = (Column("Feature"), Column("Verdict"), Column("What differs most"), Column("Distance", number=True), Column("Counts from", number=True))


def over_looks(value: tuple[Place, Drift]) -> None:
    """Draw the distances of the features that drifted, or are the farthest; the chosen one is always among them."""
    place, seen = value
    heading(2, "Drift over time")
    wanted = place.get("feature")
    shown = [(name, line) for name, line in seen.features if name == wanted]
    shown += [(name, line) for name, line in seen.features if name != wanted][:LINES - len(shown)]
    said = "; ".join(f"{name} {number(line.last)} at last, at most {number(line.highest)}" for name, line in shown)
    if seen.before:
        paragraph("No look of this page came to a verdict, so older distances are shown, of an earlier release, too.", "quiet")
    with tag("div", classes="grid"):
        over_time("Distance from the training data", f"{said}.", shown)
        over_time("Rows of each look", f"{number(seen.rows.last)} in the last one.", [("rows", seen.rows)])
    if len(seen.features) > len(shown):
        paragraph(f"{len(shown)} of {len(seen.features)} features: those that drifted, then the farthest. Choose another one below.", "quiet")


def found(value: tuple[Place, Findings, str]) -> None:
    """Draw what one look found."""
    place, seen, address = value
    with tag("div", classes="headline"):
        heading(2, "What the look found")
        badge(*VERDICTS.get(seen.look.verdict, (seen.look.verdict, "idle")))
        moment(seen.look.started, "quiet")
    others = [text for count, text in ((seen.synthetic, "{} requests of the project's own are not counted"), (seen.unreadable, "{} rows could not be read"))
              if count for text in [text.format(f"{count:,}")]]
    paragraph(f"{seen.look.rows:,} rows of run {seen.look.run[:8]}. {'; '.join(others)}{'.' if others else ''}".strip(), "quiet")
    with tag("div", classes="buttons"):
        link("The look's own page, with all pictures", address, "button", target="_blank", rel="noopener")
    if not seen.look.rows:
        paragraph("It had nothing to compare with the training data.")
        return
    if seen.chosen:
        with tag("div", classes="grid"):
            _picture(seen.chosen, seen.distribution)
            _reasons(seen.chosen)
    with tag("details", data_key="features"):
        tag("summary", f"All {len(seen.features)} features")
        table("Features of the look: what drifted first, then the farthest", COLUMNS, [_row(place, seen, each) for each in seen.features])


def _picture(chosen: Feature, shown: Distribution | None) -> None:
    if shown is None:
        with tag("div", classes="chart"):
            paragraph(f"{chosen.name} cannot be drawn: the look or the {BEFORE} has no values of it.", "quiet")
        return
    distribution(f"Values of {chosen.name}", _said(shown), shown)


def _said(shown: Distribution) -> str:
    """Return in what the values differ most."""
    gaps = [now - before for before, now in zip(shown.before, shown.now, strict=True)]
    place = max(range(len(gaps)), key=lambda index: abs(gaps[index]), default=None)
    if place is None:
        return "There are no values."
    name = shown.names[place] if isinstance(shown, Words) else f"{shown.edges[place]:.4g} to {shown.edges[place + 1]:.4g}"
    text = f"The greatest difference: {name} had {shown.before[place]:.3g} % of the {BEFORE} and has {shown.now[place]:.3g} % now."
    if isinstance(shown, Numbers) and any(shown.missing):
        text += f" Without a number were {shown.missing[0]:.3g} %, now {shown.missing[1]:.3g} %."
    return f"{text} {shown.left_out} rarer texts are left out." if isinstance(shown, Words) and shown.left_out else text


def _reasons(chosen: Feature) -> None:
    with tag("div", classes="sheet reasons"):
        with tag("div", classes="headline"):
            heading(3, chosen.name)
            badge(*_verdict(chosen))
        if not chosen.checks:
            paragraph("The look says nothing further of it.", "quiet")
        with tag("ul", classes="checks"):
            for check in chosen.checks:
                with tag("li"):
                    tag("p", check.name.capitalize(), "strong")
                    paragraph(check.description)
                    chance = f", by chance {_chance(check.chance)}" if check.chance is not None else ""
                    paragraph(f"distance {number(check.distance)}, counts from {number(check.threshold)}{chance}", "quiet")


def _verdict(each: Feature) -> tuple[str, str]:
    return ("Drifted", "bad") if each.drifted else ("No drift", "good")


def _chance(value: float) -> str:
    return "below 1e-12" if value < 1e-12 else f"{value:.2g}"


def _row(place: Place, seen: Findings, each: Feature) -> list[Cell]:
    address = place.same(feature=each.name, look=seen.look.name)
    worst = next((check.name for check in each.checks), "")
    current = "true" if seen.chosen and each.name == seen.chosen.name else None
    return [partial(link, each.name, address, aria_current=current), partial(badge, *_verdict(each)), worst, number(each.distance), number(each.threshold)]
