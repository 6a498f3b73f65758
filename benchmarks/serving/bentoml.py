"""The pipeline in BentoML, as its guide shows."""

import os

import bentoml
import pandas as pd

from benchmarks.serving.pipeline import load, probabilities


@bentoml.service(workers=int(os.environ.get("WORKERS", "2")))
class Churn:
    """Rows as JSON records in, probabilities out."""

    def __init__(self) -> None:
        """Load the model, once a worker."""
        self.pipeline = load()

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> list[float]:
        """Return each row's probability."""
        return probabilities(self.pipeline, rows)
