"""Data sets without drift, and changes planted in them."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from container.aws_rule import AwsRule
from container.baseline import described, statistics
from container.columns import columns_of
from container.description import describe
from container.reference import reference_of
from container.schema import Feature, Problem, Schema
from container.verdict import Baseline, Limits, judge

ROOT = Path(__file__).resolve().parents[3]
Cells = dict[str, np.ndarray]
WORDS = {"state": "categorical", "area_code": "categorical", "international_plan": "boolean", "voice_mail_plan": "boolean"}


def churn() -> tuple[Cells, Schema]:
    """Return the sample project's features."""
    with (ROOT / "data" / "churn.csv").open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    columns = dict(zip(names[:-1], zip(*rows, strict=True), strict=False))
    cells = {name: np.array(column, dtype=str if name in WORDS else float) for name, column in columns.items()}
    return cells, schema_of(cells, WORDS)


def schema_of(cells: Cells, words: Mapping[str, str]) -> Schema:
    """Return the schema of columns that are numbers unless they are named."""
    return Schema(Problem("binary", "target", "yes"), ("no", "yes"), tuple(Feature(name, words.get(name, "numeric")) for name in cells))


def bundled(name: str) -> tuple[Cells, Schema]:
    """Return one of scikit-learn's data sets."""
    import sklearn.datasets

    rows = getattr(sklearn.datasets, f"load_{name}")().data
    cells = {f"x{place}": rows[:, place] for place in range(rows.shape[1])}
    return cells, schema_of(cells, {})


def made_up(seed: int = 0, rows: int = 4000) -> tuple[Cells, Schema]:
    """Return columns of the kinds that break naive tests: ties, heavy tails, rare values, gaps, and texts that hardly ever repeat."""
    random = np.random.default_rng(seed)
    gaps = random.random(rows)
    cells: Cells = {
        "normal": random.normal(50, 10, rows), "heavy": random.standard_cauchy(rows), "skewed": random.lognormal(0, 2, rows),
        "flag": (random.random(rows) < 0.03).astype(float), "count": random.poisson(0.3, rows).astype(float),
        "rounded": np.round(random.normal(size=rows), 1), "constant": np.zeros(rows),
        "mostly_zero": np.where(random.random(rows) < 0.9, 0, random.lognormal(size=rows)),
        "mostly_missing": np.where(gaps < 0.95, np.nan, random.normal(size=rows)),
        "half_missing": np.where(gaps < 0.5, np.nan, random.integers(0, 4, rows)),
        "town": np.array([f"t{number}" for number in random.zipf(1.3, rows)]),
        "street": np.array([f"s{number}" for number in random.integers(0, 5000, rows)]),
        "name": np.array([f"n{number}" for number in random.integers(0, 10**9, rows)]),
        "colour": random.choice(np.array(["red", "green", "blue", "grey", "black", ""]), rows, p=[0.9, 0.05, 0.03, 0.01, 0.005, 0.005]),
        "agreed": random.choice(np.array(["yes", "no"]), rows, p=[0.01, 0.99]),
    }
    return cells, schema_of(cells, {"town": "categorical", "street": "categorical", "name": "categorical", "colour": "categorical",
                                    "agreed": "boolean"})


DATA: dict[str, Callable[[], tuple[Cells, Schema]]] = {
    "churn": churn, "iris": lambda: bundled("iris"), "wine": lambda: bundled("wine"), "diabetes": lambda: bundled("diabetes"),
    "breast_cancer": lambda: bundled("breast_cancer"), "made_up": made_up,
}


def rows_of(cells: Cells, rows: Any) -> Cells:
    """Return some rows."""
    return {name: column[rows] for name, column in cells.items()}


def split(cells: Cells, seed: int, baseline_rows: int, rows: int | None = None) -> tuple[Cells, Cells]:
    """Return rows drawn for the baseline, and others."""
    drawn = np.random.default_rng(seed).permutation(len(next(iter(cells.values()))))
    end = None if rows is None else baseline_rows + rows
    return rows_of(cells, drawn[:baseline_rows]), rows_of(cells, drawn[baseline_rows:end])


def baseline_of(cells: Cells, schema: Schema) -> Baseline:
    """Return the baseline as a look reads it: by way of statistics.json's content."""
    found = described([cells[name] for name in schema.names], schema.features)
    content = statistics(found, schema.features)
    return Baseline(found.rows, {entry["name"]: reference_of(entry) for entry in content["features"]})


def verdict(baseline: Baseline, cells: Cells, schema: Schema, limits: Limits | None = None) -> dict[str, Any]:
    """Return what a look at the rows says."""
    found = describe([columns_of(cells, schema)], schema.features, baseline.columns)
    return judge(found, baseline, schema.features, limits or Limits(), AwsRule())


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest difference between the shares of both up to any number."""
    places = np.concatenate([first, second])
    shares = [np.searchsorted(np.sort(column), places, side="right") / len(column) for column in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


# Planted changes of churn: what each does to rows, of which the baseline's spread is known; and column and check that must be named.
Change = tuple[Callable[[Cells, Cells, np.random.Generator], Cells], str, set[str]]


def _with(cells: Cells, name: str, column: Any) -> Cells:
    return cells | {name: np.asarray(column)}


def _shifted(name: str, deviations: float) -> Callable[..., Cells]:
    return lambda cells, before, _: _with(cells, name, cells[name] + deviations * before[name].std())


def _some(cells: Cells, name: str, share: float, value: str, random: np.random.Generator) -> Cells:
    return _with(cells, name, np.where(random.random(len(cells[name])) < share, value, cells[name].astype("U32")))


def _without_rarest(cells: Cells, before: Cells, random: np.random.Generator) -> Cells:
    states, counts = np.unique(before["state"], return_counts=True)
    gone = cells["state"] == states[counts.argsort()[len(counts) // 4]]
    return _with(cells, "state", np.where(gone, random.choice(cells["state"][~gone], len(gone)), cells["state"]))


def _slowly(cells: Cells, before: Cells, random: np.random.Generator) -> Cells:
    # The last of seven days, over which the mean moves by half a standard deviation.
    days = 6 + np.sort(random.random(len(cells["total_eve_minutes"])))
    return _with(cells, "total_eve_minutes", cells["total_eve_minutes"] + 0.5 * before["total_eve_minutes"].std() * days / 7)


CHANGES: dict[str, Change] = {
    "mean shifted by 0.2 standard deviations": (_shifted("total_day_minutes", 0.2), "total_day_minutes", {"distribution", "centre"}),
    "count shifted by 0.2 standard deviations": (_shifted("total_day_calls", 0.2), "total_day_calls", {"distribution", "whole numbers"}),
    "scaled by 1.3": (lambda cells, *_: _with(cells, "total_night_minutes", cells["total_night_minutes"] * 1.3),
                      "total_night_minutes", {"distribution", "centre"}),
    "scaled by 1.3 about its mean": (
        lambda cells, before, _: _with(cells, "total_intl_minutes", 1.3 * cells["total_intl_minutes"] - 0.3 * before["total_intl_minutes"].mean()),
        "total_intl_minutes", {"spread"}),
    "new category in 1 % of rows": (lambda cells, _, random: _some(cells, "state", 0.01, "XX", random), "state", {"category", "new categories"}),
    "5 % of numbers missing": (lambda cells, _, random: _some(cells, "account_length", 0.05, "", random), "account_length", {"missing values"}),
    "5 % of texts missing": (lambda cells, _, random: _some(cells, "area_code", 0.05, "", random), "area_code", {"missing values"}),
    "numbers became texts": (lambda cells, *_: _with(cells, "total_day_charge", [f"{value} USD" for value in cells["total_day_charge"]]),
                             "total_day_charge", {"type"}),
    "texts became numbers": (lambda cells, *_: _with(cells, "area_code", [text[-3:] for text in cells["area_code"]]), "area_code", {"type"}),
    "two columns swapped": (lambda cells, *_: cells | {"total_eve_calls": cells["account_length"], "account_length": cells["total_eve_calls"]},
                            "account_length", {"distribution", "spread"}),
    "two texts swapped": (lambda cells, *_: cells | {"international_plan": cells["voice_mail_plan"], "voice_mail_plan": cells["international_plan"]},
                          "voice_mail_plan", {"distribution", "category"}),
    "number constant": (lambda cells, before, _: _with(cells, "total_eve_charge", np.full(len(cells["state"]), np.median(before["total_eve_charge"]))),
                        "total_eve_charge", {"distribution", "spread"}),
    "text constant": (lambda cells, *_: _with(cells, "voice_mail_plan", np.full(len(cells["state"]), "no")), "voice_mail_plan", {"distribution", "category"}),
    "rare category vanished": (_without_rarest, "state", {"category"}),
    "rate from 10 to 20 %": (lambda cells, _, random: _with(cells, "international_plan", np.where(random.random(len(cells["state"])) < 0.2, "yes", "no")),
                             "international_plan", {"distribution", "category"}),
    "extra column": (lambda cells, *_: _with(cells, "discount", np.ones(len(cells["state"]))), "discount", {"extra column"}),
    "missing column": (lambda cells, *_: {name: column for name, column in cells.items() if name != "total_intl_calls"},
                       "total_intl_calls", {"missing column"}),
    "half a standard deviation within seven days": (_slowly, "total_eve_minutes", {"distribution", "centre"}),
    "new code among numbers in 1 % of rows": (
        lambda cells, _, random: _with(cells, "number_customer_service_calls",
                                       np.where(random.random(len(cells["state"])) < 0.01, 99, cells["number_customer_service_calls"])),
        "number_customer_service_calls", {"range", "new values"}),
}
