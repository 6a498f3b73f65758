"""Monitor baseline: statistics and constraints in Model Monitor's layout."""

import numpy as np
from image_jobs import Job

from container.baseline import constraints, described, statistics
from container.schema import Feature


def by_name(content: dict) -> dict:
    return {feature["name"]: feature for feature in content["features"]}


def test_numbers_are_described_by_moments_and_distribution(churn: Job):
    content = churn.json("processing/output/baseline/statistics.json")
    assert content["dataset"] == {"item_count": 2333}
    minutes = by_name(content)["total_day_minutes"]
    assert minutes["inferred_type"] == "Fractional"
    found = minutes["numerical_statistics"]
    assert found["common"] == {"num_present": 2333, "num_missing": 0}
    assert found["min"] <= found["mean"] <= found["max"] and abs(found["sum"] / 2333 - found["mean"]) < 1e-6
    buckets = found["distribution"]["kll"]["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == 2333
    assert buckets[0]["lower_bound"] == found["min"] and buckets[-1]["upper_bound"] == found["max"]


def test_texts_are_described_by_counts(churn: Job):
    state = by_name(churn.json("processing/output/baseline/statistics.json"))["state"]
    assert state["inferred_type"] == "String"
    assert state["string_statistics"]["distinct_count"] == 51
    counts = state["string_statistics"]["distribution"]["categorical"]["buckets"]
    assert sum(bucket["count"] for bucket in counts) == 2333


def test_constraints_follow_from_the_statistics(churn: Job):
    content = churn.json("processing/output/baseline/constraints.json")
    found = by_name(content)
    assert found["account_length"] == {
        "name": "account_length", "inferred_type": "Integral", "completeness": 1.0,
        "num_constraints": {"is_non_negative": True}}
    assert set(found["international_plan"]["string_constraints"]["domains"]) == {"yes", "no"}
    assert content["monitoring_config"]["distribution_constraints"]["comparison_threshold"] == 0.1


def test_missing_values_lower_completeness_and_negative_ones_are_noted():
    features = (Feature("x", "numeric"), Feature("k", "categorical", ("NA",)), Feature("b", "boolean"))
    found = statistics(described([["-1", "", "2.5", "NA"], ["NA", "", "NA", "NA"], ["yes", "NA", "no", ""]], features), features)
    assert [feature["completeness"] for feature in constraints(found)["features"]] == [0.5, 0.75, 0.5]
    assert constraints(found)["features"][0]["num_constraints"] == {"is_non_negative": False}


def test_a_column_without_values_is_described_without_moments():
    features = (Feature("x", "numeric"),)
    found = statistics(described([["", ""]], features), features)["features"][0]["numerical_statistics"]
    assert found["common"] == {"num_present": 0, "num_missing": 2} and "mean" not in found


def test_the_sketch_stands_for_all_values_within_its_error():
    values = np.sort(np.random.default_rng(1).normal(size=10_001))
    features = (Feature("x", "numeric"),)
    levels = statistics(described([values.tolist()], features), features)["features"][0]["numerical_statistics"]["distribution"]["kll"]["sketch"]["data"]
    assert sum(len(level) << place for place, level in enumerate(levels)) == 10_001
    pairs = sorted((value, 1 << place) for place, level in enumerate(levels) for value in level)
    ranks = np.cumsum([weight for _, weight in pairs])
    exact = np.searchsorted(values, [value for value, _ in pairs], side="right")
    assert np.abs(ranks - exact).max() <= 8
