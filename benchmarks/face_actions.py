"""Face actions against the truth of generated recordings, and their cost.

    merkit synth OUT --subjects 1 --clips-per-class 1 --long-videos 3 --long-duration-s 40 \
        --talk-share 0.3 --head-turns 6 --macro-events 2 --events-per-video 2 --amplitude-px 0.7 3 \
        --blink-rate-hz 0.3 --head-motion-px 3
    python benchmarks/face_actions.py OUT [CLIP ...]

A blink is found where one overlaps it. Talk is counted in frames. Roll is compared after its mean,
which the photograph has. For clips without truth, what is told is printed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from merkit.datasets.synthetic import Stretch, load_recordings, load_stretches
from merkit.face import FaceFollower, TrackConfig
from merkit.face.actions import ActionReader, FaceActions
from merkit.face.behaviour import ActionConfig, is_blinking, is_occluded, is_talking, runs
from merkit.face.stretches import stretches
from merkit.video import iter_frames

CONFIG = ActionConfig()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("clips", nargs="*", type=Path)
    options = parser.parse_args()
    print("| recording | blinks found | false | talk found | false | covered | roll error |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    truth = load_stretches(options.database)
    for recording in load_recordings(options.database):
        name = recording.media.stem
        actions, _ = read(recording.media)
        told = {s.kind: marks(truth, name, s.kind, len(actions)) for s in truth}
        blinks, talk = is_blinking(actions, CONFIG), is_talking(actions, CONFIG)
        hits, blinked = overlapping(told["blink"], blinks), len(runs(told["blink"]))
        false = len(runs(blinks)) - overlapping(blinks, told["blink"])
        head = np.load(options.database / "truth" / f"{name}.npz")["head"][:, 2]
        error = np.degrees(actions.roll) + head  # the truth turns against the clock
        print(
            f"| {name} | {hits} of {blinked} | {false} | {talk[told['talk']].mean():.0%} "
            f"| {talk[~told['talk']].mean():.1%} | {is_occluded(actions, CONFIG).mean():.0%} "
            f"| {np.std(error):.2f} degrees |"
        )
    for clip in options.clips:
        actions, cost_ms = read(clip)
        print(f"\n{clip.name}: {len(runs(is_blinking(actions, CONFIG)))} blinks, {cost_ms:.1f} ms")
        for s in stretches(actions, CONFIG):
            print(f"  {s.kind}, {s.start_s:.2f} to {s.end_s:.2f} s, {s.part}: {s.reason}")


def read(video: Path) -> tuple[FaceActions, float]:
    """Actions of every frame, and milliseconds of one core that a frame costs without the mesh."""
    follower, reader, spent = FaceFollower(TrackConfig()), ActionReader(), 0.0
    for frame, face in follower.follow(iter_frames(video)):
        begin = time.thread_time()
        reader.push(frame, face)
        spent += time.thread_time() - begin
    begin = time.thread_time()
    actions = reader.actions(follower.track().found)
    stretches(actions, CONFIG)
    spent += time.thread_time() - begin
    return actions, spent / len(actions) * 1e3


def marks(truth: tuple[Stretch, ...], recording: str, kind: str, n: int) -> np.ndarray:
    found = np.zeros(n, bool)
    for s in truth:
        if s.recording_id.endswith(recording) and s.kind == kind:
            found[s.first : s.last + 1] = True
    return found


def overlapping(wanted: np.ndarray, found: np.ndarray) -> int:
    """How many runs of the one hold a frame of the other."""
    return sum(bool(found[a : b + 1].any()) for a, b in runs(wanted))


if __name__ == "__main__":
    main()
