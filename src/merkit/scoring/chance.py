"""What an honest score is read against: guessing, and choosing epochs on the test clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import random_table

from merkit.errors import ConfigError
from merkit.scoring.metrics import (
    MetricName,
    Scores,
    accuracy,
    confusion_matrix,
    score,
    scores_of,
    uar,
    uf1,
)
from merkit.types import I64

Guess: TypeAlias = Literal["shuffled", "majority", "uniform"]
GUESSES: tuple[Guess, ...] = ("shuffled", "majority", "uniform")


@dataclass(frozen=True, slots=True)
class Oracle:
    """Scores with each fold's epoch chosen on its own test clips, and the epochs chosen.

    This is no score: it uses test labels. It is for reading a run beside work that scores
    so.
    """

    scores: Scores
    epochs: Mapping[str, int]


def chance_scores(
    class_counts: Sequence[int], guess: Guess = "shuffled", n_draws: int = 2000, seed: int = 0
) -> Scores:
    """Expected pooled scores of predictions that know nothing of the clips.

    ``shuffled``: the true labels in random order; ``uniform``: every class equally often,
    by chance; both by simulation. ``majority``: always the largest class (the first of
    several), exact.

    Args:
        class_counts: clips of each class, (C,).
        guess: which kind of guessing.
        n_draws: simulated predictions of the whole database.
        seed: of the simulation.

    Raises:
        ConfigError: no clips, a negative count, an unknown guess or no draws.
    """
    counts = np.asarray(class_counts, dtype=np.int64)
    if counts.ndim != 1 or counts.size == 0 or (counts < 0).any() or counts.sum() == 0:
        raise ConfigError(f"class counts {list(class_counts)}", "counts of clips, not all zero")
    if n_draws < 1:
        raise ConfigError(f"n_draws is {n_draws}", "1 or more")
    tables = _guessed(counts, guess, n_draws, np.random.default_rng(seed))
    return Scores(
        float(uf1(tables).mean()),
        float(uar(tables).mean()),
        float(accuracy(tables).mean()),
        int(counts.sum()),
    )


def _guessed(counts: I64, guess: Guess, n_draws: int, random: np.random.Generator) -> I64:
    """Confusion matrices of guessed predictions, (n_draws, C, C)."""
    n_classes = len(counts)
    if guess == "majority":
        table = np.zeros((1, n_classes, n_classes), dtype=np.int64)
        table[0, :, int(counts.argmax())] = counts
        return table
    if guess == "uniform":
        share = np.full(n_classes, 1.0 / n_classes)
        return random.multinomial(counts, share, size=(n_draws, n_classes))
    if guess == "shuffled":
        # the table of a random pairing with both margins fixed (Patefield 1981)
        drawn = random_table(counts, counts).rvs(n_draws, random_state=random)
        return np.asarray(drawn, dtype=np.int64).reshape(n_draws, n_classes, n_classes)
    raise ConfigError(f"unknown guess '{guess}'", f"one of: {', '.join(GUESSES)}")


def oracle_selection(
    folds: npt.ArrayLike,
    epochs: npt.ArrayLike,
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    n_classes: int,
    *,
    by: MetricName = "acc",
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


def inflation(oracle: Scores, honest: Scores) -> Scores:
    """Oracle minus honest, score by score; ``n`` is the number of clips.

    Raises:
        ConfigError: the two are not over the same number of clips.
    """
    if oracle.n != honest.n:
        raise ConfigError(
            f"oracle scores over {oracle.n} clips, honest scores over {honest.n}",
            "the same test clips",
        )
    return Scores(
        oracle.uf1 - honest.uf1, oracle.uar - honest.uar, oracle.acc - honest.acc, honest.n
    )
