"""The estimator as ONNX, and the proof that both answer alike."""

import copy
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from container.predictor import OnnxPredictor, score

# Largest difference allowed: of a probability, or of a number relative to the largest predicted.
TOLERANCE = 1e-4
# One cell in five is emptied for the second half of the proof: missing values take paths of their own.
EMPTIED = 0.2
# Rows of the proof, evenly picked; more would take minutes and show the same.
MOST_ROWS = 50_000


class NotConverted(Exception):
    """The estimator has no ONNX form that answers alike; the message says why."""


@dataclass(frozen=True)
class Parity:
    """How far the ONNX model's answers are from the estimator's on held-out rows."""

    max_difference: float
    rows: int
    tolerance: float = TOLERANCE

    def to_json(self) -> dict[str, Any]:
        """Return what model.json holds."""
        return {"converted": True, **asdict(self)}


def export(estimator: Any, held_out: np.ndarray) -> tuple[bytes, Parity]:
    """Return the ONNX model and its parity; NotConverted when there is none or it answers otherwise."""
    try:
        model = _convert(estimator, held_out.shape[1])
        parity = _parity(estimator, OnnxPredictor(model), held_out)
    except Exception as error:
        # Converters raise whatever they stumble on; every one of these means the same here.
        reason = " ".join(str(error).split())[:200]
        raise NotConverted(f"{type(error).__name__}: {reason}") from error
    if not parity.max_difference <= TOLERANCE:
        raise NotConverted(
            f"answers differ by {parity.max_difference:.3g} on {parity.rows} held-out rows, allowed is {TOLERANCE:g}"
        )
    return model, parity


def _convert(estimator: Any, width: int) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    options = {"zipmap": False} if hasattr(estimator, "predict_proba") else None
    with warnings.catch_warnings():
        # skl2onnx 1.20 passes booleans where protobuf 6 still takes and protobuf 7 refuses them.
        warnings.filterwarnings("ignore", "Field onnx.AttributeProto.ints", DeprecationWarning)
        model = to_onnx(_with_float32_thresholds(estimator), initial_types=[("rows", FloatTensorType([None, width]))], options=options)
    content: bytes = model.SerializeToString()
    return content


def _with_float32_thresholds(estimator: Any) -> Any:
    """Return a copy of a gradient boosting with thresholds rounded down to float32; others as they are.

    For float32 values this changes no decision. ONNX would round to the nearest, and a value that
    lies exactly between two training values, as 1.7 between 1.6 and 1.8, could take the other way.
    """
    if not hasattr(estimator, "_predictors"):
        return estimator
    rounded_estimator = copy.deepcopy(estimator)
    for tree in (tree for trees in rounded_estimator._predictors for tree in trees):
        exact = tree.nodes["num_threshold"]
        rounded = exact.astype(np.float32)
        tree.nodes["num_threshold"] = np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return rounded_estimator


def _parity(estimator: Any, converted: OnnxPredictor, held_out: np.ndarray) -> Parity:
    held_out = held_out[:: -(-len(held_out) // MOST_ROWS)]
    emptied = held_out.copy()
    emptied[np.random.default_rng(0).random(held_out.shape) < EMPTIED] = np.nan
    rows = np.concatenate([held_out, emptied])
    expected, answered = score(estimator, rows), converted.scores(rows)
    scale = max(1.0, float(np.abs(expected).max()))
    return Parity(float(np.abs(answered - expected).max()) / scale, len(rows))
