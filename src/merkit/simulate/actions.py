"""What people do on each map: classes, action units with sides and heights, and what else moves.

Draws are made whether or not a dial uses them, so that switching one off leaves the others' as
they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from merkit.simulate.dials import Dials
from merkit.simulate.face_model import FaceModel
from merkit.simulate.picture_dials import Pair
from merkit.simulate.tables import CLASSES, EYES_CLOSED, NOTHING, Tables, sides
from merkit.types import F32, F64, I64

#: a unit counts as done on a side where it is higher than this share of its height
LABEL_ABOVE = 0.3
#: chin raiser, lips part, jaw drop: their muscles meet, so no side can stay behind
_MIDLINE = (17, 25, 26)
_LOOKS = tuple(f"eyeLook{way}_{side}" for way in ("Down", "Up", "In", "Out") for side in "LR")
_SPEECH = (
    *("jawOpen", "jawLeft", "jawRight", "jawForward", "mouthLeft", "mouthRight"),
    *("mouthPucker", "mouthFunnel", "mouthClose"),
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Of N maps. ``classes``: (N,) index in ``CLASSES``, or ``NOTHING``. ``units``: bool (N,12,2),
    whether each of ``LABELLED_UNITS`` is done on the person's left and right. ``weights``: (N,E) of
    the model's expression shapes, to be scaled to an amplitude. ``whole``: (N,) share of the
    amplitude that the second picture shows."""

    classes: I64
    units: np.ndarray
    weights: F32
    whole: F32

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, eq=False)
class Parts:
    """The same N, before what moves is summed up. ``sided`` (N,R,2) and ``middle`` (N,R): height of
    each row of the table of units, on the sides and of both together; ``spread`` (N,E): factors of
    the shapes; ``gaze`` and ``speech`` (N,E): weights of lids that follow the eyes, and of talk."""

    classes: I64
    units: np.ndarray
    whole: F32
    sided: F64
    middle: F64
    spread: F32
    gaze: F32
    speech: F32


@dataclass(frozen=True, eq=False)
class Actions:
    """Draws for one face model and one pair of tables.

    Raises:
        ConfigError: the tables name a shape that the model lacks.
    """

    model: FaceModel
    tables: Tables

    def __post_init__(self) -> None:
        self.tables.check_names(self.model.names)

    def draw(self, n: int, dials: Dials, rng: np.random.Generator) -> Drawn:
        """N maps; labels are those of the clip, whatever the second picture shows of it."""
        parts = self.draw_parts(n, dials, rng)
        weights = self._weights(parts) + (parts.gaze + parts.speech)
        return Drawn(parts.classes, parts.units, weights, parts.whole)

    def draw_parts(self, n: int, dials: Dials, rng: np.random.Generator) -> Parts:
        """What ``draw`` sums up, for things that have courses of their own in time."""
        nothing = dials.nothing.share
        chances = [(1 - nothing) * chance for chance in dials.classes.chances] + [nothing]
        classes = rng.choice(NOTHING + 1, n, p=chances)
        heights = self._prototypes(classes, rng) * _heights(len(self.tables.units), n, dials, rng)
        heights *= self._sides(n, dials, rng)
        units = heights[:, self.tables.labelled] > LABEL_ABOVE
        whole, share = self._apex(n, dials, rng)
        heights = heights * share + self._others(n, dials, rng)
        rows = self._of_rows(heights.astype(np.float32), dials, rng)
        aside = self._eyes_and_mouth(n, dials, rng)
        return Parts(classes, units, whole, *rows, *aside)

    def unit_weights(self, parts: Parts) -> F32:
        """(N,A,E): what each unit adds to the weights."""
        weights = np.empty((len(parts.classes), len(self.tables.units), self._shapes[0].shape[1]))
        for unit in range(weights.shape[1]):
            weights[:, unit] = self._summed(parts, np.flatnonzero(self._rows[0] == unit))
        return (weights * parts.spread[:, None]).astype(np.float32)

    def _prototypes(self, classes: I64, rng: np.random.Generator) -> F32:
        """(N,A,1): 1 for the units of a prototype of each map's class."""
        moved = np.zeros((len(classes), len(self.tables.units)), np.float32)
        for label in range(len(CLASSES)):
            choices, chances = self.tables.choices(label)
            chosen = rng.choice(len(chances), len(classes), p=chances)
            of_class = classes == label
            moved[of_class] = choices[chosen[of_class]]
        return moved[..., None]

    def _sides(self, n: int, dials: Dials, rng: np.random.Generator) -> F32:
        """(N,A,2): 1, or less on the side that stays behind."""
        units = len(self.tables.units)
        is_weak = (rng.random(n) < dials.one_sided.chance)[:, None, None]
        is_weak = is_weak & (rng.integers(2, size=n)[:, None, None] == np.arange(2))
        is_weak = is_weak & ~np.isin(self.tables.units, _MIDLINE)[:, None]
        height = rng.uniform(*dials.one_sided.weaker, (n, units))[..., None]
        return np.where(is_weak, height, 1).astype(np.float32)

    def _apex(self, n: int, dials: Dials, rng: np.random.Generator) -> tuple[F32, F32]:
        """(N,) and (N,A,1): shares of the height that the second picture shows."""
        missed = rng.random(n) < dials.wrong_apex.chance
        whole = np.where(missed, rng.uniform(*dials.wrong_apex.whole, n), 1)
        unit = rng.uniform(*dials.wrong_apex.unit, (n, len(self.tables.units)))
        share = np.where(missed[:, None], unit, 1)[..., None]
        return whole.astype(np.float32), share.astype(np.float32)

    def _others(self, n: int, dials: Dials, rng: np.random.Generator) -> F32:
        """(N,A,2) heights of units that are no part of the expression: one more, and a blink."""
        heights = np.zeros((n, len(self.tables.units), 2))
        more = dials.co_occurring
        on, which = rng.random(n) < more.chance, rng.integers(len(self.tables.units), size=n)
        height = rng.uniform(*more.height, (n, 1)) * _spread(more.log_sd, (n, 2), rng)
        heights[np.arange(n), which] += on[:, None] * height
        blink = dials.blink
        on = rng.random(n) < blink.chance
        height = rng.uniform(*blink.height, (n, 1)) * _spread(blink.side_log_sd, (n, 2), rng)
        heights[:, self.tables.units.index(EYES_CLOSED)] += on[:, None] * height
        return heights.astype(np.float32)

    def _of_rows(
        self, heights: F32, dials: Dials, rng: np.random.Generator
    ) -> tuple[F64, F64, F32]:
        """``sided``, ``middle`` and ``spread`` of heights (N,A,2): each row of the table draws its
        share of its shape."""
        unit, low, high = self._rows
        n = len(heights)
        share = rng.uniform(low, high, (n, len(low)))[..., None] * heights[:, unit]
        uneven = share * _spread(dials.asymmetry.shape_log_sd, share.shape, rng)
        spread = _spread(dials.heights.shape_log_sd, (n, len(self.model.names)), rng)
        return uneven, share.mean(-1), spread

    def _weights(self, parts: Parts) -> F32:
        """(N,E) of all units together."""
        every = np.arange(len(self._rows[0]))
        return cast(F32, (self._summed(parts, every) * parts.spread).astype(np.float32))

    def _summed(self, parts: Parts, rows: I64) -> F64:
        """(N,E) of some rows of the table."""
        left, right, middle = (matrix[rows] for matrix in self._shapes)
        sided = parts.sided[:, rows]
        return sided[..., 0] @ left + sided[..., 1] @ right + parts.middle[:, rows] @ middle

    def _eyes_and_mouth(self, n: int, dials: Dials, rng: np.random.Generator) -> tuple[F32, F32]:
        """(N,E) weights each of lids that follow the gaze, and of speech."""
        gaze, talk = dials.gaze, dials.talk
        eyes, mouth = np.zeros((2, n, len(self.model.names)), np.float32)
        looks = rng.random((n, 1)) < gaze.chance
        places, drawn = self._some(_LOOKS, n, gaze.shape_chance, gaze.height, rng)
        eyes[:, places] += looks * drawn
        places, drawn = self._some(_SPEECH, n, talk.shape_chance, talk.height, rng)
        mouth[:, places] += drawn
        return eyes, mouth

    def _some(
        self, names: tuple[str, ...], n: int, chance: float, height: Pair, rng: np.random.Generator
    ) -> tuple[list[int], F32]:
        """Numbers of the shapes that the model has, and (N, so many) heights, most of them 0."""
        places = [self.model.index[name] for name in names if name in self.model.index]
        shape = (n, len(places))
        drawn = (rng.random(shape) < chance) * rng.uniform(*height, shape)
        return places, drawn.astype(np.float32)

    @cached_property
    def _rows(self) -> tuple[I64, F32, F32]:
        """Of each row of the table: place of its unit, low and high."""
        rows = self.tables.shapes
        unit = np.array([self.tables.units.index(row.unit) for row in rows])
        low, high = (np.array([getattr(r, end) for r in rows]) for end in ("low", "high"))
        return unit, low, high

    @cached_property
    def _shapes(self) -> tuple[F32, F32, F32]:
        """(rows, E) each: which shape the left side, the right side, or both together move."""
        left, right, middle = np.zeros((3, len(self.tables.shapes), len(self.model.names)), "f4")
        for number, row in enumerate(self.tables.shapes):
            found = sides(row.shape, self.model.index)
            for matrix, name in zip((left, right) if len(found) == 2 else (middle,), found,
                                    strict=True):  # fmt: skip
                matrix[number, self.model.index[name]] = 1
        return left, right, middle


def _heights(units: int, n: int, dials: Dials, rng: np.random.Generator) -> F32:
    """(N,A,2): how high each unit goes, on each side."""
    unit = _spread(dials.heights.unit_log_sd, (n, units, 1), rng)
    return unit * _spread(dials.asymmetry.unit_log_sd, (n, units, 2), rng)


def _spread(log_sd: float, shape: tuple[int, ...], rng: np.random.Generator) -> F32:
    """Log-normal factors about 1."""
    return np.exp(log_sd * rng.standard_normal(shape)).astype(np.float32)
