"""MediaPipe's face landmarker: 478 mesh points, of which 68 stand for the iBUG scheme.

The package is optional and the model is a ``.task`` file of the user's, so nothing is
downloaded. Every frame is detected on its own (MediaPipe's video mode smooths over time,
which would blunt short motion), hence every frame is confirmed.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from merkit.errors import ConfigError, MissingPackageError, MissingWeightsError
from merkit.face.tracker import DetectedFace, FaceTracker, TrackConfig
from merkit.types import F32, Frame

MAX_FACES = 8

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


class MediaPipeTracker(FaceTracker):
    """See ``FaceTracker``. ``quick`` and ``confirm`` change nothing here.

    Raises:
        MissingPackageError: mediapipe is not installed.
        MissingWeightsError: no ``.task`` file.
        ConfigError: the file is not a MediaPipe model.
    """

    name = "mediapipe"
    title = "MediaPipe's 478-point mesh"

    def __init__(self, config: TrackConfig) -> None:
        self._mediapipe = _import()
        self._landmarker = _landmarker(_task_file(config))

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """Every face in the frame, at most ``MAX_FACES``."""
        del quick
        package = self._mediapipe
        image = package.Image(
            image_format=package.ImageFormat.SRGB, data=np.ascontiguousarray(frame.rgb)
        )
        size = np.array([frame.rgb.shape[1], frame.rgb.shape[0]], np.float32)
        found = self._landmarker.detect(image).face_landmarks
        return tuple(
            _face(np.array([(p.x, p.y) for p in mesh], np.float32) * size) for mesh in found
        )

    def finish(self) -> None:
        """Free the model."""
        self._landmarker.close()


def _face(mesh_px: F32) -> DetectedFace:
    """From a mesh (478,2), of which 468 vertices suffice."""
    # x of MediaPipe counts from the left edge of the picture, ours from the first pixel's centre.
    points = (mesh_px - np.float32(0.5))[list(MESH_TO_68)]
    return DetectedFace(points, np.concatenate([points.min(axis=0), points.max(axis=0)]))


def _import() -> Any:
    try:
        return import_module("mediapipe")
    except ImportError as error:
        raise MissingPackageError(
            f"mediapipe cannot be imported ({error})",
            "the optional package mediapipe",
            "pip install merkit[mediapipe], or use tracker dlib68",
        ) from error


def _task_file(config: TrackConfig) -> Path:
    path = Path(config.model_path)
    if config.model_path and path.is_file():
        return path
    came = f"no such file: {path}" if config.model_path else "no model_path given"
    raise MissingWeightsError(
        f"MediaPipe face landmarker model: {came}",
        "a face_landmarker .task file",
        "download face_landmarker.task from Google's MediaPipe face landmarker page and set "
        "track.model_path to it",
    )


def _landmarker(path: Path) -> Any:
    vision = import_module("mediapipe.tasks.python.vision")
    base = import_module("mediapipe.tasks.python").BaseOptions(model_asset_path=str(path))
    options = vision.FaceLandmarkerOptions(
        base_options=base, running_mode=vision.RunningMode.IMAGE, num_faces=MAX_FACES
    )
    try:
        return vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be used as a MediaPipe model: {error}",
            "a face_landmarker .task file",
            "download it again",
        ) from error
