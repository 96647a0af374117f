"""What a face did in each frame, as a CSV table.

Columns that mean what they mean in OpenFace 2 have its names (Baltrusaitis et al. 2018, and its
output format page); :mod:`merkit.face.precomputed` reads the table back.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from merkit.face.actions import FaceActions
from merkit.face.behaviour import (
    ActionConfig,
    head_speed,
    is_blinking,
    is_gaze_shift,
    is_head_fast,
    is_occluded,
    is_talking,
)
from merkit.files import atomic_file
from merkit.types import F64, FaceTrack

_LANDMARKS = tuple(f"{axis}_{i}" for axis in "xy" for i in range(68))
#: measures that go into the table under their own names
_MEASURES = (
    *("eye_distance_px", "outside", "lid_left", "lid_right", "blink_left", "blink_right"),
    *("eye_x", "eye_y", "jaw_open", "lip_gap", "lip_width"),
    *("covered_upper_left", "covered_upper_right", "covered_lower_left", "covered_lower_right"),
)
#: column -> digits after the point, where they are not 4
_DIGITS = {
    **dict.fromkeys(("frame", "face_id", "success"), 0),
    **dict.fromkeys(("blink", "gaze_shift", "speech", "head_fast", "occluded"), 0),
    "timestamp": 6,
}
#: the columns in order
COLUMNS = (
    *("frame", "face_id", "timestamp", "confidence", "success", "gaze_angle_x", "gaze_angle_y"),
    *("pose_Rx", "pose_Ry", "pose_Rz", *_LANDMARKS),
    *("blink", "gaze_shift", "speech", "head_fast", "occluded"),
    *("head_turn_deg_s", "head_shift_s", *_MEASURES),
)


def write_frames(
    path: Path,
    track: FaceTrack,
    actions: FaceActions,
    config: ActionConfig | None = None,
    face_id: int = 0,
) -> None:
    """Write a row a frame, whole or not at all.

    Args:
        track: the landmarks of the same N frames.
        face_id: place of the face, from the left.

    Raises:
        ConfigError: nothing can be written there.
        ValueError: track and actions differ in number.
    """
    if len(track.found) != len(actions):
        raise ValueError(f"{len(track.found)} frames of landmarks, {len(actions)} of actions")
    columns = _columns(track, actions, config or ActionConfig(), face_id)
    form = ",".join(f"%.{_DIGITS.get(name, 4)}f" for name in COLUMNS)
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(COLUMNS)
        for row in zip(*(columns[name] for name in COLUMNS), strict=True):
            file.write((form % row).replace("nan", "NaN") + "\n")


def _columns(
    track: FaceTrack, actions: FaceActions, config: ActionConfig, face_id: int
) -> dict[str, F64]:
    """Every column, (N,); NaN where it is not known. Where no face was found, landmarks are too."""
    points = np.where(track.found[:, None, None], track.landmarks_px, np.nan)
    turn, shift = head_speed(actions)
    columns = {
        "frame": actions.numbers,
        "face_id": np.full(len(actions), face_id),
        "timestamp": actions.time_s,
        "confidence": np.clip(np.nan_to_num(actions.presence), 0, 1),
        "success": track.found,
        "gaze_angle_x": actions.gaze_x,
        "gaze_angle_y": actions.gaze_y,
        "pose_Rx": actions.pitch,
        "pose_Ry": actions.yaw,
        "pose_Rz": actions.roll,
        "blink": is_blinking(actions, config),
        "gaze_shift": is_gaze_shift(actions, config),
        "speech": is_talking(actions, config),
        "head_fast": is_head_fast(actions, config),
        "occluded": is_occluded(actions, config),
        "head_turn_deg_s": turn,
        "head_shift_s": shift,
    }
    columns |= {name: getattr(actions, name) for name in _MEASURES}
    columns |= dict(zip(_LANDMARKS, (*points[:, :, 0].T, *points[:, :, 1].T), strict=True))
    return columns
