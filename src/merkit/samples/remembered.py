"""What a tracker said of the frames of a clip, kept beside the samples.

``<store>/faces-<tracker, its settings and version>/<content of the first frame>.npz``. An answer
belongs to its question: the content of the frame, and how it is looked at or the face of the frame
before. Whatever frames a recipe follows, it hears what the tracker would say; what another recipe
asked before is not asked again. A file is whole or not there, and one that is damaged is made
again. Where two processes write one, the last has its say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import av
import cv2
import numpy as np

from merkit.config import hash_of, to_mapping
from merkit.face.tracker import TRACKERS, DetectedFace, FaceTracker, TrackConfig
from merkit.files import atomic_file, remove_leftovers
from merkit.samples.recipes import FILE_SETTINGS, RECIPE_VERSION
from merkit.types import Clip, Frame
from merkit.video.fingerprint import frame_key

Faces = tuple[DetectedFace, ...]


@contextmanager
def remembered(root: Path, config: TrackConfig, clip: Clip) -> Iterator[RememberingTracker | None]:
    """A tracker that knows what was found of a clip before, and keeps at the end what was new; None
    where answers depend on more than the frame, so that none can be kept."""
    kind = TRACKERS[config.tracker]
    version = getattr(kind, "version", FaceTracker.version)(config)  # none in an older package
    if not version:
        yield None
        return
    of_files = {name.removeprefix("track."): "" for name in FILE_SETTINGS}  # in the version
    programs = (version, cv2.__version__, av.__version__)  # the others decode the frames
    settings = hash_of([RECIPE_VERSION, {**to_mapping(config), **of_files}, programs])
    tracker = RememberingTracker(config, root / f"faces-{settings}", clip.media)
    try:
        yield tracker
    finally:
        tracker.keep()


def forget_leftovers(root: Path) -> None:
    """Delete what killed writers left."""
    for folder in root.glob("faces-*"):
        remove_leftovers(folder)


class RememberingTracker(FaceTracker):
    """See ``FaceTracker``. The tracker of the settings is made when there is something to ask.

    Args:
        folder: of the answers.
        media: what the frames are read from.
    """

    name = "remembering"
    title = "what another tracker said"

    def __init__(self, config: TrackConfig, folder: Path, media: Path) -> None:
        self._config, self._folder, self._media = config, folder, media
        self._path: Path | None = None  # known with the first frame
        self._answers: dict[str, Faces] = {}
        self._new = False

    @cached_property
    def _tracker(self) -> FaceTracker:
        return TRACKERS[self._config.tracker](self._config)

    def landmarks(self, frame: Frame, quick: bool = False) -> Faces:
        """Every face that the tracker sees, or saw, in this frame."""
        how = "quick" if quick else "thorough"
        return self._answer(frame, how, lambda: self._tracker.landmarks(frame, quick))

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        """The face of the frame before, where the tracker finds, or found, it in this one."""

        def ask() -> Faces:
            found = self._tracker.carry(frame, face, confirm)
            return () if found is None else (found,)

        return next(iter(self._answer(frame, f"{_digest(face)} {confirm}", ask)), None)

    def finish(self) -> None:
        """Nothing is left over."""

    def keep(self) -> None:
        """Store the answers, if there are new ones."""
        if self._path is not None and self._new:
            _write(self._path, self._answers)
            self._new = False

    def _answer(self, frame: Frame, how: str, ask: Callable[[], Faces]) -> Faces:
        content = frame_key(self._media, frame.number)
        if self._path is None:
            self._path = self._folder / f"{hash_of(content)}.npz"
            self._answers = _read(self._path)
        question = hash_of([content, how])
        if question not in self._answers:
            self._answers[question] = ask()
            self._new = True
        return self._answers[question]


def _digest(face: DetectedFace) -> str:
    digest = sha256(f"{face.score!r} {face.confirmed}".encode())
    for points in (face.landmarks_px, face.box_px, face.mesh_px):
        digest.update(b"none" if points is None else points.tobytes())
    return digest.hexdigest()


def _write(path: Path, answers: Mapping[str, Faces]) -> None:
    """Questions in one array, the faces of all answers in others, one behind the other."""
    faces = [face for answer in answers.values() for face in answer]
    with atomic_file(path) as temporary, temporary.open("wb") as handle:
        np.savez(
            handle,
            questions=np.array(list(answers), dtype=np.str_),
            n_faces=np.array([len(answer) for answer in answers.values()], np.int64),
            landmarks_px=np.array([face.landmarks_px for face in faces]),
            boxes_px=np.array([face.box_px for face in faces]),
            scores=np.array([face.score for face in faces], np.float64),
            confirmed=np.array([face.confirmed for face in faces], np.bool_),
            has_mesh=np.array([face.mesh_px is not None for face in faces], np.bool_),
            meshes_px=np.array([face.mesh_px for face in faces if face.mesh_px is not None]),
        )


def _read(path: Path) -> dict[str, Faces]:
    """The answers of a file; none where there is none, or it is damaged (zip holds checksums)."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        faces = _faces(arrays)
        return {
            str(question): tuple(next(faces) for _ in range(n))
            for question, n in zip(arrays["questions"], arrays["n_faces"].tolist(), strict=True)
        }
    except Exception:  # whatever damaged bytes lead NumPy's reader into
        return {}


def _faces(arrays: Mapping[str, np.ndarray]) -> Iterator[DetectedFace]:
    meshes = iter(arrays["meshes_px"])
    names = ("landmarks_px", "boxes_px", "scores", "confirmed", "has_mesh")
    rows = zip(*(arrays[name] for name in names), strict=True)
    for landmarks, box, score, confirmed, has_mesh in rows:
        mesh = next(meshes) if has_mesh else None
        yield DetectedFace(landmarks, box, float(score), bool(confirmed), mesh)
