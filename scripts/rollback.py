"""Puts a project's former run back into production; scripts/rollback.sh starts it.

Requests come first: CodeDeploy moves the alias within seconds, then the API's stack follows, so that the next release
starts from what serves. Each step looks before it acts, so running it again after an interruption goes on where it was.
"""

import signal
import sys
import time
from functools import cache

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import production
import transition
from alias_deployments import AliasDeployments
from going_back import BUSY, Production, RollbackError, Version, released, target
from release_stacks import ReleaseStacks

LOOK_SECONDS = 0.3
TURNS = 5  # a release that began at the same moment is stopped, and then it is tried again
OTHERS = ("DeploymentLimitExceededException", "ValidationError")  # somebody else is deploying, or changing the stack
client = cache(boto3.client)


class Rollback:
    """One going back of one project."""

    def __init__(self, name: str, wanted: str) -> None:
        self._name, self._wanted, self._started = name, wanted, time.monotonic()
        self._api, self._shared, self._shared_endpoint = f"{name}-api", f"{name}-live-prd", production.shared_endpoint(name)
        self._monitoring = f"{name}-monitoring"
        bucket = production.parameters(production.stack_of(name, client))["BucketName"]
        self._deployments = AliasDeployments(client("codedeploy"), name, self.tell)
        self._stacks = ReleaseStacks(client("cloudformation"), client("s3"), bucket, self.tell)

    def tell(self, text: str) -> None:
        """Narrate on stderr, with the seconds since the start."""
        print(f"rollback: {time.monotonic() - self._started:6.1f} s  {text}", file=sys.stderr, flush=True)

    def run(self) -> str:
        """Go back and return what serves now; raises RollbackError for what it cannot do, with what serves then."""
        now = production.production(self._name, client)
        if not self._busy() and self._target(now) is None:  # or refused, before anything is touched
            return self._nothing_to_do(now)
        with transition.closed(client("codepipeline"), self._name, self.tell):
            transition.stop_newcomer(client("codepipeline"), self._name, self.tell)
            for turn in range(1, TURNS + 1):
                try:
                    return self._turn()
                except ClientError as error:
                    if error.response["Error"]["Code"] not in OTHERS or turn == TURNS:
                        raise
                    self.tell(f"somebody else was faster ({error}); looking again")
        raise AssertionError("unreachable: the last turn returns or raises")

    def _turn(self) -> str:
        stopped = self._settle()
        now = production.production(self._name, client)
        if stopped and now.agrees and not self._wanted:
            return f"the release that was under way is stopped; run {now.live.run} serves as before it"
        wanted = self._target(now)
        if wanted is None:
            return self._nothing_to_do(now)
        if now.live.endpoint != self._shared_endpoint:
            self._fill(wanted)  # nobody asks it yet, so it gets its model before the requests
        self._move(now, wanted)
        self._follow(wanted)
        return f"run {wanted.run} serves again; mend the other and push: the next approved run is released as ever"

    def _nothing_to_do(self, now: Production) -> str:
        self._watch(now.live.run)  # a way back was interrupted just before that
        return (f"run {now.live.run} serves already, since the last release was undone. To go further back name the run: "
                f"scripts/rollback.sh PROJECT_NAME RUN. Released were, the newest first: {released(now)}")

    def _target(self, now: Production) -> Version | None:
        wanted = target(now, self._wanted, lambda version: production.why_not(self._name, version, client))
        if wanted:
            self._stacks.check(wanted.run)
        return wanted

    def _busy(self) -> list[str]:
        """Return the stacks of the release that are being changed."""
        found = ((stack, self._stacks.status(stack)) for stack in (self._api, self._shared))
        return [f"{stack} is {status}" for stack, status in found if status.endswith(BUSY)]

    def _settle(self) -> bool:
        """Stop a release that is under way and wait until nobody changes its stacks; return whether one was stopped."""
        stopped, told = False, [""]
        while True:
            deploying, now_stopped = self._deployments.stop_release()
            stopped |= now_stopped | self._stacks.cancel(self._shared)
            busy = self._busy()
            if not deploying and not busy:
                return stopped
            if busy != told:
                self.tell(f"waiting: {', '.join(busy) or 'a deployment is under way'}")
                told = busy
            time.sleep(LOOK_SECONDS)

    def _move(self, now: Production, wanted: Version) -> None:
        """Let the wanted version answer all requests."""
        if wanted.number == now.live.number:
            return
        production.match_capacity(wanted.endpoint, now.live.endpoint, client, self.tell)
        self.tell(f"going back from run {now.live.run} (version {now.live.number}) to run {wanted.run} (version {wanted.number})")
        self._deployments.move(now.live, wanted)
        self.tell(f"run {wanted.run} answers")

    def _fill(self, wanted: Version) -> None:
        """Bring the endpoint that runs share to the wanted run, where that asks it; raises RollbackError when its stack does not follow."""
        if wanted.endpoint != self._shared_endpoint:
            return
        self._stacks.updatable(self._shared)
        if production.endpoint_run(self._name, wanted, client) != wanted.run:
            self._stacks.bring(self._shared, wanted.run, "deploy-endpoint.yml", "endpoint-prd.json", Guarded="no")  # its alarms may be why

    def _follow(self, wanted: Version) -> None:
        """Bring the stacks to the run that answers; raises RollbackError when they do not follow."""
        try:
            self._fill(wanted)
            self._stacks.updatable(self._api)
            self._stacks.bring(self._api, wanted.run, "deploy-model-prd.yml", "api.json", Shifting="no")
            self._watch(wanted.run)
        except RollbackError as error:
            serves = production.production(self._name, client).live
            raise RollbackError(f"run {serves.run} serves, but not all has followed: {error}") from error


    def _watch(self, run: str) -> None:
        """Have the run that serves watched for drift; raises RollbackError when the stack that does it does not follow."""
        if not self._stacks.wait(self._monitoring) or self._stacks.run_of(self._monitoring) == run:
            return
        if not self._stacks.has(run, "monitoring.json"):
            self.tell(f"run {run} was built before production was watched for drift: stack {self._monitoring} stays as it is and "
                      "looks at an endpoint that nobody asks, until the next release")
            return
        self._stacks.updatable(self._monitoring)
        self._stacks.bring(self._monitoring, run, "monitoring.yml", "monitoring.json")


def interrupt(number: int, frame: object) -> None:
    """End as Ctrl-C does, so that the way into production is left as it was."""
    raise KeyboardInterrupt


def explained(error: Exception) -> str:
    """Return an error with what to do about it."""
    if isinstance(error, ClientError) and "AccessDenied" in error.response["Error"]["Code"]:
        return f"{error}. docs/roll-back.md lists the rights that this needs; what was begun goes on when it is run again with them."
    return str(error)


def main() -> int:
    """Go back as the command line says; the last line says what serves, or what to do."""
    signal.signal(signal.SIGTERM, interrupt)
    if len(sys.argv) not in (2, 3) or not 8 <= len((sys.argv[2:] or ["0" * 8])[0]) <= 36:
        print("usage: scripts/rollback.sh PROJECT_NAME [RUN]      RUN: execution id of the run to go back to, or its first 8 digits",
              file=sys.stderr)
        return 2
    started = time.monotonic()
    try:
        said = Rollback(production.name_of(sys.argv[1], client), (sys.argv[2:] or [""])[0]).run()
    except (RollbackError, ClientError, BotoCoreError) as error:
        print(f"rollback: {explained(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("rollback: interrupted; run it again, it goes on where it was", file=sys.stderr)
        return 1
    print(f"{said} ({time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
