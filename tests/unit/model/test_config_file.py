"""model/config.yml and its schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from model import config
from model.errors import BuildError


def write(folder: Path, change: Any) -> Path:
    content = yaml.safe_load(config.CONFIG.read_text(encoding="utf-8"))
    change(content)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_sample_is_valid_and_predicts_churn() -> None:
    loaded = config.load()
    assert (loaded["problem"]["target"], loaded["problem"]["positive"]) == ("churn", "yes")
    assert loaded["gate"] == {"metric": "auc", "threshold": 0.85}


def test_what_is_left_out_gets_the_values_of_the_sample(tmp_path: Path) -> None:
    def keep_the_needed(content: dict[str, Any]) -> None:
        for name in set(content) - {"problem", "gate"}:
            del content[name]

    assert config.load(write(tmp_path, keep_the_needed)) == config.load()


@pytest.mark.parametrize(("section", "field", "value", "message"), [
    ("problem", "type", "binry", 'model/config.yml: problem.type is "binry"; allowed: binary, multiclass, regression'),
    ("problem", "taget", "churn", "model/config.yml: problem has the unknown field taget; allowed: type, target, positive, columns, ignore"),
    ("problem", "columns", {"state": "text"}, 'problem.columns.state is "text"; allowed: numeric, categorical, boolean'),
    ("problem", "ignore", ["churn"], "problem.ignore holds churn; allowed: every column but the target"),
    ("data", "test", 0.5, "data.test is 0.5; allowed: a share over 0 and under 0.5"),
    ("data", "seed", "x", 'data.seed is "x"; allowed: a whole number from 0 to 4294967295'),
    ("training", "estimator", "svm", 'training.estimator is "svm"; allowed: HistGradientBoosting, '),
    ("gate", "metric", "rmse", 'gate.metric is "rmse"; allowed for a binary problem: auc, accuracy'),
    ("gate", "threshold", "high", 'gate.threshold is "high"; allowed: a number'),
    ("serving", "variants", [], "serving.variants is []; allowed: a list of one variant"),
    ("serving", "variants", [{"name": "A", "instance_type": "m5"}], 'serving.variants.0.instance_type is "m5"; allowed: a SageMaker'),
    ("release", "strategy", "bang", 'release.strategy is "bang"; allowed: canary, linear, all_at_once, endpoint'),
    ("release", "watch_minutes", 51, "release.watch_minutes is 51; allowed: a whole number from 0 to 50"),
    ("release", "minutes", 111, "release.minutes is 111; allowed: a whole number from 1 to 110"),
    ("release", "bake_hours", 169, "release.bake_hours is 169; allowed: a number from 0 to 168"),
    ("release", "latency_ms", 0, "release.latency_ms is 0; allowed: a whole number from 1 to 60000"),
    ("release", "synthetic_per_minute", 601, "release.synthetic_per_minute is 601; allowed: a whole number from 0 to 600"),
    ("serving", "scaling", {"target": 0}, "serving.scaling.target is 0; allowed: a whole number from 1 to 1000000"),
    ("serving", "scaling", {"scale_in_seconds": -1}, "serving.scaling.scale_in_seconds is -1; allowed: a whole number from 0 to 3600"),
    ("serving", "scaling", {"maximum": 1}, "serving.scaling.maximum is 1; allowed: at least the prd_instances of variant AllTraffic, 2"),
    ("monitoring", "engine", "evidently", 'monitoring.engine is "evidently"; allowed: own, model-monitor'),
    ("monitoring", "schedule", "weekly", 'monitoring.schedule is "weekly"; allowed: hourly, daily'),
    ("monitoring", "false_alarms", 0.3, "monitoring.false_alarms is 0.3; allowed: a number over 0, at most 0.2"),
    ("monitoring", "least_effect", 0, "monitoring.least_effect is 0; allowed: a number over 0, at most 1"),
    ("monitoring", "retrainings_per_week", 1.5, "monitoring.retrainings_per_week is 1.5; allowed: a whole number from 0 to 168"),
    ("monitoring", "same_data", "no", 'monitoring.same_data is "no"; allowed: true or false'),
    ("monitoring", "cooldown", 1, "monitoring has the unknown field cooldown; allowed: engine, schedule, threshold, "),
    ("alarms", "faults_per_minute", -1, "alarms.faults_per_minute is -1; allowed: a whole number from 0 to 1000000"),
    ("monitoring", "learn_from_captures", "yes", 'monitoring.learn_from_captures is "yes"; allowed: true or false'),
    ("serving", "answer", "proba", 'serving.answer is "proba"; allowed: both, label, probability, probabilities'),
])
def test_a_wrong_field_is_refused_by_name_value_and_what_is_allowed(
        tmp_path: Path, section: str, field: str, value: Any, message: str) -> None:
    with pytest.raises(BuildError) as refusal:
        config.load(write(tmp_path, lambda content: content[section].update({field: value})))
    assert message in str(refusal.value)


def test_what_is_not_captured_cannot_be_learned(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["monitoring"]["learn_from_captures"] = True
        content["serving"]["capture"]["percentage"] = 0

    with pytest.raises(BuildError, match="learn_from_captures is true; allowed: only where serving.capture.percentage is over 0"):
        config.load(write(tmp_path, change))


@pytest.mark.parametrize(("change", "message"), [
    ({"percent": 60}, "release.percent is 60; allowed with strategy endpoint and guard canary: 1 to 50"),
    ({"guard": "linear", "percent": 9}, "release.percent is 9; allowed with strategy endpoint and guard linear: 10 to 50"),
    ({"minutes": 61}, "release.minutes is 61; allowed with strategy endpoint: 1 to 60"),
    ({"guard": "linear", "minutes": 60}, ("release.percent, release.minutes and release.watch_minutes are 10, 60 and 10: 10 steps of 60 minutes; "
     "allowed with strategy endpoint: 360 minutes together")),
    ({"guard": "linear", "watch_minutes": 37}, "10 steps of 37 minutes; allowed with strategy endpoint: 360 minutes together"),
])
def test_what_only_an_endpoints_guard_refuses_is_refused_with_it_alone(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    assert config.load(write(tmp_path, lambda content: content["release"].update(change)))["release"]["strategy"] == "canary"
    with pytest.raises(BuildError) as refusal:
        config.load(write(tmp_path, lambda content: content["release"].update(change | {"strategy": "endpoint"})))
    assert message in str(refusal.value)


def test_a_guard_that_moves_all_at_once_takes_any_step(tmp_path: Path) -> None:
    change = {"strategy": "endpoint", "guard": "all_at_once", "percent": 99, "minutes": 110}
    assert config.load(write(tmp_path, lambda content: content["release"].update(change)))["release"]["percent"] == 99


@pytest.mark.parametrize("change", [
    {"minutes": 100}, {"minutes": 60, "watch_minutes": 50}, {"strategy": "linear", "minutes": 10},
    {"strategy": "linear", "percent": 30, "minutes": 25}, {"strategy": "all_at_once", "minutes": 110, "watch_minutes": 50}])
def test_a_release_may_take_as_long_as_cloudformation_waits(tmp_path: Path, change: dict[str, Any]) -> None:
    assert config.load(write(tmp_path, lambda content: content["release"].update(change)))["release"].items() >= change.items()


@pytest.mark.parametrize(("change", "message"), [
    ({"minutes": 101}, ("release.percent, release.minutes and release.watch_minutes are 10, 101 and 10: 1 x 101 minutes and the watch are 111; "
     "allowed with strategy canary: 110 minutes together")),
    ({"strategy": "linear", "minutes": 10, "watch_minutes": 11}, "10 x 10 minutes and the watch are 111; allowed with strategy linear: 110"),
    ({"strategy": "linear", "percent": 30, "minutes": 26}, "4 x 26 minutes and the watch are 114; allowed with strategy linear: 110"),
])
def test_a_release_that_cloudformation_would_not_wait_for_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError) as refusal:
        config.load(write(tmp_path, lambda content: content["release"].update(change)))
    assert message in str(refusal.value)


def test_an_unquoted_yes_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("problem: {type: binary, target: churn, positive: yes}\ngate: {metric: auc, threshold: 0.5}\n", encoding="utf-8")
    with pytest.raises(BuildError, match="problem.positive is true; allowed: .*YAML reads yes and no without quotes"):
        config.load(path)


@pytest.mark.parametrize(("text", "message"), [
    ("problem: [", "is not YAML"),
    ("", "the file is null; allowed: the fields problem, data, training"),
    ("gate: {metric: auc, threshold: 0.5}", "the file lacks problem"),
    ("problem: {type: binary, target: y}\ngate: {metric: auc, threshold: 0.5}", "problem lacks positive"),
    ("problem: {type: regression, target: y, positive: 1}\ngate: {metric: r2, threshold: 0.5}", "only in a binary problem"),
    ("problem: {type: binary, target: y, positive: a}\ngate: {metric: auc, threshold: 1.5}",
     "gate.threshold is 1.5; auc never gets there, allowed: from 0 to 1"),
    ("problem: {type: regression, target: y}\ngate: {metric: rmse, threshold: -1}", "allowed: 0 or more"),
])
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BuildError, match=message):
        config.load(path)


@pytest.mark.parametrize(("answer", "words"), [("probability", "both, label"), ("probabilities", "both, label")])
def test_a_regression_has_no_probability_to_tell(tmp_path: Path, answer: str, words: str) -> None:
    path = tmp_path / "config.yml"
    start = "problem: {type: regression, target: y}\ngate: {metric: r2, threshold: 0.5}\nserving: {answer: "
    path.write_text(f"{start}{answer}}}", encoding="utf-8")
    with pytest.raises(BuildError, match=f'serving.answer is "{answer}"; allowed for a regression problem: {words}'):
        config.load(path)
    path.write_text(f"{start}label}}", encoding="utf-8")
    assert config.load(path)["serving"]["answer"] == "label"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="model/config.yml is missing"):
        config.load(tmp_path / "config.yml")


def test_hyperparameters_of_an_upload_win_and_become_strings() -> None:
    loaded = config.load()
    loaded["training"]["hyperparameters"] = {"max_iter": 100, "early_stopping": False}
    merged = config.with_hyperparameters(loaded, {"max_iter": 50, "learning_rate": 0.1, "loss": "log_loss"})
    assert config.hyperparameters(merged) == {
        "estimator": "HistGradientBoosting", "max_iter": "50", "early_stopping": "false", "learning_rate": "0.1", "loss": "log_loss"}
    assert loaded["training"]["hyperparameters"]["max_iter"] == 100


def test_errors_must_be_small_and_scores_large() -> None:
    assert [config.comparison(metric) for metric in ("auc", "r2", "rmse", "log_loss")] == ["at least", "at least", "at most", "at most"]


def test_the_reference_names_every_metric_of_every_problem() -> None:
    words = json.loads(config.SCHEMA.read_text(encoding="utf-8"))["properties"]["gate"]["properties"]["metric"]["description"]
    found = {kind.lower(): re.findall(r"`(\w+)`", names) for kind, names in re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", words)}
    assert found == {kind: list(names) for kind, names in config.METRICS.items()}
