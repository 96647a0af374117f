"""Samples held in memory, for tests of what is trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from merkit.samples.batch import Arrays
from merkit.samples.prepare import SampleSet
from merkit.training.reader import ClipReader
from merkit.types import Fold, Sample


@dataclass(frozen=True)
class MemoryStore:
    """Stands for a sample store: ``makes`` is the array a model reads, ``arrays`` those of each
    clip by id."""

    makes: str
    arrays: Mapping[str, Any]

    @property
    def recipe(self) -> SimpleNamespace:
        return SimpleNamespace(makes=self.makes)

    def read(self, clip_id: str) -> Sample:
        return Sample(clip_id, self.arrays[clip_id])


def memory_samples(makes: str, arrays: Mapping[str, Any]) -> SampleSet:
    """The samples of the clips that have arrays here."""
    store: Any = MemoryStore(makes, arrays)
    return SampleSet(store, {clip_id: clip_id for clip_id in arrays}, {})


def memory_reader(
    fold: Fold,
    labels: Mapping[str, int],
    makes: str,
    arrays: Mapping[str, Any],
    annotations: Mapping[str, Arrays] | None = None,
    n_classes: int = 3,
    **uses: Any,
) -> ClipReader:
    """A reader of a fold over samples in memory; ``uses`` as in ``ClipReader``."""
    samples = memory_samples(makes, arrays)
    return ClipReader(fold, labels, samples, annotations or {}, n_classes, **uses)
