"""The source photograph (``skimage.data.astronaut``, public domain), measured and re-coloured.

Coordinates, in ``data/photo.csv``, are (x, y) pixels of the 512 x 512 photograph. The 68 landmarks
were measured once with dlib's 68-point predictor on the photograph enlarged two times; the
outlines were drawn by hand on an enlargement. Skin, hair, brows, beard, light and blemishes are
changed under soft masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
import skimage.data

from merkit.datasets.sheets import shipped_table
from merkit.types import F32, F64

#: scikit-image is untyped
_data = cast(Any, skimage.data)
SIZE_PX = (512, 512)
#: jaw edge to jaw edge, landmark 0 to 16
FACE_WIDTH_PX = 92.5
#: the point a frame is centred on
CENTRE = (225.0, 132.0)


def _points(what: str) -> F64:
    rows = shipped_table("photo", "merkit.synthetic")
    return np.array([(float(row["x"]), float(row["y"])) for row in rows if row["what"] == what])


#: (68, 2) in the iBUG order
LANDMARKS = _points("landmarks")
#: skin of face and neck: hairline, then down the right of the picture and back
SKIN_OUTLINE = _points("skin")
#: left and right in the picture
EAR_OUTLINES = (_points("left ear"), _points("right ear"))
#: head with its hair, without neck
HEAD_OUTLINE = _points("head")
#: absorption of melanin by channel (red, green, blue), relative
_MELANIN = np.array([0.55, 0.85, 1.1], np.float32)


@dataclass(frozen=True)
class Tone:
    """One identity's look. Depths are natural logarithms of a factor on linear brightness."""

    melanin: float
    redness: float
    hair_depth: float
    grey_hair: float
    brow_depth: float
    brow_width: float
    beard: float
    backdrop: F32  # (3,)
    light: tuple[float, float]
    blotches: float
    freckles: int


def draw_tone(rng: np.random.Generator) -> Tone:
    """A random look."""
    melanin = float(rng.choice([0.0, 0.12, 0.3, 0.55, 0.8]) + rng.uniform(-0.06, 0.08))
    return Tone(
        melanin=melanin,
        redness=rng.uniform(-0.02, 0.05),
        hair_depth=rng.uniform(0.2, 1.4) if melanin > 0.25 else rng.uniform(-0.25, 1.3),
        grey_hair=float(rng.uniform(0.5, 0.9) if rng.random() < 0.2 else 0.0),
        brow_depth=rng.uniform(0.2, 0.75),
        brow_width=rng.uniform(1.0, 1.8),
        beard=float(rng.uniform(0.06, 0.15) if rng.random() < 0.4 else 0.0),
        backdrop=(rng.uniform(-0.25, 0.075) + rng.uniform(-0.05, 0.05, 3)).astype(np.float32),
        light=(rng.uniform(-0.14, 0.14), rng.uniform(-0.06, 0.06)),
        blotches=rng.uniform(0.01, 0.035),
        freckles=int(rng.choice([0, 0, 25, 70])),
    )


def _filled(outlines: list[F64], blur_px: float) -> F32:
    mask = np.zeros(SIZE_PX, np.float32)
    for outline in outlines:
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur_px))


@lru_cache(maxsize=1)
def photo() -> F32:
    """(512, 512, 3) the source photograph, 0 to 1."""
    return np.asarray(_data.astronaut(), np.float32) / 255.0


@lru_cache(maxsize=1)
def toothless_photo() -> F32:
    """(512, 512, 3) the photograph with lip colour in place of the teeth, 0 to 1."""
    teeth = (_filled([LANDMARKS[60:68]], 0.5) > 0.02).astype(np.uint8)
    hole = np.asarray(cv2.dilate(teeth, np.ones((3, 5), np.uint8)))
    picture = np.round(photo() * 255.0).astype(np.uint8)
    return np.asarray(cv2.inpaint(picture, hole, 2.0, cv2.INPAINT_TELEA), np.float32) / 255.0


@lru_cache(maxsize=1)
def masks() -> dict[str, F32]:
    """(512, 512) soft masks by name: skin, hair, mouth, beard, backdrop."""
    eyes = _filled([LANDMARKS[36:42], LANDMARKS[42:48]], 0.8)
    mouth = _filled([LANDMARKS[60:68]], 0.7)
    lips = np.clip(_filled([LANDMARKS[48:60]], 0.8) - mouth, 0.0, 1.0)
    bare, whole = _filled([SKIN_OUTLINE, *EAR_OUTLINES], 1.5), _filled([HEAD_OUTLINE], 1.5)
    skin = bare * (1.0 - eyes)
    head = np.maximum(whole, _filled([SKIN_OUTLINE], 1.5))
    hair = np.clip(whole - bare, 0, 1)
    jaw = np.vstack([LANDMARKS[3:14], LANDMARKS[[35, 33, 31]]])
    beard = _filled([jaw], 9.0) * skin * (1.0 - lips)
    return {"skin": skin, "hair": hair, "mouth": mouth, "beard": beard, "backdrop": 1.0 - head}


def toned_photo(tone: Tone, rng: np.random.Generator, closed: bool) -> F32:
    """(512, 512, 3) the photograph with another person's colours, 0 to 1.

    ``closed`` takes the version whose lips fill the mouth.
    """
    mask, picture = masks(), (toothless_photo() if closed else photo()).copy()
    grey = picture.mean(axis=-1, keepdims=True)
    picture += mask["hair"][..., None] * tone.grey_hair * (grey - picture)
    skin = mask["skin"] if closed else mask["skin"] * (1.0 - mask["mouth"])
    depth = -skin[..., None] * _skin_depth(tone)
    depth = depth - mask["hair"][..., None] * np.float32(tone.hair_depth)
    depth = depth + mask["backdrop"][..., None] * tone.backdrop
    depth = depth - mask["beard"][..., None] * np.array([1.05, 1.0, 0.9], np.float32) * tone.beard
    depth = depth - (tone.brow_depth * _brows(tone, rng))[..., None]
    shade = skin * (tone.blotches * _blotches(rng) - _freckles(tone, rng))
    depth = depth + (shade + _light(tone))[..., None]
    return np.asarray(np.clip(picture * np.exp(depth), 0.0, 1.0), np.float32)


def _skin_depth(tone: Tone) -> F32:
    """(512, 512, 3): highlights keep part of their brightness on dark skin."""
    highlight = np.clip((photo().min(axis=-1, keepdims=True) - 0.55) / 0.35, 0.0, 1.0)
    melanin = tone.melanin * _MELANIN * (1.0 - 0.25 * highlight)
    return np.asarray(melanin + tone.redness * np.array([-0.6, 0.8, 0.8], np.float32))


def _brows(tone: Tone, rng: np.random.Generator) -> F32:
    """(512, 512) strength of the brows' hair: a soft band with streaks."""
    band = np.zeros(SIZE_PX, np.float32)
    for brow in (LANDMARKS[17:22], LANDMARKS[22:27]):
        drawn = np.round((brow + np.array([0.0, 1.0])) * 16).astype(np.int32)
        thickness = max(round(tone.brow_width * 2), 2)
        cv2.polylines(band, [drawn], False, 1.0, thickness, cv2.LINE_AA, 4)
    band = np.asarray(cv2.GaussianBlur(band, (0, 0), 0.9))
    streaks = cv2.GaussianBlur(rng.standard_normal(band.shape).astype(np.float32), (0, 0), 0.7)
    return np.asarray(band * np.clip(1.0 + 0.5 * streaks, 0.3, 1.6), np.float32)


def _blotches(rng: np.random.Generator) -> F32:
    noise = rng.standard_normal(SIZE_PX).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 5.0))
    return noise / float(noise.std())


def _freckles(tone: Tone, rng: np.random.Generator) -> F32:
    spots = np.zeros(SIZE_PX, np.float32)
    x, y = rng.normal(225.0, 24.0, tone.freckles), rng.normal(122.0, 12.0, tone.freckles)
    for px, py, strength in zip(x, y, rng.uniform(0.3, 1.0, tone.freckles), strict=True):
        spots[int(np.clip(py, 0, 511)), int(np.clip(px, 0, 511))] += strength
    return np.asarray(0.5 * cv2.GaussianBlur(spots, (0, 0), 0.6), np.float32)


def _light(tone: Tone) -> F32:
    axis = (np.arange(SIZE_PX[0], dtype=np.float32) - 225.0) / 90.0
    across, down = np.tanh(axis)[None, :], np.tanh(axis + 1.0)[:, None]
    return np.asarray(tone.light[0] * across + tone.light[1] * down, np.float32)
