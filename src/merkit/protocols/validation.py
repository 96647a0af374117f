"""Inner validation: which training subjects are held out for choosing the epoch."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from merkit.errors import ConfigError
from merkit.protocols.config import ProtocolConfig
from merkit.protocols.table import ClipRow, subjects_of
from merkit.seeds import derived_seed
from merkit.types import I64

#: up to this many choices of subjects are all tried; beyond, as many are drawn
_MAX_CHOICES = 1024
_FIRST_DRAWS = 32


def validation_subjects(
    train: tuple[ClipRow, ...], config: ProtocolConfig, fold_name: str
) -> frozenset[str]:
    """Subjects of the training side to validate on.

    Their number is ``val_share`` of the training subjects, rounded, at least
    ``val_min_subjects``. Among the choices tried, the first is taken that loses fewest
    classes from training, then misses fewest in validation; a class that one subject alone
    shows stays in training. Seeded by ``config.seed`` and the fold's name.

    Raises:
        ConfigError: too few training subjects to keep one for training.
    """
    if config.val_share == 0:
        return frozenset()
    subjects = subjects_of(train)
    wanted = max(config.val_min_subjects, int(config.val_share * len(subjects) + 0.5))
    if len(subjects) < 2 or config.val_min_subjects >= len(subjects):
        raise ConfigError(
            f"fold '{fold_name}' trains on {len(subjects)} subject(s), of which "
            f"{config.val_min_subjects} or more are to validate",
            "at least one subject left for training",
            "add subjects, or set val_share to 0 (no choice of epoch)",
        )
    shows = _class_counts(train, subjects) > 0
    random = np.random.RandomState(derived_seed(config.seed, fold_name))
    chosen = _search(shows, min(wanted, len(subjects) - 1), random)
    return frozenset(subjects[i] for i in chosen)


def _class_counts(train: tuple[ClipRow, ...], subjects: tuple[str, ...]) -> I64:
    """Clips of each subject in each class of the training side, (S, C)."""
    place = {subject: i for i, subject in enumerate(subjects)}
    labels = {label for row in train for label in row.shown}
    column = {label: i for i, label in enumerate(sorted(labels))}
    counts = np.zeros((len(subjects), len(column)), dtype=np.int64)
    for row in train:
        counts[place[row.subject_key], [column[label] for label in row.shown]] += 1
    return counts


def _search(shows: np.ndarray, n_val: int, random: np.random.RandomState) -> I64:
    """The best choice of ``n_val`` subjects; ``shows`` (S, C): subject shows class."""
    n_subjects = len(shows)
    if comb(n_subjects, n_val) <= _MAX_CHOICES:
        order = random.permutation(n_subjects)
        choices = order[np.array(list(combinations(range(n_subjects), n_val)))]
        return _best(shows, choices)[0]
    alone = int((shows.sum(axis=0) == 1).sum())  # classes that cannot be on both sides
    chosen, cost = _best(shows, _draws(n_subjects, n_val, _FIRST_DRAWS, random))
    if cost > alone:
        # few draws are enough for most folds; the rest is for rare classes
        more, more_cost = _best(shows, _draws(n_subjects, n_val, _MAX_CHOICES, random))
        chosen = more if more_cost < cost else chosen
    return chosen


def _draws(n_subjects: int, n_val: int, times: int, random: np.random.RandomState) -> I64:
    keys = random.random_sample((times, n_subjects))
    return np.argsort(keys, axis=1, kind="stable")[:, :n_val]


def _best(shows: np.ndarray, choices: I64) -> tuple[I64, int]:
    """The first of the cheapest choices (K, n_val), and its cost.

    A class lost from training costs more than all classes missing in validation.
    """
    n_classes = shows.shape[1]
    in_val = shows[choices].sum(axis=1)  # (K, C) validation subjects that show the class
    in_train = shows.sum(axis=0) - in_val
    cost = (in_train == 0).sum(axis=1) * (n_classes + 1) + (in_val == 0).sum(axis=1)
    first = int(np.argmin(cost))
    return choices[first], int(cost[first])
