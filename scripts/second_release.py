"""The demo's second chapter: a push changes the model, its version takes over step by step, new data starts the next run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import customers
import project_git
from canary import Canary
from first_release import Project, Release, predict, watch_to_approval
from narration import DemoError, Steps, say
from pipeline_runs import API, BUILD, place
from traffic import RATE, Traffic

HYPERPARAMETERS, MESSAGE = "max_leaf_nodes: 8", "Grow smaller trees"
CALLERS = range(1, 3334)  # the customers whom the steady requests ask for, one each: all, so that they are like the training data
SECONDS_AFTER = 4  # of requests once the release is over
FAILURES_KEPT = 10


@dataclass(frozen=True)
class Upload:
    """The data that the chapter ends with, and why its run does not go on; blank lets it."""

    archive: bytes
    about: str
    stopped: str


def second_release(steps: Steps, release: Release, clone: Path, upload: Upload) -> str:
    """Change the model by a push, follow its traffic into production, and start the next run by an upload; return the run that is live."""
    project = release.project
    before = project.pipeline.runs()
    with steps.step("change a hyperparameter and push it", "A push to the project's repository starts the pipeline."):
        run = push(project, release.run, clone)
    watch_to_approval(steps, project, run, "watch the pipeline again")
    project.pipeline.only_run(before, "push")
    with steps.step("approve, and ask the API while the new version takes over",
                    f"{RATE} requests a second; each answer names the run whose model gave it, and these names are counted."):
        take_over(steps, release, run)
    with steps.step("predict with the new model", "The same five customers."):
        steps.report["predictions_after"] = predict(release.api)
    with steps.step("upload more data", f"{upload.about} An upload starts the next run."):
        upload_more(steps, project, run, upload)
    return run


def push(project: Project, former: str, clone: Path) -> str:
    """Change the model's configuration in a clone and push it; return the run that this starts."""
    before = project.pipeline.runs()
    project_git.clone(project.name, clone)
    project_git.set_hyperparameters(clone, HYPERPARAMETERS)
    project_git.commit_and_push(clone, MESSAGE)
    run = project.pipeline.new_run(before, "push")
    tell_cause(project, run, former)
    return run


def take_over(steps: Steps, release: Release, run: str) -> None:
    """Approve a run and count which version answers until its own answers all; raises DemoError for any failed request."""
    bodies = [customers.request([number]) for number in CALLERS]
    traffic = Traffic(release.api, bodies, (release.run, run))
    canary = Canary(traffic.answers, release.run, run)
    try:
        with traffic:
            _follow(release.project, run, traffic, canary)
    finally:
        canary.show(ended=True)
        failures = list(traffic.failures)
        steps.report |= {"canary": canary.points(), "requests": len(traffic.answers) + len(failures),
                         "failed_requests": len(failures), "failures": failures[:FAILURES_KEPT]}
    if failures:
        raise DemoError(f"{len(failures)} of {steps.report['requests']} requests failed, the first: {failures[0]}")
    if late := steps.report["canary"][-1]["old"]:
        raise DemoError(f"the release is over, but its former version still answered {late} requests of the last second")
    say(f"{steps.report['requests']} requests, none failed")


def _follow(project: Project, run: str, traffic: Traffic, canary: Canary) -> None:
    """Watch the deployment and a few seconds more, showing who answers; the traffic flows meanwhile."""
    traffic.wait(1)  # a second of the old version alone
    project.pipeline.approve()
    for actions in project.pipeline.follow(run, API):
        if any(place(action) == API for action in actions):
            canary.start()
        canary.show()
    for _ in range(SECONDS_AFTER):
        traffic.wait(1)
        canary.show()


def upload_more(steps: Steps, project: Project, former: str, upload: Upload) -> None:
    """Upload more data, show that it starts one run and why, and end that run where there is a reason to."""
    before = project.pipeline.runs()
    project.bucket.upload(upload.archive)
    run = project.pipeline.new_run(before, "upload")
    steps.report["next_run"] = tell_cause(project, run, former)
    project.pipeline.only_run(before, "upload")
    if upload.stopped:
        say(f"it is stopped: {upload.stopped}" if project.pipeline.stop(run, upload.stopped) else "it has ended already")
    else:
        say("it goes on, to the same question in the end")


def tell_cause(project: Project, run: str, former: str) -> dict[str, Any]:
    """Show and return what started a run, and what of its code and data the former run did not have."""
    project.pipeline.reach(run, BUILD)  # by then the run has taken its sources
    found, earlier = project.pipeline.record(run), sources(project.pipeline.record(former))
    say(f"run {run} started by {found['trigger']['triggerType']}: {found['trigger']['triggerDetail']}")
    for name, (revision, summary) in sources(found).items():
        kept = earlier.get(name, ("", ""))[0] == revision
        say(f"   {name}: {'as before' if kept else f'new, {summary}'}")
    return {"run": run, "trigger": found["trigger"], "sources": {name: revision for name, (revision, _) in sources(found).items()}}


def sources(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the revision and the summary of each source that a run took."""
    return {revision["actionName"]: (revision["revisionId"], revision.get("revisionSummary", "").strip())
            for revision in sorted(record.get("sourceRevisions", []), key=lambda revision: revision["actionName"])}
