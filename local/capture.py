"""Data capture: requests and answers of an endpoint as the JSON lines that SageMaker writes to S3."""

import base64
import json
import logging
import random
import threading
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from local.machine import Credentials, Machine
from local.transfer import Transfer

logger = logging.getLogger("local")
FLUSH_SECONDS = 60.0  # of AWS time
SIDES = {"Input": "endpointInput", "Output": "endpointOutput"}


class Capture:
    """What one endpoint has captured and not yet written."""

    def __init__(self, machine: Machine, endpoint: str, config: dict, credentials: Credentials) -> None:
        self._endpoint, self._config = endpoint, config
        self._transfer = Transfer(machine.client("s3", credentials))
        self._every = max(1.0, machine.clock.scaled(FLUSH_SECONDS))
        self._flushed = time.monotonic()
        self._lines: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._lock = threading.Lock()
        self._sides = [option["CaptureMode"] for option in config["CaptureOptions"]]
        types = config.get("CaptureContentTypeHeader", {})
        self._encodings = dict.fromkeys(types.get("CsvContentTypes", []), "CSV") | dict.fromkeys(
            types.get("JsonContentTypes", []), "JSON")

    def record(self, variant: str, sent: tuple[str, bytes], answered: tuple[str, bytes], event: dict) -> None:
        """Take one request and its answer (content type and body each), if the sample has it."""
        if random.random() * 100 >= self._config["InitialSamplingPercentage"]:
            return
        now = datetime.now(UTC)
        data = {SIDES[side]: self._side(side, *(sent if side == "Input" else answered)) for side in self._sides}
        line = json.dumps({"captureData": data, "eventMetadata": {
            "eventId": str(uuid.uuid4()), **event, "inferenceTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")},
            "eventVersion": "0"})
        with self._lock:
            self._lines[variant, now.strftime("%Y/%m/%d/%H")].append(line)

    def _side(self, side: str, content_type: str, body: bytes) -> dict:
        """Return one side; what is neither CSV nor JSON by the configuration's content types is base64, as on AWS."""
        encoding = self._encodings.get(content_type.partition(";")[0].strip(), "BASE64")
        data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode(errors="replace")
        return {"observedContentType": content_type, "mode": side.upper(), "data": data, "encoding": encoding}

    def flush_if_due(self) -> None:
        """Write when it is time."""
        if time.monotonic() - self._flushed > self._every:
            self.flush()

    def flush(self) -> None:
        """Write what is there: a file for each variant and hour."""
        self._flushed = time.monotonic()
        with self._lock:
            lines, self._lines = self._lines, defaultdict(list)
        for (variant, hour), texts in lines.items():
            name = f"{datetime.now(UTC):%M-%S}-{int(time.time() * 1000) % 1000:03d}-{uuid.uuid4()}.jsonl"
            target = f"{self._config['DestinationS3Uri'].rstrip('/')}/{self._endpoint}/{variant}/{hour}/{name}"
            try:
                content = "".join(f"{text}\n" for text in texts).encode()
                self._transfer.put(content, target, self._config.get("KmsKeyId"))
            except (ClientError, BotoCoreError) as error:  # as on AWS, the endpoint serves on
                logger.warning("endpoint %s: data capture lost %d records: %s", self._endpoint, len(texts), error)
