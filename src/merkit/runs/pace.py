"""Which way the trainings of a run go fastest here: each by itself, or many at once.

What is faster depends on the network, the clips and the machine (a small network on a GPU gains
ten times, a larger one on a processor nothing), so a few steps of both are measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from merkit.progress import Progress, silent
from merkit.runs.fold import FoldJob
from merkit.training.loop import Training
from merkit.training.stack import Unstackable
from merkit.workers import worker_count

#: less than this is over before a measurement pays
_WORTH_S = 30.0
#: what a wider stack must gain over a narrower one
_GAIN = 1.05
_WIDTHS = (4, 8, 16, 32, 64)
_LONG_S = 1.0


@dataclass(frozen=True)
class Pace:
    """``width``: trainings that go at once, 1 for each by itself. ``why``: in words. Seconds that
    a step of one training took in the measurement: ``alone_s``, and at the best width
    ``together_s``; None where nothing was measured."""

    width: int
    why: str
    alone_s: float | None = None
    together_s: float | None = None

    def groups(self, jobs: Sequence[FoldJob], workers: int) -> list[list[FoldJob]]:
        """The jobs in stacks of nearly equal size, as many for each worker."""
        if self.width == 1:
            return [[job] for job in jobs]
        each = worker_count(workers, len(jobs))
        n = each * math.ceil(len(jobs) / (self.width * each))
        parts = np.array_split(np.arange(len(jobs)), n)
        return [[jobs[i] for i in part] for part in parts]


def choose_pace(
    make_job: Callable[[int], FoldJob],
    n_jobs: int,
    workers: int,
    memory_gb: float,
    progress: Progress = silent,
) -> Pace:
    """Measure a few steps, where there is a choice.

    Args:
        make_job: one of the ``n_jobs`` jobs, anew at each call: what is measured is thrown away.
        workers: processes side by side.
        memory_gb: what the stacks of all workers may take together.
    """
    job = make_job(0)
    if n_jobs < _WIDTHS[0] * workers or not job.takes_steps:
        return Pace(1, "few trainings" if job.takes_steps else "not trained by gradient steps")
    progress("measuring how to train", 0, 1)
    pace = _measured(job.begin(), make_job, n_jobs, workers, memory_gb)
    progress("measuring how to train", 1, 1)
    return pace


def _measured(
    training: Training,
    make_job: Callable[[int], FoldJob],
    n_jobs: int,
    workers: int,
    memory_gb: float,
) -> Pace:
    alone_s, n_bytes = _alone(training)
    total_s = alone_s * training.n_steps * n_jobs / workers
    if total_s < _WORTH_S:
        return Pace(1, f"about {total_s:.0f} s in all", alone_s)
    most = min(n_jobs / workers, memory_gb * 1e9 / workers / n_bytes)
    try:
        width, together_s = _best([w for w in _WIDTHS if w <= most], make_job)
    except Unstackable as error:
        return Pace(1, error.found, alone_s)
    if width == 1:
        return Pace(1, f"{n_bytes / 1e9:.1f} GB a training of {memory_gb:g} GB allowed", alone_s)
    if alone_s < _GAIN * together_s:
        return Pace(1, "no gain at once", alone_s, together_s)
    return Pace(width, f"{alone_s / together_s:.1f} times as fast", alone_s, together_s)


def _best(widths: Sequence[int], make_job: Callable[[int], FoldJob]) -> tuple[int, float]:
    """The width after which nothing is gained, and its seconds a step and training; 1 of none."""
    best = (1, math.inf)
    for width in widths:
        seconds = _together([make_job(i).begin() for i in range(width)])
        if seconds * _GAIN > best[1]:
            break
        best = (width, seconds)
    return best


def _alone(training: Training) -> tuple[float, int]:
    """Seconds of a step, and bytes that many trainings at once would need for each: what the
    graph keeps, all weights, gradients and the optimiser's two means."""
    batch = next(training.steps())
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    # a stack keeps the attention of every pair of tokens, which a network alone need not
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with hooks, sdpa_kernel(SDPBackend.MATH):
        training.take(batch)
    weights = list(training.model.parameters())
    trained = [p for p in weights if p.requires_grad]
    n_bytes = (
        sum(kept.values()) + sum(p.nbytes for p in weights) + 4 * sum(p.nbytes for p in trained)
    )
    return _seconds(training, lambda: training.take(batch)), n_bytes


def _together(trainings: Sequence[Training]) -> float:
    """Seconds of a step for each training of a stack."""
    stack = trainings[0].method.stacked(trainings)
    batches = [next(training.steps()) for training in trainings]
    rows = list(range(len(batches)))
    stack.step(rows, batches)
    return _seconds(trainings[0], lambda: stack.step(rows, batches)) / len(rows)


def _seconds(training: Training, work: Callable[[], Any]) -> float:
    """What the work took; of short work the less of two times."""
    first = _timed(training, work)
    return first if first > _LONG_S else min(first, _timed(training, work))


def _timed(training: Training, work: Callable[[], Any]) -> float:
    on_gpu = training.clips.device.type == "cuda"
    started = time.perf_counter()
    work()
    if on_gpu:
        torch.cuda.synchronize(training.clips.device)
    return time.perf_counter() - started
