"""What the tests' image runs: a program that trains, processes and serves as its input tells it to."""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def train() -> None:
    """Copy the channel into the model, or do what the hyperparameter ``mode`` says."""
    parameters = json.loads((BASE / "input/config/hyperparameters.json").read_text())
    mode = parameters.get("mode", "ok")
    print(f"training in mode {mode}; auc=0.91;", flush=True)
    if mode == "fail":
        (BASE / "output/failure").write_text("column target is missing")
        print("Traceback: KeyError target", flush=True)
        sys.exit(1)
    if mode == "hang":
        time.sleep(600)
    seen = {"env": dict(os.environ), "data": (BASE / "input/data/train/part/a.csv").read_text(),
            "inputs": json.loads((BASE / "input/config/inputdataconfig.json").read_text()),
            "resources": json.loads((BASE / "input/config/resourceconfig.json").read_text())}
    (BASE / "model/seen.json").write_text(json.dumps(seen))
    (BASE / "output/data/extra.txt").write_text("extra")


def process() -> None:
    """Write the input in upper case."""
    text = (BASE / "processing/input/data/a.csv").read_text()
    (BASE / "processing/output/done/b.csv").write_text(text.upper())
    folder = BASE / "processing/input/data"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    (BASE / "processing/output/done/inputs").write_text("\n".join(found))
    (BASE / "output/message").write_text(os.environ["GREETING"])


def monitor() -> None:
    """Count what was captured below the data source; a line that says drift is a violation."""
    source, output = Path(os.environ["dataset_source"]), Path(os.environ["output_path"])  # noqa: SIM112 - SageMaker's names
    lines = [line for path in sorted(source.rglob("*.jsonl")) for line in path.read_text().splitlines()]
    seen = {"lines": len(lines), "env": dict(os.environ),
            "baseline": [Path(os.environ[name]).read_text() for name in ("baseline_statistics", "baseline_constraints")]}
    violations = [{"feature_name": "f", "constraint_check_type": "baseline_drift_check", "description": "far"}
                  for line in lines if "drift" in line]
    (output / "statistics.json").write_text(json.dumps(seen))
    (output / "constraint_violations.json").write_text(json.dumps({"violations": violations}))


class Handler(BaseHTTPRequestHandler):
    """Answers in upper case; some bodies mean a fault."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer the health check."""
        self._answer(200, b"")

    def do_POST(self) -> None:
        """Answer an invocation."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if body == b"die":
            os._exit(9)
        status = int(body.split()[1]) if body.startswith(b"status ") else 200
        self._answer(status, b"bad row" if status != 200 else body.upper())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", self.headers.get("Accept") or "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Model-Run", (BASE / "model/name").read_text() if (BASE / "model/name").exists() else "")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", str(os.getpid()))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Print one line a request, at once."""
        print("request", self.path, flush=True)


def serve() -> None:
    """Serve where SageMaker says."""
    if (BASE / "model/broken").exists():
        print("ValueError: the model is broken", flush=True)
        sys.exit(4)
    address = os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"])
    ThreadingHTTPServer(address, Handler).serve_forever()


{"train": train, "process": process, "monitor": monitor, "serve": serve}[sys.argv[1]]()
