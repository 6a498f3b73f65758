"""Start one of the image's programs: `python -m container PROGRAM [ARGUMENT ...]`."""

import os
import sys
from importlib import import_module

from container.failure import run_reported

# A program is imported only when it is the one to run: imports are most of a short job's time.
PROGRAMS = {
    "prepare": "container.prepare",
    "train": "container.train",
    "evaluate": "container.evaluate",
    "serve": "container.serve",
    "monitor": "container.monitor",
}


def main(arguments: list[str]) -> int:
    """Run the named program; 0 when it is done, 1 when it failed, 2 when it was misused."""
    if not arguments or arguments[0] not in PROGRAMS:
        named = f"unknown program {arguments[0]!r}; " if arguments else ""
        print(f"{named}usage: python -m container {'|'.join(PROGRAMS)}", file=sys.stderr)
        return 2
    name, *rest = arguments
    # Threads of a numeric library that wait for each other by spinning take the very cores they wait
    # for when others use these too: on two busy cores a fit took 30 s that takes 0.5 s. It is read at import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return run_reported(name, lambda: import_module(PROGRAMS[name]).main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
