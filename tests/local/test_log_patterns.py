"""Filter patterns of CloudWatch Logs: what they let through, and that others are refused."""

import json

import pytest

from local.log_patterns import Unreadable, matcher

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
