"""Ten million rows in two gigabytes: measured on fewer, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from image_jobs import CHURN, ROOT, Job

MEGABYTE = 1024  # ru_maxrss counts kilobytes


def peak(job: Job, churn_rows: list[list[str]], thousands: int) -> float:
    """Return the megabytes that prepare needs for so many thousand rows of the sample's schema, none like another."""
    header, *rows = churn_rows
    path = job.write("processing/input/data/train/rows.csv", ",".join(header) + "\n")
    with path.open("a", encoding="utf-8") as file:
        for number in range(thousands):
            file.writelines(",".join([row[0], str(number), *row[2:]]) + "\n" for row in rows[:1000])
    job.config(CHURN)
    process = subprocess.Popen([sys.executable, "-m", "container", "prepare"], cwd=ROOT, stdout=subprocess.DEVNULL,
                               env={**os.environ, "SAGEMAKER_BASE_DIR": str(job.base)})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss / MEGABYTE


@pytest.mark.slow
def test_ten_million_rows_fit_into_two_gigabytes(tmp_path: Path, churn_rows):
    few, many = peak(Job(tmp_path / "few"), churn_rows, 200), peak(Job(tmp_path / "many"), churn_rows, 1200)
    assert few + (many - few) / 1000 * 9800 < 2000
