"""docs/costs.md reckons right, with what the configuration and the templates say, and the README repeats it."""

import json
import re

import pytest

from tests.templates.sources import API, ROOT, resources
from tests.unit.test_runbook import ALARMS

TEXT = (ROOT / "docs" / "costs.md").read_text()
SERVING = json.loads((ROOT / "model" / "config.schema.json").read_text())["properties"]["serving"]["properties"]
HOURS = 730  # of a month
Row = tuple[str, list[str]]


def rows(heading: str) -> list[Row]:
    """Return what and the other cells of a section's table."""
    section = re.search(rf"^## {heading}$(.*?)(?:^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)[1]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]
    return [(line[0], line[1:]) for line in lines[1:]]


def number(cell: str) -> float:
    """Return the number that a cell begins with."""
    return float(re.match(r"[\d,.]+", cell.strip("*"))[0].replace(",", ""))


@pytest.mark.parametrize("heading", ["A month at rest", "A run"])
def test_amount_times_price_is_what_the_columns_say_and_sums_are_sums(heading: str) -> None:
    sums = [0.0, 0.0]
    for what, (amount, price, *columns) in rows(heading):
        found = [number(cell) for cell in columns]
        if amount:
            product = number(amount) * number(price)
            assert all(each == pytest.approx(product, abs=0.006) or each == 0 for each in found), what
            sums = [total + each for total, each in zip(sums, found, strict=True)]
        elif columns[0].startswith("**"):
            assert found == pytest.approx(sums, abs=0.001), what
        assert len(columns) == 2


def test_only_the_network_tells_the_columns_apart() -> None:
    differing = [what for heading in ("A month at rest", "A run") for what, (amount, _, *columns) in rows(heading) if amount and len({*columns}) > 1]
    assert differing == ["interface endpoint of the network, in two zones"]


def test_instances_are_the_defaults_ones() -> None:
    variant = SERVING["variants"]["items"]["properties"]
    found = {what.split("'")[0]: number(cells[0]) for what, cells in rows("A month at rest")[:2]}
    assert (found["production"], found["dev"]) == (variant["prd_instances"]["default"] * HOURS, variant["dev_instances"]["default"] * HOURS)
    assert f"`serving.scaling.maximum` ({SERVING['scaling']['properties']['maximum']['default']}" in TEXT
    assert f"`serving.scaling.target` ({SERVING['scaling']['properties']['target']['default']})" in TEXT


def test_alarms_are_those_of_the_templates_and_two_of_scaling() -> None:
    off = [item for item in resources(API).values() if item["Type"] == "AWS::CloudWatch::Alarm" and item.get("Condition") == "MailsOfCalls"]
    [count] = [number(cells[0]) for what, cells in rows("A month at rest") if what.startswith("alarms")]
    assert count == len(ALARMS) - len(off) + 2


def test_the_short_figures_are_the_tables_rounded() -> None:
    [month] = [cells for what, cells in rows("A month at rest") if what == "**together**"]
    [release] = [cells for what, cells in rows("A run") if what == "**run and release**"]
    with_network, without = (round(number(cell), -1) for cell in month[2:])
    said = f"about {with_network:.0f} USD a month", f"{without:.0f} without a network", f"about {number(release[2]):.0f} USD for each release"
    texts = [" ".join(text.replace("**", "").split()) for text in (TEXT, (ROOT / "README.md").read_text())]
    assert [words for words in said if any(words not in text for text in texts)] == []
