"""The nginx that stands before the reference and the seed's way: the image's own configuration."""

import shutil
from pathlib import Path

TEMPLATE = Path(__file__).parents[2] / "container" / "nginx.conf"


def found() -> str | None:
    """Return nginx's program; None where it is not installed."""
    return shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")


def command(program: str, folder: Path, socket: Path, port: int) -> list[str]:
    """Fill in the configuration as container/proxy.py does, and return the command that runs it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"folder": folder, "socket": socket, "address": f"127.0.0.1:{port}", "largest_body": 6 << 20, "patience": 15,
                "reply_timeout": 65}
    file = folder / "nginx.conf"
    file.write_text(TEMPLATE.read_text(encoding="utf-8") % settings, encoding="utf-8")
    return [program, "-e", "stderr", "-p", str(folder), "-c", str(file)]
