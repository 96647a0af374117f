"""From the numbers of the face detector to faces: anchors, boxes, and one box a face.

BlazeFace short range (Bazarevsky et al. 2019) with the anchors and the weighted suppression of
MediaPipe's graphs (face_detector_graph.cc, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from merkit.face.region import FaceRegion
from merkit.face.tracker import overlap
from merkit.types import F32, I64

#: Side of the picture that the detector reads.
SIDE_PX = 128
#: MediaPipe's threshold of the detector.
MIN_SCORE = 0.5
#: Boxes of one face overlap by more than this.
_SAME_FACE = 0.3
_EYES = (0, 1)  # of the detector's six points


@dataclass(frozen=True)
class Detection:
    """One face that the detector saw: box (left, top, right, bottom), points (6,2): eyes, nose,
    mouth, ears, the person's right first; score 0 to 1."""

    box_px: F32
    points_px: F32
    score: float

    @property
    def region(self) -> FaceRegion:
        """Where the mesh is looked for."""
        right, left = _EYES
        return FaceRegion.around(self.box_px, self.points_px[right], self.points_px[left])

    def moved(self, x: float, y: float) -> Detection:
        """The same in a picture whose part begins at x, y."""
        shift = np.array([x, y], np.float32)
        return replace(
            self, box_px=self.box_px + np.tile(shift, 2), points_px=self.points_px + shift
        )


def _anchors() -> F32:
    """Centres (896,2) of the detector's anchors, 0 to 1: two on a 16x16 grid, six on 8x8."""
    grids = []
    for n, each in ((16, 2), (8, 6)):
        y, x = np.mgrid[:n, :n]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / n
        grids.append(np.repeat(centres, each, axis=0))
    return np.concatenate(grids).astype(np.float32)


_ANCHORS = _anchors()


def anchored_boxes(numbers: F32, which: I64) -> F32:
    """Corners and points (N,8,2), 0 to 1, of some of the 896 anchors."""
    anchors = _ANCHORS[which]
    values = numbers.reshape(-1, 8, 2)[which] / SIDE_PX
    centre, half = values[:, 0] + anchors, values[:, 1] / 2
    points = values[:, 2:] + anchors[:, None]
    return np.concatenate([np.stack([centre - half, centre + half], axis=1), points], axis=1)


def one_a_face(places: F32, scores: F32) -> Iterator[tuple[F32, F32, float]]:
    """Box, points and score of each face: weighted non-maximum suppression."""
    boxes, order = places[:, :2].reshape(-1, 4), np.argsort(-scores, kind="stable")
    while len(order):
        best = order[0]
        same = np.array([overlap(boxes[best], boxes[i]) > _SAME_FACE for i in order])
        same[0] = True  # a box without an area overlaps nothing, not even itself
        group = order[same]
        group = group[scores[group] >= min(MIN_SCORE, scores[best])]
        weights = scores[group] / scores[group].sum()
        mean = np.einsum("n,nij->ij", weights, places[group])
        yield mean[:2].ravel(), mean[2:], float(scores[best])
        order = order[~same]
