"""Cohen's kappa."""

from __future__ import annotations

import numpy as np

from merkit.scoring.metrics import Metric


def kappa(confusion, absent="skip"):
    """Agreement beyond chance, (...) for matrices (..., C, C)."""
    m = np.asarray(confusion, dtype=float)
    total = m.sum((-2, -1))
    seen = np.trace(m, axis1=-2, axis2=-1) / total
    guessed = (m.sum(-1) * m.sum(-2)).sum(-1) / total**2
    return (seen - guessed) / (1 - guessed)


METRIC = Metric("kappa", "Kappa", kappa)
