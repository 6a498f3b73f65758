"""Loads and checks model/config.yml: all that a user turns.

The schema says what is allowed and what stands in for what is left out; the rules that join
two fields are here, because JSON Schema's own messages for them help nobody.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from model.errors import BuildError

FOLDER = Path(__file__).parent
CONFIG = FOLDER / "config.yml"
SCHEMA = FOLDER / "config.schema.json"

METRICS = {
    "binary": ("auc", "accuracy", "precision", "recall", "f1", "log_loss"),
    "multiclass": ("accuracy", "auc", "weighted_precision", "weighted_recall", "weighted_f1", "log_loss"),
    "regression": ("r2", "rmse", "mae", "mse"),
}
SMALLER_IS_BETTER = ("rmse", "mae", "mse", "log_loss")
# The values that a metric can take, in words and as limits; what is not named here is a share.
SHARE = ("from 0 to 1", 0.0, 1.0)
RANGES = {"r2": ("at most 1", -math.inf, 1.0)} | dict.fromkeys(SMALLER_IS_BETTER, ("0 or more", 0.0, math.inf))

SHIFT_MINUTES = 110  # CloudFormation gives up on an alias after two hours; the hooks need the rest
GUARDED_MINUTES = 360  # SageMaker ends a guarded update after 8 hours; new instances need the rest


def load(path: Path = CONFIG, schema_path: Path = SCHEMA, name: str = "model/config.yml") -> dict[str, Any]:
    """Return the configuration with every default filled in, or raise BuildError naming file, field and value."""
    return checked(parsed(path, name), json.loads(schema_path.read_text(encoding="utf-8")), name)


def checked(config: Any, schema: dict[str, Any], source: str) -> dict[str, Any]:
    """Return a valid configuration completed with the schema's defaults."""
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise BuildError("\n".join(f"{source}: {refusal(error)}" for error in errors))
    complete: dict[str, Any] = with_defaults(config, schema)
    for problem in contradictions(complete):
        raise BuildError(f"{source}: {problem}")
    return complete


def parsed(path: Path, name: str) -> Any:
    """Return what a YAML file holds."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BuildError(f"{name} is missing") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BuildError(f"{name} is not YAML: {' '.join(str(error).split())}") from error


def refusal(error: ValidationError) -> str:
    """Return one line: the field, its value, what is allowed there."""
    field = ".".join(map(str, error.absolute_path)) or "the file"
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = _schema(error).get("properties", {})
        unknown = ", ".join(sorted(set(map(str, error.instance)) - set(known)))
        return f"{field} has the unknown field {unknown}; allowed: {', '.join(known)}"
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = [name for name in _schema(error)["required"] if name not in error.instance]
        return f"{field} lacks {', '.join(missing)}"
    return f"{field} is {json.dumps(error.instance, default=str)}; allowed: {allowed(error)}"


def allowed(error: ValidationError) -> str:
    """Return what the schema allows where it refused."""
    schema = _schema(error)
    if error.validator == "enum":
        return ", ".join(map(str, schema["enum"]))
    if "allowed" in schema:
        return str(schema["allowed"])
    if "properties" in schema:
        return f"the fields {', '.join(schema['properties'])}"
    return error.message


def _schema(error: ValidationError) -> dict[str, Any]:
    schema: Any = error.schema
    return dict(schema)


def with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    """Return a copy of the value in which what is left out has the schema's default."""
    if isinstance(value, list) and "items" in schema:
        return [with_defaults(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return deepcopy(value)
    properties = schema.get("properties", {})
    named = {name: deepcopy(part["default"]) for name, part in properties.items() if "default" in part}
    return {name: with_defaults(item, properties.get(name, {})) for name, item in (named | value).items()}


def contradictions(config: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong between two fields that are fine alone."""
    problem, gate, data = config["problem"], config["gate"], config["data"]
    kind, target = problem["type"], problem["target"]
    if kind == "binary" and "positive" not in problem:
        yield "problem lacks positive; a binary problem names the class whose probability is answered"
    if kind != "binary" and "positive" in problem:
        yield f"problem.positive is {json.dumps(problem['positive'])}; allowed: only in a binary problem, this one is {kind}"
    if target in problem["ignore"]:
        yield f"problem.ignore holds {target}; allowed: every column but the target"
    if gate["metric"] not in METRICS[kind]:
        yield f"gate.metric is {json.dumps(gate['metric'])}; allowed for a {kind} problem: {', '.join(METRICS[kind])}"
    elif not possible(gate["metric"], gate["threshold"]):
        yield f"gate.threshold is {gate['threshold']}; {gate['metric']} never gets there, allowed: {RANGES.get(gate['metric'], SHARE)[0]}"
    if kind == "regression" and config["serving"]["answer"].startswith("probabilit"):
        yield f"serving.answer is {json.dumps(config['serving']['answer'])}; allowed for a regression problem: both, label"
    if data["validation"] + data["test"] > 0.8:
        yield f"data.validation and data.test are {data['validation']} and {data['test']}; allowed: at most 0.8 together"
    if config["monitoring"]["learn_from_captures"] and not config["serving"]["capture"]["percentage"]:
        yield "monitoring.learn_from_captures is true; allowed: only where serving.capture.percentage is over 0"
    yield from unscalable(config["serving"])
    yield from (unguardable if config["release"]["strategy"] == "endpoint" else unshiftable)(config["release"])


def unscalable(serving: dict[str, Any]) -> Iterator[str]:
    """Yield which variant begins above the most that scaling allows."""
    maximum = serving["scaling"]["maximum"]
    for variant in serving["variants"]:
        if maximum < variant["prd_instances"]:
            yield (f"serving.scaling.maximum is {maximum}; allowed: at least the prd_instances of variant {variant['name']}, "
                   f"{variant['prd_instances']}")


def unshiftable(release: dict[str, Any]) -> Iterator[str]:
    """Yield which release would take CodeDeploy longer than CloudFormation waits for it."""
    strategy, percent, minutes, watch = (release[name] for name in ("strategy", "percent", "minutes", "watch_minutes"))
    steps = {"canary": 1, "linear": math.ceil(100 / percent)}.get(strategy, 0)
    if (together := steps * minutes + watch) > SHIFT_MINUTES:
        yield (f"release.percent, release.minutes and release.watch_minutes are {percent}, {minutes} and {watch}: {steps} x {minutes} minutes "
               f"and the watch are {together}; allowed with strategy {strategy}: {SHIFT_MINUTES} minutes together")


def unguardable(release: dict[str, Any]) -> Iterator[str]:
    """Yield what SageMaker's guarded update of an endpoint does not take, though CodeDeploy would."""
    guard, percent, minutes = release["guard"], release["percent"], release["minutes"]
    if guard == "all_at_once":
        return
    lowest = 10 if guard == "linear" else 1
    if not lowest <= percent <= 50:
        yield f"release.percent is {percent}; allowed with strategy endpoint and guard {guard}: {lowest} to 50"
    if minutes > 60:
        yield f"release.minutes is {minutes}; allowed with strategy endpoint: 1 to 60"
    if guard == "linear" and (steps := math.ceil(100 / percent)) * guard_minutes(release) > GUARDED_MINUTES:
        yield (f"release.percent, release.minutes and release.watch_minutes are {percent}, {minutes} and {release['watch_minutes']}: "
               f"{steps} steps of {guard_minutes(release)} minutes; allowed with strategy endpoint: {GUARDED_MINUTES} minutes together")


def guard_minutes(release: dict[str, Any]) -> int:
    """Return how long a guarded update waits after each step: SageMaker has one time for all, the last one's watch included."""
    minutes: int = 0 if release["guard"] == "all_at_once" else release["minutes"]
    longest: int = max(minutes, release["watch_minutes"])
    return longest


def possible(metric: str, threshold: float) -> bool:
    """Whether the metric can take the value."""
    _, lowest, highest = RANGES.get(metric, SHARE)
    return lowest <= threshold <= highest


def with_hyperparameters(config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with an upload's hyperparameters over its own."""
    merged = deepcopy(config)
    merged["training"]["hyperparameters"] |= given
    return merged


def hyperparameters(config: dict[str, Any]) -> dict[str, str]:
    """Return the training job's hyperparameters: all of them strings, the estimator among them."""
    training = config["training"]
    return {"estimator": training["estimator"]} | {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in training["hyperparameters"].items()
    }


def comparison(metric: str) -> str:
    """Return how a metric passes the gate: 'at least' or 'at most' the threshold."""
    return "at most" if metric in SMALLER_IS_BETTER else "at least"
