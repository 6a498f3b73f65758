"""The live endpoint's capacity, and how it has scaled."""

from functools import partial

from console.parts.badges import badge
from console.parts.charts import number, over_time
from console.parts.markup import heading, paragraph, tag
from console.parts.table import Cell, Column, table
from console.parts.times import moment
from console.reading.capacity import Activity, Capacity

STATES = {"InService": "good", "Failed": "bad", "Gone": "bad", "OutOfService": "bad"}
COLUMNS = (Column("When"), Column("State"), Column("What"), Column("Why"))


def instances(value: tuple[str, Capacity]) -> None:
    """Draw instances and limits, the load, and the steps up and down."""
    prefix, room = value
    with tag("div", classes="headline"):
        heading(2, "Capacity of the live endpoint")
        badge(room.endpoint.status, STATES.get(room.endpoint.status, "busy"))
    if room.endpoint.reason:
        paragraph(room.endpoint.reason, "fault" if not room.endpoint.serves else "quiet")
    if not room.endpoint.variants:
        paragraph(f"Endpoint {room.endpoint.name} is gone, so requests to it fail. Release again, or go back to a former run (Release).")
        return
    with tag("dl", classes="facts"):
        for name, text in _facts(room, prefix):
            with tag("div"):
                tag("dt", name)
                tag("dd", text)
    if room.load.values:
        target = f"; a step up comes above {number(room.limits.target)} a minute" if room.limits and room.limits.target else ""
        over_time(f"Requests of one instance in {_period(room.period)}", f"At most {number(room.load.highest)}{target}.", [("requests", room.load)])
    else:
        paragraph("Nobody has asked the endpoint in the last three hours.", "quiet")
    if room.activities:
        table("Steps up and down, the newest first", COLUMNS, [_row(each) for each in room.activities], caption_shown=True)
    elif room.limits:
        paragraph("It has not scaled yet.", "quiet")


def _period(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else "a minute" if seconds == 60 else f"{seconds // 60} minutes"


def _facts(room: Capacity, prefix: str) -> list[tuple[str, str]]:
    variant, limits = room.endpoint.variants[0], room.limits
    count = f"{variant.current}" if variant.current == variant.desired else f"{variant.current}, on the way to {variant.desired}"
    scales = "no, it has a fixed number" if limits is None else f"{limits.least} to {limits.most}"
    scaling_in = {None: "", True: "allowed", False: "not while the release is watched"}[limits.scales_in if limits else None]
    facts = (("Endpoint", room.endpoint.name.removeprefix(f"{prefix}-")), ("Instances", count), ("Type", room.instance_type), ("Scales", scales),
             ("Requests a minute an instance", number(limits.target) if limits and limits.target else ""), ("Scaling in", scaling_in),
             ("Captured", f"{room.captured} % of the requests" if room.captured else "nothing"))
    return [(name, text) for name, text in facts if text]


def _row(each: Activity) -> list[Cell]:
    return [partial(moment, each.time), partial(badge, each.status, {"Successful": "good", "Failed": "bad"}.get(each.status, "busy")), each.what, each.why]
