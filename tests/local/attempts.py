"""Requests that somebody tries on a project: how they are filled with its names, and the errors that they end with."""

from typing import Any

from botocore.exceptions import ClientError


def filled(request: Any, names: dict[str, str]) -> Any:
    """Return a request with a project's names in the places of their fields."""
    if isinstance(request, dict):
        return {key: filled(value, names) for key, value in request.items()}
    if isinstance(request, list):
        return [filled(value, names) for value in request]
    return request.format_map(names)


def error_of(client: Any, operation: str, request: dict) -> tuple[str, str]:
    """Return code and message of the error that a call ends with, both blank where it succeeds."""
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return "", ""
