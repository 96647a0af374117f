"""How a face looks with its mouth open: lower lip and jaw come down, and a gap opens between lips.

The lips part along a *seam*: where they meet, or, in a mouth that shows teeth, the inner edge of
the lower lip. Skin below the seam comes down with the jaw, skin above it rises a little; at the
corners of the mouth both move alike, so that the skin tears nowhere. Whatever comes to light in
the gap is painted: upper teeth, tongue and darkness. All motion is vertical.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from merkit.synthetic.action_units import face_width
from merkit.synthetic.identity import MARGIN_PX, SUPERSAMPLE, Identity
from merkit.types import F32, F64

#: how far the corners of the mouth follow the jaw, and the upper lip rises, as shares of its drop
_CORNER, _LIFT = 0.35, 0.12
#: in face widths: half width of the jaw; reach of the motion below and above the seam, and below
#: the chin; length of the upper teeth below the seam
_JAW, _BELOW, _ABOVE, _NECK, _TEETH = 0.36, 0.13, 0.09, 0.3, 0.034
#: steps that find where the skin at a place came from
_STEPS = 16
#: teeth in the shade of the lips; the others in full light
_TOOTH_RGB = np.array([188.0, 176.0, 160.0])
_DARK_RGB, _TONGUE_RGB = np.array([66.0, 24.0, 22.0]), np.array([190.0, 92.0, 88.0])


@dataclass(frozen=True, eq=False)
class Opened:
    """What an open mouth does to a picture (H, W) of the face at rest."""

    back_px: F32  # (H, W) from a place up to where its skin came from, negative or 0
    cover: F32  # (H, W) share of the pixel that lies between the lips
    colour: F32  # (H, W, 3) what is seen there


@dataclass(frozen=True, eq=False)
class Mouth:
    """One face's mouth at rest. Lengths in frame pixels; ``opening_px``
    everywhere: distance between the lips in the middle, beyond that at rest."""

    identity: Identity
    size_px: tuple[int, int]

    def displacement(self, places: F32 | F64, opening_px: float) -> F64:
        """(..., 2) how far the skin at ``places`` (..., 2), at rest, moves."""
        x, y = places[..., 0].astype(float), places[..., 1].astype(float)
        return self._moved(self._columns(x), y, opening_px)

    def field(self, opening_px: float) -> F64:
        """(H, W, 2) ``displacement`` of every pixel of the frame."""
        y = np.arange(self.size_px[1], dtype=float)[:, None]
        return self._moved(self._frame_columns, y, opening_px)

    def opened(self, opening_px: float) -> Opened:
        """The open mouth."""
        drop_px, columns, rows = self._drop_px(opening_px), self._frame_columns, self._moving
        upper_edge = columns.seam + drop_px * columns.upper
        lower_edge = columns.seam + drop_px * columns.lower
        y = np.arange(rows.start, rows.stop, dtype=float)[:, None]
        source = np.repeat(columns.seam, len(y), axis=0)
        # each lip is looked at in its own rows; where their edges meet, the lower one has it
        up, low = (y <= upper_edge.max())[:, 0], (y >= lower_edge.min())[:, 0]
        skin = self._upper_rest(y[up], upper_edge, drop_px)
        source[up] = np.where(y[up] <= upper_edge, skin, source[up])
        skin = self._lower_rest(y[low], lower_edge, drop_px)
        source[low] = np.where(y[low] >= lower_edge, skin, source[low])
        cover = np.clip(y - upper_edge, 0.0, 1.0) * np.clip(lower_edge - y, 0.0, 1.0)
        colour = self._inside(columns, y, upper_edge, lower_edge)
        return Opened(*(self._in_frame(part) for part in (source - y, cover, colour)))

    def _upper_rest(self, y: F64, edge: F64, drop_px: float) -> F64:
        """(rows, W) where skin of the upper lip that came to rows ``y`` was at rest."""
        columns, above = self._frame_columns, np.minimum(y, edge)
        rest = above
        for _ in range(_STEPS):
            rest = above - drop_px * self._upper(columns, np.minimum(rest, columns.seam))
        return rest

    def _lower_rest(self, y: F64, edge: F64, drop_px: float) -> F64:
        """The same, of the lower lip and the jaw."""
        columns, below = self._frame_columns, np.maximum(y, edge)
        rest = below
        for _ in range(_STEPS):
            rest = below - drop_px * self._lower(columns, np.maximum(rest, columns.seam))
        return rest

    def _moved(self, columns: _Columns, y: F64, opening_px: float) -> F64:
        # landmarks on the seam itself are those of the lower lip
        below = y >= columns.seam - 1e-6
        down = np.where(below, self._lower(columns, y), self._upper(columns, y))
        return np.stack([np.zeros_like(down), self._drop_px(opening_px) * down], axis=-1)

    @cached_property
    def _moving(self) -> slice:
        """The rows of the frame in which anything moves, and one beside them."""
        first = self._frame_columns.seam.min() - _ABOVE * self._width
        last = self._chin + _NECK * self._width
        return slice(max(int(first) - 1, 0), min(int(last) + 3, self.size_px[1]))

    def _in_frame(self, part: F64) -> F32:
        """Rows that move, among the others: 0."""
        whole = np.zeros((self.size_px[1], *part.shape[1:]), np.float32)
        whole[self._moving] = part
        return whole

    @cached_property
    def _frame_columns(self) -> _Columns:
        return self._columns(np.arange(self.size_px[0], dtype=float)[None, :])

    @cached_property
    def _width(self) -> float:
        return face_width(self.identity.landmarks_px)

    @cached_property
    def _chin(self) -> float:
        return float(self.identity.landmarks_px[8, 1] + 0.03 * self._width)

    @property
    def _lift(self) -> float:
        """Teeth that show move with the head alone."""
        return _LIFT if self.identity.closed else 0.0

    def _drop_px(self, opening_px: float) -> float:
        """How far the jaw comes down; the upper lip does the rest."""
        return opening_px / (1.0 + self._lift)

    def _columns(self, x: F64) -> _Columns:
        points = self.identity.landmarks_px
        lower = points[[67, 66, 65]]
        middle = (points[61:64] + lower) / 2 if self.identity.closed else lower
        seam = np.vstack([points[60], middle, points[64]])
        half, centre = np.ptp(seam[:, 0]) / 2, (seam[0, 0] + seam[-1, 0]) / 2
        away = np.abs(x - centre)
        arc = np.clip(1.0 - (away / half) ** 2, 0.0, 1.0)
        beside = _CORNER * np.exp(-((np.maximum(away - half, 0.0) / (0.1 * self._width)) ** 2))
        return _Columns(
            seam=PchipInterpolator(*seam.T)(np.clip(x, seam[0, 0], seam[-1, 0])),
            arc=arc,
            lower=beside + (1.0 - _CORNER) * arc,
            upper=beside * (1.0 - arc) - self._lift * arc,
            jaw=np.exp(-((away / (_JAW * self._width)) ** 4)),
        )

    def _lower(self, columns: _Columns, y: F64) -> F64:
        """Displacement per drop of the jaw, of skin at or below the seam."""
        deep = _ease((y - columns.seam) / (_BELOW * self._width))
        neck = _ease(1.0 - (y - self._chin) / (_NECK * self._width))
        return np.asarray((columns.lower + (columns.jaw - columns.lower) * deep) * neck)

    def _upper(self, columns: _Columns, y: F64) -> F64:
        """The same, of skin at or above the seam."""
        return np.asarray(columns.upper * _ease(1.0 - (columns.seam - y) / (_ABOVE * self._width)))

    def _inside(self, columns: _Columns, y: F64, top: F64, bottom: F64) -> F64:
        """(H, W, 3) darkness, a tongue below, and teeth hanging from above."""
        gap = bottom - top
        depth = np.clip((y - top) / np.maximum(gap, 1e-6), 0.0, 1.0)
        tongue = _ease((depth - 0.45) / 0.5) * _ease(gap / (0.08 * self._width)) * columns.arc
        colour = self._brightness * (_DARK_RGB + tongue[..., None] * (_TONGUE_RGB - _DARK_RGB))
        if not self.identity.closed:
            return np.asarray(colour)
        edge = columns.seam + _TEETH * self._width * np.sqrt(columns.arc)
        lit = np.clip(edge - y + 0.5, 0.0, 1.0) * _ease(gap / (0.06 * self._width))
        lit = lit * (0.2 + 0.7 * columns.arc) * _ease(0.25 + 1.5 * depth)
        return np.asarray(colour + lit[..., None] * (_TOOTH_RGB - colour))

    @cached_property
    def _brightness(self) -> float:
        """Of the lower lip, as a share of white."""
        points = self.identity.landmarks_px
        x, y = np.round((points[[57, 66]].mean(axis=0) + MARGIN_PX) * SUPERSAMPLE).astype(int)
        return float(self.identity.canvas[y - 2 : y + 3, x - 6 : x + 7].mean()) / 255.0


@dataclass(frozen=True, eq=False)
class _Columns:
    """Of each column of a picture: where the seam lies, how wide it opens there (0 at the corners
    of the mouth and beyond, 1 in the middle), and what follows the jaw: the edges of the lips and
    the jaw itself, per pixel of its drop."""

    seam: F64
    arc: F64
    lower: F64
    upper: F64
    jaw: F64


def _ease(x: F64) -> F64:
    """0 to 1 without a kink."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))
