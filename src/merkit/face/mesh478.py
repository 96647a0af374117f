"""The default tracker: the face landmarker's mesh, of which 68 points stand for the iBUG scheme.

A face that is followed is looked for where the mesh of the frame before was, which is steadier than
to detect it anew; the detector looks again when the network doubts that a face is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from merkit.face.landmarker import MODEL, FaceLandmarker, litert_version
from merkit.face.region import FaceRegion, region_of_mesh
from merkit.face.tracker import DetectedFace, FaceTracker, TrackConfig, overlap
from merkit.types import F32, U8, Frame

#: Mesh vertex that stands for each of the 68 points: of the vertices nearby, the one that lies
#: closest to dlib's point, averaged over mirror pairs and the frontal faces of three videos and
#: two photographs. What remains is 4 % of the distance between the eye centres for points 17-67
#: and 8 % for the jaw line, whose points slide along it (dlib marks the silhouette).
MESH_TO_68: tuple[int, ...] = (
    *(127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)
#: The detector's score from which a face is tried. Lower than MediaPipe's 0.5, which misses small
#: and turned faces: the mesh has the last word.
MIN_SCORE = 0.3
#: Passes of the mesh over a face that is new; the region of each is that of the mesh before.
SETTLE = 5
#: Boxes that overlap by more are one face.
_SAME_FACE = 0.3
#: A thorough look also cuts the picture into squares of these shares of its shorter side.
_SQUARES = (1.0, 0.5)


class MeshTracker(FaceTracker):
    """See ``FaceTracker``. A mesh is taken where its presence is ``TrackConfig.min_presence``.

    Raises:
        MissingWeightsError, ConfigError: ``model_path`` is no face landmarker.
        MissingPackageError: LiteRT cannot be imported.
    """

    name = "mesh478"
    title = "face mesh of 478 points (free for any use)"

    def __init__(self, config: TrackConfig) -> None:
        self._config = config
        self.landmarker = FaceLandmarker(_model(config))

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """Every face, the surest first; unless ``quick``, small ones too."""
        found: list[DetectedFace] = []
        for left, top, part in [(0, 0, frame.rgb)] if quick else _parts(frame.rgb):
            for detection in self.landmarker.detect(part, self._min_score):
                seen = detection.moved(left, top)
                if _is_new(seen.box_px, found):
                    face = self._settled(frame.rgb, seen.region)
                    found += [face] if face and _is_new(face.box_px, found) else []
        return tuple(sorted(found, key=lambda face: -face.score))

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        """The mesh where the last one was; with ``confirm`` the detector must see a face there."""
        if face.mesh_px is None:
            return super().carry(frame, face, confirm)
        now = self._face(frame.rgb, region_of_mesh(face.mesh_px))
        if now is None or overlap(now.box_px, face.box_px) == 0:
            return None
        if confirm and not self._is_seen(frame.rgb, now):
            return None
        return now

    def finish(self) -> None:
        """Nothing is left over."""

    @classmethod
    def version(cls, config: TrackConfig) -> str:
        """The model file's content, and the program that runs it."""
        from merkit.video.fingerprint import file_digest  # decoders, which help does not need

        return f"{file_digest(_model(config))} ai-edge-litert {litert_version()}"

    @property
    def _min_score(self) -> float:
        return MIN_SCORE if self._config.min_score is None else self._config.min_score

    def _settled(self, rgb: U8, region: FaceRegion) -> DetectedFace | None:
        """A new face, as a face that was followed to here would have it."""
        face = None
        for _ in range(SETTLE):
            face = self._face(rgb, region)
            if face is None or face.mesh_px is None:
                return None
            region = region_of_mesh(face.mesh_px)
        return face

    def _face(self, rgb: U8, region: FaceRegion) -> DetectedFace | None:
        mesh, presence = self.landmarker.mesh(rgb, region)
        if presence < self._config.min_presence:
            return None
        points = mesh[list(MESH_TO_68), :2]
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        return DetectedFace(points, box, presence, mesh_px=mesh)

    def _is_seen(self, rgb: U8, face: DetectedFace) -> bool:
        """Whether the detector sees this face in its surroundings."""
        middle, half = _square_of(face.box_px)
        left, top = np.maximum(middle - half, 0).astype(int)
        right, bottom = (middle + half).astype(int)
        part = rgb[top:bottom, left:right]
        if min(part.shape[:2]) < 8:
            return False
        seen = self.landmarker.detect(part, self._min_score)
        return any(overlap(s.moved(left, top).box_px, face.box_px) > _SAME_FACE for s in seen)


def _model(config: TrackConfig) -> Path:
    return Path(config.model_path) if config.model_path else MODEL


def _is_new(box_px: F32, found: list[DetectedFace]) -> bool:
    return all(overlap(box_px, face.box_px) < _SAME_FACE for face in found)


def _square_of(box_px: F32) -> tuple[F32, float]:
    """Middle and half the side of the surroundings of a box."""
    middle = np.asarray((box_px[:2] + box_px[2:]) / 2, np.float32)
    return middle, 1.25 * float((box_px[2:] - box_px[:2]).max())


def _parts(rgb: U8) -> Iterator[tuple[int, int, U8]]:
    """The picture, and squares of it that overlap by half, each with its left top corner."""
    yield 0, 0, rgb
    height, width = rgb.shape[:2]
    for share in _SQUARES:
        side = max(8, round(share * min(height, width)))
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield left, top, rgb[top : top + side, left : left + side]


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin, evenly, the last one at the end."""
    n = max(1, round(2 * (length - side) / side) + 1)
    return [round(i * (length - side) / max(n - 1, 1)) for i in range(n)]
