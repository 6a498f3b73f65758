"""Verdicts by default limits: silent on undrifted data, whatever it is made of, and awake to each planted change."""

import numpy as np
import pytest
from drift_data import CHANGES, DATA, Cells, baseline_of, churn, distance, made_up, rows_of, schema_of, split, verdict

from container.schema import Schema
from container.verdict import Limits

BASELINE, ROWS = 3000, 2000
FOUND, SILENT = 0.9, 0.01


@pytest.fixture(scope="module")
def sample() -> tuple[Cells, Schema]:
    return churn()


def alarms(name: str, seeds: range) -> list[int]:
    """Return the seeds whose random split of a data set counts as drift; of data too small for a verdict, whose p-values would."""
    cells, schema = DATA[name]()
    rows = len(next(iter(cells.values())))
    found = []
    for seed in seeds:
        before, now = split(cells, seed, rows * 3 // 5)
        told = verdict(baseline_of(before, schema), now, schema)
        if told["verdict"] == "drift" or min(feature["p_value"] for feature in told["features"]) <= told["level"]:
            found.append(seed)
    return found


@pytest.mark.parametrize("name", DATA)
def test_random_splits_of_one_data_set_are_no_drift(name: str):
    assert alarms(name, range(20)) == []


@pytest.mark.slow
@pytest.mark.drift
@pytest.mark.parametrize("name", DATA)
def test_at_most_one_in_a_hundred_of_a_thousand_random_splits_alarms(name: str):
    assert len(alarms(name, range(1000))) <= SILENT * 1000


@pytest.mark.slow
@pytest.mark.drift
@pytest.mark.parametrize(("baseline_rows", "rows"), [(300, 1000), (300, 60_000), (20_000, 700)])
def test_samples_of_very_different_sizes_are_no_drift(baseline_rows: int, rows: int):
    found = 0
    for seed in range(40):
        cells, schema = made_up(seed, baseline_rows + rows)
        before, now = rows_of(cells, slice(baseline_rows)), rows_of(cells, slice(baseline_rows, None))
        found += verdict(baseline_of(before, schema), now, schema)["verdict"] == "drift"
    assert found <= 2


def is_found(sample: tuple[Cells, Schema], change: str, seed: int) -> bool:
    cells, schema = sample
    plant, column, checks = CHANGES[change]
    before, now = split(cells, seed, BASELINE, ROWS)
    told = verdict(baseline_of(before, schema), plant(now, before, np.random.default_rng(seed)), schema)
    named = {feature["name"]: {check["check"] for check in feature["checks"]} for feature in told["features"] if feature["drifted"]}
    return told["verdict"] == "drift" and bool(named.get(column, set()) & checks)


@pytest.mark.parametrize("change", CHANGES)
def test_a_planted_change_is_found_and_named(sample, change: str):
    assert sum(is_found(sample, change, seed) for seed in range(5)) >= 4


@pytest.mark.slow
@pytest.mark.drift
@pytest.mark.parametrize("change", CHANGES)
def test_a_planted_change_is_found_with_nine_of_ten_seeds(sample, change: str):
    assert sum(is_found(sample, change, seed) for seed in range(100)) >= FOUND * 100


@pytest.mark.slow
@pytest.mark.drift
def test_swapped_columns_are_found_wherever_their_distributions_differ(sample):
    cells, schema = sample
    numbers = [feature.name for feature in schema.features if feature.type == "numeric"]
    before, now = split(cells, 1, BASELINE, ROWS)
    baseline, missed, pairs = baseline_of(before, schema), [], 0
    for place, first in enumerate(numbers):
        for second in numbers[:place]:
            if distance(before[first], before[second]) >= 0.1:
                pairs += 1
                told = verdict(baseline, now | {first: now[second], second: now[first]}, schema)
                named = {feature["name"] for feature in told["features"] if feature["drifted"]}
                missed += [] if {first, second} <= named else [(first, second)]
    assert pairs > 50 and len(missed) <= (1 - FOUND) * pairs, missed


def test_too_few_rows_are_no_verdict(sample):
    cells, schema = sample
    before, now = split(cells, 0, 3333)
    told = verdict(baseline_of(before, schema), rows_of(now, slice(470)), schema)
    assert (told["verdict"], told["rows_needed"]) == ("too few rows", 471)
    shifted = rows_of(now, slice(470)) | {"total_day_minutes": now["total_day_minutes"][:470] + 1000}
    told = verdict(baseline_of(before, schema), shifted, schema)
    assert told["verdict"] == "too few rows" and not any(feature["drifted"] for feature in told["features"])
    assert verdict(baseline_of(before, schema), rows_of(now, slice(471)), schema)["verdict"] == "no drift"


def test_no_rows_at_all_are_too_few(sample):
    cells, schema = sample
    told = verdict(baseline_of(split(cells, 0, 500)[0], schema), rows_of(cells, slice(0)), schema)
    assert told["verdict"] == "too few rows" and told["rows"] == 0 and told["least_distance"] is None


def test_a_small_baseline_asks_for_no_more_rows_than_it_is_worth():
    cells, schema = DATA["iris"]()
    before, now = split(cells, 0, 75)
    told = verdict(baseline_of(before, schema), now, schema)
    assert (told["verdict"], told["rows_needed"]) == ("too few rows", 150)
    many = {name: np.tile(column, 3) + 2 for name, column in now.items()}
    told = verdict(baseline_of(before, schema), many, schema)
    assert told["verdict"] == "drift" and told["least_distance"] > 0.2


def test_small_differences_in_very_many_rows_do_not_count():
    random = np.random.default_rng(3)
    before = {"size": random.normal(size=200_000), "kind": random.choice(np.array(["a", "b"]), 200_000, p=[0.5, 0.5])}
    schema = schema_of(before, {"kind": "categorical"})
    now = {"size": random.normal(0.05, 1, 400_000), "kind": random.choice(np.array(["a", "b"]), 400_000, p=[0.52, 0.48])}
    baseline = baseline_of(before, schema)
    told = verdict(baseline, now, schema)
    assert told["verdict"] == "no drift" and max(feature["p_value"] for feature in told["features"]) < 1e-20
    assert verdict(baseline, now, schema, Limits(least_effect=0.01))["verdict"] == "drift"


@pytest.mark.parametrize(("before", "now"), [(("yes", "no"), ("true", "false")), (("True", "False"), ("1", "0"))])
def test_another_spelling_of_a_truth_is_no_drift(before, now):
    random = np.random.default_rng(1)
    truths = random.random(2000) < 0.3
    schema = schema_of({"agreed": truths}, {"agreed": "boolean"})
    baseline = baseline_of({"agreed": np.where(truths, *before)}, schema)
    assert verdict(baseline, {"agreed": np.where(truths, *now)}, schema)["verdict"] == "no drift"
    assert verdict(baseline, {"agreed": np.where(truths, *reversed(now))}, schema)["verdict"] == "drift"
    assert verdict(baseline, {"agreed": np.where(truths, "perhaps", now[1])}, schema)["verdict"] == "drift"


def test_whole_numbers_written_with_a_point_are_still_whole(sample):
    cells, schema = sample
    before, now = split(cells, 0, BASELINE)
    written = now | {"account_length": np.array([f"{int(value)}.0" for value in now["account_length"]])}
    assert verdict(baseline_of(before, schema), written, schema)["verdict"] == "no drift"


def test_model_monitors_rule_is_told_beside_ours(sample):
    cells, schema = sample
    before, now = split(cells, 0, BASELINE)
    told = verdict(baseline_of(before, schema), now | {"total_day_minutes": now["total_day_minutes"] * 2}, schema)
    by_name = {feature["name"]: feature for feature in told["features"]}
    expected = distance(before["total_day_minutes"], now["total_day_minutes"] * 2) - 1.8 * np.sqrt(5000 / (3000 * 2000))
    assert by_name["total_day_minutes"]["aws"] == {"distance": pytest.approx(expected), "threshold": 0.1, "flagged": True}
    assert not by_name["state"]["aws"]["flagged"]
    states = np.unique(cells["state"])
    apart = max(abs((before["state"] == state).mean() - (now["state"] == state).mean()) for state in states)
    assert by_name["state"]["aws"]["distance"] == pytest.approx(max(0, apart - 1.8 * np.sqrt(5000 / (3000 * 2000))))
