"""The image's health check: `python -m container.health` ends with 0 when GET /ping answers 200, with 1 otherwise.

SageMaker asks /ping itself and ignores this; docker and podman run it.
"""

import http.client
import os
import sys


def is_healthy(port: int) -> bool:
    """Tell whether the server on this machine's port has a model and answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_healthy(int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)) else 1)
