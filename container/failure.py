"""How a program ends: exit status, log, and the files in which SageMaker looks for the reason."""

import sys
import traceback
from collections.abc import Callable

from container.errors import Misused, Refused
from container.interruption import EXIT_STATUS, Interrupted, interruptible
from container.paths import base

# SageMaker cuts FailureReason and ExitMessage at 1,024 characters.
LONGEST = 1024


def run_reported(name: str, program: Callable[[], None]) -> int:
    """Run a program and return its exit status; whatever it raises is reported as its failure."""
    try:
        with interruptible():
            program()
    except Interrupted:
        # No failure: a training is started again by the platform, or somebody stopped it.
        print(f"{name}: interrupted by SIGTERM", file=sys.stderr, flush=True)
        return EXIT_STATUS
    except Misused as error:
        print(error, file=sys.stderr)
        return 2
    except Refused as error:
        return report(f"{name}: {error}")
    except Exception as error:  # noqa: BLE001
        # The trace is for the log only; the reason is what people see in the job's description.
        traceback.print_exc()
        return report(f"{name}: {type(error).__name__}: {error}")
    return 0


def report(reason: str) -> int:
    """Write the reason where training jobs (failure) and processing jobs (message) show it from."""
    sys.stderr.write(f"{reason}\n")  # in one write: workers that fail together share the log
    folder = base() / "output"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("failure", "message"):
            (folder / file).write_text(reason[:LONGEST], encoding="utf-8")
    except OSError as error:
        print(f"{folder} cannot be written, so the reason stands here only: {error}", file=sys.stderr)
    return 1
