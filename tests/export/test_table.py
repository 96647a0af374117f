"""The table and its JSON: a row for everything that was found, and for every absence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.export import write_events
from merkit.inference.analysis import Analysis
from merkit.inference.columns import COLUMNS
from merkit.inference.table import NO_FACE, NOTHING, TOO_SHORT, UNREADABLE, table_of
from merkit.types import Event, EventKind, RegionMotion, Stretch, StretchKind, UnitScore

CLASSES = ("negative", "positive")
CORNERS = (
    RegionMotion("mouth corner", "left", 0.3, -1.8),
    RegionMotion("mouth corner", "right", 0.0, -1.6),
)
MEASURED = Event(
    "micro", 1.23456, 1.4, 1.6, 37, 42, 48, 1.825, 0.0198, 0.4,
    CORNERS, 0.75, ("near a blink", "small face"), 0.5,
)  # fmt: skip
NAMED = replace(
    MEASURED, label="positive", score=0.87654,
    probabilities={"negative": 0.12346, "positive": 0.87654},
)  # fmt: skip
BLINK = replace(MEASURED, kind="blink", onset_s=0.2, apex_s=0.3, offset_s=0.4, regions=())
TALK = Stretch("speech", 1.0, 3.5, 30, 105, "lower face", "lips move again and again")
FULL = Analysis(
    Path('a, "b".mp4'), (BLINK, NAMED), (TALK,), 6.0, 0.9,
    turned_deg=180, face=1, n_faces=5, trained_on=("casme2", "samm"),
)  # fmt: skip
FACELESS = Analysis(Path("none.mp4"), (), (), 2.0, 0.0, "none.mp4: no face found")
STILL = Analysis(Path("still.mp4"), (), (), 2.5, 1.0, n_faces=1)
BROKEN = Analysis.unreadable(Path("broken.mp4"), "'broken.mp4' ends early")


def written(
    path: Path, *analyses: Analysis, classes: tuple[str, ...] = CLASSES
) -> list[dict[str, str]]:
    write_events(analyses, classes, path)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return [{k: v for k, v in row.items() if v} for row in table.to_dict("records")]


def test_a_named_event_fills_every_column_but_that_of_stretches(tmp_path: Path) -> None:
    (row,) = written(tmp_path / "e.csv", replace(FULL, events=(NAMED,), stretches=()))
    assert row == {
        "video": 'a, "b".mp4',
        "face": "1",
        "faces": "5",
        "kind": "micro",
        "onset_s": "1.235",
        "apex_s": "1.400",
        "offset_s": "1.600",
        "onset_frame": "37",
        "apex_frame": "42",
        "offset_frame": "48",
        "duration_s": "0.365",
        "label": "positive",
        "score": "0.8765",
        "regions": "left mouth corner up 1.8 px; right mouth corner up 1.6 px",
        "motion_px": "1.825",
        "motion_share": "0.0198",
        "threshold_px": "0.400",
        "quality": "0.750",
        "reasons": "near a blink; small face",
        "face_found": "0.500",
        "trained_on": "casme2 samm",
        "p_negative": "0.1235",
        "p_positive": "0.8765",
    }
    header = (tmp_path / "e.csv").read_text().splitlines()[0]
    assert header.split(",") == [*COLUMNS, "p_negative", "p_positive"]
    assert b"\r" not in (tmp_path / "e.csv").read_bytes()


def test_action_units_have_a_column_a_side_and_an_abstention_keeps_its_numbers(
    tmp_path: Path,
) -> None:
    units = (UnitScore(1, 0.75, 0.12345, True, False), UnitScore(12, 0.5, 0.5, True, True))
    unsure = replace(NAMED, label="", score=np.nan, units=units, reasons=("not named: unsure",))
    analysis = replace(FULL, events=(BLINK, unsure), stretches=(), units=(1, 12))
    blink, row = written(tmp_path / "e.csv", BROKEN, analysis)[1:]
    told = {name: row[name] for name in row if name.startswith(("au", "p_"))}
    assert told == {
        "p_negative": "0.1235",
        "p_positive": "0.8765",
        "au1_left": "0.7500",
        "au1_right": "0.1235",
        "au12_left": "0.5000",
        "au12_right": "0.5000",
    }
    assert (row["action_units"], row["reasons"]) == ("L1+12", "not named: unsure")
    assert not {"label", "score"} & row.keys()
    assert row["trained_on"] == "casme2 samm"
    assert not {"action_units", "au1_left", "p_positive"} & blink.keys()
    write_events([analysis], CLASSES, tmp_path / "e.json")
    (video,) = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    assert video["events"][1]["action_units"] == "L1+12"
    assert video["events"][1]["units"][0] == {
        "number": 1, "left": 0.75, "right": 0.12345, "on_left": True, "on_right": False,
    }  # fmt: skip


def test_rows_are_in_order_of_time_whatever_they_are(tmp_path: Path) -> None:
    rows = written(tmp_path / "e.csv", FULL)
    assert [row["kind"] for row in rows] == ["blink", "speech", "micro"]
    blink, talk, _ = rows
    named = {"label", "score", "trained_on", "p_negative", "p_positive"}
    assert not named & blink.keys()  # a model says nothing of a blink, nor is it named there
    assert talk == {
        "video": 'a, "b".mp4',
        "face": "1",
        "faces": "5",
        "kind": "speech",
        "onset_s": "1.000",
        "offset_s": "3.500",
        "onset_frame": "30",
        "offset_frame": "105",
        "duration_s": "2.500",
        "reasons": "lips move again and again",
        "part": "lower face",
    }


def test_every_absence_has_its_row(tmp_path: Path) -> None:
    cut = replace(STILL, video=Path("cut.mp4"), duration_s=0.5)
    rows = written(tmp_path / "e.csv", FACELESS, STILL, BROKEN, cut, classes=())
    assert rows == [
        {"video": "none.mp4", "faces": "0", "kind": NO_FACE, "duration_s": "2.000",
         "reasons": "none.mp4: no face found", "face_found": "0.000"},
        {"video": "still.mp4", "face": "0", "faces": "1", "kind": NOTHING, "duration_s": "2.500",
         "face_found": "1.000"},
        {"video": "broken.mp4", "kind": UNREADABLE, "reasons": "'broken.mp4' ends early"},
        {"video": "cut.mp4", "face": "0", "faces": "1", "kind": TOO_SHORT, "duration_s": "0.500",
         "reasons": "no rest before and after to measure a movement against",
         "face_found": "1.000"},
    ]  # fmt: skip


def test_a_video_that_stretches_explain_has_no_row_of_its_own(tmp_path: Path) -> None:
    dark = replace(FACELESS, stretches=(Stretch("no face", 0.0, 2.0, 0, 60),))
    (row,) = written(tmp_path / "e.csv", dark)
    assert (row["kind"], row["onset_frame"], row["offset_frame"]) == ("no face", "0", "60")


def test_spreadsheets_read_no_formula_and_pandas_reads_numbers(tmp_path: Path) -> None:
    evil = replace(MEASURED, reasons=("=HYPERLINK(1)",))
    talkative = replace(FULL, video=Path("=a.mp4"), events=(evil,))
    write_events([talkative, STILL], CLASSES, tmp_path / "e.csv")
    table = pd.read_csv(tmp_path / "e.csv")
    assert table.video[0] == "'=a.mp4"
    assert table.reasons.dropna().tolist()[-1] == "'=HYPERLINK(1)"
    numbers = [n for n in COLUMNS if n.endswith(("_s", "_px", "_frame"))]
    assert all(pd.api.types.is_numeric_dtype(table[name]) for name in numbers)
    micro = table[table.kind == "micro"].iloc[0]
    assert micro.duration_s == pytest.approx(micro.offset_s - micro.onset_s, abs=1e-3)


def test_json_keeps_full_precision_and_says_null(tmp_path: Path) -> None:
    write_events([FULL, FACELESS, BROKEN], CLASSES, tmp_path / "e.json")
    text = (tmp_path / "e.json").read_text()
    assert "NaN" not in text
    full, faceless, broken = json.loads(text)
    blink, named = full["events"]
    assert named["onset_s"] == 1.23456
    assert named["duration_s"] == 1.6 - 1.23456
    assert named["probabilities"] == {"negative": 0.12346, "positive": 0.87654}
    assert named["regions"][0] == {
        "region": "mouth corner", "side": "left", "right_px": 0.3, "down_px": -1.8,
    }  # fmt: skip
    assert (blink["label"], blink["score"], blink["probabilities"]) == ("", None, {})
    assert full["stretches"][0]["reason"] == "lips move again and again"
    told = [full[name] for name in ("duration_s", "turned_deg", "face", "faces", "trained_on")]
    assert told == [6.0, 180, 1, 5, ["casme2", "samm"]]
    assert (faceless["problem"], faceless["face"]) == ("none.mp4: no face found", None)
    assert faceless["readable"]
    assert not broken["readable"]
    assert (broken["problem"], broken["duration_s"]) == ("'broken.mp4' ends early", None)


# whatever spotting may say

NUMBERS = st.floats(0, 1e4) | st.just(np.nan)
SIDES = st.sampled_from(["left", "right", ""])
SIGNED = st.floats(-50, 50) | st.just(np.nan)
REGIONS = st.builds(RegionMotion, st.sampled_from(["brow", "lip"]), SIDES, SIGNED, SIGNED)
TEXT = st.text('=+-@xé\t\n\r",;', max_size=8)


UNITS = st.builds(
    UnitScore, st.sampled_from([1, 4, 12]), NUMBERS, NUMBERS, st.booleans(), st.booleans()
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    onset, *more = (draw(st.floats(0, 500)) for _ in range(3))
    times = (onset, onset + more[0], onset + sum(more))
    frames = sorted(draw(st.integers(0, 10**6)) for _ in range(3))
    measured = (draw(NUMBERS) for _ in range(3))
    event = Event(draw(st.sampled_from(get_args(EventKind))), *times, *frames, *measured)
    regions = tuple(draw(st.lists(REGIONS, max_size=3)))
    event = replace(
        event,
        regions=regions,
        reasons=tuple(draw(st.lists(TEXT, max_size=3))),
        quality=draw(NUMBERS),
    )
    if draw(st.booleans()):
        p = draw(st.floats(0, 1))
        event = replace(
            event, label="negative", score=p, probabilities={"negative": p, "positive": 1 - p},
            units=tuple(draw(st.lists(UNITS, max_size=3, unique_by=lambda unit: unit.number))),
        )  # fmt: skip
    return event


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    first, last = sorted(draw(st.integers(0, 10**6)) for _ in range(2))
    part = draw(st.sampled_from(["face", "lower face"]))
    kind = draw(st.sampled_from(get_args(StretchKind)))
    return Stretch(kind, first / 30, last / 30, first, last, part, draw(TEXT))


@given(st.lists(events(), max_size=4), st.lists(stretches(), max_size=4))
def test_rows_of_whatever_was_found(found: list[Event], untold: list[Stretch]) -> None:
    analysis = Analysis(
        Path("v.mp4"), tuple(found), tuple(untold), 9.0, 1.0, n_faces=1, units=(1, 4, 12)
    )
    table = table_of([analysis], CLASSES)
    assert len(table) == max(1, len(found) + len(untold))
    assert not table.isin(["nan", "None", "inf"]).any(axis=None)
    assert not table.video.eq("").any()
    of_event = table.apex_s.ne("")
    assert of_event.sum() == len(found)
    assert table.part.ne("").sum() == len(untold)
    assert not (of_event & table.part.ne("")).any()
    assert table.label.ne("").equals(table.p_positive.ne(""))
    assert table.regions.ne("").sum() == sum(bool(event.regions) for event in found)
    called = [event.action_units for event in found if event.action_units]
    assert sorted(table.action_units[table.action_units != ""]) == sorted(called)
    assert list(table)[-6:] == [f"au{n}_{side}" for n in (1, 4, 12) for side in ("left", "right")]
    if found or untold:
        assert table.onset_s.astype(float).is_monotonic_increasing
        assert table.kind.isin([*get_args(EventKind), *get_args(StretchKind)]).all()
    else:
        assert table.kind.tolist() == [NOTHING]


@given(st.lists(events(), max_size=3), st.lists(stretches(), max_size=3))
def test_json_of_whatever_was_found_is_json(
    tmp_path_factory: pytest.TempPathFactory, found: list[Event], untold: list[Stretch]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    analysis = Analysis(Path("v.mp4"), tuple(found), tuple(untold), 9.0, 1.0)
    write_events([analysis], CLASSES, path)
    (video,) = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert [event["onset_frame"] for event in video["events"]] == [e.onset_frame for e in found]
    assert [stretch["kind"] for stretch in video["stretches"]] == [s.kind for s in untold]
