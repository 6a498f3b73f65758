"""S3's events reach their rules although a kill comes between the answer to an upload and the delivery.

An event is kept for a while and the next start delivers again what it finds: at least once, as on AWS. A pipeline that a
version of an object starts is started once: see local/events.py.
"""

import threading
import time
import uuid
from typing import Any

from local.machine import Machine

SEAMS: tuple[tuple[str, str], ...] = tuple(
    ("ministack.services.s3", name) for name in ("_bucket_notifications", "_fire_s3_event"))
DELIVERED_SECONDS = 10.0


def install(machine: Machine) -> None:
    """Keep the events of buckets that tell of their objects."""
    from ministack.services import s3

    fire, kept, keeping = s3._fire_s3_event, machine.store.table("s3-events"), threading.Lock()

    def fire_event(bucket: str, *rest: Any, **more: Any) -> None:
        if bucket in s3._bucket_notifications:
            now = time.time()
            with keeping:  # uploads end on threads, and each would forget the same events
                for key in [key for key, event in kept.items() if event["time"] < now - DELIVERED_SECONDS]:
                    del kept[key]
                kept[str(uuid.uuid4())] = {"time": now, "arguments": [bucket, *rest], "more": more}
        fire(bucket, *rest, **more)

    s3._fire_s3_event = fire_event


def resume(machine: Machine) -> None:
    """Deliver what a kill may have come before."""
    from ministack.services import s3

    kept = machine.store.table("s3-events")
    for key in list(kept):
        event = kept.pop(key)
        s3._fire_s3_event(*event["arguments"], **event["more"])
