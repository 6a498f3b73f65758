"""Captured requests and CSV files as columns: every form that the endpoint takes, and what is no request at all."""

import base64
import json
import random
from pathlib import Path

import numpy as np
import pytest
from captured_requests import SCHEMA, cells, line, read

from container import blocks
from container.captures import Seen, captures, columns_of_all, csv_rows, summaries
from container.encoding import is_missing, number, plain_text
from container.errors import CellRefused
from container.payload import read_payload
from container.schema import Feature, Problem, Schema

ROWS = [["KS", 128, True], ["a, b", 4.5, False], ['say "x"', None, None], ["", "7", "no"], ["back\\slash", -1e3, "NA"], ["é [1]", 415.0, 1],
        ["415", 2, 0], [415.0, 3, "yes"], ["415.0", 3, "yes"], ["NA", "n/a", " yes "]]
NAMES = ["state", "calls", "plan"]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
CSV_ROWS = 'KS,128,true\n"a, b",4.5,false\n"say ""x""",,\n, 7,no\nNA, "n/a",yes\nx, "1",  "no"\n'
BODIES = {
    "csv": ("text/csv", CSV_ROWS),
    "csv with header": ("text/csv", f"state,calls,plan\n{CSV_ROWS}"),
    "csv in another order": ("text/csv; charset=utf-8", "churn,plan, calls,state\nno,yes,3,KS\nno,no,,OH"),
    "csv of lines from elsewhere": ("text/csv", "KS,1,yes\r\nOH,2,no\r\n"),
    "records": ("application/json", json.dumps(RECORDS)),
    "records in their own order": ("application/json", json.dumps([dict(reversed(RECORDS[0].items())), RECORDS[1]])),
    "instances of lists": ("application/json", json.dumps({"instances": ROWS})),
    "instances of records": ("application/json", json.dumps({"instances": RECORDS})),
    "lists": ("application/json", json.dumps(ROWS[:2], indent=1)),
    "plain lists": ("application/json", json.dumps(ROWS[:2], separators=(",", ":"))),
    "columns and data": ("application/json", json.dumps({"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS[:2]]})),
    "json lines of lists": ("application/jsonlines", "".join(f"{json.dumps(row)}\n" for row in ROWS)),
    "json lines of records": ("application/jsonlines", "".join(f"{json.dumps(row)}\n" for row in RECORDS)),
}


def as_served(body: bytes, kind: str, schema: Schema = SCHEMA) -> list[dict]:
    """Return the rows as the endpoint reads them, each cell as monitoring sees it."""
    columns = read_payload(body, kind, schema)
    by_name = {feature.name: [_seen(cell, row, feature) for row, cell in enumerate(column)]
               for feature, column in zip(schema.features, columns, strict=True)}
    return [dict(zip(by_name, row, strict=True)) for row in zip(*by_name.values(), strict=True)]


def _seen(cell, row: int, feature: Feature):
    if feature.type == "numeric":
        try:
            value = number(cell, row, feature.name)
        except CellRefused:
            return None
        return None if np.isnan(value) else value
    return None if plain_text(cell) == "" or (feature.type == "boolean" and is_missing(cell)) else plain_text(cell)


@pytest.mark.parametrize(("kind", "body"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
@pytest.mark.parametrize("with_ids", [False, True])
def test_every_body_is_read_as_the_endpoint_reads_it(tmp_path: Path, kind: str, body: str, encoding: str, with_ids: bool):
    data = base64.b64encode(body.encode()).decode() if encoding == "BASE64" else body
    columns, seen = read(tmp_path, [line(data, kind, encoding, event=f"event-{place}") for place in range(3)], with_ids=with_ids)
    wanted = as_served(body.encode(), kind)
    assert (seen.unreadable, seen.faults) == (0, [])
    assert sorted(map(str, _in_order(cells(columns)))) == sorted(map(str, 3 * wanted))
    ids = [name for each in columns for name in each.ids] if with_ids else []
    assert sorted(ids) == sorted(f"event-{place}" for place in range(3) for _ in wanted if with_ids)


def _in_order(rows: list[dict]) -> list[dict]:
    return [{name: row[name] for name in NAMES} for row in rows]


def test_requests_of_all_forms_may_stand_in_one_file(tmp_path: Path):
    lines = [line(body, kind) for kind, body in BODIES.values()]
    random.Random(1).shuffle(lines)
    columns, seen = read(tmp_path, lines)
    wanted = [row for kind, body in BODIES.values() for row in as_served(body.encode(), kind)]
    assert seen.unreadable == 0
    assert sorted(map(str, _in_order(cells(columns)))) == sorted(map(str, wanted))


def test_other_charsets_are_read(tmp_path: Path):
    data = base64.b64encode("Ä,1,no".encode("latin-1")).decode()
    columns, _ = read(tmp_path, [line(data, "text/csv; charset=latin-1", "BASE64")])
    assert cells(columns) == [{"calls": 1.0, "state": "Ä", "plan": "no"}]


def test_the_project_s_own_requests_are_left_out_and_counted(tmp_path: Path):
    columns, seen = read(tmp_path, [line("KS,1,no", inference="synthetic-1"), line("OH,2,no", inference="mine")], with_ids=True)
    assert [row["state"] for row in cells(columns)] == ["OH"] and columns[0].ids == ["mine"]
    assert seen.synthetic == 1


FAULTY = {
    "no captured request": "garbage",
    "no captured request: Object missing": '{"eventVersion": "0"}',
    "no input was captured": json.dumps({"captureData": {"endpointOutput": {"data": "no", "encoding": "CSV"}}, "eventMetadata": {"eventId": "bad"}}),
    "2 cells; there must be 3": line("KS,1", event="bad"),
    "a quote has no end": line('KS,"1,no', event="bad"),
    "content type 'image/png' is not supported": line("x", "image/png", event="bad"),
    "its base64 holds no text": line("?", "text/csv", "BASE64", event="bad"),
    "no JSON that has rows": line('{"state": "KS"}', "application/json", event="bad"),
    "no JSON that has rows: Input data": line("[[", "application/json", event="bad"),
    "2 cells": line('[["KS", 1]]', "application/json", event="bad"),
    "neither a list nor a record": line("[3]", "application/json", event="bad"),
    "neither a list nor a record:": line("[1], [2]", "application/jsonlines", event="bad"),
    "a column twice": line("state,state,calls\nKS,KS,1", event="bad"),
    "it names a column twice": line('{"columns": ["state", "state"], "data": [["KS", "KS"]]}', "application/json", event="bad"),
}


@pytest.mark.parametrize(("reason", "bad"), FAULTY.items(), ids=FAULTY)
@pytest.mark.parametrize("with_ids", [False, True])
def test_what_cannot_be_read_is_counted_and_named_and_costs_nothing_else(tmp_path: Path, reason: str, bad: str, with_ids: bool):
    good = [line("OH,2,no", event="first"), line('[["q", 1, true]]', "application/json", event="second")]
    columns, seen = read(tmp_path, [good[0], bad, good[1]], with_ids=with_ids)
    assert sorted(row["state"] for row in cells(columns)) == ["OH", "q"]
    assert seen.unreadable == 1 and len(seen.faults) == 1
    assert seen.faults[0].startswith("churn/AllTraffic/2026/01/01/00/00-00.jsonl line 2: ") and reason in seen.faults[0]


def test_only_the_first_faults_are_named(tmp_path: Path):
    _, seen = read(tmp_path, ["garbage"] * 100)
    assert seen.unreadable == 100 and len(seen.faults) == 20


def test_cells_that_are_no_numbers_are_counted_by_column(tmp_path: Path):
    columns, seen = read(tmp_path, [line("KS,1,no\nKS,many,no\nKS,,no\nKS,1e300,no"), line('[["KS", "few", true], ["KS", [1], true]]', "application/json")])
    assert sum(each.strays["calls"] for each in columns) == 4
    assert [row["calls"] for row in cells(columns)] == [1, None, None, None, None, None] and seen.unreadable == 0


@pytest.mark.parametrize("body", ["new,state,calls,plan\n1,KS,2,no", "KS,2,no,1", '[{"new": 1, "state": "KS", "calls": 2, "plan": "no", "name": "x"}]',
                                  '[["KS", 2, "no", 1]]', '[["K\\u0053", 2, "no", 1]]'])
def test_columns_more_than_the_model_reads_are_named(tmp_path: Path, body: str):
    (columns,), seen = read(tmp_path, [line(body, "application/json" if body[0] == "[" else "text/csv")])
    assert columns.others == ("new",) if "new" in body else ("column 4",)
    assert cells([columns]) == [{"calls": 2.0, "state": "KS", "plan": "no"}] and not seen.unreadable


@pytest.mark.parametrize("body", ["state,plan\nKS,no", '[{"state": "KS", "plan": "no"}]'])
def test_a_feature_that_rows_lack_is_in_no_column(tmp_path: Path, body: str):
    (columns,), _ = read(tmp_path, [line(body, "application/json" if body[0] == "[" else "text/csv")])
    assert not columns.numbers and set(columns.texts) == {"state", "plan"}


def test_a_header_is_known_where_all_columns_hold_texts(tmp_path: Path):
    schema = Schema(Problem("binary", "churn", "yes"), ("no", "yes"), (Feature("state", "categorical"), Feature("plan", "boolean")))
    columns, _ = read(tmp_path, [line("state,plan\nKS,no"), line("plan,state\nno,KS"), line("KS,no")], schema)
    assert sorted(map(str, (sorted(row.items()) for row in cells(columns)))) == 3 * ["[('plan', 'no'), ('state', 'KS')]"]


def test_rows_keep_their_requests_ids_beside_rows_that_are_none(tmp_path: Path):
    lines = [line("KS,1,no", event="a"), line("KS,2", event="b"), line("KS,3,no,9", event="c"), line("KS,4,no\nKS,5,no", event="d", inference="mine"),
             line('"K\nS",6,no', event="e")]
    columns, _ = read(tmp_path, lines, with_ids=True)
    assert {row["calls"]: name for each in columns for row, name in zip(cells([each]), each.ids, strict=True)} == {
        1.0: "a", 3.0: "c", 4.0: "mine", 5.0: "mine", 6.0: "e"}


def test_blocks_end_where_lines_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = [line(f"KS,{place},no", event=str(place)) for place in range(500)]
    lines[400] = "garbage"
    whole, _ = read(tmp_path, lines)
    monkeypatch.setattr(blocks, "BLOCK", 3000)
    parts, seen = read(tmp_path, lines)
    assert len(whole) == 1 and len(parts) > 10 and cells(parts) == cells(whole)
    assert seen.faults[0].split(":")[0].endswith("line 401")


def test_small_files_share_a_block(tmp_path: Path):
    for minute in range(50):
        (tmp_path / f"{minute:02}.jsonl").write_text(line(f"KS,{minute},no") + "\n" * (minute % 2) + ("?" if minute == 33 else ""))
    seen = Seen()
    (columns,) = columns_of_all(captures(tmp_path, SCHEMA), seen)
    assert columns.numbers["calls"].tolist() == [float(minute) for minute in range(50)]
    assert [fault.split(":")[0] for fault in seen.faults] == ["33.jsonl line 2"]


def test_no_capture_is_no_row(tmp_path: Path):
    seen = Seen()
    assert list(columns_of_all(captures(tmp_path, SCHEMA), seen)) == [] and seen == Seen()


def test_summaries_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blocks, "BLOCK", 2000)
    (tmp_path / "a.jsonl").write_text("".join(f"{line(f'KS,{place},no')}\n" for place in range(200)))
    found = list(summaries(captures(tmp_path, SCHEMA), lambda columns: columns.numbers["calls"][0], Seen()))
    assert found == sorted(found) and len(found) > 10


def test_csv_files_are_read_by_their_headers(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfchurn, plan,state,calls,new\nno,yes,"K\nS",1,x\nno,no,A\xff,many,x\nshort,1\n')
    (tmp_path / "b.csv").write_text("state,calls,plan\n")
    (tmp_path / "c.csv").write_text("")
    seen = Seen()
    (columns,) = columns_of_all(csv_rows(tmp_path, SCHEMA), seen)
    assert cells([columns]) == [{"calls": 1.0, "state": "K\nS", "plan": "yes"}, {"calls": None, "state": "A�", "plan": "no"}]
    assert columns.others == ("new",) and columns.strays == {"calls": 1}
    assert seen.unreadable == 1 and seen.faults[0].endswith("2 cells; there must be 5: churn, plan, state, calls, new")


def test_csv_files_without_headers_hold_the_features_in_order(tmp_path: Path):
    (tmp_path / "a.csv").write_text("KS,1,no\nOH,2,yes")
    assert [row["state"] for row in cells(columns_of_all(csv_rows(tmp_path, SCHEMA, has_header=False), Seen()))] == ["KS", "OH"]


def test_a_block_of_csv_never_ends_within_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.csv").write_text("state,calls,plan\n" + "".join(f'"K{place}\n\nS",{place},no\n' for place in range(300)))
    monkeypatch.setattr(blocks, "BLOCK", 100)
    found = cells(columns_of_all(csv_rows(tmp_path, SCHEMA), Seen()))
    assert [row["state"] for row in found] == [f"K{place}\n\nS" for place in range(300)]
