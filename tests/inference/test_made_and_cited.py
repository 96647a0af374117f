"""How a table was made stands beside it, and becomes a methods paragraph."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merkit.errors import MissingDataError, StoreError
from merkit.face import TrackConfig
from merkit.inference.analysis import Analysis
from merkit.inference.bundled import bundled
from merkit.inference.cite import table_paragraph
from merkit.inference.made import Judgement, UsedModel, beside, read_made, write_made
from merkit.spotting import SpotConfig
from merkit.types import Event, Recording, Stretch


def an_event(kind: str, label: str = "") -> Event:
    times = (1.0, 1.2, 1.4, 30, 36, 42)
    return Event(kind, *times, 2.0, 0.02, 0.4, label=label)  # type: ignore[arg-type]


@pytest.fixture
def analyses(tiny_recording: Recording) -> list[Analysis]:
    """Ten seconds, of which 2 to 5 and 4 to 6 cannot be judged; and a file that is no video."""
    lost = (
        Stretch("occluded", 2.0, 5.0, 60, 150),
        Stretch("head movement", 4.0, 6.0, 120, 180),
        Stretch("speech", 0.0, 10.0, 0, 300, part="lower face"),
    )
    events = (an_event("micro", "positive"), an_event("micro"), an_event("macro"))
    read = Analysis(tiny_recording.media, events, lost, 10.0, 0.9, n_faces=1)
    return [read, Analysis.unreadable(Path("broken.mp4"), "no video")]


@pytest.fixture
def table(tmp_path: Path, analyses: list[Analysis]) -> Path:
    path = tmp_path / "events.csv"
    path.write_text("video\n")
    spot = SpotConfig(lag_s=0.2)
    track = TrackConfig(landmarks_path="secret/folder/points.csv", tracker="precomputed")
    write_made(path, analyses, UsedModel.of(bundled()), spot, track)
    return path


def test_what_is_told_is_read_again(table: Path, tiny_recording: Recording) -> None:
    made = read_made(table)
    assert made.spot == SpotConfig(lag_s=0.2)
    assert (made.track.tracker, made.track.landmarks_path) == ("precomputed", "points.csv")
    assert made.model is not None
    assert made.model.names == ("sim-flow", "sim-seq")
    assert made.model.class_min == bundled().vocabulary.limits.class_min
    read, broken = made.videos
    assert (read.micro, read.macro, read.named, read.fps_hz) == (2, 1, 1, tiny_recording.fps_hz)
    assert read.judged_share == pytest.approx(0.6)  # 2 to 6 s are lost, counted once
    assert (broken.name, broken.readable, broken.judged_share) == ("broken.mp4", False, None)
    assert "secret" not in beside(table).read_text()


def test_a_table_that_was_changed_is_told(table: Path) -> None:
    assert not read_made(table).changed(table)
    table.write_text("video\nmine\n")
    assert read_made(table).changed(table)


def test_the_paragraph_says_what_a_reader_must_know(table: Path) -> None:
    made = read_made(table)
    told = table_paragraph(made)
    for words in (
        "One video (30 frames/s",
        "1 could not be read",
        "landmarks of another program (points.csv)",
        "measured by region over 0.2 s",
        "lag_s 0.2 (default 0.25)",
        "0.04 to 0.5 s",
        "3 classes (negative, positive, surprise) and 12 action units by sim-flow",
        "simulated faces alone",
        "2 micro-expressions (1 named) and 1 macro-expressions",
        "90% of the frames",
        "60% of the time could be judged",
        "not an emotion",
        f"merkit {made.versions['merkit']}",
        "[1] merkit",
    ):
        assert words in told
    assert made.model is not None
    assert made.model.sha256[0][:12] in told
    assert "numpy" in told


def test_without_a_model_nothing_is_said_of_one(table: Path) -> None:
    told = table_paragraph(replace(read_made(table), model=None, track=TrackConfig()))
    assert "measured and not named" in told
    assert "simulated" not in told
    assert "face mesh of 478 points" in told
    generated = replace(
        read_made(table).model,
        sha256=(),
        names=("stag",),
        trained_on=("synthetic",),  # type: ignore[type-var]
    )
    told = table_paragraph(replace(read_made(table), model=generated))
    assert "by stag, trained on synthetic" in told
    assert "generated faces" in told


def test_what_a_coder_made_of_it_is_told(table: Path, analyses: list[Analysis]) -> None:
    judgement = Judgement("anna", accepted=3, corrected=2, rejected=4, added=1, open=5, excluded=1)
    write_made(table, analyses, None, SpotConfig(), TrackConfig(), judgement=judgement)
    made = read_made(table)
    assert made.judgement == judgement
    told = table_paragraph(made)
    assert "judged by a coder (anna): 3 accepted as they are, 2 corrected" in told
    assert "4 rejected and left out, 1 added" in told
    assert "5 not judged. Stretches excluded: 1." in told
    assert "checked by a coder" not in told


def test_a_video_without_a_face_could_not_be_judged(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("")
    nobody = Analysis(Path("a.mp4"), duration_s=4.0, found_share=0.0, problem="no face")
    short = Analysis(Path("b.mp4"), duration_s=np.nan, found_share=np.nan)
    write_made(table, [nobody, short], None, SpotConfig(), TrackConfig())
    shares = [video.judged_share for video in read_made(table).videos]
    assert shares == [0.0, None]


def test_what_is_not_there_or_damaged(table: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no .*nothing\.csv"):
        read_made(tmp_path / "nothing.csv")
    alone = tmp_path / "alone.csv"
    alone.write_text("")
    with pytest.raises(MissingDataError, match=r"alone\.csv\.made\.json"):
        read_made(alone)
    stored = json.loads(beside(table).read_text())
    for change in ({"format": 9}, {"spot": {"lag_s": -1}}, {"videos": [{"colour": 1}]}):
        beside(table).write_text(json.dumps({**stored, **change}))
        with pytest.raises(StoreError):
            read_made(table)
    beside(table).write_text("{")
    with pytest.raises(StoreError):
        read_made(table)
