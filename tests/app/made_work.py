"""Tiny videos, and a worker that makes up what is found in them. It runs in processes of its own,
so nothing of the server is imported here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from merkit.app.curves import save_curves
from merkit.app.queue import Job
from merkit.errors import VideoError
from merkit.inference.analysis import Analysis
from merkit.progress import Progress
from merkit.review.analysis_file import save_analysis
from merkit.review.clock import Clock, save_clock
from merkit.types import Event, EventKind, Stretch
from merkit.video import probe, write_video

FPS_HZ = 30.0
#: frames of the three events that are found in every video
EVENTS: tuple[tuple[EventKind, int, int, int], ...] = (
    ("micro", 20, 25, 32),
    ("macro", 50, 70, 95),
    ("micro", 100, 104, 110),
)
N_FRAMES = 120


def until(true: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait for something that another thread or process does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def grey(number: int) -> int:
    """The level of a frame of ``write_tiny``, by which it is known again."""
    return 20 + (number * 7) % 200


def write_tiny(path: Path, n_frames: int = N_FRAMES) -> Path:
    """A video of plain frames, each told by its level of grey."""
    pictures = (np.full((48, 64, 3), grey(n), np.uint8) for n in range(n_frames))
    write_video(path, pictures, FPS_HZ)
    return path


def write_avi(path: Path, codec: str = "mpeg4") -> Path:
    """The same frames as ``write_tiny`` in a file that no browser plays."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=round(FPS_HZ))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(N_FRAMES):
            rgb = np.full((48, 64, 3), grey(n), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb)))
        out.mux(stream.encode())
    return path


def event(kind: EventKind, onset: int, apex: int, offset: int) -> Event:
    times = (frame / FPS_HZ for frame in (onset, apex, offset))
    return Event(kind, *times, onset, apex, offset, 1.5, 0.016, 0.3)


def analysis(video: Path, duration_s: float = N_FRAMES / FPS_HZ) -> Analysis:
    stretch = Stretch("occluded", 0.0, 0.2, 0, 6)
    found = tuple(event(*one) for one in EVENTS)
    return Analysis(video, found, (stretch,), duration_s, 1.0, n_faces=1)


def made_up(job: Job, progress: Progress) -> None:
    """Work of a queue that looks at nothing; a video named ``bad`` is broken, ``slow`` never
    ends, ``dies`` takes its process along."""
    progress("reading", 0, 100)
    if "bad" in job.video.name:
        raise VideoError(f"'{job.video.name}' is damaged at frame 7", "a whole video")
    if "dies" in job.video.name:
        os._exit(9)
    for done in range(1, 10_000 if "slow" in job.video.name else 2):
        progress("reading", done, 10_000)
        time.sleep(0.01)
    save_found(job.out, analysis(job.video), probe(job.video).n_frames or N_FRAMES)


def save_found(out: Path, found: Analysis, n_frames: int) -> None:
    """What a worker leaves."""
    out.mkdir(parents=True, exist_ok=True)
    frames = np.arange(n_frames, dtype=np.float64)
    save_curves(out / "curves.npz", {"frame": frames, "jaw open": np.sin(frames / 9, dtype="f4")})
    save_clock(out / "clock.npz", Clock.constant(FPS_HZ, n_frames))
    save_analysis(out / "analysis.json", found)
