"""The workbook: what openpyxl and pandas read is the table, and nothing in it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from export_analyses import CLASSES, HARD_NAME, faceless, full, still, unread

from merkit.errors import ConfigError
from merkit.export import workbook, write_events
from merkit.export.workbook import MOST
from merkit.inference.columns import COLUMNS, WORDS


def test_it_holds_the_table_with_numbers_as_numbers(tmp_path: Path) -> None:
    analyses = [full(Path(HARD_NAME)), still(Path("s.mp4")), faceless(Path("f.mp4")),
                unread(Path("u.mp4"))]  # fmt: skip
    write_events(analyses, CLASSES, tmp_path / "e.xlsx")
    write_events(analyses, CLASSES, tmp_path / "e.csv")
    book = pd.read_excel(tmp_path / "e.xlsx", "events", dtype=str, keep_default_na=False)
    words = pd.read_csv(tmp_path / "e.csv", dtype=str, keep_default_na=False)
    assert list(book) == list(words)
    for name in words:
        if name in WORDS:
            assert book[name].tolist() == words[name].tolist(), name
        else:
            seen, wanted = (pd.to_numeric(table[name]).tolist() for table in (book, words))
            assert seen == pytest.approx(wanted, abs=1e-9, nan_ok=True), name
    sheet = openpyxl.load_workbook(tmp_path / "e.xlsx")["events"]
    kinds = {
        str(column[0].value): {cell.data_type for cell in column[1:] if cell.value is not None}
        for column in sheet.iter_cols()
    }
    assert all(kinds[name] <= ({"s"} if name in WORDS else {"n"}) for name in kinds)
    assert kinds["onset_s"] == {"n"}
    assert kinds["action_units"] == {"s"}
    onsets = [row[COLUMNS.index("onset_s")] for row in sheet.iter_rows(values_only=True)]
    assert {1.235, 1.3, 1.6, 1.0, 0.2} <= set(onsets)


def test_the_header_stays_in_view_and_filters(tmp_path: Path) -> None:
    write_events([full(Path("v.mp4"))], (), tmp_path / "e.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "e.xlsx")["events"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == sheet.dimensions
    assert sheet.dimensions.startswith("A1:")


def test_nothing_in_it_is_a_formula_or_an_error(tmp_path: Path) -> None:
    texts = [
        "=1+1",
        "@x",
        "#N/A",
        "+1",
        "-1",
        '=HYPERLINK("x")',
        "#REF!",
        "\t=1",
        "2026-01-01",
        "1e5",
    ]
    events = [replace(full(Path("v.mp4")).events[0], reasons=(text,)) for text in texts]
    analysis = replace(full(Path("=v.mp4")), events=tuple(events), stretches=())
    write_events([analysis], ("=evil()",), tmp_path / "e.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "e.xlsx")["events"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    reasons = [cell.value for cell in next(c for c in sheet.iter_cols() if c[0].value == "reasons")]
    assert reasons == ["reasons", *texts]
    assert sheet["A2"].value == "=v.mp4"  # as it is: no apostrophe is needed
    assert sheet.cell(1, sheet.max_column).value is not None
    assert "p_=evil()" in [cell.value for cell in sheet[1]]


@pytest.mark.parametrize("sign", ["x", "😀"])
def test_what_excel_does_not_hold_is_cut_or_replaced_and_that_is_said(
    sign: str, tmp_path: Path
) -> None:
    event = replace(
        full(Path("v.mp4")).events[0], reasons=(sign * 40000,), label="a\x00\x1f\udc80b"
    )
    event = replace(event, probabilities={"c": 1.0})
    write_events([replace(full(Path("v.mp4")), events=(event,))], ("c",), tmp_path / "e.xlsx")
    row = pd.read_excel(tmp_path / "e.xlsx", "events").iloc[0]
    assert len(row.reasons.encode("utf-16-le")) // 2 in (MOST, MOST - 1)
    assert row.reasons.startswith(sign * 16000)
    assert row.reasons.endswith("cut here: Excel holds no more]")
    assert row.label == "a\ufffd\ufffd\ufffdb"


def test_more_rows_than_excel_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = [still(Path("a.mp4")), still(Path("b.mp4"))]
    monkeypatch.setattr(workbook, "MOST_ROWS", 3)
    write_events(two, (), tmp_path / "e.xlsx")
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    with pytest.raises(ConfigError, match=r"2 rows[\s\S]*write a \.csv"):
        write_events(two, (), tmp_path / "f.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["e.xlsx"]


def test_a_second_sheet_says_what_every_column_means(tmp_path: Path) -> None:
    write_events([full(Path("v.mp4"))], CLASSES, tmp_path / "e.xlsx")
    book = openpyxl.load_workbook(tmp_path / "e.xlsx")
    assert book.sheetnames == ["events", "read me"]
    told = {row[0]: row[1] for row in book["read me"].iter_rows(values_only=True)}
    header = [cell.value for cell in book["events"][1]]
    assert len(header) == len(COLUMNS) + len(CLASSES) + 2 * 3
    assert all(told[name] for name in header)
    assert told["p_negative"] == "probability of the class negative, 0 to 1"
    assert told["model trained on"] == "simulation"
