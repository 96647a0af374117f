"""What a model says of a movement, and what of it becomes part of the event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, softmax

from merkit.methods.limits import NEVER, Limits
from merkit.types import Event, UnitScore

#: no model is so sure that the others have no say
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Answer:
    """Probabilities: of C classes (C,), that nothing moved (NaN where the model does not say), and
    of U action units on the left and right of the person (U,2)."""

    classes: np.ndarray
    nothing: float = np.nan
    units: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    @classmethod
    def pooled(cls, several: Sequence[Answer]) -> Answer:
        """What several models of the same classes and units say together: the geometric mean of
        their probabilities (logarithmic opinion pool, Genest & Zidek 1986, Statistical Science).
        Who is undecided, and so moves with every disturbance, has less say in it than who is not.
        """
        if len(several) == 1:
            return several[0]
        logs = np.log(np.clip([one.classes for one in several], _LEAST, 1)).mean(axis=0)
        units = expit(np.mean([_log_odds(one.units) for one in several], axis=0))
        nothing = float(expit(np.mean([_log_odds(one.nothing) for one in several])))
        return cls(softmax(logs), nothing, units)


@dataclass(frozen=True)
class Vocabulary:
    """The classes and action units that a model can name, and below what it names none."""

    classes: tuple[str, ...]
    units: tuple[int, ...] = ()
    limits: Limits = NEVER

    def at_least(self, class_min: float) -> Vocabulary:
        """The same, with no label below this probability of the best class."""
        return replace(self, limits=replace(self.limits, class_min=class_min))

    def named(self, event: Event, answer: Answer) -> Event:
        """The event with what is said of it: every probability, and a label and the units that are
        called, as far as the limits allow; else a reason."""
        best = int(answer.classes.argmax())
        label, score = self.classes[best], float(answer.classes[best])
        unreadable = self.limits.unreadable(answer.nothing, event.quality)
        why = unreadable or self.limits.undecided(label, score)
        reasons = (f"not named: {why}",) if why else ()
        return replace(
            event,
            label="" if why else label,
            score=np.nan if why else score,
            probabilities=dict(zip(self.classes, map(float, answer.classes), strict=True)),
            units=self._units(answer, called=not unreadable),
            reasons=(*event.reasons, *reasons),
        )

    def _units(self, answer: Answer, called: bool) -> tuple[UnitScore, ...]:
        least = np.array(self.limits.of_units(len(self.units)).unit_min).reshape(-1, 1)
        on = (answer.units >= least) & called
        rows = zip(self.units, answer.units.tolist(), on.tolist(), strict=True)
        return tuple(UnitScore(number, *sides, *calls) for number, sides, calls in rows)


def _log_odds(shares: npt.ArrayLike) -> np.ndarray:
    return np.asarray(logit(np.clip(shares, _LEAST, 1 - _LEAST)))
