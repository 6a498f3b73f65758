"""The server of the functions' tests: PORT FOLDER."""

import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def serve(port: int, data: Path) -> None:
    """Serve ministack with the functions' executor, and an engine that knows one image."""
    sys.path.insert(0, str(ROOT))
    from local.clock import Clock
    from local.gateway import configure
    from local.machine import Machine

    machine = Machine(data=data, port=port, clock=Clock(), cache=data / "cache")
    configure(machine)
    import asyncio

    import ministack.app as native

    from local import function_environments, function_records, metrics
    from local.functions import SEAMS, Functions
    from local.serving import server

    seams = (*SEAMS, *function_environments.SEAMS, *function_records.SEAMS)
    assert all(hasattr(sys.modules.get(module) or __import__(module, fromlist=["_"]), name) for module, name in seams)
    machine.engine = _FakeEngine(machine)
    metrics.install(machine)
    functions = Functions(machine)
    functions.install()
    endpoint = server(native.app, port)
    signal.signal(signal.SIGTERM, lambda *_: setattr(endpoint, "should_exit", True))
    try:
        asyncio.run(endpoint.serve())
    finally:
        machine.stopping.set()
        functions.stop()
        machine.processes.stop_all()


class _FakeEngine:
    """Runs one folder as if it were an unpacked image."""

    def __init__(self, machine: Any) -> None:
        self.machine, self.root = machine, machine.data / "image"
        self.root.mkdir()
        (self.root / "app.py").write_text("import os\ndef handler(event, context):\n"
                                          "    return [os.environ['_HANDLER'], os.environ['BASE'], event]\n"
                                          "other = handler\n")

    def image(self, uri: str) -> Any:
        from local.engines.process import Image

        return Image(uri.rpartition("@")[2], self.root, {"BASE": "slim"}, "/", ["python", "-m", "awslambdaric"],
                     ["app.handler"], Path(sys.executable))

    def start(self, image: Any, arguments: list[str], *, base: Path, env: dict, log: Any, name: str,
              entrypoint: list[str] | None = None) -> Any:
        words = [*(entrypoint or image.entrypoint), *arguments]
        return self.machine.processes.start([str(image.python), *words[1:]], env=image.env | env, cwd=image.root,
                                            log=log, name=name)


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
