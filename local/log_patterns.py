"""What a filter pattern of CloudWatch Logs lets through: words and phrases, or fields of JSON events. Other forms are refused.

ministack lets everything through for a pattern in braces, takes a phrase for its single words, and knows no prefix of streams.
"""

import fnmatch
import functools
import json
import operator
import re
from collections.abc import Callable
from typing import Any

from local.machine import Machine

_LOGS = "ministack.services.cloudwatch_logs"
SEAMS: tuple[tuple[str, str], ...] = tuple(
    (_LOGS, name) for name in ("_compile_filter_pattern", "_filter_log_events", "_log_groups", "_resolve_log_group_name"))
Matcher = Callable[[str], bool]
QUOTED = r'"(?:[^"\\]|\\.)*"'
TERM = re.compile(rf"([?-]?)({QUOTED}|\S+)(?:\s+|$)")
FIELD = re.compile(rf"\$((?:\.[\w-]+)+)\s*(!=|<=|>=|=|<|>)\s*({QUOTED}|[^\s\"&|()]+)")
COMPARISONS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
OUTSIDE_QUOTES = r'(?=(?:[^"]*"[^"]*")*[^"]*$)'


class Unreadable(Exception):
    """The pattern is none of AWS's, or of a form that is not read here."""


def install(_machine: Machine) -> None:
    """Put the patterns at ministack's CloudWatch Logs."""
    from ministack.services import cloudwatch_logs

    vars(cloudwatch_logs).update(_compile_filter_pattern=matcher,
                                 _filter_log_events=functools.partial(_filtered, cloudwatch_logs._filter_log_events))


def _filtered(inner: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
    from ministack.core.responses import error_response_json

    try:
        matcher(data.get("filterPattern", ""))
    except Unreadable as error:
        return error_response_json("InvalidParameterException", str(error), 400)
    if data.get("logStreamNamePrefix") and data.get("logStreamNames"):
        return error_response_json("InvalidParameterException", "logStreamNamePrefix and logStreamNames exclude each other", 400)
    return inner(_with_streams(data))


def _with_streams(data: dict[str, Any]) -> dict[str, Any]:
    """Return a request that names the streams of its prefix; a blank name stands for none, for without names all are read."""
    from ministack.services import cloudwatch_logs

    if not (prefix := data.get("logStreamNamePrefix")):
        return data
    streams = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(data), {}).get("streams", {})
    return {**data, "logStreamNames": [name for name in list(streams) if name.startswith(prefix)] or [""]}


def matcher(pattern: str) -> Matcher:
    """Return whether the pattern lets a message through."""
    pattern = pattern.strip()
    if pattern.startswith("{") and pattern.endswith("}"):
        return _fields(pattern[1:-1].strip())
    if pattern[:1] in ("{", "[", "%"):
        raise Unreadable(f"Invalid filter pattern, or one that is not read here: {pattern}")
    return _terms(pattern)


def _terms(pattern: str) -> Matcher:
    found: dict[str, list[str]] = {"": [], "?": [], "-": []}
    for sign, term in TERM.findall(pattern):
        if not re.fullmatch(rf"{QUOTED}|\w+", term):
            raise Unreadable(f"Invalid character(s) in term '{term}'")
        found[sign].append(_text(term))

    def lets_through(message: str) -> bool:
        return (all(term in message for term in found[""]) and not any(term in message for term in found["-"])
                and (not found["?"] or bool(found[""]) or any(term in message for term in found["?"])))

    return lets_through


def _fields(pattern: str) -> Matcher:
    ways = [[_field(condition.strip()) for condition in re.split(f"&&{OUTSIDE_QUOTES}", way)]
            for way in re.split(rf"\|\|{OUTSIDE_QUOTES}", pattern)]

    def lets_through(message: str) -> bool:
        try:
            event = json.loads(message)
        except ValueError:
            return False
        return any(all(condition(event) for condition in way) for way in ways)

    return lets_through


def _field(condition: str) -> Callable[[Any], bool]:
    """Return whether an event's field is what a comparison asks for; one that is not there never is."""
    match = FIELD.fullmatch(condition)
    if not match:
        raise Unreadable(f"Invalid filter pattern, or one that is not read here: {condition}")
    names, compare, given = match[1][1:].split("."), match[2], match[3]
    number = None if given.startswith('"') else _number(given)
    if number is None and compare not in ("=", "!="):
        raise Unreadable(f"Invalid filter pattern: {given} is no number, so nothing is {compare} it")
    wanted = _text(given)

    def holds(event: Any) -> bool:
        for name in names:
            event = event.get(name) if isinstance(event, dict) else None
        if number is not None and isinstance(event, int | float) and not isinstance(event, bool):
            return bool(COMPARISONS[compare](event, number))
        return isinstance(event, str) and compare in ("=", "!=") and fnmatch.fnmatchcase(event, _glob(wanted)) is (compare == "=")

    return holds


def _text(term: str) -> str:
    return re.sub(r"\\(.)", r"\1", term[1:-1]) if term.startswith('"') else term


def _glob(text: str) -> str:
    """Return a text whose asterisks alone stand for anything."""
    return re.sub(r"[\[?]", lambda found: f"[{found[0]}]", text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
