"""Plans one look at what production is asked: which captures it reads, and the job that judges them.

A look reads what was captured since the last look that came to a verdict; what was too little for one comes again, for
up to seven days. It reads captures of the endpoint that its stack names and of the model that is in it now, so a
release under way changes nothing. Nothing is kept but the look's own files, so a call may come twice.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import project
from look import Look, Window, fresh, recent, since


class EndpointGone(Exception):
    """What is to be watched is not there; the state machine fails, which is mailed."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take Execution, the state machine's; return the look, or Captures 0 and Why there is nothing to look at."""
    look = Look.of(project.settings(), datetime.now(UTC).replace(microsecond=0))
    if other := project.earlier_execution(look.project.state_machine, event["Execution"]):
        return nothing(f"the look {other} is still under way; the next one reads what this one would have")
    made = project.model_made(look.project.endpoint)
    if made is None:
        raise EndpointGone(f"endpoint {look.project.endpoint} is gone, so nothing is watched. Release again; where production was taken "
                           f"down, delete stack {look.project.prefix}-monitoring, too")
    judged = project.judged(look)
    window = Window(since(look.time, made, judged), look.time)
    keys = fresh(project.captures(look.project, window), window, made, judged)
    if not keys:
        return nothing(f"{look.project.endpoint} has captured nothing since {window.start:%Y-%m-%d %H:%M} UTC")
    labels = project.labels(look.project, window)
    project.write(look, sorted(keys), sorted(labels), recent(judged, keys, window))
    return told({"Captures": len(keys), "Why": "", **look.job(window, bool(labels))})


def nothing(why: str) -> dict[str, Any]:
    """Return that there is nothing to look at."""
    return told({"Captures": 0, "Why": why})


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """Log an answer as one line and return it."""
    print(json.dumps({"level": "INFO", **answer}))
    return answer
