"""The pipeline in LitServe, as its guide shows: python -m benchmarks.serving.litserve PORT WORKERS."""

import sys
from typing import Any

import litserve
import pandas as pd

from benchmarks.serving.pipeline import load, probabilities


class Churn(litserve.LitAPI):
    """Rows as JSON records in, probabilities out."""

    def setup(self, device: str) -> None:
        """Load the model, once a worker."""
        self.pipeline = load()

    def decode_request(self, request: dict[str, Any], **more: Any) -> pd.DataFrame:
        """Return the rows as a frame."""
        return pd.DataFrame(request["rows"])

    def predict(self, x: pd.DataFrame, **more: Any) -> list[float]:
        """Return each row's probability."""
        return probabilities(self.pipeline, x)

    def encode_response(self, output: list[float], **more: Any) -> dict[str, Any]:
        """Return what is sent."""
        return {"probabilities": output}


if __name__ == "__main__":
    server = litserve.LitServer(Churn(), accelerator="cpu", workers_per_device=int(sys.argv[2]))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
