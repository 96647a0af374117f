"""What goes into which job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def packed(pending: Sequence[T], work: Sequence[float], jobs: int) -> list[tuple[T, ...]]:
    """What is pending in at most ``jobs`` parts of about equal ``work``, in the order it came.

    The order is kept, so that of folds and seeds a part has few seeds: each seed has tokens of its
    own, which a job reads once, and trainings of one part may go at once (``runs.pace``).
    """
    if not pending:
        return []
    each = np.maximum(1.0, work)
    middle = np.cumsum(each) - each / 2
    n = min(jobs, len(pending))
    part = np.minimum((middle / each.sum() * n).astype(int), n - 1)
    parts = [
        tuple(one for one, place in zip(pending, part, strict=True) if place == i) for i in range(n)
    ]
    return [one for one in parts if one]
