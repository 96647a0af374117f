"""From where on a recogniser says nothing: it abstains below what it can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from merkit.config import check_settings


@dataclass(frozen=True)
class Limits:
    """Shares 0 to 1.

    ``class_min``: smallest probability of the best class that is an answer. ``nothing_max``:
    largest probability that nothing moved at which there is one. ``unit_min``: probability from
    which on an action unit is called, one a unit; empty: 0.5 each. ``quality_min``: smallest
    quality of an event (``types.Event``) of which anything is said.
    """

    class_min: float = 0.5
    nothing_max: float = 0.5
    unit_min: tuple[float, ...] = ()
    quality_min: float = 0.2

    def __post_init__(self) -> None:
        wanted = {
            name: (all(0 <= share <= 1 for share in np.atleast_1d(value)), "from 0 to 1")
            for name, value in vars(self).items()
        }
        check_settings(self, "limits", wanted)

    def of_units(self, n_units: int) -> Limits:
        """The same with a number for each of so many units.

        Raises:
            ValueError: it has numbers for more or fewer.
        """
        if self.unit_min and len(self.unit_min) != n_units:
            raise ValueError(f"{len(self.unit_min)} numbers for {n_units} action units")
        return replace(self, unit_min=self.unit_min or (0.5,) * n_units)

    @classmethod
    def mean(cls, several: tuple[Limits, ...]) -> Limits:
        """Those of recognisers of the same units whose probabilities are averaged."""
        names = ("class_min", "nothing_max", "quality_min")
        numbers = {n: float(np.mean([getattr(one, n) for one in several])) for n in names}
        units = np.mean([one.unit_min for one in several], axis=0)
        return cls(**numbers, unit_min=tuple(map(float, units)))

    def unreadable(self, nothing: float, quality: float) -> str:
        """Why nothing can be said of an event; "" where something can. NaN is what is not known,
        and no reason."""
        if quality < self.quality_min:
            return f"the face cannot be read well enough (quality {quality:.2f})"
        if nothing > self.nothing_max:
            return f"it looks like a time in which nothing moved ({nothing:.2f})"
        return ""

    def undecided(self, best: str, probability: float) -> str:
        """Why the best class is no answer; "" where it is."""
        if probability >= self.class_min:
            return ""
        return f"the best class, {best}, has only {probability:.2f}; {self.class_min:.2f} is wanted"


#: of a model that always answers
NEVER = Limits(class_min=0.0, nothing_max=1.0, quality_min=0.0)
