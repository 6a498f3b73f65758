"""Distances over time, a feature's values beside the training data's, and when drift may retrain."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.reading.distributions import Numbers, Words, compared
from console.reading.drift import drift
from console.reading.findings import findings
from console.reading.looks import Drifted, Look
from console.reading.rules import Rules, Start, of_parameters, retraining, rules, starts
from tests.console.any_order import Stubs, project, refusal
from tests.console.watched_account import Watched

NOW = datetime.now(UTC).replace(microsecond=0)
RUN, FORMER = "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb", "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
GIVEN = {"RunId": RUN, "EndpointName": "demo-22222222-p", "Engine": "own", "Schedule": "hourly", "Capturing": "yes", "CooldownHours": "24",
         "RetrainingsPerWeek": "3", "SameData": "no"}


def numbers(levels: list[list[float]], missing: int = 0, present: int = 100) -> dict[str, Any]:
    return {"name": "minutes", "inferred_type": "Fractional", "numerical_statistics": {
        "common": {"num_present": present, "num_missing": missing}, "distribution": {"kll": {"buckets": [], "sketch": {"data": levels}}}}}


def words(counts: dict[str, int], missing: int = 0) -> dict[str, Any]:
    return {"name": "plan", "inferred_type": "String", "string_statistics": {
        "common": {"num_present": sum(counts.values()), "num_missing": missing},
        "distribution": {"categorical": {"buckets": [{"value": value, "count": count} for value, count in counts.items()]}}}}


def look(run: str, hours: float, drifted: str = "") -> Look:
    return Look(f"arn:{run}:{hours}", "SUCCEEDED", NOW - timedelta(hours=hours), NOW, "drift" if drifted else "no drift", bucket="demo",
                folder=f"runs/{run}/monitoring/{hours}", drifted=(Drifted(drifted, "centre", 0.2, 0.05, "higher"),) if drifted else ())


def test_numbers_stand_for_as_many_as_their_level_says() -> None:
    found = compared(numbers([[1.5], [2.5]]), numbers([[2.5]]))
    assert isinstance(found, Numbers)
    assert [round(height, 1) for height in found.before if height] == [33.3, 66.7]
    assert [height for height in found.now if height] == [100.0]
    assert (found.edges[0], found.edges[-1]) == (1.5, 2.5)


def test_ranges_of_whole_numbers_hold_as_many_each() -> None:
    found = compared(numbers([[float(value) for value in range(10)]]), numbers([[9.0]]))
    assert isinstance(found, Numbers) and found.edges == tuple(range(11)) and set(found.before) == {10.0}


def test_one_wild_value_does_not_make_all_others_a_line() -> None:
    found = compared(numbers([[value / 7 for value in range(1000)] + [1e9]]), numbers([[1.5]]))
    assert isinstance(found, Numbers) and found.edges[-1] < 200 and sum(found.before) == pytest.approx(100)


def test_missing_values_and_a_feature_without_any_are_told() -> None:
    found = compared(numbers([[1.0]], missing=1, present=3), numbers([[]], missing=4, present=0))
    assert isinstance(found, Numbers) and found.missing == (25.0, 100.0) and set(found.now) == {0.0}


def test_of_many_texts_those_that_differ_most_are_shown_by_their_share() -> None:
    before, now = {f"s{place:02}": 10 for place in range(30)}, {f"s{place:02}": 10 for place in range(29)} | {"new": 20}
    found = compared(words(before), words(now, missing=10))
    assert isinstance(found, Words)
    assert found.names[0] == "new" and "s29" in found.names and "(empty)" in found.names and (len(found.names), found.left_out) == (12, 20)


def test_a_number_that_became_text_cannot_be_drawn() -> None:
    assert compared(numbers([[1.0]]), words({"a": 1})) is None


def test_distances_of_a_feature_go_on_over_a_release_and_what_drifted_comes_first() -> None:
    stubs = Stubs()

    asked = project(stubs, "drift")
    endpoints = [f"{asked.prefix}-{run[:8]}-p" for run in (RUN, FORMER)]

    def listed(given: dict[str, Any]) -> dict[str, Any]:
        more = [("Feature", name) for name in ("calm", "minutes")] if given["MetricName"] == "FeatureDrift" else [("Endpoint", name) for name in endpoints]
        return {"Metrics": [{"Namespace": "MLDelivery", "MetricName": given["MetricName"], "Dimensions": [*given["Dimensions"], {"Name": key, "Value": value}]}
                            for key, value in more]}

    def points(given: dict[str, Any]) -> dict[str, Any]:
        found = []
        for query in given["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            here = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            value = {"calm": 0.9, "minutes": 0.1}.get(here.get("Feature", ""), 500.0)
            found.append({"Id": query["Id"], "Timestamps": [NOW if RUN[:8] in here["Endpoint"] else NOW - timedelta(hours=3)], "Values": [value]})
        return {"MetricDataResults": found}

    stubs.answer("cloudwatch", "ListMetrics", listed)
    stubs.answer("cloudwatch", "GetMetricData", points)
    found = drift(asked, [look(RUN, 1), look(FORMER, 4, "minutes")])
    assert [name for name, _ in found.features] == ["minutes", "calm"]
    assert [line.moments for _, line in found.features] == [(NOW - timedelta(hours=3), NOW)] * 2
    assert found.rows.values == (500.0, 500.0) and not found.before


def test_where_no_look_of_the_page_was_judged_older_distances_are_shown() -> None:
    account = Watched("before", verdicts=["too few rows", "too few rows"], judged_before=True)
    found = drift(account.project, [look(RUN, 1)])
    assert found.before and found.features[0][1].values == (0.181,)


def test_before_the_first_verdict_there_are_no_distances() -> None:
    stubs = Stubs()
    stubs.answer("cloudwatch", "ListMetrics", {"Metrics": []})
    assert drift(project(stubs, "unjudged"), [look(RUN, 1)]).features == ()
    assert stubs.named("GetMetricData") == []


def files(contents: dict[str, Any]) -> Any:
    def answer(given: dict[str, Any]) -> dict[str, Any]:
        if given["Key"] not in contents:
            raise refusal("NoSuchKey", "no such key", status=404)
        body = json.dumps(contents[given["Key"]]).encode()
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}
    return answer


def test_findings_show_the_drifted_feature_unless_another_one_is_chosen() -> None:
    stubs, seen = Stubs(), look(RUN, 1, "minutes")
    judged = {"features": [
        {"name": "plan", "type": "categorical", "drifted": False, "distance": 0.5, "threshold": 0.6, "checks": []},
        {"name": "minutes", "type": "numeric", "drifted": True, "distance": 0.2, "threshold": 0.05, "checks": [
            {"check": "centre", "effect": 0.2, "threshold": 0.05, "p_value": 1e-9, "description": "Its values lie higher."}]}], "unreadable": 2, "synthetic": 7}
    both = {"features": [numbers([[1.0]]), words({"yes": 1})]}
    stubs.answer("s3", "GetObject", files({f"{seen.folder}/drift.json": judged, f"{seen.folder}/statistics.json": both,
                                           f"runs/{RUN}/baseline/statistics.json": both}))
    asked = project(stubs, "findings")
    found = findings(asked, seen, "")
    assert [each.name for each in found.features] == ["minutes", "plan"] and (found.unreadable, found.synthetic) == (2, 7)
    assert found.chosen and found.chosen.checks[0].description == "Its values lie higher." and isinstance(found.distribution, Numbers)
    assert isinstance(findings(asked, seen, "plan").distribution, Words)
    assert len(stubs.named("GetObject")) == 3, "what a job has written is read once"


def test_findings_of_awss_analyzer_are_what_the_look_tells() -> None:
    stubs, seen = Stubs(), look(RUN, 2, "minutes")
    stubs.answer("s3", "GetObject", files({f"{seen.folder}/statistics.json": {"features": [words({"yes": 1}), numbers([[1.0]])]}}))
    found = findings(project(stubs, "analyzer"), seen, "")
    assert [(each.name, each.drifted, each.distance) for each in found.features] == [("minutes", True, 0.2), ("plan", False, None)]
    assert found.distribution is None, "without a baseline there is nothing beside which to draw"


def test_the_rules_are_the_parameters_of_the_stack() -> None:
    stubs = Stubs()
    stubs.answer("cloudformation", "DescribeStacks", {"Stacks": [{"StackName": "n", "CreationTime": NOW, "StackStatus": "UPDATE_COMPLETE", "Parameters": [
        {"ParameterKey": key, "ParameterValue": value} for key, value in GIVEN.items()]}]})
    assert rules(project(stubs, "rules")) == Rules(RUN, "demo-22222222-p", "own", "hourly", True, 24.0, 3, False)
    stubs.answer("cloudformation", "DescribeStacks", refusal("ValidationError", "Stack with id n does not exist"))
    assert rules(project(stubs, "rules")) is None


def test_starts_are_the_runs_that_the_guard_has_kept() -> None:
    stubs = Stubs()
    stubs.answer("s3", "ListObjectsV2", {"Contents": [
        {"Key": f"monitoring/retrainings/{'a' * 64}/{FORMER}.json", "LastModified": NOW - timedelta(days=1)},
        {"Key": f"monitoring/retrainings/{'b' * 64}/{RUN}.json", "LastModified": NOW}]})
    assert starts(project(stubs, "starts")) == (Start(NOW, RUN), Start(NOW - timedelta(days=1), FORMER))


@pytest.mark.parametrize(("ages", "cooldown", "week"), [
    ([], None, None), ([25], None, None), ([1], timedelta(hours=23), None), ([30, 60, 90], None, timedelta(hours=168 - 90)),
    ([1, 30, 60, 90], timedelta(hours=23), timedelta(hours=168 - 60)), ([30, 60, 200], None, None)])
def test_cooldown_and_week_say_from_when_on_drift_may_retrain(ages: list[int], cooldown: timedelta | None, week: timedelta | None) -> None:
    found = retraining(of_parameters(GIVEN), tuple(Start(NOW - timedelta(hours=hours), RUN) for hours in ages), NOW)
    assert (found.cooldown_ends, found.week_ends) == (cooldown and NOW + cooldown, week and NOW + week)
