"""Analyses that an export must get through whole: overlaps, hard names, every kind of tier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from merkit.inference.analysis import Analysis
from merkit.types import Event, Stretch, UnitScore
from merkit.video import write_video

CLASSES = ("negative", "positive")
#: a name with what is special in addresses, XML, shells and spreadsheets
HARD_NAME = "a & <b> 😀 #1 100%.mp4"
HARD_LABEL = "pos & <neg>\n😀"

_L1, _12 = UnitScore(1, 0.9, 0.1, True, False), UnitScore(12, 0.8, 0.7, True, True)
_NOT_CALLED = UnitScore(4, 0.2, 0.1)
#: 30 frames/s: 1.2346 s is frame 37; lasts 366 ms
MICRO = Event(
    "micro", 1.2346, 1.4, 1.6004, 37, 42, 48, 1.8, 0.02, 0.4, quality=0.75,
    reasons=("near a blink", "a\nb"), label="positive", score=0.81,
    probabilities={"negative": 0.19, "positive": 0.81}, units=(_L1, _NOT_CALLED, _12),
)  # fmt: skip
#: overlaps it, with the same class and units
OTHER_MICRO = replace(MICRO, onset_s=1.3, apex_s=1.5, offset_s=1.7, onset_frame=39,
                      apex_frame=45, offset_frame=51)  # fmt: skip
#: begins where the first one ends, of a class that the model does not know
CORRECTED = replace(MICRO, onset_s=1.6004, apex_s=1.8, offset_s=2.0, onset_frame=48,
                    apex_frame=54, offset_frame=60, label=HARD_LABEL, units=())  # fmt: skip
#: a coder gave it a class, which no recogniser does
BLINK = Event("blink", 0.2, 0.3, 0.4, 6, 9, 12, 1.0, 0.01, 0.3, label="negative")
#: no time at all, and nothing but an onset
INSTANT = Event("gaze shift", 0.5, 0.5, 0.5, 15, 15, 15, 1.0, 0.01, 0.3)
TIMELESS = replace(INSTANT, onset_s=np.nan, apex_s=np.nan)
TALK = Stretch("speech", 1.0, 1.9, 30, 57, "lower face", "lips move")
TURN = Stretch("head movement", 1.5, 2.0, 45, 60, reason="turns")

EVENTS = (BLINK, INSTANT, MICRO, OTHER_MICRO, CORRECTED, TIMELESS)
_FIRST = (1235, 1600)
#: the tiers of ``full`` but for the apexes, in milliseconds, worked out by hand
TIERS: dict[str, list[tuple[int, int, str]]] = {
    "events": [
        (200, 400, "blink"), (500, 533, "gaze shift"), (*_FIRST, "micro"), (1600, 2000, "micro"),
    ],
    "events 2": [(1300, 1700, "micro")],
    "class": [(200, 400, "negative"), (*_FIRST, "positive"), (1600, 2000, HARD_LABEL)],
    "class 2": [(1300, 1700, "positive")],
    "action units": [(*_FIRST, "L1+12")],
    "action units 2": [(1300, 1700, "L1+12")],
    "AU1": [(*_FIRST, "L1")],
    "AU1 2": [(1300, 1700, "L1")],
    "AU12": [(*_FIRST, "12")],
    "AU12 2": [(1300, 1700, "12")],
    "excluded": [(1000, 1900, "speech (lower face)")],
    "excluded 2": [(1500, 2000, "head movement")],
}  # fmt: skip


def video(folder: Path, name: str = "v.mp4", frames: int = 66, sound: bool = False) -> Path:
    """2.2 s of grey at 30 frames/s."""
    folder.mkdir(parents=True, exist_ok=True)
    grey = [np.full((48, 64, 3), 90, np.uint8)] * frames
    write_video(folder / name, grey, 30.0)
    return _with_sound(folder / name) if sound else folder / name


def _with_sound(path: Path) -> Path:
    """Another file, with a track of silence beside the pictures."""
    target = path.with_name(f"sound {path.name}")
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        pictures = container.add_stream_from_template(source.streams.video[0])
        silence = container.add_stream("aac", rate=16000)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                container.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux([*silence.encode(frame), *silence.encode(None)])
    return target


def full(path: Path) -> Analysis:
    """Of a video: everything that there is."""
    return Analysis(
        path, EVENTS, (TALK, TURN), 2.2, 0.9, face=1, n_faces=2, trained_on=("simulation",),
        units=(1, 4, 12),
    )  # fmt: skip


def still(path: Path) -> Analysis:
    """Of a video: nothing."""
    return Analysis(path, (), (), 2.2, 1.0, n_faces=1)


def faceless(path: Path) -> Analysis:
    """Of a video without a face, as a whole."""
    return Analysis(path, (), (), 2.2, 0.0, problem=f"{path}: no face found")


def unread(path: Path) -> Analysis:
    return Analysis.unreadable(path, f"'{path}' ends early")
