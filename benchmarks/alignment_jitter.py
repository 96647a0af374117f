"""How far landmark jitter moves a point that does not move, for each alignment policy.

A point on the skin of a still face should keep its place in the aligned picture; what it does
move looks like a micro-expression to any method that reads the picture. Without arguments the
clip is generated: skimage's astronaut, shifted by known sub-pixel amounts with camera noise, so
the point's true place is known. With ``--video`` the point is the middle of the nose bridge,
followed by Lucas-Kanade optical flow. A real head moves, which an onset transform leaves in the
picture on purpose; the jitter column does not count steady motion: it is the size of white noise
per frame that would give the same second differences (their rms over the square root of 6).

    python benchmarks/alignment_jitter.py [--video FILE] [--frames 60] [--size 224]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from merkit.face import AlignConfig, TrackConfig, align_points, track, transforms
from merkit.types import F32, FaceTrack, Frame
from merkit.video import iter_frames

FPS_HZ = 30.0
NOSE = slice(27, 30)


def still_face(n: int, noise: float = 2.0, sway_px: float = 0.3) -> Iterator[tuple[Frame, F32]]:
    """Frames of a head that sways by at most ``sway_px``, and the true shift (x, y) of each."""
    rng = np.random.default_rng(0)
    face = cv2.resize(data.astronaut()[:260, 60:380], (640, 520), interpolation=cv2.INTER_CUBIC)
    for i in range(n):
        phase = 2 * np.pi * i / FPS_HZ
        shift = sway_px * np.array([np.sin(0.5 * phase), np.cos(0.35 * phase)], np.float32)
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        moved = cv2.warpAffine(face, matrix, (640, 520), flags=cv2.INTER_CUBIC).astype(float)
        noisy = moved + rng.normal(0, noise, moved.shape)
        yield Frame(i, i / FPS_HZ, np.clip(np.round(noisy), 0, 255).astype(np.uint8)), shift


def follow_nose(frames: list[Frame], face: FaceTrack) -> F32:
    """Where optical flow says the nose bridge is, frame by frame: f32 (T,1,2)."""
    point = face.landmarks_px[0, NOSE].mean(axis=0)[None]
    points = [point]
    greys = [cv2.cvtColor(f.rgb, cv2.COLOR_RGB2GRAY) for f in frames]
    for before, now in pairwise(greys):
        point, _, _ = cv2.calcOpticalFlowPyrLK(before, now, point, None, winSize=(41, 41))
        points.append(point)
    return np.stack(points)


def clip_and_points(video: Path | None, n: int) -> tuple[list[Frame], FaceTrack, F32]:
    if video is not None:
        frames = list(islice(iter_frames(video), n))
        face = track(frames, TrackConfig())
        return frames, face, follow_nose(frames, face)
    made = list(still_face(n))
    frames = [frame for frame, _ in made]
    face = track(frames, TrackConfig())
    start = face.landmarks_px[0, NOSE].mean(axis=0)
    return frames, face, np.stack([start + shift for _, shift in made])[:, None]


def rms(steps: F32) -> float:
    return float(np.sqrt((steps**2).sum(axis=1).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    frames, face, points = clip_and_points(options.video, options.frames)
    base = AlignConfig(size_px=options.size)
    print(f"{options.video or 'generated still face'}: {len(frames)} frames, aligned px")
    print(f"{'policy':24}{'method':12}{'std px':>8}{'step px (rms)':>15}{'jitter px':>11}")
    for method in ("eyes", "similarity"):
        onset = replace(base, method=method)
        every = replace(onset, policy="per_frame")
        rows = {
            "per_frame": transforms(face, every),
            "per_frame, 5 averaged": transforms(face, replace(every, smooth_frames=5)),
            "onset": transforms(face, onset),
        }
        for name, matrices in rows.items():
            place = align_points(points, matrices)[:, 0]
            spread = np.sqrt(place.var(axis=0).sum())
            step, bend = (rms(np.diff(place, k, axis=0)) for k in (1, 2))
            print(f"{name:24}{method:12}{spread:8.3f}{step:15.3f}{bend / 6**0.5:11.3f}")


if __name__ == "__main__":
    main()
