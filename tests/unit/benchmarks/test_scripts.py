"""The commands around measurements and images: how they are misused, and what they say is missing."""

import subprocess
from pathlib import Path
from shutil import which

ROOT = Path(__file__).resolve().parents[3]


def test_bench_names_what_can_be_measured():
    for words in ([], ["nonesuch"]):
        ended = subprocess.run(["bash", ROOT / "scripts/bench.sh", *words], capture_output=True, check=False, text=True)
        assert ended.returncode == 2 and "serving, monitor, training, prepare or console" in ended.stderr


def test_images_are_not_said_to_work_where_they_cannot_be_tried(tmp_path):
    for name in ("bash", "dirname", "mkdir", "sed"):
        (tmp_path / name).symlink_to(which(name))
    ended = subprocess.run([tmp_path / "bash", ROOT / "scripts/test-images.sh"], env={"PATH": str(tmp_path)}, capture_output=True, check=False, text=True)
    assert ended.returncode == 3
    assert "not tried" in ended.stderr and "apt-get install podman" in ended.stderr
