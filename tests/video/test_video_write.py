"""Writing: what comes back, and that nothing is left half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from video_makers import grey_frames

from merkit.errors import VideoError
from merkit.types import U8
from merkit.video import frame_numbers, probe, read_frames, write_frames, write_video


def _breaks_after_two() -> Iterator[U8]:
    yield from grey_frames([10, 20])
    raise RuntimeError("camera gone")


@pytest.mark.parametrize("fps_hz", [25.0, 30000 / 1001, 200.0, np.float32(12.5)])
def test_round_trip(tmp_path: Path, fps_hz: float) -> None:
    levels = list(range(20, 220, 10))
    path = tmp_path / "new" / "a.mp4"
    assert write_video(path, grey_frames(levels), fps_hz) == len(levels)
    back = read_frames(path)
    np.testing.assert_allclose(back.rgb.mean(axis=(1, 2, 3)), levels, atol=3)
    np.testing.assert_allclose(back.time_s, np.arange(len(levels)) / fps_hz, atol=1e-4)
    assert probe(path).fps_hz == pytest.approx(fps_hz, rel=1e-5)


def test_odd_sizes_repeat_the_edge(tmp_path: Path) -> None:
    frames = np.zeros((3, 47, 63, 3), np.uint8)
    frames[:, -1], frames[:, :, -1] = 200, 200
    write_video(tmp_path / "a.mp4", frames, 25, crf=1)
    back = read_frames(tmp_path / "a.mp4").rgb
    assert back.shape == (3, 48, 64, 3)
    np.testing.assert_allclose(back[:, 46:], 200, atol=30)
    np.testing.assert_allclose(back[:, :40, :40], 0, atol=30)


def test_same_frames_same_bytes(tmp_path: Path) -> None:
    frames = grey_frames(range(0, 200, 9))
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames, 25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "0 frames to write"),
        ([np.zeros((4, 4), np.uint8)], r"frame 0 .* shape \(4, 4\)"),
        ([np.zeros((4, 4, 3), np.float32)], "frame 0 .* is float32"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)], "frame 1 for"),
    ],
)
def test_bad_frames_leave_nothing(tmp_path: Path, frames: list[U8], message: str) -> None:
    with pytest.raises(VideoError, match=message):
        write_video(tmp_path / "a.mp4", frames, 25)
    with pytest.raises(VideoError, match=message):
        write_frames(tmp_path / "a", frames)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_writing_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, grey_frames([100] * 4), 25)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="camera gone"):
        write_video(path, _breaks_after_two(), 25)
    with pytest.raises(RuntimeError, match="camera gone"):
        write_frames(tmp_path / "images", _breaks_after_two())
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before
    assert len(frame_numbers(path)) == 4


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.mp4", {"fps_hz": 0.0}, "frame rate 0.0"),
        ("a.mp4", {"fps_hz": 25.0, "preset": "warp"}, "cannot be encoded"),
        ("a.nonsense", {"fps_hz": 25.0}, "cannot be encoded"),
    ],
)
def test_bad_settings(tmp_path: Path, name: str, options: dict, message: str) -> None:
    with pytest.raises(VideoError, match=message):
        write_video(tmp_path / name, grey_frames([1, 2]), **options)
    assert list(tmp_path.iterdir()) == []


def test_folder_rules(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert write_frames(tmp_path / "empty", grey_frames([1, 2])) == 2
    with pytest.raises(VideoError, match="exists already"):
        write_frames(tmp_path / "empty", grey_frames([1, 2]))
    with pytest.raises(VideoError, match=r"pattern 'img\.jpg'"):
        write_frames(tmp_path / "b", grey_frames([1, 2]), pattern="img.jpg")
    with pytest.raises(VideoError, match=r"image suffix '\.xyz'"):
        write_frames(tmp_path / "b", grey_frames([1, 2]), pattern="img{n}.xyz")
    assert not (tmp_path / "b").exists()


def test_the_same_frames_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from pathlib import Path
from merkit.video import write_video
random = np.random.default_rng(0)
picture = random.integers(0, 255, (96, 160, 3)).astype(np.uint8)
write_video(Path(sys.argv[1]), (np.roll(picture, i, axis=1) for i in range(120)), 30.0)
"""
    for name, fill in (("a", "1"), ("b", "170"), ("c", "255")):
        command = [sys.executable, "-c", code, str(tmp_path / f"{name}.mp4")]
        subprocess.run(command, check=True, env=os.environ | {"MALLOC_PERTURB_": fill})
    written = {path.read_bytes() for path in tmp_path.glob("*.mp4")}
    assert len(written) == 1
