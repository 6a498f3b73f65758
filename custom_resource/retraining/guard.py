"""Whether drift starts a retraining. Nothing here asks AWS.

A refusal is judged anew with the next look, whether the alarm has moved or not. It costs a look at the pipeline each
time, and saves a loop: no cooldown, no cap or the same data once more would have it train for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WEEK = timedelta(days=7)
MINUTES = timedelta(minutes=1)


@dataclass(frozen=True)
class Rules:
    """Section monitoring of model/config.yml, as far as it is about retraining."""

    cooldown: timedelta
    per_week: int
    same_data: bool

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Rules:
        """Read the function's variables."""
        return cls(timedelta(hours=float(settings["COOLDOWN_HOURS"])), int(settings["RETRAININGS_PER_WEEK"]), settings["SAME_DATA"] == "yes")


@dataclass(frozen=True)
class Facts:
    """What is known at the moment of judging."""

    now: datetime
    active: list[str] = field(default_factory=list)  # runs under way
    waiting: dict[str, datetime] = field(default_factory=dict)  # of them, those that wait for approval, and since when
    starts: list[datetime] = field(default_factory=list)  # retrainings that drift has started
    trained: str = ""  # who has been trained on what is there now; blank: nobody, it is new

    @property
    def lately(self) -> list[datetime]:
        """Return the starts of the last seven days, the oldest first."""
        return sorted(start for start in self.starts if self.now - start < WEEK)


@dataclass(frozen=True)
class Decision:
    """Start or not: a name for the reason, the reason in words, and what would help."""

    start: bool
    reason: str
    why: str
    help: str = ""


STARTED = Decision(True, "started", "The training data is another than the live model's.")


def decide(rules: Rules, facts: Facts) -> Decision:
    """Return the first reason against a retraining, or the start of one."""
    return off(rules) or busy(facts) or waits(facts) or cools(rules, facts) or full(rules, facts) or same(rules, facts) or STARTED


def off(rules: Rules) -> Decision | None:
    """Drift may only tell."""
    return None if rules.per_week else Decision(
        False, "off", "monitoring.retrainings_per_week is 0: drift starts no retraining.",
        "Look at the report, then push, upload data or start the pipeline by hand where a new model is wanted.")


def busy(facts: Facts) -> Decision | None:
    """A run is under way that nobody has to answer for."""
    others = [run for run in facts.active if run not in facts.waiting]
    return Decision(False, "active", f"Run {others[0]} is under way.",
                    "The next look judges again; once that run is released its model is what is watched.") if others else None


def waits(facts: Facts) -> Decision | None:
    """A run asks for approval; another one would take its place."""
    if not facts.waiting:
        return None
    run, since = next(iter(facts.waiting.items()))
    return Decision(False, f"waiting-{run[:8]}", f"Run {run} has been waiting for approval for {age(facts.now - since)}.",
                    "Approve or reject it; if drift goes on, the next look starts a retraining.")


def cools(rules: Rules, facts: Facts) -> Decision | None:
    """The last start is not long enough ago."""
    last = max(facts.starts, default=None)
    if last is None or facts.now - last >= rules.cooldown:
        return None
    return Decision(False, "cooldown", f"Drift started a retraining {age(facts.now - last)} ago, and monitoring.cooldown_hours is "
                    f"{hours(rules.cooldown)}: the next one may start at {moment(last + rules.cooldown)}.",
                    "Until then release what was retrained, or start a run by hand.")


def full(rules: Rules, facts: Facts) -> Decision | None:
    """The week has had its retrainings."""
    if len(facts.lately) < rules.per_week:
        return None
    return Decision(False, "week", f"Drift has started {len(facts.lately)} retrainings in seven days, and monitoring.retrainings_per_week "
                    f"is {rules.per_week}: the next one may start at {moment(facts.lately[-rules.per_week] + WEEK)}.",
                    "Retraining does not mend this drift. Look at the report: is a feature filled otherwise than before?")


def same(rules: Rules, facts: Facts) -> Decision | None:
    """There is nothing to learn."""
    if not facts.trained:
        return None
    if rules.same_data:
        return Decision(True, "started", f"The training data is that of {facts.trained}; monitoring.same_data allows it.")
    return Decision(False, "same-data", f"The training data is that of {facts.trained}, so that another run would learn nothing.",
                    "Upload data-source.zip with rows like those that are asked now and what came of them, or add them where "
                    "inputData.json points to; an upload starts a run at once. monitoring.same_data: true retrains all the same.")


def age(time: timedelta) -> str:
    """Return a duration as people say it."""
    minutes = int(time / MINUTES)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"


def hours(time: timedelta) -> str:
    """Return a duration as a number of hours."""
    return f"{time / timedelta(hours=1):g}"


def moment(time: datetime) -> str:
    """Return a moment, to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
