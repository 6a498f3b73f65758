"""Asynchronous invocations that fail are tried again as on AWS: after one minute, then after two, on the clock's speed."""

from local.machine import Machine

_LAMBDA = "ministack.services.lambda_svc"
SEAMS: tuple[tuple[str, str], ...] = (
    (_LAMBDA, "_LAMBDA_ASYNC_RETRY_BASE_SECONDS"), (_LAMBDA, "_LAMBDA_ASYNC_RETRY_MAX_SECONDS"))
FIRST_SECONDS, LONGEST_SECONDS = 60.0, 300.0  # of AWS time; each wait is twice the one before


def install(machine: Machine) -> None:
    """Set ministack's waits, which it takes as wall time."""
    from ministack.services import lambda_svc

    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = machine.clock.scaled(FIRST_SECONDS)
    lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS = machine.clock.scaled(LONGEST_SECONDS)
