"""dlib's HOG face detector and its 68-point landmark predictor, which many papers used.

Both come with the extra ``dlib``, so nothing is downloaded. The landmark model was trained on iBUG
300-W, whose licence is for non-commercial use; the default tracker is free for any use.

Sources: dlib ``get_frontal_face_detector`` (histogram of oriented gradients, 80 px window);
Kazemi and Sullivan, "One millisecond face alignment with an ensemble of regression trees",
CVPR 2014. The predictor answers in whole pixels, so the face is first scaled to a fixed width:
landmarks of a small face get sub-pixel steps and cost does not grow with the picture.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from merkit.errors import MissingPackageError
from merkit.face.tracker import DetectedFace, FaceTracker, TrackConfig, overlap
from merkit.types import F32, U8, Frame
from merkit.video.fingerprint import file_digest

#: Width of the face box in the picture that the landmark predictor sees, pixels. From 256 to
#: 400 the landmarks' jitter falls by a quarter (finer steps) for a tenth more time.
FIT_PX = 400
#: Width of the face box where the detector confirms a followed face, pixels.
CONFIRM_PX = 96
#: A followed face may score this much under ``min_score`` (a blink, a turned head).
KEEP_MARGIN = 0.3
#: Least overlap of the detector's box with the followed one.
KEEP_OVERLAP = 0.4
# Detector box against its landmarks, the mean over nine faces detected at several scales: side
# as a multiple of the landmarks' root mean square radius, centre as a share of the side above
# the landmarks' mean.
_SIDE_PER_RADIUS = 2.81
_RISE = 0.048
# Surroundings cut out with the face, as a share of its box.
_FIT_BORDER = 0.4
_CONFIRM_BORDER = 0.25
_own = threading.local()


def model_file() -> Path:
    """The 68-point model's file. The package that holds it is looked up, never imported: its
    own import needs a setuptools module that no longer exists.

    Raises:
        MissingPackageError: the package or its file is absent.
    """
    spec = find_spec("face_recognition_models")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
        if path.is_file():
            return path
    raise MissingPackageError(
        "dlib's 68-point landmark model is not installed",
        "the package face_recognition_models with shape_predictor_68_face_landmarks.dat",
        "pip install 'merkit[dlib]', or use tracker mesh478 or precomputed",
    )


@lru_cache(maxsize=1)
def _predictor() -> Any:
    """The landmark predictor, loaded once a process (95 MiB). Safe to share between threads."""
    return _dlib().shape_predictor(str(model_file()))


def _detector() -> Any:
    """The face detector. Building one takes a quarter of a second, and it keeps state while
    it runs, so each thread has its own."""
    if not hasattr(_own, "detector"):
        _own.detector = _dlib().get_frontal_face_detector()
    return _own.detector


def _dlib() -> Any:
    try:
        import dlib
    except ImportError as error:
        raise MissingPackageError(
            f"dlib cannot be imported ({error})",
            "the package dlib-bin",
            "pip install 'merkit[dlib]', or use tracker mesh478",
        ) from error
    return dlib


class Dlib68Tracker(FaceTracker):
    """See ``FaceTracker``.

    Raises:
        MissingPackageError: dlib or its landmark model is not installed.
    """

    name = "dlib68"
    title = "dlib's face detector and 68-point predictor (non-commercial model)"

    def __init__(self, config: TrackConfig) -> None:
        self._config = config
        _predictor()  # so that a missing package is told before any frame is read

    @classmethod
    def version(cls, config: TrackConfig) -> str:
        """The model file's content, and the program that runs it; empty where one is not there."""
        del config
        try:
            return f"{file_digest(model_file())} dlib {_dlib().__version__}"
        except MissingPackageError:
            return ""

    @property
    def _min_score(self) -> float:
        return self._config.min_score or 0.0

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """Every face, largest score first; ``quick`` looks at ``detect_width_px`` only."""
        width = self._config.detect_width_px if quick else self._config.search_width_px
        scale = min(width / frame.rgb.shape[1], 2.0)
        found = self._detect(_resize(frame.rgb, scale), self._min_score)
        return tuple(_fit_new(frame.rgb, box / scale, score) for box, score in found)

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        """Landmarks from the last box; with ``confirm`` the detector must see it there."""
        landmarks = fit_landmarks(frame.rgb, face.box_px)
        if landmarks is None:
            return None
        box = landmark_box(landmarks)
        if overlap(box, face.box_px) < KEEP_OVERLAP:
            return None
        if not confirm:
            return DetectedFace(landmarks, box, face.score, confirmed=False)
        score = self._score_at(frame.rgb, box)
        return None if score is None else DetectedFace(landmarks, box, score)

    def _score_at(self, rgb: U8, box: F32) -> float | None:
        """Detector score of the face at ``box``, None when there is none."""
        cut = _cut(rgb, box, _CONFIRM_BORDER)
        if cut is None:
            return None
        scale = CONFIRM_PX / float(box[2] - box[0])
        found = self._detect(_resize(cut[0], scale), self._min_score - KEEP_MARGIN)
        for found_box, score in found:
            if overlap(found_box / scale + np.tile(cut[1], 2), box) >= KEEP_OVERLAP:
                return score
        return None

    def _detect(self, grey: U8, min_score: float) -> list[tuple[F32, float]]:
        boxes, scores, _ = _detector().run(grey, 0, min_score)
        return [
            (np.array([b.left(), b.top(), b.right(), b.bottom()], np.float32), float(score))
            for b, score in zip(boxes, scores, strict=True)
        ]


def landmark_box(landmarks_px: F32) -> F32:
    """The square (left, top, right, bottom) that dlib's detector would put around landmarks.

    From the mean and spread of all (68,2) points, so that a mouth that opens hardly moves it.
    """
    centre = landmarks_px.mean(axis=0)
    radius = float(np.sqrt(((landmarks_px - centre) ** 2).sum(axis=1).mean()))
    half = _SIDE_PER_RADIUS * radius / 2
    centre = centre - np.array([0.0, 2 * half * _RISE], np.float32)
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def fit_landmarks(rgb: U8, box: F32) -> F32 | None:
    """Run the predictor on the face at ``box``.

    Returns:
        f32 (68,2) in source pixels; None when the box lies outside the picture.
    """
    cut = _cut(rgb, box, _FIT_BORDER)
    if cut is None:
        return None
    scale = FIT_PX / float(box[2] - box[0])
    grey = _resize(cut[0], scale)
    corners = [round(float(v)) for v in (box - np.tile(cut[1], 2)) * scale]
    shape = _predictor()(grey, _dlib().rectangle(*corners))
    points = np.array([(p.x, p.y) for p in shape.parts()], np.float32)
    # Pixel centres: x of the scaled picture is (x + 0.5) / scale - 0.5 of the source.
    return ((points + 0.5) / scale - 0.5 + cut[1]).astype(np.float32)


def _fit_new(rgb: U8, box: F32, score: float) -> DetectedFace:
    """Landmarks of a newly detected face, the second pass starting as ``carry`` will."""
    first = fit_landmarks(rgb, box)
    second = None if first is None else fit_landmarks(rgb, landmark_box(first))
    landmarks = first if second is None else second
    assert landmarks is not None  # the detector's box touches the picture
    return DetectedFace(landmarks, landmark_box(landmarks), score)


def _cut(rgb: U8, box: F32, share: float) -> tuple[U8, F32] | None:
    """The part of the picture around ``box`` and its left top corner (x, y)."""
    border = share * float(box[2] - box[0])
    left, top = np.maximum(box[:2] - border, 0).astype(int)
    right, bottom = np.minimum(box[2:] + border, (rgb.shape[1], rgb.shape[0])).astype(int)
    if right - left < 8 or bottom - top < 8:
        return None
    return rgb[top:bottom, left:right], np.array([left, top], np.float32)


def _resize(rgb: U8, scale: float) -> U8:
    """Scale by one factor in both directions, to grey; at least one pixel each way."""
    size = tuple(max(1, round(n * scale)) for n in (rgb.shape[1], rgb.shape[0]))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cast(U8, cv2.resize(grey, size, interpolation=how))
