"""What a look at captured data says: of each column, and altogether."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from container.aws_rule import AwsRule
from container.description import Description
from container.number_checks import cells_of, number_checks
from container.reference import NumberReference, Reference
from container.rules import EXTRA_COLUMN, MISSING_COLUMN, Check, Counts, Rules, rows_needed
from container.schema import Feature
from container.significance import telling_distance
from container.word_checks import Words, word_checks

DRIFT, NO_DRIFT, TOO_FEW = "drift", "no drift", "too few rows"


@dataclass(frozen=True)
class Limits:
    """What a user allows: the chance of a false alarm in a look, the least distance that counts, and Model Monitor's threshold."""

    false_alarms: float = 0.01
    least_effect: float = 0.05
    threshold: float = 0.1


@dataclass(frozen=True)
class Baseline:
    """The training data: its rows and columns."""

    rows: int
    columns: Mapping[str, Reference]


def rules_of(features: Sequence[Feature], limits: Limits) -> Rules:
    """Return the rules of a look; columns that are no features, and the model's quality, are two more things to be wrong about."""
    return Rules(limits.false_alarms, limits.least_effect, len(features) + 2)


def judge(found: Description, baseline: Baseline, features: Sequence[Feature], limits: Limits, rule: AwsRule,
          worse: Mapping[str, Check] | None = None) -> dict[str, Any]:
    """Return what drift.json says of the rows; without enough of them nothing is called drift, nor undrifted.

    worse names metrics of the model's quality with the checks that found them so.
    """
    rules = rules_of(features, limits)
    needed = rows_needed(len(features), baseline.rows, limits.false_alarms, limits.threshold)
    enough = found.rows >= needed
    judged = [_feature(feature, found, baseline, rules, rule) for feature in features]
    entries = [entry if enough else entry | {"drifted": False} for entry in [*judged, *_others(found, baseline, rules), *_metrics(worse or {}, rules)]]
    drifted = any(entry["drifted"] for entry in entries)
    return {
        "rows": found.rows,
        "verdict": TOO_FEW if not enough else DRIFT if drifted else NO_DRIFT,
        "rows_needed": needed,
        "level": limits.false_alarms,
        "least_distance": telling_distance(limits.false_alarms / len(features), found.rows, baseline.rows) if found.rows else None,
        "features": entries,
    }


def _feature(feature: Feature, found: Description, baseline: Baseline, rules: Rules, rule: AwsRule) -> dict[str, Any]:
    reference = baseline.columns[feature.name]
    lacking = found.lacking[feature.name]
    if found.rows and lacking == found.rows:
        absent = {"distance": None, "threshold": rule.threshold, "flagged": True}
        return _entry(feature.name, feature.type, [_missing_column(feature.name, found, baseline, rules)], absent)
    if isinstance(reference, NumberReference):
        column = found.numbers[feature.name]
        cells = cells_of(column, reference)
        told = rule.judge(cells.distance if cells else None, column.present, reference.present, is_number=True)
        return _entry(feature.name, feature.type, number_checks(column, lacking, reference, rules), told)
    texts = found.words[feature.name]
    words = Words(texts, reference, feature.type)
    both = words.rows and words.reference_rows
    told = rule.judge(words.largest_difference if both else None, words.rows, words.reference_rows, is_number=False)
    return _entry(feature.name, feature.type, word_checks(texts, lacking, reference, feature.type, rules), told)


def _entry(name: str, kind: str, checks: Iterable[Check], told: dict[str, Any]) -> dict[str, Any]:
    """Return what drift.json says of a column: all that was found, or else what came nearest to it."""
    ordered = sorted(checks, key=lambda check: (not check.found, check.p_value))
    worst = ordered[0]
    shown = [check for check in ordered if check.found] or [worst]
    return {"name": name, "type": kind, "distance": worst.effect, "threshold": worst.threshold, "p_value": worst.p_value,
            "drifted": worst.found, "checks": [_shown(check) for check in shown], "aws": told}


def _shown(check: Check) -> dict[str, Any]:
    plain = asdict(check)
    return {"check": plain.pop("name"), "constraint_check_type": plain.pop("violation"), **plain}


def _columns_in(found: Description) -> tuple[int, int]:
    """Return how many columns captured rows have, and how many there are features."""
    features = len(found.numbers) + len(found.words)
    gone = sum(count == found.rows for count in found.lacking.values())
    return features - gone + len(found.others), features


def _missing_column(name: str, found: Description, baseline: Baseline, rules: Rules) -> Check:
    now, features = _columns_in(found)
    text = (f"There are missing columns in current dataset. Number of columns in current dataset: {now}, "
            f"Number of columns in baseline constraints: {features}. No row has {name!r}.")
    return rules.share("missing column", MISSING_COLUMN, 1.0, Counts(found.rows, found.rows, 0, baseline.rows), text, only_more=True)


def _others(found: Description, baseline: Baseline, rules: Rules) -> list[dict[str, Any]]:
    """Return an entry for each column that is no feature and stands in more than a few rows."""
    now, features = _columns_in(found)
    entries = []
    for name, count in sorted(found.others.items()):
        text = (f"There are extra columns in current dataset. Number of columns in current dataset: {now}, "
                f"Number of columns in baseline constraints: {features}. {100 * count / found.rows:.3g}% of rows have {name!r}.")
        check = rules.share("extra column", EXTRA_COLUMN, 1 / len(found.others), Counts(count, found.rows, 0, baseline.rows), text, only_more=True)
        if check.found:
            entries.append(_entry(name, "unknown", [check], {"distance": None, "threshold": rules.least, "flagged": True}))
    return entries


def _metrics(worse: Mapping[str, Check], rules: Rules) -> list[dict[str, Any]]:
    """Return an entry for each metric that became worse: to those who look, one more thing that drifted."""
    absent = {"distance": None, "threshold": rules.least, "flagged": False}
    return [_entry(name, "metric", [check], absent) for name, check in worse.items()]
