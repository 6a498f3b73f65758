"""Looks at production: the newest verdict and what to do, all of them in a list, and what they led to."""

from functools import partial

from console.parts.badges import badge
from console.parts.markup import heading, link, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import duration, moment, running
from console.place import Place
from console.reading.looks import Look, Looks
from console.reading.rules import Retraining, Rules

VERDICTS = {
    "drift": ("Drift", "bad"), "no drift": ("No drift", "good"), "too few rows": ("Too few rows", "idle"), "nothing to look at": ("Nothing captured", "idle"),
    "judged before": ("Judged before", "idle"), "not ours": ("Another job", "idle"),
}
DECISIONS = {"started": "Started", "off": "Switched off", "active": "A run is under way", "cooldown": "Cooldown", "week": "Enough for this week",
             "same-data": "Nothing new to learn"}
COLUMNS = (Column("Look"), Column("Verdict"), Column("Rows", number=True), Column("Drifted"), Column("Retraining"), Column("Took", number=True))
NAMED = 3  # drifted features of a row


def verdict(value: tuple[Place, Rules, Looks]) -> None:
    """Draw how it stands: the newest look that came to a verdict, or why there is none, and what to do."""
    place, told, seen = value
    judged = _judged(told, seen)
    word, kind = _verdict(judged)
    with tag("div", classes="headline"):
        heading(2, f"Run {told.run[:8]} is watched" if told.capturing else f"Run {told.run[:8]} is not watched")
        badge(word, kind)
        if judged:
            moment(judged.started, "quiet")
    with tag("div", classes="sheet said"):
        for text in _said(told, seen, judged):
            paragraph(text)
        if judged and judged.retraining:
            link(f"The retraining: run {judged.retraining[:8]}", place.link("project", judged.retraining))
        if cause := next((look for look in seen.page if look.retraining == told.run), None):
            link(f"Drift of run {cause.run[:8]} had started this run: see what had drifted", place.same(look=cause.name, feature=""))


def heard(told: Rules, seen: Looks) -> str:
    """Return how it stands, as a screen reader is to say it."""
    return f"Run {told.run[:8]} is watched: {_verdict(_judged(told, seen))[0]}."


def _judged(told: Rules, seen: Looks) -> Look | None:
    return next((look for look in seen.page if look.run == told.run and look.verdict in ("drift", "no drift")), None)


def _verdict(judged: Look | None) -> tuple[str, str]:
    return VERDICTS[judged.verdict] if judged else ("No verdict yet", "idle")


def _said(told: Rules, seen: Looks, judged: Look | None) -> list[str]:
    """Return the state of things in words, and what to do next."""
    if not told.capturing:
        return ["serving.capture.percentage is 0, so nothing is captured and nothing can be watched. Raise it in model/config.yml, push and release."]
    often = "Each hour" if told.schedule == "hourly" else "Each day"
    texts = [f"{often} what endpoint {told.endpoint} was asked is compared with the training data of its model."]
    newest = next((look for look in seen.page if look.status != "RUNNING"), None)
    if newest is None:
        return [*texts, "No look has ended yet: the first one comes within that time. Ask the API meanwhile, so that there is something to look at."]
    if newest.status != "SUCCEEDED":
        texts.append(f"The newest look is {newest.status}, so drift would go unseen: {newest.why}. The next one reads what it should have.")
    elif newest.verdict == "nothing to look at":
        texts.append(f"The newest look had nothing to read: {newest.why}. Ask the API, then the next look has something.")
    elif newest.verdict == "too few rows":
        texts.append(f"The newest look had {newest.rows:,} of {newest.rows_needed:,} rows that a verdict needs; the next one takes them, too.")
    if judged and judged.verdict == "drift":
        names = ", ".join(each.name for each in judged.drifted)
        texts.append(f"{judged.drifted_in_all} {'feature has' if judged.drifted_in_all == 1 else 'features have'} drifted: {names}. {judged.decision_why}")
    elif judged:
        texts.append("What is asked is like the training data. There is nothing to do.")
    return texts


def retrainings(value: tuple[Place, Rules, Retraining | None, Looks]) -> None:
    """Draw when drift may retrain, what was decided last, and the runs that it has started."""
    place, told, known, seen = value
    heading(2, "Retraining by drift")
    with tag("dl", classes="facts"):
        for name, text in (("Cooldown", f"{told.cooldown_hours:g} hours"), ("In seven days", f"at most {told.per_week}" if told.per_week else "never"),
                           ("On the same data", "yes" if told.same_data else "no"), ("Engine", told.engine)):
            with tag("div"):
                tag("dt", name)
                tag("dd", text)
    decided = next((look for look in seen.page if look.decision), None)
    if decided:
        with tag("p", "Decided last: "):
            badge(_decision(decided.decision), "busy" if decided.decision == "started" else "idle")
            tag("span", f" {decided.decision_why} ")
            moment(decided.started, "quiet")
    if known:
        _waits(told, known)
        _starts(place, known)


def _waits(told: Rules, known: Retraining) -> None:
    if not told.per_week:
        paragraph("monitoring.retrainings_per_week is 0: drift starts nothing and only tells.", "quiet")
        return
    for until, what in ((known.cooldown_ends, "the cooldown"), (known.week_ends, "the limit of the week")):
        if until:
            with tag("p", "Until ", "quiet"):
                moment(until)
                tag("span", f" {what} keeps drift from starting another one. A push, an upload or a start by hand is always possible.")
    if not known.cooldown_ends and not known.week_ends:
        paragraph("Neither cooldown nor week keeps drift from starting one now, if there is other data to learn from and no run is under way.", "quiet")


def _starts(place: Place, known: Retraining) -> None:
    if not known.starts:
        paragraph("Drift has started no run yet.", "quiet")
        return
    with tag("ul", classes="starts"):
        for start in known.starts[:10]:
            with tag("li"):
                link(f"Run {start.run[:8]}", place.link("project", start.run), "code")
                moment(start.time, "quiet")


def _decision(name: str) -> str:
    return "A run waits for approval" if name.startswith("waiting-") else DECISIONS.get(name, name)


def look_list(value: tuple[Place, Looks, str | None]) -> None:
    """Draw a page of looks."""
    place, seen, chosen = value
    heading(2, "Looks")
    if not seen.page:
        paragraph("There was no look yet. The schedule of model/config.yml, monitoring.schedule, says when the next one is.", "quiet")
        return
    table("Looks at production, the newest first", COLUMNS, [_row(place, look) for look in seen.page],
          marked=next((index for index, look in enumerate(seen.page) if look.name == chosen), -1))
    with tag("div", classes="buttons"):
        if place.get("older"):
            link("Newest looks", place.same(older=""), "button")
        if seen.older:
            link("Older looks", place.same(older=seen.older), "button")


def _row(place: Place, look: Look) -> list[Cell]:
    words, kind = VERDICTS.get(look.verdict, (look.verdict, "idle"))
    state = (words, kind) if look.verdict else {"RUNNING": ("Under way", "busy")}.get(look.status, (look.status.capitalize().replace("_", " "), "bad"))
    names = ", ".join(each.name for each in look.drifted[:NAMED]) + (f" and {look.drifted_in_all - NAMED} more" if look.drifted_in_all > NAMED else "")
    took = partial(tag, "span", duration((look.ended - look.started).total_seconds())) if look.ended else partial(running, look.started)
    return [partial(_look, place, look), partial(badge, *state), f"{look.rows:,}" if look.rows else "", names or look.why, partial(_led, place, look), took]


def _look(place: Place, look: Look) -> None:
    if look.run:
        with link("", place.same(look=look.name, feature="")):
            moment(look.started)
    else:
        moment(look.started)


def _led(place: Place, look: Look) -> None:
    if look.retraining:
        link(f"Run {look.retraining[:8]}", place.link("project", look.retraining), "code")
    elif look.decision:
        tag("span", _decision(look.decision), title=look.decision_why)
