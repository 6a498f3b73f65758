"""What a person does on AWS, from the organization template to the second release, and on to drift; demo.sh starts it on the local endpoint."""

import argparse
import json
import signal
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

import customers
from drift_chapter import drift, newcomers
from first_release import Release, first_release
from narration import DemoError, Steps
from new_project import ROOT
from project_api import ApiError
from second_release import Upload, second_release

ROWS = 4000


def run(steps: Steps, options: argparse.Namespace) -> None:
    """The demo's chapters, and what to try next where it stays up."""
    release = first_release(steps, options)
    clone = options.report.resolve().parent / "project"
    if not options.first_release:
        live = second_release(steps, release, clone, upload(options))
        if options.drift:
            drift(steps, release, live)
    if options.keep:
        print(how_to_go_on(release, clone), file=sys.stderr)


def upload(options: argparse.Namespace) -> Upload:
    """Return what the second chapter ends with; before drift it holds customers like those who are to come."""
    if options.drift:
        return newcomers("its data stays for what follows")
    return Upload(customers.archive(ROWS), f"{ROWS:,} customers.", "" if options.keep else "the demo ends here; with --keep it goes on")


def how_to_go_on(release: Release, clone: Path) -> str:
    """Return the commands that a person may try next."""
    name = release.project.name
    return f"""
What to try next, in a shell with the variables at the end of this:
  aws codepipeline get-pipeline-state --name {name}
  aws sagemaker list-training-jobs
  head -2 data/churn.csv | cut -d, -f1-19 | curl --aws-sigv4 aws:amz:us-east-1:execute-api --user test:test \\
    -H 'Content-Type: text/csv' --data-binary @- {release.api.url}
  git -C {clone} push   # after a change and a commit: a run of your own
  bash scripts/notebooks.sh   # walk-throughs of all this, in JupyterLab
and once a run waits for a person:
  aws codepipeline put-approval-result --pipeline-name {name} --stage-name DeployDev --action-name Approval \\
    --result status=Approved,summary=yes --token "$(aws codepipeline get-pipeline-state --name {name} --output text \\
    --query 'stageStates[].actionStates[] | [?actionName==`Approval`].latestExecution.token | [0]')"
"""


def interrupt(number: int, frame: object) -> None:
    """End as Ctrl-C does, so that the report is written and the threads end."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo and write its report, also of a failure."""
    options = _parser().parse_args()
    steps = Steps()
    try:
        run(steps, options)
    except (DemoError, ApiError, BotoCoreError, ClientError) as error:
        steps.report["error"] = str(error)
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    finally:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(steps.report, indent=2) + "\n")
        print(f"report: {options.report}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organization", default="ml-delivery", help="name of the organization's stack")
    parser.add_argument("--project", default="churn-demo", help="name of the project")
    parser.add_argument("--prefix", default="demo", help="what the project's names begin with")
    parser.add_argument("--network", default="vpc", choices=("vpc", "none"), help="NetworkMode of the project")
    parser.add_argument("--first-release", action="store_true", help="end after the first chapter")
    parser.add_argument("--drift", action="store_true", help="add the third chapter: drift and what answers it")
    parser.add_argument("--keep", action="store_true", help="let the last run go on")
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "demo" / "report.json", help="file to write")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(main())
