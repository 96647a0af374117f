from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from merkit.errors import ConfigError, FaceError, MissingDataError
from merkit.face import TrackConfig, track
from merkit.face.align import MEAN_FACE
from merkit.types import F32, Frame

XY = [f"{axis}_{i}" for axis in "xy" for i in range(68)]
FACES = (MEAN_FACE * 50 + [300, 200] + np.arange(6)[:, None, None]).astype(np.float32)


def write_csv(
    path: Path, faces: F32, success: list[int] | None = None, space: str = " ", **extra: list[float]
) -> Path:
    """A file as OpenFace writes it: many other columns, a space before each name."""
    n = len(faces)
    columns: dict[str, list[float]] = {
        "frame": extra.get("frame", list(range(1, n + 1))),
        "face_id": extra.get("face_id", [0] * n),
        "timestamp": [i / 30 for i in range(n)],
        "confidence": extra.get("confidence", [0.98] * n),
        **({} if success is None else {"success": list(success)}),
        "gaze_0_x": [0.1] * n,
    }
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([("" if i == 0 else space) + c for i, c in enumerate([*columns, *XY])])
        for i in range(n):
            points = [f" {v:.2f}" for v in faces[i].T.ravel()]
            writer.writerow([*(v[i] for v in columns.values()), *points])
    return path


def frames(n: int, first: int = 0) -> list[Frame]:
    return [Frame(first + i, i / 30, np.zeros((4, 4, 3), np.uint8)) for i in range(n)]


def config(path: Path, first: int = -1, face: str = "largest") -> TrackConfig:
    return TrackConfig("precomputed", face, landmarks_path=str(path), landmarks_first=first)


@pytest.mark.parametrize("space", ["", " "])
def test_openface_csv(tmp_path: Path, space: str) -> None:
    path = write_csv(tmp_path / "a.csv", FACES, [1, 1, 0, 1, 1, 1], space)
    made = track(frames(6), config(path))
    assert made.found.tolist() == [True, True, False, True, True, True]
    np.testing.assert_allclose(made.landmarks_px[[0, 5]], FACES[[0, 5]], atol=0.006)
    np.testing.assert_allclose(made.landmarks_px[2], FACES[1], atol=0.006)  # carried


def test_confidence_decides_where_there_is_no_success_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", FACES[:3], confidence=[0.9, 0.2, 0.8])
    assert track(frames(3), config(path)).found.tolist() == [True, False, True]


def test_several_people_in_one_file(tmp_path: Path) -> None:
    both = np.stack([FACES[0] + [500, 0], FACES[0] * 0.5, FACES[1] + [500, 0], FACES[1] * 0.5])
    path = write_csv(tmp_path / "a.csv", both, [1] * 4, frame=[1, 1, 2, 2], face_id=[0, 1, 0, 1])
    largest, left = track(frames(2), config(path)), track(frames(2), config(path, face="0"))
    np.testing.assert_allclose(largest.landmarks_px, FACES[:2] + np.array([500, 0]), atol=0.006)
    np.testing.assert_allclose(left.landmarks_px, FACES[:2] * 0.5, atol=0.006)


def test_array(tmp_path: Path) -> None:
    faces = FACES.copy()
    faces[1] = np.nan
    faces[4] = 0
    np.save(tmp_path / "a.npy", faces)
    made = track(frames(6), config(tmp_path / "a.npy"))
    assert made.found.tolist() == [True, False, True, True, False, True]
    np.testing.assert_array_equal(made.landmarks_px[[0, 2, 3, 5]], FACES[[0, 2, 3, 5]])


@pytest.mark.parametrize("n_frames", [4, 9])
def test_counts_must_agree(tmp_path: Path, n_frames: int) -> None:
    np.save(tmp_path / "a.npy", FACES)
    with pytest.raises(FaceError, match=f"6 rows of landmarks for {n_frames} frames"):
        track(frames(n_frames), config(tmp_path / "a.npy"))


def test_rows_by_frame_number(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FACES)
    chosen = [f for f in frames(6, first=46) if f.number in (47, 50)]
    made = track(chosen, config(tmp_path / "a.npy", first=46))
    np.testing.assert_array_equal(made.landmarks_px, FACES[[1, 4]])
    with pytest.raises(FaceError, match=r"no row for frame 52\n.*frames 46 to 51"):
        track(frames(7, first=46), config(tmp_path / "a.npy", first=46))


def test_a_repeated_frame_uses_one_row(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FACES[:2])
    a, b = frames(2)
    made = track([a, a, b], config(tmp_path / "a.npy"))
    np.testing.assert_array_equal(made.landmarks_px, FACES[[0, 0, 1]])


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without landmarks_path"):
        track(frames(1), TrackConfig("precomputed"))
    with pytest.raises(MissingDataError, match=r"gone\.csv"):
        track(frames(1), config(tmp_path / "gone.csv"))
    with pytest.raises(ConfigError, match="is a folder"):
        track(frames(1), config(tmp_path))
    (tmp_path / "a.mat").touch()
    with pytest.raises(ConfigError, match=r"a\.mat"):
        track(frames(1), config(tmp_path / "a.mat"))


@pytest.mark.parametrize("shape", [(6, 68), (6, 68, 3), (6, 49, 2)])
def test_arrays_of_another_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(FaceError, match=r"wanted: numbers of shape \(T,68,2\)"):
        track(frames(6), config(tmp_path / "a.npy"))


def test_pickles_and_rubbish_are_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FaceError, match="cannot be read"):
        track(frames(1), config(tmp_path / "a.npy"))
    (tmp_path / "b.npy").write_bytes(b"not an array")
    with pytest.raises(FaceError, match="cannot be read"):
        track(frames(1), config(tmp_path / "b.npy"))
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe\x00x_0")
    with pytest.raises(FaceError, match=r"c\.csv"):
        track(frames(1), config(tmp_path / "c.csv"))
    (tmp_path / "d.csv").write_text("")
    with pytest.raises(FaceError, match="136 of 136"):
        track(frames(1), config(tmp_path / "d.csv"))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"'shape'", b"'sha\n("), (b"(6,", b"(6\n"), (b"(6,", b"(9e9,")],
)
def test_a_damaged_header_of_an_array_is_told(old: bytes, new: bytes, tmp_path: Path) -> None:
    """NumPy finds these out by errors of four kinds."""
    np.save(tmp_path / "a.npy", FACES.astype(np.float32))
    whole = (tmp_path / "a.npy").read_bytes()
    assert old in whole
    (tmp_path / "a.npy").write_bytes(whole.replace(old, new))
    with pytest.raises(FaceError, match=r"a\.npy cannot be read"):
        track(frames(6), config(tmp_path / "a.npy"))


@pytest.mark.parametrize("suffix", ["csv", "npy"])
def test_a_landmark_far_from_every_picture_is_told(suffix: str, tmp_path: Path) -> None:
    faces = FACES.copy()
    faces[3, 7] = 1e20
    path = tmp_path / f"a.{suffix}"
    write_csv(path, faces, [1] * 6) if suffix == "csv" else np.save(path, faces)
    with pytest.raises(FaceError, match=rf"a\.{suffix}, row 4 of the frames: a landmark at 1e\+20"):
        track(frames(6), config(path))


def test_errors_inside_a_csv_name_the_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", FACES, [1] * 6)
    lines = path.read_text().splitlines()
    (tmp_path / "word.csv").write_text("\n".join([*lines[:3], lines[3].replace("0.98", "high")]))
    with pytest.raises(FaceError, match=r"line 4: .*'high'"):
        track(frames(3), config(tmp_path / "word.csv"))
    (tmp_path / "cut.csv").write_text("\n".join([*lines[:3], lines[3][:60]]))
    with pytest.raises(FaceError, match="line 4"):
        track(frames(3), config(tmp_path / "cut.csv"))
    (tmp_path / "gap.csv").write_text("\n".join([*lines[:3], *lines[4:]]))
    with pytest.raises(FaceError, match="line 4: frame 4 follows frame 2"):
        track(frames(5), config(tmp_path / "gap.csv"))
    (tmp_path / "part.csv").write_text(lines[0].replace(" y_67", " y67") + "\n" + lines[1])
    with pytest.raises(FaceError, match="1 of 136 landmark columns are missing, first 'y_67'"):
        track(frames(1), config(tmp_path / "part.csv"))
