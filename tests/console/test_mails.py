"""The outbox: the project's own mails, the newest first, a page at a time."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.account import Project
from console.faults import Refused
from console.reading.mails import MOST, mail, of_text, outbox
from tests.console.any_order import Stubs, project, refusal

NOW = datetime.now(UTC)
HEAD = "Date: Sat, 21 Nov 2026 16:04:02 +0000\nTo: team@example.com\nSubject: {topic}: drift in 1 feature\nX-Topic: arn:aws:sns:us-east-1:1:{topic}\n"
TEXT = f"{HEAD}\nBody\n\nmore: text\n"


def key(age: timedelta, number: int = 0) -> str:
    return f"{NOW - age:%Y%m%dT%H%M%S}-{number:08x}.eml"


def account(monkeypatch: pytest.MonkeyPatch, name: str, keys: dict[str, str]) -> tuple[Stubs, Project]:
    """Return an account whose outbox holds mails: topic by key; blank stands for the project's own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    stubs = Stubs()
    asked = project(stubs, name)

    def listed(given: dict[str, Any]) -> dict[str, Any]:
        found = sorted(each for each in keys if each > given.get("StartAfter", ""))
        return {"Contents": [{"Key": each} for each in found[:1000]], "IsTruncated": False}

    stubs.answer("s3", "ListObjectsV2", listed)
    stubs.answer("s3", "GetObject", lambda given: {"Body": io.BytesIO(TEXT.format(topic=keys[given["Key"]] or asked.prefix).encode())})
    return stubs, asked


def test_a_mail_is_read_with_its_head_and_body() -> None:
    found = of_text(key(timedelta(0)), TEXT.format(topic="demo-churn"))
    assert (found.to, found.subject, found.topic, found.text) == ("team@example.com", "demo-churn: drift in 1 feature", "demo-churn", "Body\n\nmore: text")
    assert found.sent == NOW.replace(microsecond=0)


def test_the_newest_come_first_and_others_mails_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {key(timedelta(minutes=minutes)): "" for minutes in (1, 9, 90, 600, 60 * 24 * 300)}
    _, asked = account(monkeypatch, "newest", ages | {key(timedelta(minutes=5)): "other-project"})
    found = outbox(asked, "")
    assert [each.key for each in found.page] == sorted(ages, reverse=True) and found.older == ""


def test_a_full_page_leads_to_the_next_one_and_no_mail_is_lost_or_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {key(timedelta(seconds=30 * number), number): "" for number in range(2 * MOST + 3)}
    stubs, asked = account(monkeypatch, "pages", keys)
    pages, older = [], ""
    while not pages or older:
        found = outbox(asked, older)
        pages.append([each.key for each in found.page])
        older = found.older
    assert [len(page) for page in pages] == [MOST, MOST, 3]
    assert [name for page in pages for name in page] == sorted(keys, reverse=True)
    assert len(stubs.named("GetObject")) == len(keys), "a mail never changes, so it is read once"


def test_a_page_of_many_is_not_looked_for_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {key(timedelta(minutes=number), number): "" for number in range(3000)}
    stubs, asked = account(monkeypatch, "many", keys)
    outbox(asked, "")
    starts = [call["StartAfter"] for call in stubs.named("ListObjectsV2")]
    assert len(starts) == 2 and min(starts) >= f"{NOW - timedelta(hours=2, seconds=5):%Y%m%dT%H%M%S}"


def test_on_aws_no_outbox_is_looked_for_since_a_stranger_may_own_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    stubs, asked = account(monkeypatch, "aws", {})
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    stubs.account._clients.clear()
    assert not outbox(asked, "").exists
    assert stubs.calls == []


def test_before_the_first_mail_there_is_no_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    stubs, asked = account(monkeypatch, "empty", {})
    stubs.answer("s3", "ListObjectsV2", refusal("NoSuchBucket", "no such bucket", status=404))
    assert not outbox(asked, "").exists


@pytest.mark.parametrize("name", ["../secret", "20261121T160402-1.eml", "00010101T000000-00000001.eml"])
def test_what_names_no_mail_is_refused_unasked(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stubs, asked = account(monkeypatch, "unnamed", {})
    with pytest.raises(Refused, match=re.escape(name)):
        mail(asked, name)
    with pytest.raises(Refused, match=re.escape(name)):
        outbox(asked, name)
    assert stubs.calls == []


def test_a_mail_that_is_gone_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stubs, asked = account(monkeypatch, "gone", {})
    stubs.answer("s3", "GetObject", refusal("NoSuchKey", "no such key", status=404))
    with pytest.raises(Refused, match="gone"):
        mail(asked, key(timedelta(0)))
