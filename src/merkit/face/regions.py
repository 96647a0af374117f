"""Facial regions for motion features: boxes around landmarks of a normalised face.

Positions are of the 256-pixel face crop in which the inner eye corners lie 64 px apart, so
that all window sizes are in the same unit (docs/methods/stag.md; He et al., public MEGC2024
extractor). "Left" and "right" are those of the image: the left brow is points 17 to 21, which is
the right brow of the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from merkit.config import check_settings
from merkit.errors import ConfigError, FaceError
from merkit.types import F64, I64

#: The eighteen regions in the published order of channels; p20 is landmark 20.
REGION_NAMES = (
    "left brow",
    "left brow inner (p20)",
    "left brow middle (p19)",
    "left brow outer (p18)",
    "right brow",
    "right brow inner (p23)",
    "right brow middle (p24)",
    "right brow outer (p25)",
    "mouth",
    "left mouth corner (p48)",
    "right mouth corner (p54)",
    "upper lip (p51)",
    "lower lip (p57)",
    "inner mouth (p62)",
    "left nose wing (p31)",
    "right nose wing (p35)",
    "left lower eyelid",
    "right lower eyelid",
)
#: Indices that make the 14-region choice: without whole brows, whole mouth and point 62.
KEEP_14 = (1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17)
#: Regions that change places when the face is mirrored (indices of the eighteen).
MIRROR_PAIRS = ((0, 4), (1, 5), (2, 6), (3, 7), (9, 10), (14, 15), (16, 17))

_LEFT_BROW, _RIGHT_BROW = range(17, 22), range(22, 27)
_LEFT_EYE, _RIGHT_EYE = range(36, 42), range(42, 48)
_MOUTH, _NOSE_BASE, _NOSE_TIP = range(48, 68), range(30, 36), (29, 30)
_LEFT_INNER_EYE, _RIGHT_INNER_EYE = 39, 42


@dataclass(frozen=True)
class RegionWindows:
    """Sizes of the regions, in pixels of the normalised face.

    ``layout``: in ``symmetric`` each box is the mirror image of its partner, and flow is
    estimated a little beyond the boxes; ``code`` repeats the public extractor, which rounds the
    landmarks, estimates flow in its own seven patches, trims their edges and treats the left
    brow differently from the right one. ``margin_px`` is δ of eqs 5-7: around a
    landmark, and around the landmarks of a whole brow or mouth. The other fields are read by
    ``symmetric`` only.
    """

    layout: Literal["symmetric", "code"] = "symmetric"
    margin_px: float = 10.0
    mouth_corner_inward_px: float = 20.0
    nose_wing_outward_px: float = 20.0
    nose_wing_inward_px: float = 10.0
    nose_wing_above_px: float = 20.0
    nose_wing_below_px: float = 5.0
    nose_tip_px: float = 13.0

    def __post_init__(self) -> None:
        sizes = {name: value for name, value in vars(self).items() if name != "layout"}
        wanted = {n: (0 < value <= 128, "above 0 and at most 128 px") for n, value in sizes.items()}
        wanted["layout"] = (self.layout in ("symmetric", "code"), "symmetric or code")
        check_settings(self, "windows", wanted)


@dataclass(frozen=True, eq=False)
class RegionLayout:
    """Where motion is read. Boxes are left, top, right, bottom; right and bottom exclusive.

    ``boxes_px`` (18,4) the regions; ``nose_tip_px`` (4,) the box that shows head motion;
    ``patches_px`` (P,4) parts of the face in which flow is estimated; ``patch_of`` (19,) the
    patch that each region, and lastly the nose tip, is cut from.
    """

    boxes_px: I64
    nose_tip_px: I64
    patches_px: I64
    patch_of: I64


def region_names(n_regions: int) -> tuple[str, ...]:
    """Names of the 18 regions, or of the 14 that are chosen from them.

    Raises:
        ConfigError: for another number.
    """
    return tuple(REGION_NAMES[i] for i in region_indices(n_regions))


def region_indices(n_regions: int) -> tuple[int, ...]:
    """Which of the eighteen regions the choice of 18 or 14 keeps.

    Raises:
        ConfigError: for another number.
    """
    if n_regions == 18:
        return tuple(range(18))
    if n_regions == 14:
        return KEEP_14
    raise ConfigError(f"{n_regions} facial regions", "18 or 14 (docs/methods/stag.md)")


def mirror_order(n_regions: int) -> tuple[int, ...]:
    """Index of the region that takes each place in a mirrored face (an involution).

    Raises:
        ConfigError: for a number of regions other than 18 or 14.
    """
    kept = region_indices(n_regions)
    partner = dict(MIRROR_PAIRS) | {b: a for a, b in MIRROR_PAIRS}
    return tuple(kept.index(partner.get(i, i)) for i in kept)


def check_landmarks(landmarks: npt.NDArray[np.floating]) -> F64:
    """The landmarks as float64, after a check of their form.

    Raises:
        FaceError: not (68,2), not finite, or the inner eye corners coincide.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (68, 2):
        raise FaceError(
            f"landmarks of shape {points.shape}",
            "(68, 2): x, y of the 68 iBUG points of one frame",
            "give the landmarks of the first frame",
        )
    if not np.isfinite(points).all():
        bad = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise FaceError(f"landmark {bad} is {points[bad].tolist()}", "finite positions in pixels")
    distance = inner_eye_distance(points)
    if distance < 4:
        raise FaceError(
            f"inner eye corners {distance:.1f} px apart",
            "at least 4 px",
            "use a recording in which the face is larger",
        )
    return points


def inner_eye_distance(points: F64) -> float:
    """d = |p42 - p39| in pixels (eq 3)."""
    return float(np.linalg.norm(points[_RIGHT_INNER_EYE] - points[_LEFT_INNER_EYE]))


def inner_eye_centre(points: F64) -> F64:
    """c = (p39 + p42) / 2 (eq 4)."""
    centre: F64 = (points[_LEFT_INNER_EYE] + points[_RIGHT_INNER_EYE]) / 2
    return centre


def region_layout(
    landmarks: npt.NDArray[np.floating], windows: RegionWindows, size_px: int
) -> RegionLayout:
    """Boxes of the 18 regions and the nose tip on a face crop of ``size_px`` squared.

    Args:
        landmarks: (68,2) in pixels of the crop.
        windows: sizes.
        size_px: side of the crop; boxes are clipped to it and keep at least one pixel.

    Raises:
        FaceError: landmarks of the wrong form.
    """
    points = check_landmarks(landmarks)
    if windows.layout == "code":
        return _code_layout(np.rint(points), size_px)
    boxes = _clip(_symmetric_boxes(points, windows), size_px)
    parts = [boxes[part == _PARTS] for part in range(6)]
    whole = [np.concatenate([b[:, :2].min(axis=0), b[:, 2:].max(axis=0)]) for b in parts]
    patches = _clip(np.stack(whole) + _CONTEXT, size_px)
    return RegionLayout(boxes[:18], boxes[18], patches, _PARTS)


#: Flow is estimated in parts, about half the crop's area: each brow, the mouth, the nose, each
#: eyelid (for every region, and lastly the nose tip).
_PARTS = np.array([0] * 4 + [1] * 4 + [2] * 6 + [3] * 2 + [4, 5, 3])
#: Flow needs neighbours: a part reaches this far beyond its regions. On warped faces the error
#: of region means is that of flow over the whole crop (0.08 px) for motion up to 3 px.
_CONTEXT = np.array([-8, -8, 8, 8])


def _around(points: F64, indices: Iterable[int], *grow: float) -> F64:
    """Bounding box of some landmarks, grown by left, top, right, bottom (eqs 5-7)."""
    chosen = points[list(indices)]
    low, high = chosen.min(axis=0), chosen.max(axis=0)
    left, top, right, bottom = grow
    return np.array([low[0] - left, low[1] - top, high[0] + right, high[1] + bottom])


def _symmetric_boxes(points: F64, w: RegionWindows) -> I64:
    """Nineteen boxes, half-open: every pixel centre within the real-valued window."""
    d, inward = w.margin_px, w.mouth_corner_inward_px
    outer, inner = w.nose_wing_outward_px, w.nose_wing_inward_px
    above, below, tip = w.nose_wing_above_px, w.nose_wing_below_px, w.nose_tip_px
    boxes = [
        _around(points, _LEFT_BROW, d, d, d, d),
        *(_around(points, (i,), d, d, d, d) for i in (20, 19, 18)),
        _around(points, _RIGHT_BROW, d, d, d, d),
        *(_around(points, (i,), d, d, d, d) for i in (23, 24, 25)),
        _around(points, _MOUTH, d, d, d, d),
        _around(points, (48,), d, d, inward, d),
        _around(points, (54,), inward, d, d, d),
        *(_around(points, (i,), d, d, d, d) for i in (51, 57, 62)),
        _around(points, (31,), outer, above, inner, below),
        _around(points, (35,), inner, above, outer, below),
        _eyelid(points, _LEFT_EYE),
        _eyelid(points, _RIGHT_EYE),
        _around(points, _NOSE_TIP, tip, tip, tip, tip),
    ]
    real = np.stack(boxes)
    low, high = np.ceil(real[:, :2]), np.floor(real[:, 2:]) + 1
    return np.concatenate([low, high], axis=1).astype(np.int64)


def _eyelid(points: F64, eye: range) -> F64:
    """Below the eye: as wide as the eye, from a quarter to three quarters of that width down."""
    box = _around(points, eye, 0, 0, 0, 0)
    width, middle = box[2] - box[0], (box[1] + box[3]) / 2
    return np.array([box[0], middle + width / 4, box[2], middle + 3 * width / 4])


def _code_layout(points: F64, size_px: int) -> RegionLayout:
    """The seven patches of the public extractor and the parts that it pools."""
    eyes = [_eyelid(points, _LEFT_EYE), _eyelid(points, _RIGHT_EYE)]
    patches = _clip(
        np.stack(
            [
                _around(points, _LEFT_BROW, 5, 15, 0, 5),
                _around(points, _RIGHT_BROW, 0, 15, 0, 5),
                _around(points, range(48, 67), 20, 15, 20, 10),
                _around(points, _NOSE_BASE, 30, 20, 30, 5),
                *eyes,
                _around(points, _NOSE_TIP, 13, 13, 13, 13),
            ]
        ).astype(np.int64),
        size_px,
    )
    # Whole points and windows: what is one pixel too many is the inclusive right and bottom.
    boxes = _symmetric_boxes(points, RegionWindows()) - np.array([0, 0, 1, 1])
    patch_of = np.append(_PARTS[:18], 6)  # the nose tip has a patch of its own
    for regions, edges in (
        ([0, 4, 8], (10, 10, -10, -10)),
        ([16, 17], (5, 5, -5, -5)),
        ([18], (5, 15, -5, -10)),
    ):
        boxes[regions] = patches[patch_of[regions]] + np.array(edges)
    inside = _clip(boxes, size_px, patches[patch_of])
    return RegionLayout(inside[:18], inside[18], patches, patch_of)


def _clip(boxes: I64, size_px: int, within: I64 | None = None) -> I64:
    """Clip to the crop, or to one enclosing box each, keeping at least one pixel."""
    outer = np.array([[0, 0, size_px, size_px]]) if within is None else within
    low = np.clip(boxes[:, :2], outer[:, :2], outer[:, 2:] - 1)
    high = np.clip(boxes[:, 2:], low + 1, np.maximum(outer[:, 2:], low + 1))
    return np.concatenate([low, high], axis=1)
