"""However the demo ends, its report is written and its exit status says how."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

import demo
import second_release
from narration import DemoError, Steps
from project_api import ApiError
from traffic import Answer

OLD, NEW = "11111111-old", "22222222-new"


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the demo with a story that ends in one way; return its exit status and its report."""
    def run(error: BaseException | None) -> tuple[int, dict]:
        def story(steps: Steps, options: Namespace) -> None:
            with steps.step("one"):
                pass
            with steps.step("two"):
                if error:
                    raise error

        report = tmp_path / "demo" / "report.json"
        monkeypatch.setattr(demo, "run", story)
        monkeypatch.setattr("sys.argv", ["demo.py", "--report", str(report)])
        return demo.main(), json.loads(report.read_text())

    return run


def test_a_demo_that_succeeds(ended) -> None:
    status, report = ended(None)
    assert (status, [step["status"] for step in report["steps"]]) == (0, ["succeeded", "succeeded"])


@pytest.mark.parametrize("error", [DemoError("the gate is closed"), ApiError("the gate is closed")])
def test_a_failed_step_ends_the_demo_with_its_reason(ended, error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = ended(error)
    assert (status, report["error"]) == (1, "the gate is closed")
    assert [step["status"] for step in report["steps"]] == ["succeeded", "failed"]
    assert "demo: the gate is closed\n" in capsys.readouterr().err


def test_an_interrupted_demo_writes_its_report(ended) -> None:
    status, report = ended(KeyboardInterrupt())
    assert (status, report["steps"][1]["status"]) == (130, "failed")


class Release:
    """A release whose traffic is given instead of sent."""

    project, run, api = None, OLD, None


def taken_over(monkeypatch: pytest.MonkeyPatch, failures: list[str], error: Exception | None = None) -> tuple[dict, Exception | None]:
    """Let a new version take over; return the report and what was raised."""
    def follow(project: object, run: str, traffic, canary) -> None:
        canary.start()
        traffic.answers.extend(Answer(canary._started + moment, run) for moment, run in ((0, OLD), (0.5, OLD), (1.5, NEW)))
        traffic.failures.extend(failures)
        if error:
            raise error

    monkeypatch.setattr(second_release, "_follow", follow)
    monkeypatch.setattr(second_release.Traffic, "__enter__", lambda traffic: traffic)
    monkeypatch.setattr(second_release.Traffic, "__exit__", lambda *_: None)
    steps = Steps()
    try:
        second_release.take_over(steps, Release, NEW)
    except DemoError as raised:
        return steps.report, raised
    return steps.report, None


POINTS = [{"second": 0, "old": 1, "new": 0}, {"second": 1, "old": 1, "new": 0}, {"second": 2, "old": 0, "new": 1}]


def test_the_report_has_the_canary_and_its_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    report, error = taken_over(monkeypatch, [])
    assert error is None
    assert (report["canary"], report["requests"], report["failed_requests"]) == (POINTS, 3, 0)


def test_one_failed_request_fails_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    report, error = taken_over(monkeypatch, ["the API answered 502"])
    assert str(error) == "1 of 4 requests failed, the first: the API answered 502"
    assert (report["canary"], report["requests"], report["failed_requests"]) == (POINTS, 4, 1)


def test_a_former_version_that_still_answers_in_the_end_fails_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_release.Canary, "points", lambda _: [{"second": 3, "old": 2, "new": 28}])
    report, error = taken_over(monkeypatch, [])
    assert str(error) == "the release is over, but its former version still answered 2 requests of the last second"
    assert report["failed_requests"] == 0


def test_a_deployment_that_rolls_back_leaves_its_canary_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    report, error = taken_over(monkeypatch, [], DemoError("run 22222222 is Failed: DeployPrd/Api: alarm"))
    assert "alarm" in str(error)
    assert report["canary"] == POINTS
