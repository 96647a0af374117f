"""What the face as a whole does in each frame: some twenty numbers of that one picture.

Nothing here knows the whole video, so the same frame has the same numbers wherever it stands; how
covered the face is, is told by the half minute around. What the numbers mean together in time (a
blink, speech, a fast head) is told by :mod:`merkit.face.behaviour`.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, fields

import numpy as np

from merkit.face.eyes import eye_angles, gaze_angles, lid_openings
from merkit.face.landmarker import BLENDSHAPES, FaceLandmarker
from merkit.face.occlusion import EVERY_S, Unwrapped, at_frames
from merkit.face.pose import HeadFit, angles_of, fit_head
from merkit.face.texture import SIDE_PX, unwrap
from merkit.face.tracker import DetectedFace
from merkit.face.unit_shapes import SHAPED_UNITS, unit_strengths
from merkit.types import F32, F64, I64, Bool, Frame

#: measure -> its place among the blendshapes
_SHAPES = {
    "blink_left": BLENDSHAPES.index("eyeBlinkLeft"),
    "blink_right": BLENDSHAPES.index("eyeBlinkRight"),
    "jaw_open": BLENDSHAPES.index("jawOpen"),
}
_INNER_LIPS_68 = (62, 66)
_INNER_LIPS, _LIP_CORNERS = (13, 14), (61, 291)
_NO_STRENGTHS = np.full(len(SHAPED_UNITS), np.nan, np.float32)


@dataclass(frozen=True)
class FaceActions:
    """One face through N frames, a column a measure, each F32 (N,); NaN where there is no face, and
    where the measure needs a mesh and the tracker has none (those marked *).

    ``presence``: how sure the tracker is. ``eye_distance_px``: between the eye centres, * as in
    frontal view. ``outside``: share of the points beyond the picture. ``head_x``, ``head_y``:
    middle of the head in pixels of the picture. ``pitch``*, ``yaw``*, ``roll``*: radians, against
    the camera's axes, positive when the nose goes down, to the left of the picture, and when the
    head tilts clockwise in the picture. ``lid_left``, ``lid_right``: height over width of the
    person's own left and right eye. ``blink_left``*, ``blink_right``*, ``jaw_open``*: blendshapes,
    0 to 1. ``eye_x``*, ``eye_y``*: where the eyes look within the head, radians right and down in
    the picture. ``gaze_x``*, ``gaze_y``*: the same against the camera's axes. ``lip_gap``: between
    the inner lips, in eye distances; ``lip_width``*: corner to corner. ``covered_upper_left``* and
    its three siblings: share of a quarter of the face that something covers
    (:mod:`merkit.face.occlusion`), sides of the person.
    """

    numbers: I64
    time_s: F64
    presence: F32
    eye_distance_px: F32
    outside: F32
    head_x: F32
    head_y: F32
    pitch: F32
    yaw: F32
    roll: F32
    lid_left: F32
    lid_right: F32
    blink_left: F32
    blink_right: F32
    jaw_open: F32
    eye_x: F32
    eye_y: F32
    gaze_x: F32
    gaze_y: F32
    lip_gap: F32
    lip_width: F32
    covered_upper_left: F32
    covered_upper_right: F32
    covered_lower_left: F32
    covered_lower_right: F32

    def __len__(self) -> int:
        return len(self.numbers)


#: The measures, in the order of the columns.
MEASURES = tuple(f.name for f in fields(FaceActions))[2:]


class ActionReader:
    """Measures the frames of a video one after another.

    Keeps the numbers, and five unwrapped faces a second of 1 kB each: 60 MB for an hour at 60 Hz.

    Args:
        landmarker: for the blendshapes; by default one of its own.
    """

    def __init__(self, landmarker: FaceLandmarker | None = None) -> None:
        self._landmarker = landmarker or FaceLandmarker()
        # all side by side, as in ``FaceFollower``
        self._rows, self._strengths = array("f"), array("f")  # measures; action units
        self._numbers, self._time_s = array("q"), array("d")
        self._look_s, self._greys, self._presences = array("d"), bytearray(), array("d")

    def push(self, frame: Frame, face: DetectedFace | None) -> None:
        """Measure the next frame; ``face``: in it, None where none is found."""
        found: dict[str, float] = {}
        strengths = _NO_STRENGTHS
        if face is not None:
            size_px = frame.rgb.shape[1], frame.rgb.shape[0]
            found = _of_points(face, size_px)
            if face.mesh_px is not None:
                shapes = self._landmarker.blendshapes(face.mesh_px)
                found |= self._of_mesh(frame, face.mesh_px, face.score, shapes)
                strengths = unit_strengths(shapes)
        self._strengths.frombytes(strengths.tobytes())
        self._rows.extend(found.get(name, np.nan) for name in MEASURES)
        self._numbers.append(frame.number)
        self._time_s.append(frame.time_s)

    def actions(self, found: Bool | None = None) -> FaceActions:
        """Of all frames so far.

        Args:
            found: (N,) of ``FaceTrack``, where frames were taken back; by default none were.
        """
        table = np.array(self._rows, np.float32).reshape(-1, len(MEASURES))
        time_s, looks = np.array(self._time_s, np.float64), self._looks()
        if found is not None:
            table[~found] = np.nan
            looks = looks.at(~np.isin(looks.time_s, time_s[~found]))
        with_mesh = np.isfinite(table[:, MEASURES.index("pitch")])
        table[with_mesh, -4:] = at_frames(looks, time_s)[with_mesh]
        columns = (np.ascontiguousarray(column) for column in table.T)
        return FaceActions(np.array(self._numbers, np.int64), time_s, *columns)

    def strengths(self, found: Bool | None = None) -> F32:
        """(N,U) of all frames so far: how strong each of ``SHAPED_UNITS`` is by the blendshapes, 0
        to 1, NaN without a face or a mesh. ``found`` as in ``actions``."""
        table = np.array(self._strengths, np.float32).reshape(-1, len(SHAPED_UNITS))
        if found is not None:
            table[~found] = np.nan
        return table

    def forget(self, n_frames: int) -> None:
        """Keep the last so many frames alone; ``actions`` is of these from then on."""
        drop = max(0, len(self._numbers) - n_frames)
        del self._strengths[: drop * len(SHAPED_UNITS)]
        del self._rows[: drop * len(MEASURES)]
        del self._numbers[:drop], self._time_s[:drop]
        first_s = self._time_s[0] if self._time_s else 0.0
        old = sum(time_s < first_s - EVERY_S for time_s in self._look_s)
        del self._look_s[:old], self._presences[:old]
        del self._greys[: old * SIDE_PX**2]

    def _looks(self) -> Unwrapped:
        greys = np.array(self._greys, np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
        return Unwrapped(np.array(self._look_s), greys, np.array(self._presences))

    def _of_mesh(
        self, frame: Frame, mesh_px: F32, presence: float, shapes: F32
    ) -> dict[str, float]:
        head = fit_head(mesh_px)
        if not self._look_s or frame.time_s - self._look_s[-1] > EVERY_S - 1e-6:
            self._greys += unwrap(frame.rgb, mesh_px, head.eye_distance_px).tobytes()
            self._look_s.append(frame.time_s)
            self._presences.append(presence)
        found = {name: float(shapes[place]) for name, place in _SHAPES.items()}
        return found | _of_head(mesh_px, head, (frame.rgb.shape[1], frame.rgb.shape[0]))


def _of_points(face: DetectedFace, size_px: tuple[int, int]) -> dict[str, float]:
    """What the 68 points tell, for every tracker."""
    points = face.landmarks_px
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    eye_distance = max(float(np.linalg.norm(left - right)), 1e-6)
    all_points = points if face.mesh_px is None else face.mesh_px[:, :2]
    inside = ((all_points >= 0) & (all_points <= np.array(size_px) - 1)).all(axis=1)
    x, y = points[27:31].mean(axis=0)  # the bridge of the nose
    lid_right, lid_left = lid_openings(points)
    upper, lower = points[list(_INNER_LIPS_68)]
    return {
        "presence": face.score,
        "eye_distance_px": eye_distance,
        "outside": 1 - float(inside.mean()),
        "head_x": float(x),
        "head_y": float(y),
        "lid_left": lid_left,
        "lid_right": lid_right,
        "lip_gap": float(np.linalg.norm(lower - upper)) / eye_distance,
    }


def _of_head(mesh_px: F32, head: HeadFit, size_px: tuple[int, int]) -> dict[str, float]:
    """What needs the mesh: how the head is held, where the eyes look, how the lips are."""
    rotation = head.in_camera(size_px)
    pitch, yaw, roll = angles_of(rotation).tolist()
    eyes = eye_angles(mesh_px, head)
    gaze_x, gaze_y = gaze_angles(eyes, rotation).tolist()
    upper, lower, right, left = head.in_head(mesh_px[[*_INNER_LIPS, *_LIP_CORNERS]])
    return {
        "eye_distance_px": head.eye_distance_px,
        "head_x": float(head.centre_px[0]),
        "head_y": float(head.centre_px[1]),
        "pitch": pitch,
        "yaw": yaw,
        "roll": roll,
        "eye_x": float(eyes[0]),
        "eye_y": float(eyes[1]),
        "gaze_x": gaze_x,
        "gaze_y": gaze_y,
        "lip_gap": float(lower[1] - upper[1]),
        "lip_width": float(np.linalg.norm(left - right)),
    }
