"""A trained model that answers: through ONNX Runtime, or through the estimator where there is no ONNX."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from container.errors import Refused

ONNX_FILE, ESTIMATOR_FILE, SCHEMA_FILE, MODEL_FILE = "model.onnx", "model.skops", "schema.json", "model.json"
# What an estimator file may hold besides plain scikit-learn and numpy: the insides of those in
# estimators.py. Anything else is code of somebody else's choice and is not loaded.
TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
)


class Predictor(Protocol):
    """Whatever turns encoded rows into scores."""

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return a probability for each row and label, or for regression a number for each row."""


class OnnxPredictor:
    """Answers through ONNX Runtime on one thread; workers are processes."""

    def __init__(self, model: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Workers are as many as cores; more threads would only take them from each other.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # An arena keeps the memory of the largest request for ever; a tree model gains nothing from it.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self._is_classifier = len(self._session.get_outputs()) > 1

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return scores as Predictor says."""
        found = self._session.run([self._output], {self._input: rows})[0]
        scores: np.ndarray = found if self._is_classifier else found.reshape(-1)
        return scores


class EstimatorPredictor:
    """Answers through the scikit-learn estimator itself."""

    def __init__(self, path: Path) -> None:
        import skops.io

        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise Refused(f"{path.name} holds types that are not trusted: {', '.join(unknown)}")
        self._estimator = skops.io.load(path, trusted=list(TRUSTED))

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return scores as Predictor says."""
        return score(self._estimator, rows)


def score(estimator: Any, rows: np.ndarray) -> np.ndarray:
    """Return an estimator's probabilities, or its numbers."""
    if hasattr(estimator, "predict_proba"):
        probabilities: np.ndarray = estimator.predict_proba(rows)
        return probabilities
    values: np.ndarray = estimator.predict(rows).reshape(-1)
    return values


def load_predictor(folder: Path) -> Predictor:
    """Return the predictor of a model folder; ONNX when there is one."""
    if (folder / ONNX_FILE).is_file():
        return OnnxPredictor((folder / ONNX_FILE).read_bytes())
    if (folder / ESTIMATOR_FILE).is_file():
        return EstimatorPredictor(folder / ESTIMATOR_FILE)
    raise Refused(f"{folder} holds neither {ONNX_FILE} nor {ESTIMATOR_FILE}; it is no model of this image's train")
