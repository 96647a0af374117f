"""The source photograph (``skimage.data.astronaut``, public domain), measured and re-coloured.

Coordinates are (x, y) pixels of the 512 x 512 photograph. The 68 landmarks were measured once
with dlib's 68-point predictor on the photograph enlarged two times; the outlines were drawn by
hand on an enlargement. Skin, hair, brows, beard, light and blemishes are changed under soft masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
import skimage.data

from merkit.types import F32, F64

#: scikit-image is untyped
_data = cast(Any, skimage.data)
SIZE_PX = (512, 512)
#: jaw edge to jaw edge, landmark 0 to 16
FACE_WIDTH_PX = 92.5
#: the point a frame is centred on
CENTRE = (225.0, 132.0)

#: (68, 2) in the iBUG order
LANDMARKS: F64 = np.array(
    [
        *[(179.5, 104.0), (180.0, 115.5), (181.0, 127.0), (182.0, 138.5), (185.0, 150.0)],
        *[(191.0, 160.5), (200.0, 168.5), (209.0, 176.0), (220.5, 178.5), (232.0, 177.0)],
        *[(243.0, 171.5), (253.0, 164.0), (260.5, 154.5), (265.0, 143.5), (268.0, 131.5)],
        *[(270.5, 120.5), (272.0, 108.0)],
        *[(186.0, 94.5), (192.0, 88.5), (200.5, 87.5), (209.0, 89.0), (216.5, 92.5)],
        *[(236.0, 94.0), (244.0, 91.0), (252.0, 90.5), (260.0, 92.5), (265.5, 98.5)],
        *[(226.0, 102.5), (225.5, 111.0), (225.5, 119.0), (225.5, 127.5)],
        *[(214.5, 131.5), (219.5, 133.0), (224.5, 134.5), (229.5, 133.0), (234.5, 132.0)],
        *[(195.0, 101.5), (200.0, 98.0), (207.0, 98.5)],
        *[(212.5, 104.0), (206.5, 104.5), (200.0, 104.0)],
        *[(237.5, 105.5), (243.5, 100.5), (250.0, 100.5)],
        *[(255.5, 104.5), (250.5, 106.5), (244.0, 106.5)],
        *[(200.5, 139.5), (209.0, 139.5), (218.0, 139.5), (223.5, 141.0), (229.5, 140.0)],
        *[(237.5, 140.5), (246.0, 141.0)],
        *[(237.5, 151.0), (229.0, 155.0), (222.0, 156.0), (216.0, 155.0), (207.5, 150.0)],
        *[(203.5, 140.5), (217.5, 143.0), (223.0, 144.5), (229.5, 143.5), (242.5, 142.0)],
        *[(229.0, 150.0), (222.5, 150.5), (216.5, 150.0)],
    ]
)

#: skin of face and neck: hairline, then down the right of the picture and back
SKIN_OUTLINE: F64 = np.array(
    [
        *[(182.0, 131.0), (179.5, 118.0), (182.5, 97.0), (187.0, 80.0), (194.5, 77.5)],
        *[(210.0, 80.0), (225.0, 79.0), (240.0, 82.5), (255.0, 86.5), (265.0, 88.5)],
        *[(269.5, 100.0), (270.5, 117.5), (270.0, 130.0), (265.0, 145.0), (258.0, 160.0)],
        *[(254.0, 187.0), (230.0, 190.0), (210.0, 187.0), (190.0, 181.0), (186.0, 165.0)],
        *[(183.5, 147.0)],
    ]
)
#: ears, left and right in the picture
EAR_OUTLINES: tuple[F64, ...] = (
    np.array([(171.0, 119.0), (178.5, 117.0), (182.0, 131.0), (175.0, 128.0)]),
    np.array([(270.0, 128.0), (279.0, 128.0), (276.0, 134.0), (268.0, 137.0)]),
)
#: head with its hair, without neck
HEAD_OUTLINE: F64 = np.array(
    [
        *[(153.8, 62.5), (165.0, 47.5), (187.5, 35.0), (202.5, 23.8), (230.0, 15.5)],
        *[(251.2, 18.8), (275.0, 30.0), (290.0, 45.0), (297.5, 62.5), (301.5, 87.5)],
        *[(295.0, 107.5), (285.0, 122.5), (277.5, 130.0), (275.0, 136.2), (268.0, 136.2)],
        *[(262.5, 155.0), (240.0, 178.0), (210.0, 178.0), (185.0, 160.0), (182.0, 131.0)],
        *[(175.0, 127.5), (171.2, 118.8), (162.5, 110.0), (155.5, 97.5), (153.8, 77.5)],
    ]
)

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
        backdrop=_backdrop(rng),
        light=(rng.uniform(-0.14, 0.14), rng.uniform(-0.06, 0.06)),
        blotches=rng.uniform(0.01, 0.035),
        freckles=int(rng.choice([0, 0, 25, 70])),
    )


def _backdrop(rng: np.random.Generator) -> F32:
    depth, colour = rng.uniform(-0.25, 0.075), rng.uniform(-0.05, 0.05, 3)
    return np.asarray(depth + colour, np.float32)


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
