"""What a face tracker is, the registry of trackers, and their settings.

Importing this loads neither OpenCV nor a detector.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

from merkit.config import check_settings
from merkit.registry import Registry
from merkit.types import F32, Frame


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in one frame.

    ``confirmed``: that there is a face was looked at in this frame; False where only the landmark
    predictor was carried on from the frame before. ``score``: how sure it is (the mesh: its
    presence, 0 to 1; dlib: distance from the detector's decision border, 0 and up; carried frames
    keep the last one; 1 where a tracker has none). ``mesh_px``: all points of the mesh, where the
    tracker has one, x and y in pixels, z in the same scale and smaller towards the camera.
    """

    landmarks_px: F32  # (68, 2) x, y
    box_px: F32  # (4,) left, top, right, bottom
    score: float = 1.0
    confirmed: bool = True
    mesh_px: F32 | None = None  # (478, 3)


class FaceTracker(Protocol):
    """What every tracker does. Frames are handed over in order, each ``rgb`` u8 (H,W,3).

    A subclass that looks for the face in every frame writes ``name``, ``title``, ``__init__``
    and ``landmarks``; the others are there. A package offers its class as an entry point of the
    group ``merkit.trackers`` under its ``name``, which ``TrackConfig.tracker`` then takes.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, config: TrackConfig) -> None: ...

    @abstractmethod
    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """Every face in the frame; ``quick`` may miss small ones."""

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        """The face of the frame before, in this one; None when it is not there.

        With ``confirm`` the answer comes from the detector, without it may come from the
        landmark predictor alone. Here: the face with the greatest overlap with the last box.
        """
        found = self.landmarks(frame)
        best = max(found, key=lambda f: overlap(f.box_px, face.box_px), default=None)
        return best if best is not None and overlap(best.box_px, face.box_px) > 0 else None

    def finish(self) -> None:
        """Called after the last frame; raises FaceError if the tracker had more to give."""

    @classmethod
    def version(cls, config: TrackConfig) -> str:
        """What the answers depend on besides the settings and what is asked: programs and model.
        Here empty: on more, such as the frames before, so no answer is kept for another recipe."""
        del config
        return ""


def overlap(a: F32, b: F32) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    return both / (area(a) + area(b) - both)


def area(box: F32) -> float:
    """Area of a box in square pixels."""
    return float((box[2] - box[0]) * (box[3] - box[1]))


TRACKERS: Registry[type[FaceTracker]] = Registry(
    "face tracker",
    {
        "mesh478": "merkit.face.mesh478:MeshTracker",
        "dlib68": "merkit.face.dlib68:Dlib68Tracker",
        "precomputed": "merkit.face.precomputed:PrecomputedTracker",
    },
    group="merkit.trackers",
)


@dataclass(frozen=True)
class TrackConfig:
    """How the face is found and followed.

    ``tracker``: a name in ``TRACKERS``.
    ``face``: ``largest``, or a position 0, 1, ... counted from the left edge of the picture in
    the first frame that shows a face; afterwards that face is followed, whatever its size.
    ``detect_every``: frames between two looks of the detector at a followed face that nothing
    else confirms. ``min_score``: faces with a lower detector score are not taken (None: the
    tracker's own, 0.3 for the mesh and 0 for dlib). ``min_presence``: nor meshes of which the
    network is less sure, 0 to 1. ``detect_width_px``, of dlib: the picture is scaled to this width
    for the ordinary look, which finds faces of about a quarter of it and larger;
    ``search_width_px``: width for the thorough look, when the ordinary one found nothing.
    ``model_path``: another face landmarker file in place of the one that comes with merkit.
    ``landmarks_path``: an
    OpenFace ``.csv`` or a ``.npy`` (T,68,2), or for a database a folder of them
    (:func:`merkit.face.precomputed.landmark_file`). ``landmarks_first``: the frame number that the
    first row belongs to; -1 means that rows and frames correspond in order and are equally many.
    """

    tracker: str = "mesh478"
    face: str | int = "largest"
    detect_every: int = 5
    detect_width_px: int = 320
    search_width_px: int = 960
    min_score: float | None = None
    min_presence: float = 0.5
    model_path: str = ""
    landmarks_path: str = ""
    landmarks_first: int = -1

    def __post_init__(self) -> None:
        # YAML gives an int and the command line a string: one spelling, so one recipe hash.
        object.__setattr__(self, "face", str(self.face))
        width = self.detect_width_px
        named = re.fullmatch("largest|[0-9]{1,6}", str(self.face)) is not None
        wanted = {
            "tracker": (self.tracker in TRACKERS, f"one of: {', '.join(TRACKERS)}"),
            "face": (named, "'largest' or a position from the left: 0, 1, ..."),
            "min_presence": (0 <= self.min_presence <= 1, "0 to 1"),
            "detect_every": (self.detect_every >= 1, "1 frame or more"),
            "detect_width_px": (width >= 80, "80 or more, the width of dlib's window"),
            "search_width_px": (
                self.search_width_px >= width,
                f"detect_width_px={width} or more",
            ),
        }
        check_settings(self, "track", wanted)
