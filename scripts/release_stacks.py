"""The stacks of a project's release, and how a former run's files bring them back to it."""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from going_back import BUSY, UPDATABLE, RollbackError

LOOK_SECONDS = 0.5
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# Who may call the API, and what bounds its roles, is the project's to say and not a run's.
PRESENT = ("ApiAuthorization", "PermissionsBoundary")


class ReleaseStacks:
    """The stacks of one project."""

    def __init__(self, cloudformation: Any, s3: Any, bucket: str, tell: Callable[[str], None]) -> None:
        self._cloudformation, self._s3, self._bucket, self._tell = cloudformation, s3, bucket, tell

    def bring(self, stack: str, run: str, template: str, parameters: str, **changes: str) -> None:
        """Update a stack to what a run's build has kept of its release, and wait for it; raises RollbackError with the reason."""
        kept = self._kept(run, parameters)
        given = [{"ParameterKey": key, "UsePreviousValue": True} if key in PRESENT else {"ParameterKey": key, "ParameterValue": value}
                 for key, value in (kept["Parameters"] | changes).items()]
        try:
            # Without a role it acts in the one that the pipeline made the stack with.
            self._cloudformation.update_stack(
                StackName=stack, TemplateURL=f"{self._s3.meta.endpoint_url}/{self._bucket}/{self._key(run, template)}",
                Parameters=given, Capabilities=CAPABILITIES, Tags=[{"Key": key, "Value": value} for key, value in kept["Tags"].items()])
        except ClientError as error:
            if "No updates are to be performed" in error.response["Error"]["Message"]:
                return
            raise
        self._tell(f"bringing stack {stack} to run {run}")
        status = self.wait(stack)
        if status != "UPDATE_COMPLETE":
            raise RollbackError(f"stack {stack} is {status}: {self._reason(stack)}. Remove the cause and run this again for run {run}.")

    def check(self, run: str) -> None:
        """Raise RollbackError unless a run's build has kept what bringing the API's stack back needs."""
        self._kept(run, "api.json")

    def has(self, run: str, file: str) -> bool:
        """Return whether a run's build has kept a file of its release."""
        found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._key(run, file))
        return any(item["Key"] == self._key(run, file) for item in found.get("Contents", []))

    def run_of(self, stack: str) -> str:
        """Return the run that a stack was last brought to."""
        given = self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
        return str({item["ParameterKey"]: item["ParameterValue"] for item in given}["RunId"])

    def _key(self, run: str, file: str) -> str:
        return f"runs/{run}/release/{file}"

    def _kept(self, run: str, file: str) -> dict[str, dict[str, str]]:
        key = self._key(run, file)
        try:
            content: dict[str, dict[str, str]] = json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise RollbackError(f"s3://{self._bucket}/{key} is missing, which the build of run {run} keeps since this script "
                                    "is there: the stack cannot follow. Run its commit and data again (docs/runs.md).") from error
            raise
        return content

    def status(self, stack: str) -> str:
        """Return a stack's status; blank where there is none."""
        try:
            return str(self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return ""
            raise

    def cancel(self, stack: str) -> bool:
        """Cancel an update that is under way, so that the stack goes back; return whether it could be."""
        if self.status(stack) != "UPDATE_IN_PROGRESS":
            return False
        try:
            self._cloudformation.cancel_update_stack(StackName=stack)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":  # it has ended meanwhile
                return False
            raise
        self._tell(f"cancelled the update of stack {stack}: it goes back")
        return True

    def wait(self, stack: str) -> str:
        """Wait until nobody changes a stack; return its status."""
        while (status := self.status(stack)).endswith(BUSY):
            time.sleep(LOOK_SECONDS)
        return status

    def updatable(self, stack: str) -> None:
        """Raise RollbackError, with what to do, unless a stack can be updated."""
        status = self.wait(stack)  # another going back may be at it
        if status in UPDATABLE:
            return
        mend = (f"aws cloudformation continue-update-rollback --stack-name {stack}" if status == "UPDATE_ROLLBACK_FAILED"
                else f"see its events: aws cloudformation describe-stack-events --stack-name {stack}")
        raise RollbackError(f"stack {stack} is {status} and cannot be updated. Mend it ({mend}), then run this again, "
                            "which brings it along; until then do not release.")

    def _reason(self, stack: str) -> str:
        """Return what failed first in a stack's last update."""
        why = "no reason given"
        for event in self._cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:  # the newest first
            if event["LogicalResourceId"] == stack and event["ResourceStatus"] == "UPDATE_IN_PROGRESS":
                break
            if event["ResourceStatus"].endswith("_FAILED"):
                why = f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        return why
