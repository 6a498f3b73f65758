"""Reads of what need not be there."""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from console.faults import gone

Found = TypeVar("Found")


def where_there(read: Callable[[], Found]) -> Found | None:
    """Return what a read returns, None where that does not exist."""
    try:
        return read()
    except ClientError as error:
        if not gone(error):
            raise
        return None
