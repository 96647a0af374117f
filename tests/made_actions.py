"""Actions of faces that are made up, measure by measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merkit.face.actions import MEASURES, FaceActions

HZ = 100.0
#: a face at rest that looks at the camera
REST = {
    **{"presence": 1.0, "eye_distance_px": 100.0, "outside": 0.0, "head_x": 50.0, "head_y": 50.0},
    **{"pitch": 0.0, "yaw": 0.0, "roll": 0.0, "lid_left": 0.3, "lid_right": 0.3},
    **{"blink_left": 0.02, "blink_right": 0.02, "eye_x": 0.0, "eye_y": 0.0, "lip_gap": 0.01},
    **{f"covered_{half}_{side}": 0.0 for half in ("upper", "lower") for side in ("left", "right")},
}


def face(n: int, hz: float = HZ, **changes: Mapping[tuple[int, int], float]) -> FaceActions:
    """A face at rest but for some measures: (first, last) frame, inclusive -> value."""
    columns = {name: np.full(n, REST.get(name, np.nan)) for name in MEASURES}
    for name, parts in changes.items():
        for (first, last), value in parts.items():
            columns[name][first : last + 1] = value
    measures = {name: column.astype(np.float32) for name, column in columns.items()}
    return FaceActions(np.arange(n), np.arange(n) / hz, **measures)


def lips(courses: list[float], frames_each: int = 12) -> FaceActions:
    """Lips that go from one opening to the next in straight lines, at rest before and after."""
    knots = [0.01] * 10 + courses + [0.01] * 10
    n = frames_each * (len(knots) - 1) + 1
    gap = np.interp(np.arange(n) / frames_each, np.arange(len(knots)), knots)
    return face(n, lip_gap={(i, i): float(v) for i, v in enumerate(gap)})
