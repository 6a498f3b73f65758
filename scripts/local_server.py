"""The image's server on a folder that stands for /opt/ml, for as long as somebody holds it."""

import os
import socket
import subprocess
import time
from pathlib import Path

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from plain_faults import NotReady
from project_api import Answer
from waiting import until

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120  # the first start makes the image's environment
# It ends with whoever started it, however that one ends: then nobody holds its input open any more.
HELD = 'exec 3<&0; bash container/local_test.sh serve "$1" & cat <&3 > /dev/null & wait -n; kill $(jobs -p) 2> /dev/null; wait'


class LocalServer:
    """A server of a trained model; ``hooks`` is a file with steps of one's own."""

    def __init__(self, folder: Path, hooks: Path | None = None) -> None:
        self.port = _free_port()
        self.url, self._http = f"http://127.0.0.1:{self.port}", URLLib3Session(timeout=30)
        own = {"MODEL_SERVER_HOOKS": str(hooks.resolve())} if hooks else {}
        log = folder / "server.log"
        with log.open("w") as said:
            self._process = subprocess.Popen(
                ["bash", "-c", HELD, "serve", str(folder.resolve())], cwd=ROOT, stdin=subprocess.PIPE, stdout=said, stderr=said,
                env=os.environ | own | {"SAGEMAKER_BIND_TO_PORT": str(self.port)}, start_new_session=True)
        until(self._settled, START_SECONDS, f"no server on port {self.port} in {START_SECONDS} s; {log} says why")
        if self._process.poll() is not None:
            raise NotReady(f"The server has ended: {log.read_text().strip().splitlines()[-1]}")

    def _settled(self) -> bool:
        return self._healthy() or self._process.poll() is not None

    def _healthy(self) -> bool:
        try:
            return bool(self._http.send(AWSRequest("GET", f"{self.url}/ping").prepare()).status_code == 200)
        except BotoCoreError:  # nobody listens yet
            return False

    def post(self, body: bytes, content_type: str = "application/json", accept: str = "application/json") -> Answer:
        """POST a body to /invocations, as an endpoint does."""
        request = AWSRequest("POST", f"{self.url}/invocations", data=body, headers={"Content-Type": content_type, "Accept": accept})
        started = time.monotonic()
        answer = self._http.send(request.prepare())
        return Answer(answer.status_code, answer.headers, answer.text, time.monotonic() - started)

    def stop(self) -> None:
        """End the server; requests under way are answered first."""
        self._http.close()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
