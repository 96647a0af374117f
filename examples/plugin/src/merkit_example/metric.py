"""``kappa``: Cohen's kappa, agreement beyond what guessing with the same shares gives.

Cohen 1960, Educational and Psychological Measurement 20(1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from merkit.scoring.metrics import Absent, Metric
from merkit.types import F64


def kappa(confusion: npt.ArrayLike, absent: Absent = "skip") -> F64:
    """(...) for confusion matrices (..., C, C); NaN where everything is of one class. Classes
    without clips have no part in it, so ``absent`` changes nothing."""
    matrix = np.asarray(confusion, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        shares = matrix / matrix.sum((-2, -1), keepdims=True)
        seen = np.trace(shares, axis1=-2, axis2=-1)
        guessed = (shares.sum(-1) * shares.sum(-2)).sum(-1)
        return np.asarray((seen - guessed) / (1 - guessed))


METRIC = Metric("kappa", "Kappa", kappa)
