"""The reference: a Flask view that returns a constant. Nothing that Flask serves can be much faster."""

from flask import Flask

app = Flask(__name__)


@app.get("/ping")
def ping() -> str:
    """Answer when ready."""
    return ""


@app.post("/invocations")
def invocations() -> str:
    """Answer the same, whatever was asked."""
    return "0.5\n"
