"""The page of a look: what a person reads and sees of it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from captured_requests import line
from image_jobs import Job

from container.columns import columns_of
from container.description import Description
from container.drift_pictures import gaps, picture
from container.number_column import NumberColumn
from container.reference import NumberReference, WordReference
from container.schema import Feature, Problem, Schema

RANDOM = np.random.default_rng(5)
SCHEMA = Schema(Problem("regression", "price"), (), (Feature("size", "numeric"), Feature("town", "categorical")))


class Page(HTMLParser):
    """The texts of a page by tag; what is opened must be closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "i"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "i":
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def described(rows: list[dict]) -> Description:
    found = Description(SCHEMA.features)
    found.add([columns_of({name: [row[name] for row in rows] for name in rows[0]}, SCHEMA)])
    return found


def numbers(values) -> NumberReference:
    found, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    return NumberReference(found, counts, len(values), 0, float(found[0]), float(found[-1]), None)


def heights(svg: str) -> list[float]:
    return [float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)" fill="#0a7d5a"', svg)]


def test_numbers_are_shown_with_the_training_data_below_and_the_captured_above():
    svg = picture("size", described([{"size": value, "town": "a"} for value in RANDOM.normal(3, 1, 4000)]), numbers(RANDOM.normal(0, 1, 2000)))
    filled = heights(svg)
    assert len(filled) == 30 and int(np.argmax(filled)) < 12
    points = [tuple(map(float, point.split(","))) for point in re.search('points="([^"]+)"', svg)[1].split()]
    assert max(points, key=lambda point: -point[1])[0] > 200  # the outline's peak lies right of the middle
    assert "training data" in svg and "captured" in svg


def test_whole_numbers_have_a_range_each():
    svg = picture("size", described([{"size": value, "town": "a"} for value in (0, 1, 1, 3)]), numbers([0, 1, 2, 2, 2, 2]))
    assert len(heights(svg)) == 4 and heights(svg)[2] == max(heights(svg))


@pytest.mark.parametrize("wild", [1e30, -1e30])
def test_one_wild_value_hides_no_others(wild: float):
    rows = [{"size": value, "town": "a"} for value in [wild, *RANDOM.normal(0, 1, 3000)]]
    svg = picture("size", described(rows), numbers(RANDOM.normal(0, 1, 2000)))
    assert sum(height > 20 for height in heights(svg)) > 8


@pytest.mark.parametrize("captured", [[None, None], [7, 7], ["text", 7]])
@pytest.mark.parametrize("before", [[7.0, 7.0], [1.0, 2.5]])
def test_columns_without_spread_or_values_have_a_picture(captured: list, before: list):
    svg = picture("size", described([{"size": value, "town": "a"} for value in captured]), numbers(before))
    assert "nan" not in svg and "inf" not in svg and "<svg" in svg


def test_rows_without_a_number_are_shown_where_there_are_some():
    column = NumberColumn()
    column.add(np.array([1.0, 2.0, np.nan, np.nan]), strays=1)
    svg = gaps(column, numbers([1, 2]))
    assert svg.count("25 %") == 2 and gaps(NumberColumn(), numbers([1])) == ""


def test_of_many_categories_those_that_differ_most_are_shown():
    reference = WordReference({f"t{place:02}": 100 for place in range(50)}, 0, 5000, 0)
    rows = [{"size": 1, "town": f"t{place:02}"} for place in range(50) for _ in range(20)] + [{"size": 1, "town": "<new>"}] * 100
    svg = picture("town", described(rows), reference)
    assert "12 of 51 categories" in svg and "&lt;new&gt;" in svg and "<new>" not in svg and "9.09 %" in svg


def test_empty_cells_are_a_bar_of_their_own():
    svg = picture("town", described([{"size": 1, "town": town} for town in ("a", "", "", "")]), WordReference({"a": 3}, 0, 3, 0))
    assert "(empty)" in svg and "75 %" in svg


@pytest.fixture
def look(job: Job, churn: Job, in_process, monkeypatch: pytest.MonkeyPatch):
    """Return a function that looks at captured lines and gives the page."""

    def looked(lines: list[str]) -> str:
        job.write("processing/input/captures/a.jsonl", "\n".join(lines))
        for name in ("statistics.json", "constraints.json"):
            job.write(f"processing/input/baseline/{name}", (churn.outputs / "baseline" / name).read_text())
        job.write("processing/input/schema/schema.json", (churn.outputs / "schema/schema.json").read_text())
        monkeypatch.setenv("sagemaker_endpoint_name", "churn<prd>")
        assert in_process(job, "monitor") == 0
        return (job.outputs / "report.html").read_text(encoding="utf-8")

    return looked


def _rows(churn_rows: list[list[str]], change) -> list[str]:
    names = churn_rows[0][:-1]
    return [line(json.dumps([change(dict(zip(names, row, strict=False)))]), "application/json") for row in churn_rows[1:1001]]


def test_a_drifted_column_has_its_picture_and_reasons(look, churn_rows: list[list[str]]):
    page = look([*_rows(churn_rows, lambda row: row | {"total_day_minutes": float(row["total_day_minutes"]) + 60}), "garbage"])
    texts = Page(page).texts
    assert "Drift" in texts["b"] and "What churn<prd> was asked, against the training data" in texts["h1"]
    assert [name.strip() for name in texts["h3"]] == ["total_day_minutes"]
    assert "What could not be read" in texts["h2"] and "a.jsonl line 1001" in texts["li"][0]
    assert texts["th"].count("total_day_minutes") == 1 and "state" in texts["th"]
    section = page[page.index("<section") : page.index("</section>")]
    assert section.count("<svg") == 1 and "values lie higher" in section


def test_without_drift_no_column_is_put_first(look, churn_rows: list[list[str]]):
    texts = Page(look(_rows(churn_rows, dict))).texts
    assert "No drift" in texts["b"] and "h3" not in texts and "What has drifted" not in texts["h2"]


def test_too_few_rows_say_that_nothing_is_known(look, churn_rows: list[list[str]]):
    texts = Page(look(_rows(churn_rows, dict)[:20])).texts
    assert "Too few rows to tell" in texts["b"] and any("neither" in text for text in texts["p"])


def test_the_page_needs_nothing_else(look, churn_rows: list[list[str]], tmp_path: Path):
    page = look(_rows(churn_rows, dict))
    assert not re.search(r"""(src|href)=|@import|url\(|<script|<link""", page)
