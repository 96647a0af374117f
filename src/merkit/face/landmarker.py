"""The face landmarker: MediaPipe's three networks, run in LiteRT, and the geometry between them.

The file (``merkit/weights/face_landmarker``, Apache-2.0) holds a detector (BlazeFace short range,
Bazarevsky et al. 2019), a mesh of 478 points (Kartynnik et al. 2019; Grishchenko et al. 2020) and
52 blendshape coefficients (Grishchenko et al. 2022). Anchors, thresholds and crops are those of
MediaPipe's graphs (face_detector_graph.cc, face_landmarks_detector_graph.cc,
face_blendshapes_graph.cc, Apache-2.0), so the outputs are its own but for the smoothing over time
of its video mode, which blunts short motion and is left out.

Coordinates are MediaPipe's: pixels of the picture from its left top corner.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from merkit.errors import ConfigError, MissingPackageError, MissingWeightsError
from merkit.face.detection import MIN_SCORE, SIDE_PX, Detection, anchored_boxes, one_a_face
from merkit.face.region import FaceRegion
from merkit.types import F32, U8

_FOLDER = Path(__file__).parents[1] / "weights" / "face_landmarker"
MODEL = _FOLDER / "face_landmarker_v2_with_blendshapes.task"
MODEL_SHA256 = "b261925d4aad812b47a0e8d58c1baa1223270a5d1f663d78338bc881c003879d"
_MESH_PX = 192
_own = threading.local()
# fmt: off
_BLENDSHAPE_POINTS = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65,
    66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136,
    144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172,
    173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283,
    284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324,
    332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385,
    386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472,
    473, 474, 475, 476, 477,
)
#: The coefficients in the order of the network; left and right are the person's own.
BLENDSHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft",
    "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft",
    "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen",
    "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)
# fmt: on


class FaceLandmarker:
    """The three networks of one file; each is loaded when a thread first uses it, for all
    landmarkers of that thread.

    Not to be shared between threads: an interpreter keeps its tensors.

    Raises:
        MissingWeightsError: no such file.
        ConfigError: not a file of this kind.
        MissingPackageError: LiteRT cannot be imported.
    """

    def __init__(self, path: Path = MODEL) -> None:
        if not path.is_file():
            raise MissingWeightsError(
                f"no face landmarker at {path}", "a face_landmarker .task file", "check the path"
            )
        self.path = path

    def detect(self, rgb: U8, min_score: float = MIN_SCORE) -> tuple[Detection, ...]:
        """Every face in u8 (H,W,3), the surest first. Faces smaller than about a tenth of the
        longer side are not seen.

        Boxes of one face are averaged by their scores, as MediaPipe does with those from
        ``MIN_SCORE`` on; below it, which only ``min_score`` lets in, with those that are left.
        """
        height, width = rgb.shape[:2]
        whole = FaceRegion(width / 2, height / 2, max(height, width), 0.0)
        picture = whole.crop(rgb, SIDE_PX, replicate=False)
        numbers, logits = self._detector(picture.astype(np.float32) / 127.5 - 1)
        scores = _sigmoid(logits[0, :, 0])
        found = []
        seen = np.flatnonzero(scores >= min_score)
        for box, points, score in one_a_face(anchored_boxes(numbers[0], seen), scores[seen]):
            inside = whole.to_picture(np.concatenate([box.reshape(2, 2), points]) - 0.5)
            found.append(Detection(inside[:2].ravel(), inside[2:], score))
        return tuple(found)

    def mesh(self, rgb: U8, region: FaceRegion) -> tuple[F32, float]:
        """The mesh in a region: f32 (478,3), x and y in pixels of the picture, z in the same scale
        and smaller towards the camera; and how sure it is that a face is there, 0 to 1."""
        picture = region.crop(rgb, _MESH_PX)
        numbers, presence = self._mesher(picture.astype(np.float32) / 255)
        points = numbers.reshape(-1, 3)
        flat = region.to_picture(points[:, :2] / _MESH_PX - 0.5)
        depth = points[:, 2:] / _MESH_PX * region.side_px
        return np.concatenate([flat, depth], axis=1, dtype=np.float32), float(_sigmoid(presence))

    def blendshapes(self, mesh_px: F32) -> F32:
        """f32 (52,) of a mesh, 0 to 1, in the order of ``BLENDSHAPES``."""
        (numbers,) = self._blender(mesh_px[list(_BLENDSHAPE_POINTS), :2])
        return numbers.ravel().copy()

    @cached_property
    def _detector(self) -> _Network:
        return _network(self.path, "face_detector.tflite")

    @cached_property
    def _mesher(self) -> _Network:
        return _network(self.path, "face_landmarks_detector.tflite")

    @cached_property
    def _blender(self) -> _Network:
        return _network(self.path, "face_blendshapes.tflite")


def _network(path: Path, name: str) -> _Network:
    """A network of a file, loaded once a thread, and again when the file changes."""
    loaded: dict[tuple[object, ...], _Network] = _own.__dict__.setdefault("networks", {})
    stat = path.stat()
    key = (path, stat.st_size, stat.st_mtime_ns, name)
    if key not in loaded:
        loaded[key] = _Network(path, name)
    return loaded[key]


class _Network:
    """One network of the file, on one thread: clips are read side by side."""

    def __init__(self, path: Path, name: str) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                content = archive.read(name)
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise ConfigError(
                f"{path} is no face landmarker: {error}", f"a .task file with {name}"
            ) from error
        interpreter_class = _litert()
        with _quiet():
            try:
                self._net = interpreter_class(model_content=content, num_threads=1)
                self._net.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                wanted = "a face_landmarker .task file"
                raise ConfigError(f"{path}, {name}: {error}", wanted) from error
        self._input = self._net.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._net.get_output_details()]

    def __call__(self, values: np.ndarray) -> list[F32]:
        """Every output of one input without its first axis, which is 1."""
        self._net.set_tensor(self._input, values[None].astype(np.float32, copy=False))
        self._net.invoke()
        return [self._net.get_tensor(index) for index in self._outputs]


def litert_version() -> str:
    """The version of the program that runs the networks, "" where it is not installed."""
    try:
        return version("ai-edge-litert")
    except PackageNotFoundError:
        return ""


def _litert() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingPackageError(
            f"LiteRT cannot be imported ({error})",
            "the package ai-edge-litert",
            "pip install ai-edge-litert, or use tracker dlib68 or precomputed",
        ) from error
    return Interpreter


@contextmanager
def _quiet() -> Iterator[None]:
    """LiteRT's C++ says on stderr that it has a CPU, whatever it is asked."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _sigmoid(logits: np.ndarray) -> F32:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), np.float32).squeeze()
