"""The face mesh: how far from MediaPipe's own package, how steady beside dlib, how fast.

    python benchmarks/face_mesh.py CLIP [CLIP ...] [--reference FILE] [--frames 60]

Errors are pixels of a face 256 px wide, against what MediaPipe 1.2.3 printed for the clips of this
name (``tests/face/data``). Jitter is the spread of the 68 points over noisy copies of one frame, as
a share of the distance between the eye centres; both trackers see the same copies.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from merkit.face import FaceFollower, TrackConfig, track
from merkit.face.landmarker import FaceLandmarker
from merkit.types import Frame
from merkit.video import iter_frames

REFERENCE = Path(__file__).parents[1] / "tests/face/data/mediapipe_1.2.3.npz"
NOISE = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--reference", type=Path, default=REFERENCE)
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    clips = {path.name: list(iter_frames(path)) for path in options.clips}
    print("| clip | median error, px | largest, px | jitter mesh | jitter dlib |")
    print("|---|--:|--:|--:|--:|")
    for name, frames in clips.items():
        errors = reference_errors(name, frames, options.reference)
        shown = f"{np.median(errors):.3f} | {errors.max():.2f}" if errors.size else "- | -"
        jitters = [jitter(frames[0], tracker) for tracker in ("mesh478", "dlib68")]
        print(f"| {name} | {shown} | " + " | ".join(f"{100 * j:.2f} %" for j in jitters) + " |")
    print_speed(next(iter(clips.values()))[: options.frames])


def reference_errors(name: str, frames: list[Frame], reference: Path) -> np.ndarray:
    """Distances (N,478) of detected meshes from MediaPipe's in image mode."""
    landmarker, errors = FaceLandmarker(), []
    with np.load(reference) as stored:
        if f"{name}.points" not in stored:
            return np.zeros(0)
        wanted = zip(stored[f"{name}.frames"], stored[f"{name}.points"] / 32, strict=True)
        for number, points in wanted:
            rgb = frames[number].rgb
            mesh, _ = landmarker.mesh(rgb, landmarker.detect(rgb)[0].region)
            away = np.linalg.norm(mesh[:, :2] - points, axis=1)
            errors.append(away * 256 / np.ptp(points[:, 0]))
    return np.stack(errors)


def jitter(frame: Frame, tracker: str) -> float:
    noise = np.random.default_rng(0)
    noisy = (frame.rgb + noise.normal(0, NOISE, frame.rgb.shape) for _ in range(30))
    copies = [
        Frame(i, i / 30, np.clip(rgb, 0, 255).astype(np.uint8)) for i, rgb in enumerate(noisy)
    ]
    points = track(copies, TrackConfig(tracker)).landmarks_px[10:]
    eyes = points[:, 36:42].mean(axis=(0, 1)) - points[:, 42:48].mean(axis=(0, 1))
    return float(np.linalg.norm(points.std(axis=0), axis=1).mean() / np.linalg.norm(eyes))


def print_speed(frames: list[Frame]) -> None:
    landmarker = FaceLandmarker()
    region = landmarker.detect(frames[0].rgb)[0].region
    mesh, _ = landmarker.mesh(frames[0].rgb, region)
    stages: dict[str, Callable[[], object]] = {
        "detector": lambda: [landmarker.detect(f.rgb) for f in frames],
        "mesh": lambda: [landmarker.mesh(f.rgb, region) for f in frames],
        "blendshapes": lambda: [landmarker.blendshapes(mesh) for _ in frames],
        "following with mesh478": lambda: follow(frames, "mesh478"),
        "following with dlib68": lambda: follow(frames, "dlib68"),
    }
    height, width = frames[0].rgb.shape[:2]
    print(f"\n| stage, {width}x{height} | ms a frame (CPU) | frames/s |\n|---|--:|--:|")
    for name, run in stages.items():
        run()  # so that nothing is loaded within
        begun, cpu = time.perf_counter(), time.process_time()
        run()
        wall, used = time.perf_counter() - begun, time.process_time() - cpu
        print(f"| {name} | {1e3 * used / len(frames):.2f} | {len(frames) / wall:.0f} |")


def follow(frames: list[Frame], tracker: str) -> None:
    for _ in FaceFollower(TrackConfig(tracker)).follow(frames):
        pass


if __name__ == "__main__":
    main()
