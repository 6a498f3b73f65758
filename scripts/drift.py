"""Sends a project's API requests that are not like the training data, one row each; then says where to look.

The rows are those of the live run's baseline, changed as --shift says (repeat it for several features), or those of a CSV file.
Without either the first numeric feature is shifted by one standard deviation.
"""

import argparse
import itertools
import json
import os
import sys
import time
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import drifted_rows
import production
from drifted_rows import DriftError, Table
from endpoints import address, stack_output
from going_back import RollbackError
from project_api import Api, ApiError
from project_bucket import ProjectBucket
from traffic import THREADS, Traffic


def changed(options: argparse.Namespace, bucket: ProjectBucket, run: str) -> tuple[Table, str]:
    """Return the rows to send and a sentence about them."""
    baseline = drifted_rows.read(bucket.text(f"runs/{run}/baseline/data/baseline.csv"), "the live run's baseline")
    if options.csv:
        found = drifted_rows.only(drifted_rows.read(options.csv.read_text(), str(options.csv)), baseline.header, str(options.csv))
        shifts = options.shift
    else:
        found, shifts = baseline, options.shift or [f"{drifted_rows.first_number(baseline)}=+1sd"]
    for number, shift in enumerate(shifts):
        found = drifted_rows.shifted(found, shift, options.seed + number)
    source = str(options.csv) if options.csv else f"the baseline of run {run[:8]}"
    return found, f"rows of {source}" + (f" with {', '.join(shifts)}" if shifts else " as they are")


def send(options: argparse.Namespace, api: Api, table: Table, run: str) -> Traffic:
    """Send the rows steadily, and tell every ten seconds how many were answered."""
    drawn = drifted_rows.endless(table, options.seed)
    bodies = [json.dumps([dict(zip(table.header, row, strict=True))]).encode() for row in itertools.islice(drawn, options.rows)]
    began = told = time.monotonic()
    with Traffic(api, bodies, (run,), options.rate) as traffic:
        while (done := len(traffic.answers) + len(traffic.failures)) < options.rows and not len(traffic.failures) > options.rows / 10:
            traffic.wait(0.2)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                print(f"drift: {done} of {options.rows} requests   {told - began:4.0f} s", file=sys.stderr)
    return traffic


def how_to_go_on(name: str) -> str:
    """Return where what comes of it is to be seen."""
    return f"""The next look (NAME-monitoring in Step Functions, hourly unless config.yml says otherwise) judges them. Then:
  aws stepfunctions list-executions --state-machine-arn "$(aws stepfunctions list-state-machines --output text \\
    --query "stateMachines[?name=='{name}-monitoring'].stateMachineArn")"
  aws cloudwatch describe-alarms --alarm-names {name}-drift --query 'MetricAlarms[].[StateValue,StateReason]'
  aws codepipeline list-pipeline-executions --pipeline-name {name} --max-items 1
and a mail to the project's topic says what drifted and what was done about it.""".replace("NAME", name)


def run(options: argparse.Namespace) -> None:
    """Send what the command line asks for."""
    name = production.name_of(options.project, boto3.client)
    live = production.production(name, boto3.client).live
    table, about = changed(options, ProjectBucket(name), live.run)
    api = Api(address(stack_output(f"{name}-api", "ApiUrl"), os.environ.get("AWS_ENDPOINT_URL")), THREADS)
    print(f"drift: sending {options.rows} {about} to {api.url}", file=sys.stderr)
    traffic = send(options, api, table, live.run)
    if traffic.failures:
        raise DriftError(f"{len(traffic.failures)} requests failed, {len(traffic.answers)} were answered; the first failure: "
                         f"{traffic.failures[0]}")
    print(f"drift: {len(traffic.answers)} requests answered by run {live.run}\n{how_to_go_on(name)}", file=sys.stderr)


def main() -> int:
    """Exit 0 when all was answered, 1 when not, 2 when misused."""
    options = _parser().parse_args()
    try:
        run(options)
    except (DriftError, RollbackError, ApiError, ClientError, BotoCoreError, OSError, UnicodeDecodeError) as error:
        print(f"drift: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("drift: interrupted; what was sent stays captured", file=sys.stderr)
        return 130
    return 0


def _positive(text: str) -> float:
    if not 0 < float(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not over 0 and at most 1000000")
    return float(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/drift.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", help="name of the project")
    parser.add_argument("--shift", action="append", default=[], metavar="CHANGE", help=drifted_rows.FORMS)
    parser.add_argument("--csv", type=Path, help="rows to send, with a header; columns that the model does not know are left out")
    parser.add_argument("--rows", type=lambda text: int(_positive(text)), default=1500, help="requests, one row each (1500)")
    parser.add_argument("--rate", type=_positive, default=60, help="requests a second (60)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same rows (1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
