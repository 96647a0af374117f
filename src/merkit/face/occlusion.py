"""Whether something stands before the face: it no longer looks like itself where its mesh says it
is, and the mesh network is less sure of it.

The network draws a whole mesh over a hand, and stays sure to 0.95. But unwrapped along that mesh a
face looks alike in every pose and expression, while a hand does not look like the cheek under it.
Light and shadow change the looks of a face too, without making the network less sure: so both must
speak. Looks are compared within ``REACH_S`` to both sides, never over the whole video.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.face.texture import layout
from merkit.types import F32, F64, U8, Bool

#: Time between two looks at the face.
EVERY_S = 0.2
#: How far to each side looks are compared: longer than most things stay before a face.
REACH_S = 15.0
#: The face as it is when open: the median of the surest looks around, this share of them.
_SUREST = 1 / 3
#: Side of the square that is compared, of ``SIDE_PX``: about a third of the eye distance.
_WINDOW_PX = 7
#: Variance of the logarithm of grey that noise and smooth shading have in a square of skin.
_SMOOTH = 0.004
#: From this difference on (0 alike, 1 without any likeness) a place does not look like the face.
_UNLIKE = 0.5
#: Fall of the logit of the presence from which the network is less sure, and by which it is so
#: beyond doubt: an open face loses up to 0.3 when its head goes down, a hand takes 0.8 to 3.
_FALL = 0.2, 0.6


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """Unwrapped faces of L frames in order of time: ``time_s`` (L,), ``grey`` (L,S,S), and how sure
    the network was of each, ``presence`` (L,), 0 to 1."""

    time_s: F64
    grey: U8
    presence: F64

    def __len__(self) -> int:
        return len(self.time_s)

    def at(self, places: Bool) -> Unwrapped:
        """Those of some places."""
        return Unwrapped(self.time_s[places], self.grey[places], self.presence[places])


def covered_quarters(looks: Unwrapped) -> F32:
    """F32 (L,4): share of each quarter of the face (upper left and right, lower left and right of
    the person) that does not look like it, 0 to 1, less where the network is as sure as of the open
    face."""
    time_s = looks.time_s
    sure = np.clip(looks.presence, 1e-6, 1 - 1e-6)
    logits = np.log(sure / (1 - sure))
    faces = np.log(looks.grey.astype(np.float32) + 8)
    where = layout()
    covered = np.zeros((len(looks), 4), np.float32)
    for i, face in enumerate(faces):
        first, stop = np.searchsorted(time_s, (time_s[i] - REACH_S, time_s[i] + REACH_S + 1e-9))
        order = first + np.argsort(-logits[first:stop], kind="stable")
        surest = order[: max(1, round(_SUREST * len(order)))]
        fall = float(np.median(logits[surest]) - logits[i])
        doubt = (fall - _FALL[0]) / (_FALL[1] - _FALL[0])
        if doubt > 0:
            unlike = _difference(face, np.median(faces[surest], axis=0)) > _UNLIKE
            shares = [unlike[part & where.skin].mean() for part in where.quarters]
            covered[i] = np.array(shares) * min(doubt, 1.0)
    return covered


def at_frames(looks: Unwrapped, time_s: F64) -> F32:
    """F32 (N,4): ``covered_quarters`` of the look that is nearest to each frame; NaN where there is
    none within ``EVERY_S``."""
    found = np.full((len(time_s), 4), np.nan, np.float32)
    if len(looks):
        times = looks.time_s
        after = np.clip(np.searchsorted(times, time_s), 1, max(len(times) - 1, 1))
        after = np.minimum(after, len(times) - 1)
        before = np.maximum(after - 1, 0)
        nearer = np.abs(times[before] - time_s) <= np.abs(times[after] - time_s)
        nearest = np.where(nearer, before, after)
        near = np.abs(times[nearest] - time_s) <= EVERY_S
        found[near] = covered_quarters(looks)[nearest[near]]
    return found


def _difference(face: F32, other: F32) -> F32:
    """(S,S): 1 - the correlation of the squares around each place, regularised so that smooth skin
    is alike whatever its noise; skin outside counts for nothing."""
    import cv2

    skin = layout().skin.astype(np.float32)

    def mean(values: F32) -> F32:
        return np.asarray(
            cv2.boxFilter(
                values * skin,
                -1,
                (_WINDOW_PX, _WINDOW_PX),
                normalize=False,
                borderType=cv2.BORDER_CONSTANT,
            )
        )

    count = np.maximum(mean(np.ones_like(skin)), 1)
    a, b = mean(face) / count, mean(other) / count
    variance_a = mean(face**2) / count - a**2
    variance_b = mean(other**2) / count - b**2
    together = mean(face * other) / count - a * b
    apart = variance_a + variance_b - 2 * together
    return np.asarray(apart / (variance_a + variance_b + 2 * _SMOOTH), np.float32)
