"""What the terminal says of videos: a few lines each, whatever was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merkit.cli.told import SHOWN, tell
from merkit.inference.analysis import Analysis
from merkit.types import Event, RegionMotion, Stretch, UnitScore

CORNER = RegionMotion("mouth corner", "left", 0.0, -1.8)
MICRO = Event("micro", 3.1, 3.2, 3.37, 93, 96, 101, 1.8, 0.02, 0.5, (CORNER,) * 4)
FOUND = Analysis(Path("v.mp4"), (MICRO,), (), 62.04, 0.987, n_faces=1)


def told(capsys: pytest.CaptureFixture[str], *analyses: Analysis, named: bool = False) -> list[str]:
    tell(analyses, "" if named else "nobody asked")
    return capsys.readouterr().out.splitlines()


def test_a_micro_expression_is_told_with_its_strength(capsys: pytest.CaptureFixture[str]) -> None:
    video, event, hint = told(capsys, FOUND)
    assert video == "v.mp4: 1 micro-expression in 62.0 s, face found in 99% of frames"
    up = "left mouth corner up 1.8 px"
    strength = f"1.80 px, where 0.50 are needed; {up}; {up}; {up}"
    assert event == f"      3.10 to 3.37 s  {strength}"
    assert hint == "movements are spotted and measured, not named: nobody asked"


def test_a_model_puts_the_class_first(capsys: pytest.CaptureFixture[str]) -> None:
    named = replace(
        MICRO, label="positive", score=0.871, regions=(), probabilities={"positive": 0.871}
    )
    analysis = replace(FOUND, events=(named,), trained_on=("casme2", "synthetic"))
    _, event, warning = told(capsys, analysis, analysis, named=True)[-3:]
    assert event == "      3.10 to 3.37 s  positive 0.87; 1.80 px, where 0.50 are needed"
    assert "generated faces" in warning
    assert told(capsys, replace(analysis, trained_on=("casme2",)), named=True)[-1] == event


def test_action_units_and_abstention_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    units = (UnitScore(4, 0.9, 0.8, True, True), UnitScore(12, 0.6, 0.1, True, False))
    named = replace(
        MICRO, label="positive", score=0.871, regions=(), units=units,
        probabilities={"positive": 0.871},
    )  # fmt: skip
    unsure = replace(
        named, label="", score=np.nan, reasons=("small face", "not named: it may be any"), units=()
    )
    analysis = replace(FOUND, events=(named, unsure), trained_on=("simulation",))
    _, first, second, known = told(capsys, analysis, named=True)
    px = "1.80 px, where 0.50 are needed"
    assert first.endswith(f"s  positive 0.87; action units 4+L12; {px}")
    assert second.endswith(f"s  not named: it may be any; {px}")
    assert "trained on simulated faces alone" in known
    nothing = replace(analysis, events=(replace(MICRO, kind="macro"),))
    assert told(capsys, nothing, named=True)[-1] == "  other movements: 1 macro"


def test_the_others_are_counted_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ("blink", "macro", "blink", "head movement")
    events = tuple(replace(MICRO, kind=kind) for kind in kinds)
    video, others, _ = told(capsys, replace(FOUND, events=events))
    assert video.startswith("v.mp4: 0 micro-expressions in")
    assert others == "  other movements: 2 blink, 1 macro, 1 head movement"


def test_what_cannot_be_told_is_summed_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    stretches = (
        Stretch("speech", 1.0, 3.0, 30, 90, "lower face"),
        Stretch("no face", 5.0, 5.5, 150, 165),
        Stretch("speech", 7.0, 8.26, 210, 248, "lower face"),
    )
    _, line, _ = told(capsys, replace(FOUND, events=(), stretches=stretches))
    assert line == (
        "  nothing can be told of: speech (lower face) 2 times, 3.3 s in all, "
        "no face 1 time, 0.5 s in all"
    )


def test_many_are_cut_short(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, replace(FOUND, events=(MICRO,) * (SHOWN + 3)))
    assert len(lines) == SHOWN + 3
    assert lines[-2] == "  and 3 more, in the table"


def test_a_cut_clip_tells_why_it_is_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    clip = replace(
        MICRO, kind="macro", label="positive", score=0.5, motion_px=np.nan, threshold_px=np.nan,
        regions=(), reasons=("the whole clip, as it was cut",), probabilities={"positive": 0.5},
    )  # fmt: skip
    _, event = told(capsys, replace(FOUND, events=(clip,)), named=True)
    assert event == "      3.10 to 3.37 s  positive 0.50"
    bare = replace(FOUND, events=(), duration_s=0.5)
    assert "too short" in told(capsys, bare)[1]
    assert "too short" not in "".join(told(capsys, replace(bare, duration_s=2.0)))


def test_problems_are_said_apart(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Analysis.unreadable(Path("b.mp4"), "'b.mp4' ends early")
    tell([broken, FOUND])
    shown = capsys.readouterr()
    assert shown.err == "merkit: 'b.mp4' ends early\n"
    assert "b.mp4" not in shown.out
    many = told(capsys, replace(FOUND, n_faces=5, face=2, turned_deg=90), named=True)[0]
    assert many.endswith(
        "; 5 faces, followed is number 2 from the left; the picture was turned left by 90 degrees "
        "to be upright"
    )
