"""Where motion of a face is read: regions of the mesh, and the points that move with the skull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

Part: TypeAlias = Literal["upper", "eyes", "lower"]
#: Vertices that lie on bone: bridge and tip of the nose, temples, cheekbones. The forehead is left
#: out, since raised brows draw it up to the hair, and the outline of the face, whose vertices slide
#: along it. The fit weighs down those that a smile or a wrinkled nose moves.
RIGID = (
    *(168, 6, 197, 195, 5, 4, 45, 275, 220, 440),  # nose
    *(139, 368, 34, 264, 143, 372, 156, 383, 35, 265),  # temples
    *(54, 284, 21, 251, 71, 301, 162, 389),  # beside the forehead
    *(227, 447, 116, 345, 111, 340, 123, 352),  # cheekbones
)  # fmt: skip
#: Corners of the eyes, outer and inner of the right one, inner and outer of the left one.
EYE_CORNERS = (33, 133, 362, 263)


@dataclass(frozen=True)
class Region:
    """A region of the face: its motion is the median of that of its vertices.

    ``side``: of the person. ``part``: ``eyes`` are the lids and the root of the nose, which every
    blink moves.
    """

    name: str
    side: Literal["left", "right", ""]
    part: Part
    vertices: tuple[int, ...]

    @property
    def title(self) -> str:
        """Such as ``left mouth corner``."""
        return f"{self.side} {self.name}".strip()


def _pair(
    name: str,
    part: Part,
    right: tuple[int, ...],
    left: tuple[int, ...],
) -> tuple[Region, Region]:
    return Region(name, "right", part, right), Region(name, "left", part, left)


#: Named for the muscles below: what action units 1, 2, 4 to 7, 9, 10, 12, 14, 15, 17, 20, 23 and 24
#: move. Upper lids among them, which are read for blinks alone.
REGIONS = (
    *_pair("inner brow", "upper", (107, 55, 66, 65, 108), (336, 285, 296, 295, 337)),
    *_pair(
        "outer brow", "upper", (105, 63, 70, 52, 53, 46, 104), (334, 293, 300, 282, 283, 276, 333)
    ),
    Region("between the brows", "", "upper", (9, 8, 107, 336, 55, 285)),
    *_pair(
        "upper lid",
        "eyes",
        (159, 158, 160, 157, 161, 27, 28, 29, 56),
        (386, 385, 387, 384, 388, 257, 258, 259, 286),
    ),
    *_pair(
        "lower lid", "eyes", (145, 144, 153, 23, 22, 24, 110), (374, 373, 380, 253, 252, 254, 339)
    ),
    *_pair("root of the nose", "eyes", (193, 122, 245, 188), (417, 351, 465, 412)),
    *_pair(
        "cheek", "lower", (117, 118, 119, 50, 101, 205, 36), (346, 347, 348, 280, 330, 425, 266)
    ),
    *_pair("nose wing", "lower", (129, 64, 98, 48, 115, 49), (358, 294, 327, 278, 344, 279)),
    Region("upper lip", "", "lower", (0, 37, 267, 11, 164, 167, 393)),
    *_pair("upper lip", "lower", (39, 40, 92, 165), (269, 270, 322, 391)),
    *_pair("mouth corner", "lower", (61, 76, 57, 186, 62, 43), (291, 306, 287, 410, 292, 273)),
    Region("lower lip", "", "lower", (17, 84, 314, 16, 15, 85, 315)),
    Region("chin", "", "lower", (199, 175, 200, 18, 83, 313, 201, 421)),
)
#: Every vertex that motion is read at, in order, and where the others' vertices are among them.
VERTICES = np.array(sorted({v for region in REGIONS for v in region.vertices} | set(RIGID)))
RIGID_AT = np.searchsorted(VERTICES, RIGID)
#: (R,K) for each region, filled up with vertices that ``IN_REGION`` leaves out.
_MOST = max(len(region.vertices) for region in REGIONS)
REGIONS_AT = np.array(
    [np.resize(np.searchsorted(VERTICES, region.vertices), _MOST) for region in REGIONS]
)
IN_REGION = np.array([np.arange(_MOST) < len(region.vertices) for region in REGIONS])


def of_part(*parts: str) -> np.ndarray:
    """Bool (R,): which regions belong to these parts."""
    return np.array([region.part in parts for region in REGIONS])
