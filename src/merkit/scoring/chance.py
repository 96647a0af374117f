"""What an honest score is read against: guessing, and choosing epochs on the test clips."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from merkit.errors import ConfigError
from merkit.scoring.metrics import class_indices, metrics_of
from merkit.types import F64

#: draws that are scored together, which bounds memory
_CHUNK = 100


def chance_scores(
    y_true: npt.ArrayLike,
    classes: Sequence[str],
    folds: npt.ArrayLike | None = None,
    n_draws: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """Expected scores of predictions that know nothing of the clips: the true labels in random
    order, by simulation.

    Args:
        y_true: class index of each clip.
        classes: their names.
        folds: fold of each clip, for the mean of the folds' scores in place of the pooled one.
        n_draws: simulated predictions of the whole database.
        seed: of the simulation.

    Returns:
        every metric by name; NaN for a class without clips.

    Raises:
        ConfigError: no clips, class indices out of range, or no draws.
    """
    true = class_indices(y_true, len(classes))
    if true.size == 0 or n_draws < 1:
        raise ConfigError(f"{true.size} clips and {n_draws} draws", "1 or more of both")
    one_fold = np.zeros(true.size, np.int64)
    fold = one_fold if folds is None else np.unique(np.asarray(folds), return_inverse=True)[1]
    metrics = metrics_of(classes)
    random = np.random.default_rng(seed)
    found: dict[str, list[F64]] = {name: [] for name in metrics}
    for start in range(0, n_draws, _CHUNK):
        size = min(_CHUNK, n_draws - start)
        shape = (size, int(fold.max()) + 1, len(classes), len(classes))
        guesses = random.permuted(np.tile(true, (size, 1)), axis=1)
        cells = np.ravel_multi_index((np.arange(size)[:, None], fold, true, guesses), shape)
        tables = np.bincount(cells.ravel(), minlength=int(np.prod(shape))).reshape(shape)
        for name, metric in metrics.items():
            found[name].append(metric.of(tables, "skip"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as it should
        means = {name: np.nanmean(np.concatenate(parts), axis=1) for name, parts in found.items()}
        return {name: float(np.nanmean(of_draws)) for name, of_draws in means.items()}


def best_test_epochs(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the epoch of each fold and seed that has the best accuracy on its own test clips
    (ties: the first), as much published work chooses it.

    What they score is no score: it uses test labels. It is for reading a run beside work that
    scores so.

    Args:
        table: columns fold, seed, epoch, y_true and y_pred, one row a test clip and epoch.

    Raises:
        ConfigError: no rows.
    """
    if table.empty:
        raise ConfigError("no epochs to choose among", "one row a test clip and epoch")
    right = table.assign(right=table.y_true == table.y_pred)
    shares = right.groupby(["fold", "seed", "epoch"]).right.mean()
    chosen = shares.groupby(["fold", "seed"]).idxmax()
    rows = pd.MultiIndex.from_frame(table[["fold", "seed", "epoch"]])
    return table[rows.isin(chosen.to_list())]
