"""The mails that the local AWS leaves in a bucket, where AWS sends them: the newest first, a page at a time.

S3 lists keys in one order only, and these begin with their time. So a page is looked for in stretches that reach ever
farther back, instead of listing all.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import Parser
from functools import lru_cache
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from console.account import Project
from console.faults import Refused, gone

OUTBOX = "local-outbox"
MOST = 25  # mails of a page
BATCH = 25  # mails that are read at once, until a page is full
FARTHEST = 200  # mails that are read for one page: others' are left out
STRETCHES = (timedelta(minutes=10), timedelta(hours=2), timedelta(days=1), timedelta(days=14), timedelta(days=400), timedelta(days=18000))
KEY = re.compile(r"2\d{7}T\d{6}-[0-9a-f]{8}\.eml")


@dataclass(frozen=True)
class Mail:
    """One mail."""

    key: str
    sent: datetime
    to: str
    subject: str
    topic: str
    text: str


@dataclass(frozen=True)
class Outbox:
    """A page of the project's mails, the newest first; ``older`` leads to the next page and is blank on the last one."""

    exists: bool
    page: tuple[Mail, ...] = ()
    older: str = ""


def outbox(project: Project, before: str) -> Outbox:
    """Return the project's newest mails, or those before a key. On AWS there is no such bucket of the project's, so none is asked for."""
    if not project.account.endpoint:
        return Outbox(exists=False)
    s3 = project.client("s3")
    try:
        return _page(s3, project.prefix, before)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return Outbox(exists=False)
        raise


def mail(project: Project, key: str) -> Mail:
    """Return one mail; raises Refused where there is none."""
    _time_of(key)
    try:
        return _read(project.client("s3"), key)
    except ClientError as error:
        if gone(error):
            raise Refused("This mail is gone: the local AWS was reset. The list has those that there are.") from error
        raise


def _page(s3: Any, topic: str, before: str) -> Outbox:
    keys, found, seen = _newest_first(s3, before), [], before
    with ThreadPoolExecutor(BATCH) as pool:
        for _ in range(0, FARTHEST, BATCH):
            batch = list(islice(keys, BATCH))
            for each in pool.map(lambda key: _read(s3, key), batch):
                seen = each.key
                if each.topic == topic:
                    found.append(each)
                if len(found) == MOST:
                    return Outbox(True, tuple(found), seen)
            if len(batch) < BATCH:
                return Outbox(True, tuple(found))
    return Outbox(True, tuple(found), seen)


def _newest_first(s3: Any, before: str) -> Iterator[str]:
    """Yield the keys before one, or all, from the newest on."""
    upper = before or "~"
    start = _time_of(before) if before else datetime.now(UTC)
    for stretch in STRETCHES:
        lower = f"{start - stretch:%Y%m%dT%H%M%S}"
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=OUTBOX, StartAfter=lower)
        keys = _below(pages, upper)
        yield from reversed(keys)
        upper = min(keys, default=min(upper, lower))


def _below(pages: Any, upper: str) -> list[str]:
    """Return the keys of pages up to one; no page is asked for after it."""
    keys: list[str] = []
    for page in pages:
        found = [item["Key"] for item in page.get("Contents", [])]
        keys += [key for key in found if key < upper and KEY.fullmatch(key)]
        if found and found[-1] >= upper:
            break
    return keys


def _time_of(key: str) -> datetime:
    """Return the time that a key begins with; raises Refused for what names no mail."""
    try:
        return datetime.strptime(key[:15] if KEY.fullmatch(key) else "", "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused(f"{key} names no mail. The list has those that there are.") from error


@lru_cache(maxsize=1000)
def _read(s3: Any, key: str) -> Mail:
    """Read a mail, which never changes."""
    return of_text(key, s3.get_object(Bucket=OUTBOX, Key=key)["Body"].read().decode(errors="replace"))


def of_text(key: str, text: str) -> Mail:
    """Return the mail that a file holds."""
    parsed = Parser(policy=policy.default).parsestr(text)
    return Mail(key, _time_of(key), str(parsed["To"] or ""), str(parsed["Subject"] or ""), str(parsed["X-Topic"] or "").rpartition(":")[2],
                str(parsed.get_payload()).strip())
