"""Which folds go into which job."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merkit.types import Fold


def packed(pending: Sequence[tuple[Fold, int]], jobs: int) -> list[tuple[tuple[Fold, int], ...]]:
    """The folds and seeds in at most ``jobs`` parts of about equal work, in the order they came.

    The work of a training is its number of training clips: all go over them as often. The order is
    kept, so that a part has few seeds: each seed has tokens of its own, which a job reads once, and
    trainings of one part may go at once (``runs.pace``).
    """
    if not pending:
        return []
    work = np.array([max(1, len(fold.train)) for fold, _ in pending], dtype=float)
    middle = np.cumsum(work) - work / 2
    n = min(jobs, len(pending))
    part = np.minimum((middle / work.sum() * n).astype(int), n - 1)
    parts = [
        tuple(one for one, place in zip(pending, part, strict=True) if place == i) for i in range(n)
    ]
    return [one for one in parts if one]
