"""What an honest score is read against: guessing, and choosing epochs on the test clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import random_table

from merkit.errors import ConfigError
from merkit.scoring.metrics import Scores, confusion_matrix, every_score, score, scores_of


@dataclass(frozen=True, slots=True)
class Oracle:
    """Scores with each fold's epoch chosen on its own test clips, and the epochs chosen.

    This is no score: it uses test labels. It is for reading a run beside work that scores
    so.
    """

    scores: Scores
    epochs: Mapping[str, int]


def chance_scores(class_counts: Sequence[int], n_draws: int = 2000, seed: int = 0) -> Scores:
    """Expected pooled scores of predictions that know nothing of the clips: the true labels in
    random order, by simulation of their confusion matrix (Patefield 1981).

    Args:
        class_counts: clips of each class, (C,).
        n_draws: simulated predictions of the whole database.
        seed: of the simulation.

    Raises:
        ConfigError: no clips, a negative count or no draws.
    """
    counts = np.asarray(class_counts, dtype=np.int64)
    if counts.ndim != 1 or counts.size == 0 or (counts < 0).any() or counts.sum() == 0:
        raise ConfigError(f"class counts {list(class_counts)}", "counts of clips, not all zero")
    if n_draws < 1:
        raise ConfigError(f"n_draws is {n_draws}", "1 or more")
    drawn = random_table(counts, counts).rvs(n_draws, random_state=np.random.default_rng(seed))
    tables = np.asarray(drawn, dtype=np.int64).reshape(n_draws, len(counts), len(counts))
    means = {name: float(values.mean()) for name, values in every_score(tables).items()}
    return Scores(means, int(counts.sum()))


def oracle_selection(
    folds: npt.ArrayLike,
    epochs: npt.ArrayLike,
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    n_classes: int,
    *,
    by: str = "acc",
) -> Oracle:
    """Keep for each fold the epoch that scores best on its test clips (ties: the first).

    With several seeds, name folds by fold and seed, so that each training chooses its own.

    Args:
        folds, epochs, y_true, y_pred: one entry a test clip and epoch.
        n_classes: C.
        by: what "best" means; published code mostly takes accuracy.

    Raises:
        ConfigError: arrays of different length, or none.
    """
    names, numbers = np.asarray(folds).astype(str).ravel(), np.asarray(epochs).ravel()
    true, predicted = np.asarray(y_true).ravel(), np.asarray(y_pred).ravel()
    if len({names.size, numbers.size, true.size, predicted.size}) > 1 or names.size == 0:
        raise ConfigError(
            f"{names.size} folds, {numbers.size} epochs, {true.size} true classes, "
            f"{predicted.size} predictions",
            "as many of each, at least one",
        )
    total = np.zeros((n_classes, n_classes), dtype=np.int64)
    chosen: dict[str, int] = {}
    for name in np.unique(names):
        best = -1.0
        for epoch in np.unique(numbers[names == name]):
            here = (names == name) & (numbers == epoch)
            table = confusion_matrix(true[here], predicted[here], n_classes)
            value = float(score(by, table))
            if value > best:
                best, chosen[str(name)], kept = value, int(epoch), table
        total += kept
    return Oracle(scores_of(total), chosen)
