"""The pipeline in MLServer, as its guide to custom runtimes shows; rows come as columns of its V2 protocol."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.serving.pipeline import load, probabilities


class Churn(MLModel):
    """A frame in, probabilities out."""

    async def load(self) -> bool:
        """Load the model, once a worker."""
        self.pipeline = load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return each row's probability."""
        found = probabilities(self.pipeline, self.decode_request(payload, default_codec=PandasCodec))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("probabilities", np.array(found))])
