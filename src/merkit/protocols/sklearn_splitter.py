"""Protocols as splitters of scikit-learn: the same folds, in positions of arrays.

Kept out of ``merkit.protocols`` until it is asked for, since scikit-learn takes a second to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import indexable

from merkit.errors import ConfigError
from merkit.protocols.config import ProtocolConfig
from merkit.protocols.folds import FoldSet
from merkit.protocols.make import make_folds
from merkit.protocols.table import ClipRow
from merkit.types import I64

#: stands for the database of people whose group names none
_NO_DATABASE = "(none: groups are not 'database/person')"


class FoldSplitter(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn has no types
    """The folds of a protocol for whatever of scikit-learn takes ``cv``; see
    :func:`merkit.protocols.splitter`, which makes one."""

    #: ``groups`` are passed on by themselves where scikit-learn routes metadata
    __metadata_request__split: ClassVar = {"groups": True}

    def __init__(self, config: ProtocolConfig) -> None:
        self.config = config

    def split(
        self, X: Any, y: npt.ArrayLike | None = None, groups: npt.ArrayLike | None = None
    ) -> Iterator[tuple[I64, I64]]:
        """Positions of the training and of the test samples, fold by fold, in order of their names.

        Args:
            X: anything with N rows; not read.
            y: class of each sample (N,), or None where the protocol has no use for it.
            groups: the person of each sample (N,).

        Raises:
            ConfigError: no groups, arrays of different length, or too few people.
            LeakError: the protocol puts a person on both sides.
        """
        for fold in self._folds(X, y, groups).folds:
            yield np.array(fold.train, np.int64), np.array(fold.test, np.int64)

    def get_n_splits(
        self, X: Any = None, y: npt.ArrayLike | None = None, groups: npt.ArrayLike | None = None
    ) -> int:
        """Number of folds of these people.

        Raises:
            ConfigError, LeakError: as ``split``.
        """
        return len(self._folds(X, y, groups).folds)

    def _folds(self, X: Any, y: npt.ArrayLike | None, groups: npt.ArrayLike | None) -> FoldSet:
        people = _people(groups)
        try:
            indexable(X, y, people)
        except ValueError as error:
            raise ConfigError(str(error), "one person and one class a sample") from None
        classes = [""] * len(people) if y is None else [str(label) for label in np.asarray(y)]
        place = {label: index for index, label in enumerate(sorted(set(classes)))}
        width = len(str(len(people)))  # ids sort as the samples stand
        return make_folds(
            (
                ClipRow(f"{i:0{width}d}", _database(person), person, place[label])
                for i, (person, label) in enumerate(zip(people, classes, strict=True))
            ),
            self.config,
        )


def _people(groups: npt.ArrayLike | None) -> list[str]:
    if groups is None:
        raise ConfigError(
            "no groups",
            "the person of each sample, so that nobody is trained and tested on",
            "split(X, y, groups=people), or cross_validate(model, X, y, groups=people, cv=...)",
        )
    given = np.asarray(groups, dtype=object)
    if given.ndim != 1:
        raise ConfigError(f"groups of shape {given.shape}", "the person of each sample, (N,)")
    people = [str(person).strip() for person in given]
    nameless = [i for i, name in enumerate(people) if not name or pd.isna(given[i])]
    if nameless:
        raise ConfigError(f"sample {nameless[0]} has no person in groups", "a name for everybody")
    return people


def _database(person: str) -> str:
    """Of ``database/person``."""
    before, slash, _ = person.partition("/")
    return before if slash else _NO_DATABASE
