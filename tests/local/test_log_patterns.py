"""Filter patterns of CloudWatch Logs: what they let through, and that others are refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs

from local import log_patterns
from local.clock import Clock
from local.log_patterns import Unreadable, matcher
from local.machine import Machine

CALL = json.dumps({"status": "502", "milliseconds": 31, "ok": False, "who": {"arn": "arn:aws:iam::000000000000:root"}})


@pytest.mark.parametrize(("pattern", "message", "through"), [
    ("", "anything", True),
    ("ERROR", "2026 ERROR here", True),
    ("ERROR", "2026 error here", False),
    ("ERROR -DEBUG", "ERROR and DEBUG", False),
    ("ERROR timeout", "timeout, ERROR", True),
    ("ERROR timeout", "ERROR", False),
    ("?ERROR ?WARN", "WARN", True),
    ("?ERROR ?WARN", "INFO", False),
    ('"not authorized"', "is not authorized to", True),
    ('"not authorized"', "authorized or not", False),
    (r'"a \"quoted\" word"', 'a "quoted" word', True),
    ('-"not authorized"', "is not authorized to", False),
])
def test_words_and_phrases(pattern: str, message: str, through: bool) -> None:
    assert matcher(pattern)(message) is through


@pytest.mark.parametrize(("pattern", "through"), [
    ('{ $.status = "5*" }', True), ('{ $.status = "4*" }', False), ('{$.status="502"}', True), ('{ $.status != "5*" }', False),
    ("{ $.milliseconds > 30 }", True), ("{ $.milliseconds >= 31.5 }", False), ("{ $.milliseconds = 31 }", True),
    ("{ $.status > 500 }", False), ("{ $.ok = 0 }", False), ('{ $.missing != "x" }', False),
    ('{ $.who.arn = "*:root" }', True), ('{ $.status = "4*" || $.milliseconds < 40 }', True),
    ('{ $.status = "5*" && $.milliseconds < 30 }', False), ('{ $.status = "a && b" || $.status = 50* }', True),
])
def test_fields_of_json(pattern: str, through: bool) -> None:
    assert matcher(pattern)(CALL) is through
    assert matcher(pattern)("no JSON") is matcher(pattern)("[1]") is False


@pytest.mark.parametrize("pattern", [
    "a-word", "{ $.status }", "{ $.status IS NULL }", "{ ($.a = 1) }", '{ $.status > "a" }', "[ip, user]", "%regular%", "{ $.a = 1"])
def test_what_is_not_read_is_refused(pattern: str) -> None:
    with pytest.raises(Unreadable):
        matcher(pattern)


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict]]:
    """FilterLogEvents on a group with a line in each of the streams a/1, a/2 and b."""
    for name in ("_compile_filter_pattern", "_filter_log_events"):
        monkeypatch.setattr(cloudwatch_logs, name, getattr(cloudwatch_logs, name))
    machine = Machine(tmp_path, 0, Clock(1.0), tmp_path)
    log_patterns.install(machine)
    with request_scope("000000000000", "us-east-1"):
        cloudwatch_logs._create_log_group({"logGroupName": "group"})
        for number, stream in enumerate(("a/1", "a/2", "b")):
            cloudwatch_logs._create_log_stream({"logGroupName": "group", "logStreamName": stream})
            event = {"timestamp": int(machine.clock.now() * 1000) + number, "message": f"line of {stream}"}
            cloudwatch_logs._put_log_events({"logGroupName": "group", "logStreamName": stream, "logEvents": [event]})
        yield lambda **request: json.loads(cloudwatch_logs._filter_log_events({"logGroupName": "group", **request})[2])
        cloudwatch_logs.reset()
    machine.store.close()


@pytest.mark.parametrize(("prefix", "streams"), [("a/", ["a/1", "a/2"]), ("a/2", ["a/2"]), ("c", []), ("", ["a/1", "a/2", "b"])])
def test_a_prefix_chooses_streams(ask: Callable[..., dict], prefix: str, streams: list[str]) -> None:
    assert [event["message"] for event in ask(logStreamNamePrefix=prefix)["events"]] == [f"line of {stream}" for stream in streams]


def test_prefix_and_names_of_streams_exclude_each_other(ask: Callable[..., dict]) -> None:
    assert ask(logStreamNamePrefix="a", logStreamNames=["b"])["__type"] == "InvalidParameterException"
