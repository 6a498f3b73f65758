"""A console whose AWS is the account of watched_account.py: python -m tests.console.released_console STATE_FILE --port N.

The state file holds those fields of the account that are otherwise than by default, as JSON. It is read at each call, so
a test moves a release on by writing it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.console.any_order import Stubs
from tests.console.console_server import ROOT
from tests.console.watched_account import Watched
from tests.local.local_aws import free_port

NAME = "churn-demo"
ELSEWHERE = "http://127.0.0.1:9"  # nobody answers there: what the account does not know fails


class FollowingStubs(Stubs):
    """Answers that first look what the state file says."""

    def follow(self, file: Path, account: Watched) -> None:
        """Let an account be as a file says, from now on."""
        self.file, self.followed = file, account

    def _keep(self, **given: Any) -> None:
        for name, value in json.loads(self.file.read_text()).items():
            setattr(self.followed, name, value)
        super()._keep(**given)


@dataclass
class ReleasedConsole:
    """A console that is started, and what moves its account."""

    address: str
    file: Path
    fields: dict[str, Any] = field(default_factory=dict)

    def view(self, name: str, query: str = "") -> str:
        """Return the address of a view."""
        return f"{self.address}/{NAME}/{name}{query}"

    def change(self, **fields: Any) -> None:
        """Change the account."""
        self.fields |= fields
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.fields))
        new.replace(self.file)


@contextmanager
def released_console(folder: Path, script: Path) -> Iterator[ReleasedConsole]:
    """Start a console; ``script`` is what goes back in it."""
    file = folder / "state.json"
    file.write_text("{}")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTEST_"))}  # nicegui does otherwise in a test of its own
    command = [sys.executable, "-m", "tests.console.released_console", str(file), str(script), "--port", str(free_port())]
    with subprocess.Popen(command, cwd=ROOT, env=kept | {"AWS_ENDPOINT_URL": ELSEWHERE}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        assert said.startswith("console: http://127.0.0.1:"), said
        try:
            yield ReleasedConsole(said.removeprefix("console: ").strip(), file)
        finally:
            process.terminate()
            process.wait(20)


def main() -> int:
    """Serve the console with the account in place of AWS."""
    from console import __main__ as program
    from console.acting import going_back

    stubs = FollowingStubs()
    account = Watched(NAME, stubs)
    stubs.follow(Path(sys.argv[1]), account)
    going_back.SCRIPT = sys.argv[2]
    stubs.answer("sts", "GetCallerIdentity", {"Account": "000000000000", "Arn": "arn:aws:iam::000000000000:user/reader", "UserId": "r"})
    stubs.answer("sagemaker", "DescribeProject", {
        "ProjectArn": "arn:aws:sagemaker:us-east-1:000000000000:project/p", "ProjectName": NAME, "ProjectId": account.project.id,
        "ProjectStatus": "CreateCompleted", "CreationTime": 0})
    stubs.answer("codepipeline", "ListPipelines", {"pipelines": [{"name": account.project.prefix}]})
    program.Account = lambda: stubs.account  # type: ignore[assignment, misc]
    sys.argv[1:3] = []
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
