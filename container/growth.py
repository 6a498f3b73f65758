"""Fitting an estimator, in rounds where it can grow and an interruption may come.

scikit-learn's warm start adds to an ensemble exactly what one fit would have added next: the seed's
generators go on where they were. So one fit, a fit in rounds and one that was interrupted between
rounds give the same model; tests/unit/container/test_growth.py shows it.
"""

import time
from typing import Any

import numpy as np

from container.checkpoints import Checkpoints
from container.errors import Refused
from container.estimators import Choice

# The hyperparameter that says how far an estimator grows. Others are fitted at once, and again after an interruption.
GROWING = {"HistGradientBoosting": "max_iter", "GradientBoosting": "n_estimators", "RandomForest": "n_estimators",
           "ExtraTrees": "n_estimators"}
# The first round is this part of the whole. A round costs a look at all rows and an interruption costs the round
# that it falls into, so later ones are as large as takes some minutes; the model is the same however they fall.
FIRST_ROUND = 0.1
SECONDS_OF_A_ROUND = 180.0


def fit(estimator: Any, choice: Choice, rows: np.ndarray, targets: np.ndarray, checkpoints: Checkpoints) -> Any:
    """Return the fitted estimator, taken up from its last checkpoint; refuse hyperparameters that it refuses."""
    from sklearn.utils._param_validation import InvalidParameterError

    # Gradient boosting stumbles over a column that is empty in all training rows. Made constant, it teaches nothing
    # either, and no tree asks for it, so that it may hold anything later.
    rows[:, np.isnan(rows).all(axis=0)] = 0.0
    try:
        if checkpoints.are_kept and _grows(estimator, choice):
            return _grow(estimator, GROWING[choice.name], rows, targets, checkpoints)
        return estimator.fit(rows, targets)
    except InvalidParameterError as error:
        raise Refused(f"hyperparameters of {choice.name}: {error}") from None


def _grows(estimator: Any, choice: Choice) -> bool:
    """Tell whether the estimator can be fitted in rounds and come out the same."""
    size = _last(estimator).get_params().get(GROWING.get(choice.name, ""))
    # GradientBoosting forgets between rounds how long it has not improved.
    forgets = choice.name == "GradientBoosting" and choice.hyperparameters.get("n_iter_no_change") is not None
    return isinstance(size, int) and not isinstance(size, bool) and size > 1 and not forgets


def _grow(estimator: Any, size_name: str, rows: np.ndarray, targets: np.ndarray, checkpoints: Checkpoints) -> Any:
    whole = _last(estimator).get_params()[size_name]
    grown, found = checkpoints.latest() or (0, None)
    if found is not None:
        estimator = found
        print(f"train: goes on from a checkpoint, {size_name} {grown} of {whole}")
    _last(estimator).set_params(warm_start=True)
    step = max(int(whole * FIRST_ROUND), 1)
    while grown < whole and not _has_stopped(_last(estimator)):
        start = time.monotonic()
        grown = min(grown + step, whole)
        _last(estimator).set_params(**{size_name: grown})
        estimator.fit(rows, targets)
        checkpoints.save(grown, estimator)
        step = max(step, int(step * SECONDS_OF_A_ROUND / max(time.monotonic() - start, 1e-3)))
    # As configured again: how it was fitted is no part of the model.
    _last(estimator).set_params(**{size_name: whole, "warm_start": False})
    return estimator


def _last(estimator: Any) -> Any:
    return estimator[-1] if hasattr(estimator, "steps") else estimator


def _has_stopped(estimator: Any) -> bool:
    """Tell whether a gradient boosting has stopped early: by its own rule, as it may stop with a round's last tree."""
    if not getattr(estimator, "do_early_stopping_", False):
        return False
    watched = estimator.train_score_ if estimator.validation_fraction is None else estimator.validation_score_
    return bool(estimator._should_stop(list(watched)))
