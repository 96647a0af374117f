"""Whether the same movement has the same answer after the video was encoded again.

    merkit synth DB --subjects 2 --clips-per-class 2 --long-videos 5 --head-motion-px 2 \\
        --blink-rate-hz 0.2 --macro-events 1
    python benchmarks/reencoded.py DB/long/*.mp4 [--crf 15 18 23]

Each video is decoded and written as H.264 at each quality (15: hardly visible, 23: the encoder's
default), and all of it is read anew, with the recognisers that come with merkit. Of each
micro-expression that was named: how far its onset and offset are apart in frames, and how far the
probability of a class at most.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from merkit import analyse
from merkit.types import Event
from merkit.video import iter_frames, probe, write_video

#: the same movement begins within this many seconds
_NEAR_S = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--crf", nargs="+", type=int, default=[15, 18, 23])
    words = parser.parse_args()
    edges, apart, other, lost, labels = [], [], 0, 0, 0
    with TemporaryDirectory() as folder:
        for video in words.videos:
            before = named(analyse(video).events)
            for crf in words.crf:
                again = Path(folder) / f"{video.stem}_{crf}.mp4"
                write_video(again, (f.rgb for f in iter_frames(video)), probe(video).fps_hz, crf)
                after = analyse(again).events
                again.unlink()
                for event in before:
                    same = nearest(event, after)
                    if same is None:
                        lost += 1
                    elif same.kind != event.kind or not same.probabilities:
                        other += 1
                        print(f"{video.name} crf {crf}: {event.onset_s:.2f} s is {same.kind}")
                    else:
                        edges += [abs(event.onset_frame - same.onset_frame)]
                        edges += [abs(event.offset_frame - same.offset_frame)]
                        apart.append(difference(event, same))
                        labels += event.label == same.label
    print(f"{len(apart)} found again, {other} as another kind, {lost} not found")
    print(f"same label: {labels}; within 0.02: {sum(a <= 0.02 for a in apart)}")
    print(f"probabilities apart: median {np.median(apart):.4f}, at most {max(apart):.3f}")
    frames = np.bincount(np.array(edges, dtype=int)).tolist()
    print("onsets and offsets apart by 0, 1, 2, ... frames:", ", ".join(map(str, frames)))


def named(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.probabilities]


def nearest(event: Event, others: Sequence[Event]) -> Event | None:
    """An expression that begins at that time, of the same kind if there is one."""
    near = [
        o
        for o in others
        if abs(o.onset_s - event.onset_s) <= _NEAR_S and o.kind in ("micro", "macro")
    ]
    return min(
        near, key=lambda o: (o.kind != event.kind, abs(o.onset_s - event.onset_s)), default=None
    )


def difference(one: Event, other: Event) -> float:
    return max(abs(p - other.probabilities[name]) for name, p in one.probabilities.items())


if __name__ == "__main__":
    main()
