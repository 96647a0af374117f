"""Landmarks made by another program: OpenFace CSV files and NumPy arrays.

OpenFace 2 writes one row a frame (several with ``FaceLandmarkVidMulti``, told apart by
``face_id``) with the columns ``frame, face_id, timestamp, confidence, success, ...,
x_0..x_67, y_0..y_67``, in some versions with a space before each name.
Source: Baltrusaitis et al., "OpenFace 2.0", FG 2018, and its output format page.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from merkit.arrays import read_array
from merkit.errors import ConfigError, FaceError, MissingDataError
from merkit.face.tracker import DetectedFace, FaceTracker, TrackConfig
from merkit.types import F32, Clip, Frame

#: An OpenFace row without a ``success`` column counts as found from this confidence on.
MIN_CONFIDENCE = 0.5
#: No landmark of a video lies farther from its corner.
FARTHEST_PX = 1e5

_XY = [f"{axis}_{i}" for axis in "xy" for i in range(68)]
#: The faces of each frame, in order.
Rows = list[tuple[DetectedFace, ...]]


class PrecomputedTracker(FaceTracker):
    """See ``FaceTracker``; pixels are not looked at.

    The next row is taken when the frame number changes, so a frame that is handed over twice
    uses one row. With ``landmarks_first`` rows are addressed by frame number instead.

    Raises:
        MissingDataError: no such file.
        ConfigError: no ``landmarks_path``, or a file of another kind.
        FaceError: the file's content is wrong.
    """

    name = "precomputed"
    title = "landmarks from files (OpenFace CSV, .npy)"

    def __init__(self, config: TrackConfig) -> None:
        self._path = _landmark_file(config)
        self._rows = read_landmarks(self._path)
        self._first = config.landmarks_first
        self._number: int | None = None
        self._row = -1

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """The faces of this frame's row."""
        del quick
        if frame.number != self._number:
            self._number = frame.number
            self._row = frame.number - self._first if self._first >= 0 else self._row + 1
        if 0 <= self._row < len(self._rows):
            return self._rows[self._row]
        if self._first >= 0:
            raise FaceError(
                f"{self._path}: no row for frame {frame.number}",
                f"frames {self._first} to {self._first + len(self._rows) - 1} are there",
                "set landmarks_first to the frame number of the first row",
            )
        return ()  # finish() tells by how many rows the file is short

    def finish(self) -> None:
        """Raise FaceError when rows and frames, matched in order, differ in number."""
        if self._first < 0 and self._row + 1 != len(self._rows):
            raise FaceError(
                f"{self._path}: {len(self._rows)} rows of landmarks for {self._row + 1} frames",
                "one row for every frame",
                "run the landmark program on this very clip, or set landmarks_first to the "
                "frame number of the first row",
            )


class ClipLandmarks(FaceTracker):
    """The faces of one clip of a database, by frame number; see ``clip_landmarks``."""

    name = "clip-landmarks"
    title = "landmarks of one clip"

    def __init__(self, config: TrackConfig, faces: Mapping[int, tuple[DetectedFace, ...]]) -> None:
        del config
        self._faces = faces

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """The faces of the frame of this number."""
        del quick
        return self._faces.get(frame.number, ())

    def finish(self) -> None:
        """Frames are chosen by number, so rows may be left."""


def landmark_file(folder: Path, clip: Clip) -> Path:
    """The file with the landmarks of a clip: ``<subject>/<clip>.csv`` (or ``.npy``) below the
    folder, or ``<subject>_<clip>.csv``; the name of the database may stand in front.

    Raises:
        ConfigError: no folder.
        MissingDataError: no file, or two.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"landmarks_path {folder} is no folder",
            "a folder with a file for each clip of the database",
            "name the folder that OpenFace wrote to",
        )
    short = clip.clip_id.removeprefix(f"{clip.dataset}/")
    names = dict.fromkeys(
        [clip.clip_id, short, clip.clip_id.replace("/", "_"), short.replace("/", "_")]
    )
    paths = (folder / f"{name}{suffix}" for name in names for suffix in (".csv", ".npy"))
    found = [path for path in paths if path.is_file()]
    if len(found) != 1:
        raise MissingDataError(
            f"{len(found)} files in {folder} have the landmarks of clip '{clip.clip_id}'",
            f"one, named {short}.csv or {short.replace('/', '_')}.csv (or .npy)",
            "run the landmark program on that clip, and name its output so",
        )
    return found[0]


def clip_landmarks(
    config: TrackConfig, clip: Clip, of_clip: Sequence[int], of_media: Sequence[int]
) -> FaceTracker:
    """A tracker that knows the landmarks of a clip, from its file in ``config.landmarks_path``.

    The rows are those of the clip's frames, or of all frames of its media, in order; with
    ``landmarks_first`` they begin at that frame number.

    Args:
        of_clip, of_media: numbers of the frames that the clip, and its media, have.

    Raises:
        ConfigError, MissingDataError: as ``landmark_file``.
        FaceError: the file's content is wrong, or has other rows than there are frames.
    """
    path = landmark_file(Path(config.landmarks_path), clip)
    rows = read_landmarks(path)
    first, numbers = config.landmarks_first, list(of_clip)
    if first >= 0:
        numbers = list(range(first, first + len(rows)))
    elif len(rows) != len(of_clip):
        numbers = list(of_media)
    if len(rows) != len(numbers) or not {*of_clip} <= {*numbers}:
        raise FaceError(
            f"{path}: {len(rows)} rows of landmarks" + (f" from frame {first} on" * (first >= 0)),
            f"one for each of the {len(of_clip)} frames of clip '{clip.clip_id}' "
            f"({of_clip[0]} to {of_clip[-1]}), or of the {len(of_media)} of its media",
            "run the landmark program on this very clip, or set landmarks_first to the frame "
            "number of the first row",
        )
    return ClipLandmarks(config, dict(zip(numbers, rows, strict=True)))


def read_landmarks(path: Path) -> Rows:
    """Read an OpenFace ``.csv`` or a ``.npy`` (T,68,2); see ``PrecomputedTracker`` for errors."""
    readers = {".csv": _read_csv, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise ConfigError(f"landmarks file {path}", "an OpenFace .csv or a .npy (T,68,2)")
    with np.errstate(over="ignore"):  # what float32 does not hold is infinite, so no face
        rows = readers[path.suffix.lower()](path)
    for place, faces in enumerate(rows, start=1):
        farthest = max((float(abs(face.landmarks_px).max()) for face in faces), default=0.0)
        if farthest > FARTHEST_PX:
            raise FaceError(
                f"{path}, row {place} of the frames: a landmark at {farthest:g} px",
                "pixels of the video",
                "look at that row, or run the landmark program again",
            )
    return rows


def _landmark_file(config: TrackConfig) -> Path:
    if not config.landmarks_path:
        raise ConfigError(
            "tracker precomputed without landmarks_path", "the path of a .csv or .npy file"
        )
    path = Path(config.landmarks_path)
    if path.is_dir():
        raise ConfigError(
            f"landmarks_path {path} is a folder",
            "the file of this one video; a folder serves the clips of a database",
            "name the video's own file",
        )
    if not path.is_file():
        raise MissingDataError(f"no landmarks file {path}", "an OpenFace .csv or a .npy (T,68,2)")
    return path


def _face(points: F32, score: float) -> tuple[DetectedFace, ...]:
    if not np.isfinite(points).all():
        return ()
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    if not (box[2:] > box[:2]).all():
        return ()  # OpenFace writes zeros where it has found no face
    return (DetectedFace(points, box, score),)


def _read_npy(path: Path) -> Rows:
    try:
        points = read_array(path)
    except (ValueError, OSError) as error:
        raise FaceError(f"{path} cannot be read: {error}", "a .npy array of numbers") from error
    if points.ndim != 3 or points.shape[1:] != (68, 2) or points.dtype.kind not in "fiu":
        raise FaceError(f"{path}: {points.dtype} {points.shape}", "numbers of shape (T,68,2)")
    return [_face(p, 1.0) for p in points.astype(np.float32)]


def _read_csv(path: Path) -> Rows:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True)
            columns = {name.strip(): i for i, name in enumerate(next(reader, []))}
            absent = [name for name in _XY if name not in columns]
            if absent:
                raise FaceError(
                    f"{path}: {len(absent)} of 136 landmark columns are missing, "
                    f"first '{absent[0]}'",
                    "columns x_0 to x_67 and y_0 to y_67",
                    "run OpenFace with -2Dfp",
                )
            return _parse_rows(path, columns, reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise FaceError(f"{path} is not a CSV text: {error}", "an OpenFace .csv") from error


def _parse_rows(path: Path, columns: dict[str, int], reader: Iterable[list[str]]) -> Rows:
    rows: Rows = []
    last: int | None = None
    for line, cells in enumerate(reader, start=2):
        if not cells:
            continue
        try:
            number, faces = _parse_row(columns, cells, len(rows))
        except (ValueError, IndexError, OverflowError) as error:
            raise FaceError(f"{path}, line {line}: {error}", "a number in each column") from error
        if number == last:
            rows[-1] = rows[-1] + faces  # another face of the same frame
            continue
        if last is not None and number != last + 1:
            raise FaceError(
                f"{path}, line {line}: frame {number} follows frame {last}",
                "consecutive frame numbers",
            )
        rows.append(faces)
        last = number
    return rows


def _parse_row(
    columns: dict[str, int], cells: list[str], default_number: int
) -> tuple[int, tuple[DetectedFace, ...]]:
    def value(name: str, default: float) -> float:
        return float(cells[columns[name]]) if name in columns else default

    points = np.array([value(name, 0.0) for name in _XY], np.float32).reshape(2, 68).T
    confidence = value("confidence", 1.0)
    found = value("success", float(confidence >= MIN_CONFIDENCE)) >= 0.5
    number = int(value("frame", float(default_number)))
    return number, _face(np.ascontiguousarray(points), confidence) if found else ()
