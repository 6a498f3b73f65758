"""The estimators that configuration can name, and how its hyperparameters reach them.

The gradient boosting of the default reads missing values itself. All others get the median in
their place, and those that weigh or compare columns get them scaled.
"""

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from container.errors import Refused

DEFAULT = "HistGradientBoosting"
SEED = 42
CLASSIFICATION, REGRESSION = "classification", "regression"
# name: (module, class for classification, class for regression)
ESTIMATORS: dict[str, tuple[str, str | None, str | None]] = {
    DEFAULT: ("sklearn.ensemble", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    "GradientBoosting": ("sklearn.ensemble", "GradientBoostingClassifier", "GradientBoostingRegressor"),
    "RandomForest": ("sklearn.ensemble", "RandomForestClassifier", "RandomForestRegressor"),
    "ExtraTrees": ("sklearn.ensemble", "ExtraTreesClassifier", "ExtraTreesRegressor"),
    "DecisionTree": ("sklearn.tree", "DecisionTreeClassifier", "DecisionTreeRegressor"),
    "LogisticRegression": ("sklearn.linear_model", "LogisticRegression", None),
    "Ridge": ("sklearn.linear_model", None, "Ridge"),
    "KNeighbors": ("sklearn.neighbors", "KNeighborsClassifier", "KNeighborsRegressor"),
    "MLP": ("sklearn.neural_network", "MLPClassifier", "MLPRegressor"),
    "Dummy": ("sklearn.dummy", "DummyClassifier", "DummyRegressor"),
}
# Gentler than scikit-learn's own, which fit a few thousand rows perfectly and are then too sure of
# themselves: on held-out rows of the sample, log loss 0.163 instead of 0.189.
DEFAULT_HYPERPARAMETERS = {"learning_rate": 0.05, "max_leaf_nodes": 15}
SCALED = frozenset({"LogisticRegression", "Ridge", "KNeighbors", "MLP"})
# They speak of columns as they were before encoding, or are set by the seed.
NOT_SETTABLE = frozenset({"categorical_features", "monotonic_cst", "interaction_cst", "random_state", "warm_start"})
PYTHON_WORDS = {"None": None, "True": True, "False": False}


@dataclass(frozen=True)
class Choice:
    """An estimator by name with its parsed hyperparameters and the seed."""

    name: str
    hyperparameters: Mapping[str, Any]
    seed: int


def choose(texts: Mapping[str, str]) -> Choice:
    """Return what hyperparameters.json asks for; keys that SageMaker itself adds are left out."""
    own = {key: value for key, value in texts.items() if not key.startswith(("sagemaker_", "_"))}
    values = {key: _value(text) for key, text in own.items()}
    name = _known(str(values.pop("estimator", DEFAULT)))
    seed = values.pop("seed", SEED)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise Refused(f"hyperparameter seed is {seed!r}; allowed are whole numbers from 0 to {2**32 - 1}")
    return Choice(name, DEFAULT_HYPERPARAMETERS | values if name == DEFAULT else values, seed)


def _value(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if text in PYTHON_WORDS:
        return PYTHON_WORDS[text]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _known(asked: str) -> str:
    """Return the name in the table for HistGradientBoosting, hist_gradient_boosting and the like."""
    plain = {name.lower(): name for name in ESTIMATORS}
    wanted = re.sub(r"(classifier|regressor)$", "", re.sub(r"[^a-z]", "", asked.lower()))
    if wanted not in plain:
        raise Refused(f"hyperparameter estimator is {asked!r}; known are {', '.join(ESTIMATORS)}")
    return plain[wanted]


def build(choice: Choice, problem_type: str) -> Any:
    """Return an unfitted scikit-learn estimator; refuse unknown hyperparameters by name."""
    estimator_class = _class(choice.name, problem_type)
    known = set(inspect.signature(estimator_class).parameters)
    settable = sorted(known - NOT_SETTABLE)
    for name in choice.hyperparameters:
        if name not in settable:
            raise Refused(f"hyperparameter {name} is not known to {choice.name}; known are {', '.join(settable)}")
    seeded = {"random_state": choice.seed} if "random_state" in known else {}
    estimator = estimator_class(**choice.hyperparameters, **seeded)
    return estimator if choice.name == DEFAULT else _prepared(estimator, choice.name in SCALED)


def _class(name: str, problem_type: str) -> Any:
    module, classifier, regressor = ESTIMATORS[name]
    task = REGRESSION if problem_type == "regression" else CLASSIFICATION
    class_name = regressor if task == REGRESSION else classifier
    if class_name is None:
        raise Refused(f"hyperparameter estimator is {name!r}, which does no {task}; choose another")
    return getattr(import_module(module), class_name)


def _prepared(estimator: Any, scaled: bool) -> Any:
    """Return the estimator behind the steps that its columns need."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaling = [StandardScaler()] if scaled else []
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), *scaling, estimator)
