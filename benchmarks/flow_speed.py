"""Speed of reading a face, stage by stage, against the conventional way, in one run.

    python benchmarks/flow_speed.py [--frames 600] [--video FILE]

merkit, on every frame: ``FaceFollower`` with the mesh; with ``Spotter`` (motion at three lags, in
the background, and the movements found); with ``ActionReader`` (lids, gaze, lips, pose, cover) as
well, which is all that ``merkit predict`` does but for decoding. Conventional: dlib's HOG detector
and landmark predictor on every frame, Farneback over the whole frame. The clip is generated:
640x480, a photograph's face that sways and trembles. CPU time is printed beside wall time, since it
does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from skimage import data

from merkit.face.dlib68 import model_file
from merkit.face.follow import FaceFollower
from merkit.face.tracker import TrackConfig
from merkit.flow import estimate_flow
from merkit.flow.estimate import dominant_motion
from merkit.spotting import SpotConfig, Spotter
from merkit.spotting.look import look_at
from merkit.spotting.tracked import Watch
from merkit.types import U8, Frame

Run: TypeAlias = Callable[[list[Frame]], None]


def generated_clip(n: int) -> list[Frame]:
    """n frames of 640x480 at 30 Hz."""
    photograph = cv2.copyMakeBorder(data.astronaut(), 0, 0, 64, 64, cv2.BORDER_REPLICATE)
    rng = np.random.default_rng(0)
    frames = []
    for t in range(n):
        x, y = 6 * np.sin(t / 25), 3 * np.sin(t / 18)
        shift = np.array([[1.0, 0, x], [0, 1.0, y]])
        image = cv2.warpAffine(photograph, shift, (640, 480), borderMode=cv2.BORDER_REPLICATE)
        noisy = image + rng.normal(0, 2, image.shape)
        frames.append(Frame(t, t / 30, np.clip(noisy, 0, 255).astype(np.uint8)))
    return frames


def video_clip(path: Path, n: int) -> list[Frame]:
    """The first n frames of a video, resized to 640x480."""
    from merkit.video import iter_frames

    frames = []
    for frame in iter_frames(path):
        frames.append(Frame(frame.number, frame.time_s, cv2.resize(frame.rgb, (640, 480))))
        if len(frames) == n:
            break
    return frames


def following() -> Run:
    """Follow the face."""
    return lambda frames: _exhaust(FaceFollower(TrackConfig()).follow(frames))


def spotting() -> Run:
    """Follow the face, and find what moves."""

    def run(frames: list[Frame]) -> None:
        spotter = Spotter(SpotConfig(), 30.0)
        for frame, face in FaceFollower(TrackConfig()).follow(frames):
            known = face is not None and face.mesh_px is not None
            spotter.push(look_at(frame, face.mesh_px) if known else None)
        spotter.finish()

    return run


def everything() -> Run:
    """The whole pass."""
    return lambda frames: _exhaust(Watch(30.0, TrackConfig(), SpotConfig()).through(frames))


def _exhaust(things: Iterable[object]) -> None:
    for _ in things:
        pass


def conventional() -> Run:
    """Detect in every frame, flow over the whole frame, mean of the strongest fifth."""
    import dlib

    detect, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(model_file()))
    previous: list[U8] = []
    box = np.array([300, 200, 320, 220])

    def run(frames: list[Frame]) -> None:
        for frame in frames:
            gray = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
            for face in detect(gray, 0) or [dlib.rectangle(200, 100, 440, 340)]:
                predict(gray, face)
            if previous:
                flow = estimate_flow(previous[0], gray, "farneback")
                for _ in range(18):
                    dominant_motion(flow, box, 0.2)
            previous[:] = [gray]

    return run


def rates(run: Run, frames: list[Frame]) -> tuple[float, float]:
    """Milliseconds a frame: wall and CPU (all threads); the first frames warm up."""
    run(frames[:3])
    wall, cpu = time.perf_counter(), time.process_time()
    run(frames)
    n = len(frames)
    return (time.perf_counter() - wall) / n * 1e3, (time.process_time() - cpu) / n * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--video", type=Path)
    options = parser.parse_args()
    n = options.frames
    frames = video_clip(options.video, n) if options.video else generated_clip(n)
    ways = {
        "conventional": (conventional(), max(8, n // 20)),
        "following": (following(), n),
        "following, spotting": (spotting(), n),
        "following, spotting, face actions": (everything(), n),
    }
    print(f"{'way':34}{'frames/s':>10}{'ms wall':>9}{'ms CPU':>8}{'ratio':>8}")
    slowest = 0.0
    for name, (run, count) in ways.items():
        wall, cpu = rates(run, frames[:count])
        slowest = slowest or wall
        print(f"{name:34}{1e3 / wall:10.1f}{wall:9.2f}{cpu:8.2f}{slowest / wall:8.1f}")


if __name__ == "__main__":
    main()
