"""Every fold of every seed is trained from a seed of its own, the same on every machine."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from memory_samples import memory_samples
from merkit.labels import LabelMap
from merkit.methods import make_method
from merkit.protocols import ClipRow
from merkit.runs.data import LabelledClips
from merkit.runs.fold import FoldJob, Trainings
from merkit.seeds import derived_seed
from merkit.training.loop import FitContext
from merkit.types import Clip, Fold

IDS = tuple(f"c{i}" for i in range(8))
FOLDS = [Fold(name, IDS, (), ()) for name in ("db/s1", "db/s2")]


def trainings() -> Trainings:
    random = np.random.default_rng(0)
    maps = {c: {"flow_map": random.integers(0, 256, (3, 28, 28), np.uint8)} for c in IDS}
    rows = tuple(ClipRow(c, "db", "db/s", i % 2) for i, c in enumerate(IDS))
    clips = tuple(Clip(c, "db", "s", Path("nowhere"), 100.0, "") for c in IDS)
    data = LabelledClips(clips, rows, (LabelMap("m", ("a", "b"), {}),))
    method = make_method("ststnet", {}, {"epochs": 1, "batch_size": 2, "learning_rate": 1e-12})
    return Trainings(method, data, memory_samples("flow_map", maps), FitContext())


def first_weights(job: FoldJob) -> torch.Tensor:
    """Weights after an epoch of next to no learning."""
    return torch.cat([p.detach().flatten() for p in job.fit().model.parameters()])


def test_folds_and_seeds_begin_with_weights_of_their_own() -> None:
    made = trainings()
    pairs = list(itertools.product(FOLDS, (0, 1)))
    weights = [first_weights(made.job(fold, seed)) for fold, seed in pairs]
    for one, other in itertools.combinations(weights, 2):
        assert (one - other).abs().max() > 0.01
    again = [first_weights(made.job(fold, seed)) for fold, seed in pairs]
    assert all(torch.equal(a, b) for a, b in zip(weights, again, strict=True))
    assert [made.job(fold, seed).seed for fold, seed in pairs] == [0, 1, 0, 1]  # told as it was set


def test_no_two_trainings_of_a_large_run_share_a_seed() -> None:
    folds = [Fold(f"db/sub{i:03d}", IDS, (), ()) for i in range(700)]
    made = trainings()
    seeds = [made.job(fold, seed).context.seed for fold in folds for seed in range(10)]
    assert len(set(seeds)) == 7000
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_derived_seed_never_changes() -> None:
    assert derived_seed(0, "casme2/sub01", "training") == 3127453374
    assert derived_seed(0) == 1609362278


def test_the_samples_of_a_training_are_those_encoded_for_its_seed() -> None:
    plain = trainings()
    first, second = replace(plain.samples), replace(plain.samples)
    made = replace(plain, encodings={3: first, 4: second})
    for seed, samples in ((3, first), (4, second), (5, plain.samples)):
        job = made.job(FOLDS[0], seed)
        assert job.clips._samples is samples
        assert job.tests._samples is samples
