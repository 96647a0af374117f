"""What a leave-one-subject-out run costs as it grows: trainings (folds, seeds), clips, frames.

    python benchmarks/cost_curves.py --figure docs/img/cost.png [--steps 4]

Random clips, one thread. Time: wall time of one step of every training, by themselves (a few
measured, times their number) and as ``merkit evaluate`` would take them at once. Memory: what the
process holds more at its peak than before.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator

from merkit.bench.config import BenchLosoConfig
from merkit.bench.loso import measured_alone, measured_at_once

MANY = BenchLosoConfig(subjects=68, clips=442, sample=1, steps=4)
SEQUENCES = replace(MANY, method="evodyn", subjects=26, clips=255)


#: by itself or at once -> what is varied -> seconds and bytes
Ways: TypeAlias = dict[str, dict[int, tuple[float, int]]]


@dataclass(frozen=True)
class Curve:
    """``points``: what is varied -> a run and how many trainings it has."""

    title: str
    axis: str
    points: dict[int, tuple[BenchLosoConfig, int]]
    at_once: bool


def curves(steps: int) -> list[Curve]:
    many, sequences = replace(MANY, steps=steps), replace(SEQUENCES, steps=steps)
    lengths = {n: (replace(sequences, model={"sequence_length": n}), 1) for n in (5, 10, 20, 40)}
    sizes = {
        n: (replace(many, clips=n, subjects=17, training={"batch_size": 1024}), 1)
        for n in (56, 112, 221, 442)
    }
    trainings = {n: (many, n) for n in (1, 2, 4, 8, 16, 32, 68)}
    return [
        Curve("ststnet, folds x seeds", "trainings", trainings, True),
        Curve("ststnet, clips in a step", "clips", sizes, True),
        Curve("evodyn, frames", "frames T", lengths, False),
    ]


def in_a_process(
    measure: Callable[[BenchLosoConfig, int], tuple[float, int]], config: BenchLosoConfig, n: int
) -> tuple[float, int]:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, config, n).result()


def draw(
    path: Path, found: Sequence[tuple[Curve, dict[str, dict[int, tuple[float, int]]]]]
) -> None:
    figure, axes = plt.subplots(2, len(found), figsize=(4 * len(found), 6.4), squeeze=False)
    for column, (curve, ways) in enumerate(found):
        for way, marker in zip(ways, ("o", "s"), strict=False):
            xs = list(ways[way])
            axes[0][column].loglog(xs, [ways[way][x][0] for x in xs], marker=marker, label=way)
            axes[1][column].loglog(
                xs, [ways[way][x][1] / 1e6 for x in xs], marker=marker, label=way
            )
        axes[0][column].set_title(curve.title)
        axes[0][column].set_ylabel("seconds a step of all")
        axes[1][column].set_ylabel("MB more at the peak")
        axes[1][column].set_xlabel(curve.axis)
        for axis in (axes[0][column], axes[1][column]):
            axis.set_xticks(list(curve.points), labels=[f"{x}" for x in curve.points])
            axis.xaxis.set_minor_locator(NullLocator())
            axis.grid(True, which="both", alpha=0.3)
            axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4)
    words = parser.parse_args()
    found = []
    for curve in curves(words.steps):
        ways: Ways = {"by itself": {}}
        for x, (config, n) in curve.points.items():
            ways["by itself"][x] = in_a_process(measured_alone, config, n)
            told = f"{curve.title} {x}: by itself {ways['by itself'][x][0]:.3f} s"
            if curve.at_once:
                width = max(n, 8) if curve.axis == "clips" else n
                seconds, peak = in_a_process(measured_at_once, config, width)
                share = n / width
                ways.setdefault("at once", {})[x] = (seconds * share, int(peak * share))
                told += f", at once {seconds * share:.3f} s, {peak / 1e6:.0f} MB"
            print(told, flush=True)
        found.append((curve, ways))
    draw(words.figure, found)


if __name__ == "__main__":
    main()
