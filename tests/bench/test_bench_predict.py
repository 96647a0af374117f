"""``predict`` by stages: what is told, and what was found of what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from merkit.bench.cost import Cost, _measured
from merkit.bench.predict import PredictBench, Stage, _search, _warm, agreement
from merkit.cli import main
from merkit.flow.gray import to_gray
from merkit.scoring.spotting import Counts
from merkit.types import Clip, Event, EventKind, Frame, Recording


def annotated_event(kind: str, first: int, last: int) -> Clip:
    return Clip(
        f"{kind} {first}",
        "synthetic",
        "s",
        Path("v.mp4"),
        30.0,
        "happiness",
        first_frame=first,
        last_frame=last,
        onset_frame=first,
        apex_frame=(first + last) // 2,
        offset_frame=last,
        raw={"kind": kind},
    )


def spotted(kind: EventKind, first: int, last: int) -> Event:
    return Event(kind, 0.0, 0.0, 0.0, first, (first + last) // 2, last, 1.0, 0.1, 0.5)


def test_agreement_by_hand() -> None:
    truth = annotated_event("micro", 10, 19), annotated_event("macro", 50, 99)
    recording = Recording("r", "synthetic", "s", Path("v.mp4"), 30.0, truth)
    found = [
        spotted("micro", 12, 21),  # 8 frames of 12
        spotted("micro", 50, 99),  # another kind
        spotted("blink", 50, 99),  # no expression
        spotted("macro", 80, 129),  # 20 frames of 80
    ]
    assert agreement(recording, found) == (Counts(1, 1, 0), Counts(0, 1, 1))


def test_lines_by_hand() -> None:
    plain = Stage("p", 2.0, Cost(10.0, 8.0, 100_000_000))
    decoding, naming = (Stage(n, 20.0, Cost(s, s, None)) for n, s in (("d", 1.0), ("n", 4.0)))
    found = PredictBench(plain, (decoding, naming), Counts(2, 1, 0), Counts(0, 0, 1), 2).lines()
    assert found[1] == "  p: 300.0 s (240.0 s of processors); 100 MB"
    assert found[2] == "  d: 3.0 s (3.0 s of processors); memory not known"
    assert "n: 12.0 s" in found[3]
    assert "25.0 times as fast (20.0 by processor time)" in found[3]
    assert found[4] == "decoding alone is 25% of all (processor time)"
    assert found[5:] == [
        "micro-expressions: 2 of 2 found, 1 false",
        "macro-expressions: 0 of 1 found, 0 false",
        "named: 2",
    ]


@pytest.mark.parametrize("installed", [True, False])
def test_dlib_searches_where_it_is_installed_and_else_the_mesh(
    installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "dlib", None)
    name, search = _search.__wrapped__()
    assert name == ("dlib68" if installed else "mesh478")
    rgb = np.ascontiguousarray(data.astronaut())
    assert len(search(Frame(0, 0.0, rgb), to_gray(rgb))) == 1
    assert len(search(Frame(0, 0.0, np.zeros_like(rgb)), np.zeros(rgb.shape[:2], np.uint8))) == 0


def test_what_is_measured_holds_no_torch_but_for_naming() -> None:
    kinds = ("predict", "prepare", "flow")
    code = "; ".join(["import sys", *(f"import merkit.bench.{kind}" for kind in kinds)])
    words = [sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"]
    told = subprocess.run(words, check=False)
    assert told.returncode == 0


def test_a_short_clip_goes_first() -> None:
    short, recording = (Recording(name, "", "", Path(name), 30.0, ()) for name in "ab")
    seen: list[Recording] = []
    work = _warm(seen.append, short, recording)
    assert seen == [short]
    work()
    assert seen == [short, recording]


@pytest.mark.thorough
def test_a_small_run_finds_what_was_generated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(warm: Any, way: Any, short: Any, recording: Any) -> Any:  # too long for a test else
        return _measured(lambda: lambda: way(recording), ())

    monkeypatch.setattr("merkit.bench.predict.measured", here)
    out = tmp_path / "predict.json"
    words = ["--size-px", "240", "180", "--face-width-px", "120", "--long-duration-s", "2"]
    words += ["--events-per-video", "1", "--macro-events", "0", "--fps-hz", "20"]
    words += ["--plain-frames", "3"]
    assert main(["bench", "predict", *words, "--out", str(out)]) == 0
    assert "micro-expressions: 1 of 1 found, 0 false" in capsys.readouterr().out
    found = json.loads(out.read_text())["found"]
    names = ["decoding", "following", "spotting", "everything", "naming"]
    assert [stage["name"] for stage in found["stages"]] == names
    assert found["plain"]["video_s"] == pytest.approx(3 / 20)
    assert found["plain"]["name"].endswith("and Farneback on every frame")
    assert found["micro"] == {"tp": 1, "fp": 0, "fn": 0}
