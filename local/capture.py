"""Data capture: requests and answers of an endpoint as the JSON lines that SageMaker writes to S3.

A record is in a file of this machine before its request is answered, and in S3 within FLUSH_SECONDS of AWS time. What a
kill keeps from S3 the next start writes there, under the name that it was to have, so nothing is lost and nothing comes twice.
"""

import base64
import json
import logging
import random
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.instances import PRINCIPAL
from local.machine import AccessDeniedError, Machine
from local.transfer import Transfer

logger = logging.getLogger("local")
FLUSH_SECONDS = 60.0  # of AWS time
SIDES = {"Input": "endpointInput", "Output": "endpointOutput"}


@dataclass(frozen=True)
class Part:
    """Records that belong in one object: the file that holds them, and what S3 is to be told."""

    path: Path
    target: str
    key: str | None
    role: str

    def begin(self) -> "Part":
        """Write the file's first line, by which the next start knows where the records belong."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps([self.target, self.key, self.role]) + "\n")
        return self

    def write(self, machine: Machine) -> None:
        """Write the records to S3. Where the role may not, they are lost, as on AWS; where S3 is not there, they stay."""
        content = self.path.read_bytes().partition(b"\n")[2]
        try:
            transfer = Transfer(machine.client("s3", machine.session(self.role, PRINCIPAL, "SageMaker")))
            transfer.put(content[:content.rfind(b"\n") + 1], self.target, self.key)
        except (ClientError, AccessDeniedError) as error:
            logger.warning("%s: data capture lost %d records: %s", self.target, content.count(b"\n"), error)
        except BotoCoreError as error:
            logger.warning("%s: data capture waits for the next start: %s", self.target, error)
            return
        self.path.unlink(missing_ok=True)


def _folder(machine: Machine) -> Path:
    return machine.data / "captures"


def recover(machine: Machine) -> None:
    """Write to S3 what a former machine had captured and not yet written."""
    for path in sorted(_folder(machine).glob("*.jsonl")):
        first, complete, _ = path.read_bytes().partition(b"\n")
        if complete:
            Part(path, *json.loads(first)).write(machine)
        else:  # the kill came before the first record
            path.unlink()


class Capture:
    """What one endpoint has captured and not yet written."""

    def __init__(self, machine: Machine, endpoint: str, config: dict[str, Any], role: str) -> None:
        self._machine, self._endpoint, self._config, self._role = machine, endpoint, config, role
        self._every = max(1.0, machine.clock.scaled(FLUSH_SECONDS))
        self._flushed = time.monotonic()
        self._parts: dict[tuple[str, str], Part] = {}
        self._lock = threading.Lock()
        self._sides = [option["CaptureMode"] for option in config["CaptureOptions"]]
        types = config.get("CaptureContentTypeHeader", {})
        self._encodings = dict.fromkeys(types.get("CsvContentTypes", []), "CSV") | dict.fromkeys(
            types.get("JsonContentTypes", []), "JSON")

    def record(self, variant: str, sent: tuple[str, bytes], answered: tuple[str, bytes], event: dict[str, Any]) -> None:
        """Take one request and its answer (content type and body each), if the sample has it."""
        if random.random() * 100 >= self._config["InitialSamplingPercentage"]:
            return
        now = datetime.now(UTC)
        data = {SIDES[side]: self._side(side, *(sent if side == "Input" else answered)) for side in self._sides}
        line = json.dumps({"captureData": data, "eventMetadata": {
            "eventId": str(uuid.uuid4()), **event, "inferenceTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")},
            "eventVersion": "0"})
        place = variant, now.strftime("%Y/%m/%d/%H")
        try:
            with self._lock:
                part = self._parts.get(place) or self._parts.setdefault(place, self._part(*place))
                with part.path.open("a") as file:
                    file.write(f"{line}\n")
        except OSError as error:  # a full disk; as on AWS, the endpoint serves on
            logger.warning("endpoint %s: data capture lost a record: %s", self._endpoint, error)

    def _part(self, variant: str, hour: str) -> Part:
        name = f"{datetime.now(UTC):%M-%S}-{int(time.time() * 1000) % 1000:03d}-{uuid.uuid4()}.jsonl"
        target = f"{self._config['DestinationS3Uri'].rstrip('/')}/{self._endpoint}/{variant}/{hour}/{name}"
        return Part(_folder(self._machine) / name, target, self._config.get("KmsKeyId"), self._role).begin()

    def _side(self, side: str, content_type: str, body: bytes) -> dict[str, Any]:
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
            parts, self._parts = self._parts, {}
        for part in parts.values():
            part.write(self._machine)
