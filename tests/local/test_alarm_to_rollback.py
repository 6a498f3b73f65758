"""At real time: what fails of a canary ends it, and the old version alone answers before the alarm's minute is over."""

import sys
from collections.abc import Iterator

import pytest

from benchmarks.rollback import Release, measure
from tests.local.local_aws import LocalAws, free_port

ALLOWED_SECONDS = 10.0  # from alarm to all traffic on the old version


@pytest.fixture(scope="module")
def real_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A machine of its own at speed 1."""
    machine = LocalAws(free_port(), tmp_path_factory.mktemp("real-time"))
    place = ("--port", str(machine.port), "--data", str(machine.data))
    started = machine.run(sys.executable, "-m", "local", "up", "--speed", "1", *place)
    assert started.returncode == 0, started.stderr
    yield machine
    machine.run(sys.executable, "-m", "local", "down", *place)


def test_release_alarm_takes_all_traffic_back_within_seconds_of_real_time(real_time: LocalAws) -> None:
    with Release(real_time.client) as release:
        found = measure(release)
        alarm, = real_time.client("cloudwatch").describe_alarms(AlarmNames=[release.name])["MetricAlarms"]
    assert (found.status, found.reason) == ("Stopped", "ALARM_ACTIVE")
    assert found.to_old < ALLOWED_SECONDS
    assert "greater than the threshold (0.0)" in alarm["StateReason"]
    assert 0 < found.failed < found.requests / 2  # of a tenth of the traffic, until the alarm
