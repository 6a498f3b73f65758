"""What a full disk does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.storage import RESERVE, Storage, StorageFullError
from local.store import Store
from tests.local.local_aws import ROOT, LocalAws
from tests.local.test_commands import local, refusal
from tests.local.test_durability import kill, lasting_port, start

PLACE = "SMALL_DISK"  # the disk, in the process that has one
MOUNTED = f'mount -t tmpfs -o size=96m tmpfs "${PLACE}" && exec "$@"'


def on_a_small_disk(test: Callable[[Path], None]) -> Callable[[Path], None]:
    """Run a test in a process that has a disk of 96 MB; namespaces of its own let anybody mount one."""
    def run(tmp_path: Path) -> None:
        if PLACE in os.environ:
            test(Path(os.environ[PLACE]))
            return
        namespaces = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
        nested = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"{__file__}::{test.__name__}")
        ended = subprocess.run(["unshare", *namespaces, "sh", "-c", MOUNTED, "sh", *nested], cwd=ROOT, text=True, check=False,
                               env=os.environ | {PLACE: str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert ended.returncode == 0 and "1 passed" in ended.stdout, (
            f"{ended.stdout}\nIf unshare or mount failed: this test needs root with CAP_SYS_ADMIN, or a kernel that lets users make namespaces.")

    return run


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while file.write(bytes(2**16)):
            pass
    return ballast


def refused(change: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        change()
    assert (caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (
        "InsufficientStorage", 507)
    return str(caught.value)


@on_a_small_disk
def test_a_full_disk_refuses_changes_by_name_and_goes_on_when_there_is_space(disk: Path) -> None:
    aws = LocalAws(lasting_port(), disk / "data")
    start(aws)
    s3, ssm, sns, codecommit = (aws.client(name) for name in ("s3", "ssm", "sns", "codecommit"))
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"before")
    ballast = fill(disk)
    for change in (lambda: s3.put_object(Bucket="bucket", Key="key", Body=b"after"),
                   lambda: ssm.put_parameter(Name="p", Value="v", Type="String"), lambda: sns.create_topic(Name="t"),
                   lambda: codecommit.create_repository(repositoryName="r")):
        assert f"{disk}/data is full" in refused(change)
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"before"
    kill(aws)
    assert f"{disk}/data is full" in refusal(local("up", "--port", aws.port, "--data", aws.data))
    ballast.unlink()
    start(aws)
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"before"
    s3.put_object(Bucket="bucket", Key="key", Body=b"after")
    assert local("down", "--data", aws.data).returncode == 0


@on_a_small_disk
def test_what_is_under_way_is_recorded_in_the_reserve(disk: Path) -> None:
    storage = Storage(disk)
    store = Store(disk / "state.sqlite", storage)
    store.table("jobs")["job"] = {"status": "InProgress"}
    storage.check()
    ballast = fill(disk)
    store.table("jobs")["job"] = {"status": "Failed", "reason": "x" * 2**20}
    with pytest.raises(StorageFullError, match="Free some space"):
        storage.check()
    ballast.unlink()
    storage.check()
    assert (disk / "reserve").stat().st_size == RESERVE
    store.close()
    assert Store(disk / "state.sqlite").table("jobs")["job"]["status"] == "Failed"
