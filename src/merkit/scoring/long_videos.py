"""All scores of a run on long videos: spotting, by amplitude, and recognition for each seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from merkit.scoring.spotted_classes import Recognition
from merkit.scoring.spotting import Kind
from merkit.scoring.spotting_scores import SpottingScores
from merkit.types import Number, nan_equal

#: borders of the groups of events, in pixels of the normalised face
AMPLITUDES_PX = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)


@dataclass(frozen=True, slots=True)
class AmplitudeScore:
    """Of ``n`` annotated events of a kind, as strong as from ``low_px`` to below ``high_px``, how
    many were ``found``."""

    kind: Kind
    low_px: float
    high_px: float
    n: int
    found: int

    @property
    def recall(self) -> float:
        return self.found / self.n


def by_amplitude(events: Iterable[tuple[Kind, float, bool]]) -> tuple[AmplitudeScore, ...]:
    """Recall in groups of strength that are not empty.

    Args:
        events: kind, amplitude in pixels of the normalised face (NaN, not known, is left out), and
            whether it was found, of every annotated event.
    """
    groups: dict[tuple[Kind, float, float], list[bool]] = {}
    for kind, amplitude, found in events:
        for low, high in pairwise((*AMPLITUDES_PX, np.inf)):
            if low <= amplitude < high:
                groups.setdefault((kind, low, high), []).append(found)
    order = sorted(groups, key=lambda group: (group[0] != "micro", group[1]))
    return tuple(AmplitudeScore(*group, len(groups[group]), sum(groups[group])) for group in order)


@nan_equal
@dataclass(frozen=True)
class SeedRecognition:
    """Recognition of what was spotted, by the models of one training seed. ``strs``: see
    ``scoring.spotted_classes``."""

    seed: int
    scores: Recognition
    strs: Number


@dataclass(frozen=True)
class LongScores:
    """``amplitudes``: empty where the database knows none. ``recognition``: empty for spotting."""

    spotting: SpottingScores
    amplitudes: tuple[AmplitudeScore, ...] = ()
    recognition: tuple[SeedRecognition, ...] = ()

    @property
    def strs(self) -> float:
        """Mean over seeds; NaN without recognition."""
        values = [seed.strs for seed in self.recognition]
        return float(np.mean(values)) if values else float("nan")
