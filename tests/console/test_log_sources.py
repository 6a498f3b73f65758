"""Which logs a run has, and what they are called."""

from console.account import Account, Project
from console.place import Place
from console.reading.log_sources import sources
from tests.console.recorded_aws import ACCOUNT
from tests.console.recorded_project import ID, NAME, PREFIX, RecordedProject, run_id
from tests.console.stubs import RecordedSession


def test_a_run_has_its_build_its_jobs_by_their_steps_and_the_functions() -> None:
    recorded = RecordedProject()
    short = run_id(3)[:8]
    recorded.answers["ListProcessingJobs"] = {"ProcessingJobSummaries": [
        {"ProcessingJobName": f"{PREFIX}-{short}-{step}", "CreationTime": time, "ProcessingJobStatus": status}
        for step, time, status in (("prepare-0a1b", 0, "Completed"), ("evaluate-0a1b", 9e9, "Failed"), ("monitor-6b02", 9e9, "Completed"))]}
    found = sources(Project(Account(RecordedSession(recorded)), NAME, ID, PREFIX, ACCOUNT), run_id(3))
    assert [(each.kind, each.title, each.status) for each in found] == [
        ("Build", "Build", ""), ("Jobs", "prepare", "Completed"), ("Jobs", "train", "Completed"), ("Jobs", "evaluate", "Failed"), ("Functions", "api", "")]
    assert (found[0].group, found[0].stream) == (f"/aws/codebuild/{PREFIX}-build", short)
    assert (found[1].group, found[1].stream) == ("/aws/sagemaker/ProcessingJobs", f"{PREFIX}-{short}-prepare-0a1b/")


def test_a_place_is_its_address() -> None:
    place = Place("churn-demo", "logs", "abc", {"group": "/aws/x", "search": "a b"})
    assert place.same(search="") == "/churn-demo/logs/abc?group=%2Faws%2Fx"
    assert place.link("graph") == "/churn-demo/graph/abc"
    assert place.link("release", run="") == "/churn-demo/release"
    assert Place("a/b", "project").link() == "/a%2Fb/project"
