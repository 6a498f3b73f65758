"""Load on a server: by wrk where it is installed, else by the client beside this file."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError

CONNECTIONS = 8
CLIENT = Path(__file__).with_name("client.py")
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}
SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "{content_type}"
wrk.body = io.open("{body}", "rb"):read("*a")
"""


@dataclass(frozen=True)
class Measured:
    """What one load saw."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float


def tool() -> str:
    """Say what makes the load."""
    return f"wrk -t1 -c{CONNECTIONS}" if shutil.which("wrk") else f"the bundled client, {CONNECTIONS} connections"


def load(port: int, path: str, body: bytes, content_type: str, seconds: int, folder: Path) -> Measured:
    """Send one request again and again over kept connections; raises BenchmarkError when any was not answered with 200."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "body").write_bytes(body)
    url = f"http://127.0.0.1:{port}{path}"
    if shutil.which("wrk"):
        (folder / "request.lua").write_text(SCRIPT.format(content_type=content_type, body=folder / "body"))
        words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s",
                 str(folder / "request.lua"), url]
        return read_wrk(_output(words, seconds))
    words = [sys.executable, str(CLIENT), str(port), path, str(folder / "body"), content_type, str(seconds), str(CONNECTIONS)]
    return Measured(**json.loads(_output(words, seconds)))


def _output(words: list[str], seconds: int) -> str:
    ended = subprocess.run(words, capture_output=True, check=False, text=True, timeout=seconds + 60)
    if ended.returncode:
        raise BenchmarkError(f"{words[0]} failed: {ended.stderr.strip()[-500:]}")
    return ended.stdout


def read_wrk(output: str) -> Measured:
    """Read what wrk printed; raises BenchmarkError when a request failed."""
    if wrong := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", output):
        raise BenchmarkError(f"under load: {wrong[0]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    latency = {part: float(value) * UNITS[unit] for part, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s|m)\b", output)}
    if rate is None or set(latency) != {"50", "99"}:
        raise BenchmarkError(f"wrk printed no figures: {output[-500:]}")
    return Measured(float(rate[1]), latency["50"], latency["99"])
