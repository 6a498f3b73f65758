"""The CloudWatch metrics of an endpoint's invocations, published by SageMaker itself, not by the role."""

import logging
import threading
import time
from collections import Counter, defaultdict

from botocore.exceptions import BotoCoreError, ClientError

from local.machine import Machine

logger = logging.getLogger("local")
FLUSH_SECONDS = 60.0  # of AWS time
DISTINCT_VALUES = 150  # of one metric datum, CloudWatch's limit


class InvocationMetrics:
    """What the invocations of one endpoint have measured and not yet published."""

    def __init__(self, machine: Machine, endpoint: str) -> None:
        self._machine, self._endpoint = machine, endpoint
        self._every, self._flushed = max(1.0, machine.clock.scaled(FLUSH_SECONDS)), time.monotonic()
        self._values: dict[tuple[str, str], Counter[float]] = defaultdict(Counter)
        self._lock = threading.Lock()

    def record(self, variant: str, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Take one invocation: the model's status, its time, and the time around it."""
        values = {"Invocations": 1, "Invocation4XXErrors": int(400 <= status < 500), "Invocation5XXErrors":
                  int(status >= 500), "InvocationModelErrors": int(not 200 <= status < 300),
                  "ModelLatency": round(model_seconds * 1e6), "OverheadLatency": round(overhead_seconds * 1e6)}
        with self._lock:
            for name, value in values.items():
                self._values[variant, name][value] += 1

    def flush_if_due(self, instances: dict[str, int]) -> None:
        """Publish when it is time; ``instances`` is each variant's count."""
        if time.monotonic() - self._flushed < self._every:
            return
        self._flushed = time.monotonic()
        with self._lock:
            measured, self._values = self._values, defaultdict(Counter)
        data = [datum for (variant, name), values in measured.items()
                for datum in self._data(variant, name, values, instances.get(variant) or 1)]
        try:
            for start in range(0, len(data), 500):
                self._machine.client("cloudwatch").put_metric_data(
                    Namespace="AWS/SageMaker", MetricData=data[start:start + 500])
        except (ClientError, BotoCoreError) as error:
            logger.warning("endpoint %s: metrics were lost: %s", self._endpoint, error)

    def _data(self, variant: str, name: str, values: Counter[float], instances: int) -> list[dict]:
        dimensions = [{"Name": "EndpointName", "Value": self._endpoint}, {"Name": "VariantName", "Value": variant}]
        head = {"Dimensions": dimensions, "Timestamp": time.time()}
        pairs = sorted(values.items())
        parts = [pairs[start:start + DISTINCT_VALUES] for start in range(0, len(pairs), DISTINCT_VALUES)]
        data = [head | {"MetricName": name, "Values": [value for value, _ in part], "Counts": [n for _, n in part],
                        "Unit": "Microseconds" if name.endswith("Latency") else "None"} for part in parts]
        if name == "Invocations":
            data.append(head | {"MetricName": "InvocationsPerInstance", "Values": [1 / instances],
                                "Counts": [values[1]], "Unit": "None"})
        return data
