"""What a script does at its end, even when that fails, leaves the status with which it ended."""

import re
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
TRAPS = {path.name: trap for path in SCRIPTS.glob("*.sh") for trap in re.findall(r"^trap '(.*)' EXIT", path.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("status", [0, 1, 3])
@pytest.mark.parametrize("name", TRAPS)
def test_status_survives_the_trap(name: str, status: int, tmp_path: Path) -> None:
    """Each variable holds `false`, so whatever command the trap calls fails, and no job is left to end."""
    trap = TRAPS[name]
    variables = [f"{variable}=false" for variable in set(re.findall(r"\$\{?([a-z]+)", trap))]
    script = "\n".join(["set -euo pipefail", "aws() { false; }", *variables, f"trap '{trap}' EXIT", f"exit {status}"])
    ended = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr


def test_all_scripts_traps_are_found() -> None:
    assert {"build.sh", "check.sh", "image-base.sh", "test-images.sh", "test.sh", "validate-tpl.sh"} <= set(TRAPS)
