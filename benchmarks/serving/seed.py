"""The usual way: CSV read by pandas, a scikit-learn pipeline in a Flask view."""

import io

import pandas as pd
from flask import Flask, Response, request

from benchmarks.serving.pipeline import load, probabilities

app = Flask(__name__)
pipeline = load()


@app.get("/ping")
def ping() -> str:
    """Answer when ready."""
    return ""


@app.post("/invocations")
def invocations() -> Response:
    """Answer a probability a line."""
    frame = pd.read_csv(io.BytesIO(request.get_data()), header=None, names=list(pipeline.feature_names_in_))
    return Response("".join(f"{value}\n" for value in probabilities(pipeline, frame)), content_type="text/csv")
