"""What a leave-one-subject-out run costs as it grows: trainings (folds, seeds), subjects, clips,
frames.

    python benchmarks/cost_curves.py --figure docs/img/cost.png [--steps 4]

Random clips, one thread. Time: wall time of one step of every training, by themselves (a few
measured, times their number) and as ``merkit evaluate`` would take them at once. With subjects grow
both folds and clips, 6.5 of each person. Memory: what the process holds more at its peak than
before. An encoder's step is measured as in ``encoder.py``, where processor time and the whole peak
are what is told.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import encoder
import matplotlib
import numpy as np

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator

from merkit.bench.config import BenchLosoConfig
from merkit.bench.loso import measured_alone, measured_at_once
from merkit.workers import in_a_process

MANY = BenchLosoConfig(subjects=68, clips=442, sample=1, steps=4)
SEQUENCES = replace(MANY, method="evodyn", subjects=26, clips=255)


#: by itself or at once -> what is varied -> seconds and bytes
Ways: TypeAlias = dict[str, dict[int, tuple[float, int]]]


@dataclass(frozen=True)
class Curve:
    """``points``: what is varied -> a run and how many trainings it has. ``at_once``: whether they
    are also measured at once; ``fewest``: in as wide a stack, of which they take their share."""

    title: str
    axis: str
    points: dict[int, tuple[BenchLosoConfig, int]]
    at_once: bool = True
    fewest: int = 1

    def measured(self) -> Ways:
        ways: Ways = {"by itself": {}}
        for x, (config, n) in self.points.items():
            ways["by itself"][x] = in_a_process(measured_alone, config, n)
            if self.at_once:
                width = max(n, self.fewest)
                seconds, peak = in_a_process(measured_at_once, config, width)
                share = n / width
                ways.setdefault("at once", {})[x] = (seconds * share, int(peak * share))
        return ways


def curves(steps: int) -> list[Curve]:
    many, sequences = replace(MANY, steps=steps), replace(SEQUENCES, steps=steps)
    whole = replace(many, training={"batch_size": 1024})  # a step is an epoch
    lengths = {n: (replace(sequences, model={"sequence_length": n}), 1) for n in (5, 10, 20, 40)}
    sizes = {n: (replace(whole, clips=n, subjects=17), 1) for n in (56, 112, 221, 442)}
    people = {n: (replace(whole, clips=13 * n // 2, subjects=n), n) for n in (8, 17, 34, 68)}
    trainings = {n: (many, n) for n in (1, 2, 4, 8, 16, 32, 68)}
    return [
        Curve("ststnet, folds x seeds", "trainings", trainings),
        Curve("ststnet, an epoch of all folds", "subjects", people),
        Curve("ststnet, clips in a step", "clips", sizes, fewest=8),
        Curve("evodyn, frames", "frames T", lengths, at_once=False),
    ]


def encoder_frames() -> tuple[str, str, Ways]:
    """``sfa-dgat`` with ViT-S, a step of four clips of so many frames, float32."""
    ways: Ways = {"conventional": {}, "cached tokens": {}}
    sides = {name: encoder.Side(name != "conventional", "float32") for name in ways}
    with TemporaryDirectory() as folder:
        maker = get_context("spawn").Process(
            target=encoder.random_encoder, args=("dinov2-small", folder)
        )
        maker.start()
        maker.join()
        for n in (2, 4, 8, 16):
            words = ["--clips", "4", "--frames", str(n), "--steps", "2"]
            found = encoder.measure(encoder.options_of(words), [*sides.values()], folder)
            for name, side in sides.items():
                one = found[side]
                ways[name][n] = (float(np.median(one.seconds)), int(one.outcome.memory))
    return "sfa-dgat (ViT-S), frames", "frames T", ways


def draw(path: Path, found: Sequence[tuple[str, str, Ways]]) -> None:
    figure, axes = plt.subplots(2, len(found), figsize=(4 * len(found), 6.4), squeeze=False)
    for (above, below), (title, axis, ways) in zip(axes.T, found, strict=True):
        for (way, told), marker in zip(ways.items(), ("o", "s"), strict=False):
            above.loglog([*told], [s for s, _ in told.values()], marker=marker, label=way)
            below.loglog([*told], [b / 1e6 for _, b in told.values()], marker=marker, label=way)
        above.set_title(title)
        above.set_ylabel("seconds a step of all")
        below.set_ylabel("MB more at the peak")
        below.set_xlabel(axis)
        for part in (above, below):
            part.set_xticks(list(told), labels=[f"{x}" for x in told])
            part.xaxis.set_minor_locator(NullLocator())
            part.grid(True, which="both", alpha=0.3)
            part.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4)
    words = parser.parse_args()
    found = []
    for curve in curves(words.steps):
        found.append((curve.title, curve.axis, curve.measured()))
        tell(*found[-1])
    found.append(encoder_frames())
    tell(*found[-1])
    draw(words.figure, found)


def tell(title: str, axis: str, ways: Ways) -> None:
    for way, told in ways.items():
        for x, (seconds, peak) in told.items():
            print(f"{title}, {axis} {x}, {way}: {seconds:.3f} s, {peak / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
