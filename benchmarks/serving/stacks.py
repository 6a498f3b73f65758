"""The table of what is measured: how each stack is started, asked and read.

All have two workers and one thread each for numeric libraries, which is the best setting of every one of them on two
cores. The reference and the seed's way stand behind the same nginx; ours brings its own; the frameworks speak HTTP
themselves, as their guides start them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WORKERS = 2
Row = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """How a stack is started (``words``, in its environment below build/env), asked and read.

    ``{port}``, ``{second}`` and ``{third}`` stand for free ports; with ``proxied`` the program listens on ``{socket}``
    and nginx on the port.
    """

    name: str
    environment: str
    words: tuple[str, ...]
    body: Callable[[list[Row]], bytes]
    read: Callable[[bytes], list[float]]
    ready: str = "/ping"
    path: str = "/invocations"
    content_type: str = "application/json"
    variables: dict[str, str] = field(default_factory=dict)
    proxied: bool = False


def csv_rows(rows: list[Row]) -> bytes:
    """Return rows as CSV without a header."""
    return "".join(",".join(str(value) for value in row.values()) + "\n" for row in rows).encode()


def json_rows(rows: list[Row]) -> bytes:
    """Return rows as JSON records."""
    return json.dumps({"rows": rows}).encode()


def v2_columns(rows: list[Row]) -> bytes:
    """Return rows as columns of the V2 inference protocol."""
    def column(name: str) -> dict[str, Any]:
        values = [row[name] for row in rows]
        text = isinstance(values[0], str)
        return {"name": name, "shape": [len(values), 1], "datatype": "BYTES" if text else "FP64", "data": values,
                "parameters": {"content_type": "str"} if text else {}}
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": [column(name) for name in rows[0]]}).encode()


def _lines(body: bytes) -> list[float]:
    return [float(line) for line in body.split()]


def _ours(body: bytes) -> list[float]:
    return [each["probability"] for each in json.loads(body)["predictions"]]


def _flask(module: str) -> tuple[str, ...]:
    return ("-m", "gunicorn", "--workers", str(WORKERS), "--bind", "{bind}", "--no-control-socket", "--log-level", "warning",
            f"benchmarks.serving.{module}:app")


REFERENCE = Stack("reference", "bench-seed", _flask("reference"), csv_rows, _lines, content_type="text/csv", proxied=True)
STACKS = (
    Stack("ours", "image", ("-m", "container", "serve"), csv_rows, _ours, content_type="text/csv", variables={
        "SAGEMAKER_BASE_DIR": "{base}", "SAGEMAKER_BIND_TO_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": "{port}",
        "MODEL_SERVER_WORKERS": str(WORKERS), "MODEL_RUN": "benchmark"}),
    Stack("seed", "bench-seed", _flask("seed"), csv_rows, _lines, content_type="text/csv", proxied=True),
    Stack("litserve", "bench-litserve", ("-m", "benchmarks.serving.litserve", "{port}", str(WORKERS)), json_rows,
          lambda body: json.loads(body)["probabilities"], ready="/health", path="/predict"),
    Stack("mlserver", "bench-mlserver", ("-c", "from mlserver.cli import main; main()", "start", "{empty}"), v2_columns,
          lambda body: json.loads(body)["outputs"][0]["data"], ready="/v2/models/churn/ready", path="/v2/models/churn/infer",
          variables={"MLSERVER_MODEL_NAME": "churn", "MLSERVER_MODEL_IMPLEMENTATION": "benchmarks.serving.mlserver.Churn",
                     "MLSERVER_HOST": "127.0.0.1", "MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "{second}",
                     "MLSERVER_METRICS_PORT": "{third}", "MLSERVER_PARALLEL_WORKERS": str(WORKERS), "MLSERVER_DEBUG": "false"}),
    Stack("bentoml", "bench-bentoml", ("-m", "bentoml", "serve", "benchmarks.serving.bentoml:Churn", "--host", "127.0.0.1",
                                       "--port", "{port}"), json_rows, json.loads, ready="/readyz", path="/predict",
          variables={"WORKERS": str(WORKERS), "BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": "{home}"}),
)
