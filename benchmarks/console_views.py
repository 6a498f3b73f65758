"""How long the console takes to show each view, with the runs that a demo leaves and with 200 of them.

Usage: bash scripts/demo.sh --keep, the export lines that it prints, then
bash scripts/bench.sh console [--console http://127.0.0.1:4580] [--runs 200] [--rounds 5]

A browser opens each view's address and waits until its first part is drawn. Then runs are started and stopped until
there are as many as asked for, which takes about a minute, and all views are opened again.
"""

import argparse
import shutil
import sys
import time
from statistics import median
from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3
from playwright.sync_api import Page, sync_playwright

VIEWS = ("project", "approval", "graph", "release", "watch", "mail", "logs")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


class BenchmarkError(Exception):
    """What is measured is not there; the message says what."""


def seconds(page: Page, address: str, rounds: int) -> float:
    """Return the median seconds from asking for an address to its first part drawn; a first visit does not count."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.locator(".nicegui-content .view > .part").first.wait_for()
        took.append(time.perf_counter() - began)
    return median(took[1:])


def opened(page: Page, console: str, rounds: int) -> dict[str, float]:
    """Return the seconds of each view of the project that the console begins with."""
    project = urlsplit(urlopen(console).url).path.split("/")[1]
    if project == "projects":
        raise BenchmarkError(f"{console} shows no one project: start it with --project")
    return {view: seconds(page, f"{console}/{project}/{view}", rounds) for view in VIEWS}


def run_ids(pipeline: str) -> list[str]:
    """Return the ids of all runs of a pipeline."""
    pages = boto3.client("codepipeline").get_paginator("list_pipeline_executions").paginate(pipelineName=pipeline)
    return [run["pipelineExecutionId"] for found in pages for run in found["pipelineExecutionSummaries"]]


def fill(pipeline: str, runs: int) -> None:
    """Start runs, and stop each, until there are so many."""
    client = boto3.client("codepipeline")
    for _ in range(runs - len(run_ids(pipeline))):
        started = client.start_pipeline_execution(name=pipeline)["pipelineExecutionId"]
        client.stop_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=started, abandon=True, reason="a benchmark counts runs")


def measure(options: argparse.Namespace) -> int:
    """Print the table; return 1 where a view took a second or more."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        raise BenchmarkError("Chromium is missing: bash scripts/setup-ci.sh installs it, or says how")
    pipelines = boto3.client("codepipeline").list_pipelines()["pipelines"]
    if len(pipelines) != 1:
        raise BenchmarkError(f"there are {len(pipelines)} pipelines, a demo has one: bash scripts/demo.sh --keep")
    pipeline = pipelines[0]["name"]
    few = len(run_ids(pipeline))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        before = opened(page, options.console, options.rounds)
        fill(pipeline, options.runs)
        many = len(run_ids(pipeline))
        after = opened(page, options.console, options.rounds)
        browser.close()
    print(f"view       {few:>5} runs  {many:>5} runs   ratio")
    for view in VIEWS:
        print(f"{view:<10} {before[view]:>8.2f} s  {after[view]:>8.2f} s  {after[view] / before[view]:>6.2f}")
    return int(max(after.values()) >= 1)


def main() -> int:
    """Return 0, or 1 after saying what is missing or where a view was slow."""
    parser = argparse.ArgumentParser(prog="bench.sh console", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--console", default="http://127.0.0.1:4580", help="its address")
    parser.add_argument("--runs", type=int, default=200, help="how many runs there shall be")
    parser.add_argument("--rounds", type=int, default=5, help="how often each view is opened; the median counts")
    try:
        return measure(parser.parse_args())
    except BenchmarkError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
