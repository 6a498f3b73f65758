"""Turns a stack's API output into the address to call: AWS's own, or the local endpoint's when AWS_ENDPOINT_URL is set.

Usage: python scripts/endpoints.py STACK_NAME
"""

import os
import re
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

API_URL = re.compile(r"https://(?P<api>[a-z0-9]+)\.execute-api\.[^/]+/(?P<stage>[^/]+)(?P<path>/.*)?")


def address(api_url: str, endpoint_url: str | None) -> str:
    """Return the address under which a client reaches the API of ``api_url`` (the form that AWS gives it)."""
    match = API_URL.fullmatch(api_url)
    if not endpoint_url or match is None:
        return api_url
    path = (match["path"] or "").lstrip("/")
    return f"{endpoint_url.rstrip('/')}/_aws/execute-api/{match['api']}/{match['stage']}/{path}"


def stack_output(stack_name: str, key: str) -> str:
    """Return one output of a stack; raises KeyError where the stack has none of that name."""
    stack = boto3.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    return {output["OutputKey"]: str(output["OutputValue"]) for output in stack.get("Outputs", [])}[key]


def main() -> int:
    """Print the API's address of a stack; exit 1 with a reason where there is none."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(address(stack_output(sys.argv[1], "ApiUrl"), os.environ.get("AWS_ENDPOINT_URL")))
    except KeyError:
        print(f"endpoints: stack {sys.argv[1]} has no output ApiUrl; name the API's stack (...-api)", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"endpoints: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
