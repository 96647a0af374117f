"""As what the micro-expressions that were spotted are recognised, and the score of both (STRS).

STRS (spot-then-recognise score) is F1 of spotting times F1 of recognition among the true positives
(Liong, See and Chan 2023, Signal Processing: Image Communication 110, 116875). In the authors' own
evaluation (github.com/genbing99/STRS-Metric) F1 of recognition is the harmonic mean of precision
and recall after each was averaged over the classes, a ratio without a denominator being 0. It is
not UF1, which stands beside it. docs/protocols.md says where that evaluation is not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from merkit.errors import ConfigError
from merkit.scoring.metrics import ClassScore, class_scores, confusion_matrix
from merkit.scoring.spotting import Hit


@dataclass(frozen=True)
class Recognition:
    """The classes of ``n`` micro-expressions that were found and whose true label is a class.

    ``confusion``: (C+1, C+1), true classes in rows, predicted ones in columns. The last column
    holds those that were given no class, which is wrong; the last row is 0.

    ``uf1`` and ``uar`` leave absent classes out, as ``merkit.scoring.metrics`` does by default.
    ``precision``, ``recall`` and ``f1`` are those of STRS, where an absent class counts as 0. All
    are NaN where n is 0.
    """

    n: int
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScore, ...]

    @property
    def uf1(self) -> float:
        return _mean_of_known([score.f1 for score in self.per_class])

    @property
    def uar(self) -> float:
        return _mean_of_known([score.recall for score in self.per_class])

    @property
    def precision(self) -> float:
        return self._over_all([score.precision for score in self.per_class])

    @property
    def recall(self) -> float:
        return self._over_all([score.recall for score in self.per_class])

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def strs(self, spotting_f1: float) -> float:
        """STRS; 0 where F1 of spotting is 0, though nothing was there to be recognised."""
        return spotting_f1 * self.f1 if spotting_f1 else 0.0

    def row(self) -> dict[str, str | int | float]:
        names = ("n", "uf1", "uar", "precision", "recall", "f1")
        return {name: getattr(self, name) for name in names}

    def _over_all(self, values: Sequence[float]) -> float:
        return float(np.nan_to_num(values).mean()) if self.n else float("nan")


def recognise(hits: Iterable[Hit], classes: Sequence[str]) -> Recognition:
    """Score the labels of true positives. Those whose true label is none of the classes are left
    out; a predicted label that is none of them is wrong.

    Raises:
        ConfigError: no classes, one that has no name, or one twice.
    """
    index = {name: i for i, name in enumerate(classes) if name}
    if not index or len(index) != len(classes):
        raise ConfigError(f"classes {list(classes)}", "one name each")
    judged = [hit for hit in hits if hit.truth.kind == "micro" and hit.truth.label in index]
    true = [index[hit.truth.label] for hit in judged]
    predicted = [index.get(hit.spotted.label, len(index)) for hit in judged]
    matrix = confusion_matrix(true, predicted, len(index) + 1)
    return Recognition(
        len(judged), tuple(map(tuple, matrix.tolist())), class_scores(matrix, classes)
    )


def _mean_of_known(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
