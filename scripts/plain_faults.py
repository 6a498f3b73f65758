"""What a newcomer's likely mistakes are called: one sentence that says what is wrong and what to do next."""

import os
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, NoRegionError, PartialCredentialsError
from botocore.exceptions import ConnectionError as NoConnectionError

from drifted_rows import DriftError
from going_back import RollbackError
from narration import DemoError
from project_api import ApiError

STRANGER = "AWS does not know these credentials. Set others (aws configure), then restart Jupyter."
EXPIRED = "The credentials have expired. Get new ones, then restart Jupyter."
CODES = {"UnrecognizedClientException": STRANGER, "InvalidClientTokenId": STRANGER, "InvalidAccessKeyId": STRANGER,
         "SignatureDoesNotMatch": STRANGER, "ExpiredToken": EXPIRED, "ExpiredTokenException": EXPIRED}


class NotReady(Exception):
    """What a notebook needs is not there; the message says what, and how to get it."""


def sentence(error: BaseException) -> str:
    """Return what went wrong and what to do next."""
    return next((words(error) for kind, words in WORDS if isinstance(error, kind)), f"{type(error).__name__}: {error}")


def _silent(error: Any) -> str:
    where = os.environ.get("AWS_ENDPOINT_URL")
    if not where:
        return f"AWS does not answer: {error}. Is this machine connected?"
    return (f"Nothing answers at {where}. Start a local AWS in another shell, bash scripts/demo.sh --keep, and run this cell again; "
            "or unset AWS_ENDPOINT_URL to use your account on AWS, then restart Jupyter.")


def _nobody(error: Any) -> str:
    return ("There are no credentials. For your account on AWS: aws configure. For the local AWS: export AWS_ACCESS_KEY_ID=test "
            "AWS_SECRET_ACCESS_KEY=test. Then restart Jupyter.")


def _nowhere(error: Any) -> str:
    return "There is no region. Set one, export AWS_DEFAULT_REGION=us-east-1, then restart Jupyter."


def _refused(error: Any) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in CODES:
        return CODES[code]
    if "AccessDenied" in code or code == "AuthorizationError":
        return f"Your rights do not suffice for {error.operation_name}: {message} Ask who administers the account."
    return f"{error.operation_name} was refused: {message or code}"


WORDS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    ((NotReady, DemoError, RollbackError, DriftError, ApiError), str),
    (ClientError, _refused),
    ((NoCredentialsError, PartialCredentialsError), _nobody),
    (NoRegionError, _nowhere),
    ((NoConnectionError, HTTPClientError), _silent),
    (BotoCoreError, str),
)
EXPECTED = (NotReady, DemoError, RollbackError, DriftError, ApiError, ClientError, BotoCoreError)
