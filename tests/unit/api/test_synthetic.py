"""The requests that accompany a release, and the former endpoint's capacity meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api import synthetic
from tests.unit.api.cloud import DEPLOYMENT, LIVE, RECORDS, RUN, Cloud, predicted, reply

ACCOMPANIED = {"DeploymentId": DEPLOYMENT, "ModelRun": RUN, "FormerEndpoint": LIVE}


def burst(**other: Any) -> dict[str, Any]:
    return synthetic.handler(ACCOMPANIED | other, None)


def test_a_burst_goes_through_the_alias_and_says_who_answered(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.deployment()
    cloud.scales(LIVE, suspended=False, changes=True)
    cloud.keeps(*RECORDS)
    cloud.predicts(reply(predicted(0.25), run="old"), "live")
    cloud.predicts({"errorMessage": "broken"}, "live", FunctionError="Unhandled")
    assert burst() == {"UnderWay": True, "Seconds": 10}
    assert json.loads(capsys.readouterr().out)["answers"] == {"old": 1, "error: broken": 1}


def test_every_request_is_marked_and_has_an_id_of_its_own(cloud: Cloud) -> None:
    sent: list[dict[str, Any]] = []
    cloud.clients["lambda"].meta.events.register(
        "provide-client-params.lambda.Invoke", lambda params, **_: sent.append(json.loads(params["Payload"])))
    cloud.deployment()
    cloud.keeps(*RECORDS)
    cloud.predicts(reply(predicted(0.25)), "live")
    cloud.predicts(reply([], status=400), "live")
    burst(FormerEndpoint="")
    ids = [event["requestContext"]["requestId"] for event in sent]
    assert len(set(ids)) == 2 and all(name.startswith("synthetic-") and len(name) <= 64 for name in ids)
    assert sorted(json.loads(event["body"])[0]["minutes"] for event in sent) == [1.0, 9.0]


def test_nothing_is_sent_where_nothing_is_wanted(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PER_MINUTE", "0")
    cloud.deployment()
    cloud.scales(LIVE, suspended=True, changes=False)
    cloud.keeps(*RECORDS)
    assert burst()["UnderWay"]


@pytest.mark.parametrize("status, hands_back", [("Succeeded", False), ("Failed", True), ("Stopped", True)])
def test_it_ends_with_the_deployment_and_hands_back_what_serves_on(cloud: Cloud, status: str, hands_back: bool) -> None:
    cloud.deployment(status)
    if hands_back:
        cloud.scales(LIVE, suspended=True, changes=True)
    assert not burst()["UnderWay"]


@pytest.mark.parametrize("per_minute, count, seconds", [(0, 0, 10), (1, 1, 60), (5, 1, 12), (6, 1, 10), (60, 10, 10), (600, 100, 10)])
def test_bursts_make_up_the_requests_of_a_minute(per_minute: float, count: int, seconds: int) -> None:
    assert synthetic.pace(per_minute) == (count, seconds)
