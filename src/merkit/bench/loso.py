"""A leave-one-subject-out run: every training by itself, and the way that ``evaluate`` takes.

A few steps of both are measured on random clips; a run is so many times as long.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from merkit.bench.config import BenchLosoConfig
from merkit.bench.machine import matrix_product_flops, peak_bytes
from merkit.errors import ConfigError
from merkit.methods.base import Method
from merkit.progress import Progress, silent
from merkit.runs.fold import FoldJob
from merkit.runs.pace import Pace, choose_pace
from merkit.samples.prepare import SampleSet
from merkit.samples.recipes import FlowMapRecipe, RegionFlowRecipe
from merkit.seeds import derived_seed
from merkit.training.device import choose_device
from merkit.training.loop import FitContext, Training, predict
from merkit.training.reader import ClipReader
from merkit.types import Fold, Sample
from merkit.workers import cores, in_a_process


@dataclass(frozen=True)
class LosoBench:
    """``plain_s`` and ``ours_s``: seconds a step of one training. ``steps_in_all``: of a whole run.
    ``difference``: largest of a parameter after these steps, among the trainings that both ways
    had; ``same_calls``: share of their clips that both name alike. ``flop``: counted, of a plain
    step; ``product_flops``: what this machine reaches in a product of square matrices; ``cores``:
    that a whole run has."""

    method: str
    cores: int
    pace: Pace
    plain_s: float
    ours_s: float
    steps_in_all: int
    difference: float
    same_calls: float
    plain_bytes: int | None
    ours_bytes: int | None
    flop: float
    product_flops: float

    def lines(self) -> list[str]:
        """What the terminal tells."""
        plain, ours = (s * self.steps_in_all / self.cores for s in (self.plain_s, self.ours_s))
        bound = self.flop / self.product_flops
        way = "each training by itself"
        if self.pace.width > 1:
            way = f"{self.pace.width} trainings at once"
        return [
            f"{self.method}: {way} ({self.pace.why})",
            f"a step of a training: {self.plain_s * 1e3:.1f} ms by itself, "
            f"{self.ours_s * 1e3:.1f} ms at once: {self.plain_s / self.ours_s:.2f} times as fast",
            f"a whole run ({self.steps_in_all} steps, {self.cores} cores): {plain / 60:.1f} min by "
            f"itself, {ours / 60:.1f} min at once",
            f"share of the arithmetic bound ({bound * 1e3:.1f} ms): by itself "
            f"{bound / self.plain_s:.0%}, at once {bound / self.ours_s:.0%}",
            f"parameters differ by {self.difference:.1g} at most, calls agree on "
            f"{self.same_calls:.1%}",
        ]


def bench_loso(config: BenchLosoConfig, progress: Progress = silent) -> LosoBench:
    """Measure; each way in a process of its own, so that its memory is its own.

    Raises:
        ConfigError: a method that does not read flow, or is not trained by steps.
    """
    method = config.make()
    if not isinstance(method.recipe, (FlowMapRecipe, RegionFlowRecipe)):
        raise ConfigError(
            f"method '{config.method}'",
            "one that reads flow; an encoder's time is in its frozen part",
            "python benchmarks/encoder.py measures methods with an encoder",
        )
    job = _job(config, method, 0)
    if not job.takes_steps:
        raise ConfigError(f"method '{config.method}'", "one that is trained by gradient steps")
    pace = choose_pace(
        lambda i: _job(config, method, i),
        config.subjects * config.seeds,
        cores() if config.device == "cpu" else 1,
        config.memory_gb,
    )
    progress("measuring", 1, 3)
    plain = in_a_process(_plain, config, pace)
    progress("measuring", 2, 3)
    ours = plain if pace.width == 1 else in_a_process(_at_once, config, pace)
    progress("measuring", 3, 3)
    training = job.begin()
    pairs = list(zip(plain.weights, ours.weights, strict=False))
    calls = zip(plain.calls, ours.calls, strict=False)
    return LosoBench(
        config.method,
        cores(),
        pace,
        plain.seconds,
        ours.seconds,
        training.n_steps * config.subjects * config.seeds,
        max(float((a - b).abs().max()) for a, b in pairs),
        float(np.mean([np.mean(a == b) for a, b in calls])),
        plain.peak,
        ours.peak,
        _flop(training),
        matrix_product_flops(config.device),
    )


@dataclass(frozen=True)
class _Way:
    seconds: float
    weights: list[torch.Tensor]
    calls: list[np.ndarray]
    peak: int | None


def _plain(config: BenchLosoConfig, pace: Pace) -> _Way:
    """Each training by itself."""
    jobs = [_job(config, config.make(), i) for i in range(config.sample)]
    trainings, seconds = [], []
    for job in jobs:
        training = job.begin()  # dropout goes on where its first weights left torch's stream
        trainings.append(training)
        steps, loss = training.steps(), None
        for number in range(config.steps):
            batch = steps.send(loss)
            started = time.perf_counter()
            loss = training.take(batch)
            seconds += [time.perf_counter() - started] * (number > 0)
    return _told(jobs, trainings, float(np.mean(seconds)))


def _at_once(config: BenchLosoConfig, pace: Pace) -> _Way:
    """One stack of the width that was chosen."""
    jobs = [_job(config, config.make(), i) for i in range(pace.width)]
    trainings = [job.begin() for job in jobs]
    stack = trainings[0].method.stacked(trainings)
    runs = [training.steps() for training in trainings]
    rows, seconds = list(range(len(runs))), 0.0
    losses: list[float | None] = [None] * len(runs)
    for number in range(config.steps):
        batches = [run.send(loss) for run, loss in zip(runs, losses, strict=True)]
        started = time.perf_counter()
        losses = list(stack.step(rows, batches))
        seconds += (time.perf_counter() - started) * (number > 0)
    stack.keep([])
    some = config.sample
    per_step = seconds / (config.steps - 1) / len(runs)
    return _told(jobs[:some], trainings[:some], per_step)


def measured_alone(config: BenchLosoConfig, n: int) -> tuple[float, int]:
    """Seconds of one step of ``n`` trainings by themselves, from ``sample`` of them, and bytes that
    this process holds more at its peak than before it."""
    before = peak_bytes() or 0
    seconds = _plain(config, Pace(1, "")).seconds
    return n * seconds, (peak_bytes() or 0) - before


def measured_at_once(config: BenchLosoConfig, n: int) -> tuple[float, int]:
    """The same of ``n`` trainings at once."""
    before = peak_bytes() or 0
    seconds = _at_once(config, Pace(n, "")).seconds
    return n * seconds, (peak_bytes() or 0) - before


def _told(jobs: list[FoldJob], trainings: list[Training], seconds: float) -> _Way:
    weights = [
        torch.cat([p.detach().flatten() for p in t.model.parameters() if p.requires_grad]).cpu()
        for t in trainings
    ]
    calls = [
        predict(job.method, t.model, job.tests, job.tests.fold.test).argmax(1)
        for job, t in zip(jobs, trainings, strict=True)
    ]
    return _Way(seconds, weights, calls, peak_bytes())


@dataclass(frozen=True)
class _Memory:
    """Stands for a sample store: random samples, made where they are read."""

    recipe: Any

    def read(self, key: str) -> Sample:
        random = np.random.default_rng(int(key))
        if self.recipe.makes == "flow_map":
            return Sample(key, {"flow_map": random.integers(0, 256, (3, 28, 28), dtype=np.uint8)})
        frames, regions = self.recipe.frames or 25, self.recipe.flow.regions
        flow = random.standard_normal((frames, regions, 2)).astype(np.float32)
        return Sample(key, {"flow": flow})


def _job(config: BenchLosoConfig, method: Method, number: int) -> FoldJob:
    """One training of the run: the folds of the first seed, then those of the next."""
    seed, subject = divmod(number, config.subjects)
    ids = [str(i) for i in range(config.clips)]
    test = tuple(ids[subject :: config.subjects])
    train = tuple(sorted(set(ids) - set(test), key=int))
    labels = {i: int(i) % config.classes for i in train}
    store: Any = _Memory(method.recipe)
    samples = SampleSet(store, {i: i for i in ids}, {})
    fold = Fold(f"s{subject:03d}", train, (), test)
    clips = ClipReader(fold, labels, samples, {}, config.classes)
    tests = ClipReader(fold, {}, samples, {}, config.classes, ("predict",))
    device = choose_device(config.device)
    context = FitContext(derived_seed(seed, fold.name, "training"), device, config.threads)
    classes = tuple(f"class {i}" for i in range(config.classes))
    return FoldJob(method, clips, tests, context, classes, seed)


def _flop(training: Training) -> float:
    """Floating-point operations of a step by itself, as counted by torch."""
    batch = next(training.steps())
    with FlopCounterMode(display=False) as counter:
        training.take(batch)
    return float(counter.get_total_flops())
