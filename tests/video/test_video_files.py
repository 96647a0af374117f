"""Video files: counts, times, rotation, streaming."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest
from video_makers import encode, grey_frames, noisy_frames, set_display_matrix

from merkit.errors import VideoError
from merkit.types import U8
from merkit.video import frame_numbers, iter_frames, probe, read_frames, write_video
from merkit.video.packets import entry_before

ASSETS = Path(__file__).resolve().parents[2] / ".." / "shared" / "assets" / "videos"
REAL = ("WolfgangLanger_Pexels.mp4", "face_noface.mov", "no_face.mp4", "single_face.mp4")

CODECS = {
    "a.mp4": ("libx264", "yuv420p"),
    "b.mkv": ("libx264", "yuv420p"),
    "c.avi": ("mpeg4", "yuv420p"),
    "d.webm": ("libvpx", "yuv420p"),
    "e.avi": ("mjpeg", "yuvj420p"),
    "f.avi": ("ffv1", "yuv444p"),
    "g.ts": ("mpeg2video", "yuv420p"),
    "h.mov": ("png", "rgb24"),
}


def _reference(path: Path) -> list[U8]:
    """Every frame as OpenCV's own reader gives it."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        more, bgr = capture.read()
        if not more:
            return frames
        frames.append(bgr[:, :, ::-1])


@pytest.mark.parametrize("name", REAL)
def test_real_files_match_opencv(name: str) -> None:
    path = ASSETS / name
    if not path.exists():
        pytest.skip("no shared/assets beside the checkout")
    reference = _reference(path)
    count = 0
    previous_s = -1.0
    for frame, other in zip(iter_frames(path), reference, strict=True):
        assert frame.number == count
        assert frame.time_s > previous_s
        if count % 10 == 0:
            assert np.abs(frame.rgb.astype(int) - other).mean() < 0.5
        previous_s, count = frame.time_s, count + 1
    assert frame_numbers(path).tolist() == list(range(count))
    info = probe(path)
    assert (info.height_px, info.width_px) == reference[0].shape[:2]


@pytest.mark.parametrize("name", CODECS)
def test_frames_and_counts_by_codec(tmp_path: Path, name: str) -> None:
    codec, pix_fmt = CODECS[name]
    levels = list(range(20, 240, 8))
    path = encode(tmp_path / name, grey_frames(levels), codec=codec, pix_fmt=pix_fmt)
    frames = list(iter_frames(path))
    assert [f.number for f in frames] == list(range(len(levels)))
    assert frame_numbers(path).tolist() == [f.number for f in frames]
    np.testing.assert_allclose([f.rgb.mean() for f in frames], levels, atol=4)
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(len(levels)) / 25, atol=2e-3)


def test_b_frames_in_avi_come_out_in_order(tmp_path: Path) -> None:
    levels = list(range(20, 240, 8))
    path = encode(tmp_path / "a.avi", grey_frames(levels), options={"bf": "3"})
    frames = list(iter_frames(path))
    np.testing.assert_allclose([f.rgb.mean() for f in frames], levels, atol=4)
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(len(levels)) / 25)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_keeps_every_timestamp(tmp_path: Path, suffix: str) -> None:
    times_ms = [0, 10, 50, 60, 300, 310, 320, 900, 1000, 1033, 1066, 2000]
    path = encode(tmp_path / f"a{suffix}", noisy_frames(len(times_ms)), times_ms)
    frames = read_frames(path)
    np.testing.assert_allclose(frames.time_s, np.array(times_ms) / 1000, atol=1e-3)
    assert frames.numbers.tolist() == list(range(len(times_ms)))
    assert len(frame_numbers(path)) == len(times_ms)


def test_start_offset_is_removed(tmp_path: Path) -> None:
    times_ms = [5000, 5040, 5100, 5140]
    path = encode(tmp_path / "a.mkv", noisy_frames(4), times_ms)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).time == pytest.approx(5.0)
    np.testing.assert_allclose(read_frames(path).time_s, [0, 0.04, 0.1, 0.14], atol=1e-3)


def test_times_do_not_depend_on_where_reading_begins(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(8), [0, 10, 50, 60, 300, 310, 320, 900])
    whole, part = read_frames(path), read_frames(path, range(3, 7))
    np.testing.assert_array_equal(part.time_s, whole.time_s[3:7])
    np.testing.assert_array_equal(part.rgb, whole.rgb[3:7])


@pytest.mark.parametrize(
    ("matrix", "upright", "degrees"),
    [
        ((1, 0, 0, 1), lambda x: x, 0),
        ((0, 1, -1, 0), lambda x: np.rot90(x, -1), 90),
        ((-1, 0, 0, -1), lambda x: np.rot90(x, 2), 180),
        ((0, -1, 1, 0), lambda x: np.rot90(x, 1), 270),
        ((-1, 0, 0, 1), lambda x: x[:, ::-1], 180),  # a mirrored selfie
        ((0, 1, 1, 0), lambda x: x.transpose(1, 0, 2), 90),
    ],
)
def test_rotation_metadata_is_obeyed(tmp_path: Path, matrix, upright, degrees) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = (250, 0, 0)
    picture[:24, 32:] = (0, 250, 0)
    picture[24:, :32] = (0, 0, 250)
    path = encode(tmp_path / "a.mp4", [picture] * 3)
    stored = read_frames(path).rgb[0]
    set_display_matrix(path, matrix)
    turned = read_frames(path).rgb[0]
    np.testing.assert_array_equal(turned, upright(stored))
    info = probe(path)
    assert (info.height_px, info.width_px) == turned.shape[:2]
    assert info.rotation_deg == degrees


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)])
def test_rotation_agrees_with_opencv(tmp_path: Path, matrix) -> None:
    frames = [np.kron(f, np.ones((16, 16, 1), np.uint8)) for f in noisy_frames(2, 3, 4)]
    path = encode(tmp_path / "a.mp4", frames)
    set_display_matrix(path, matrix)
    ours, theirs = read_frames(path).rgb, _reference(path)
    assert np.abs(ours.astype(int) - np.stack(theirs)).mean() < 1


def test_slanted_rotation_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(2))
    set_display_matrix(path, (1, 1, -1, 1))
    with pytest.raises(VideoError, match=r"a\.mp4.*45\.0 degrees"):
        read_frames(path)


def test_ranges_steps_and_numbers(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(30))
    assert [f.number for f in iter_frames(path, 4, 9)] == [4, 5, 6, 7, 8, 9]
    assert [f.number for f in iter_frames(path, 3, step=10)] == [3, 13, 23]
    assert [f.number for f in iter_frames(path, 25)] == [25, 26, 27, 28, 29]
    assert [f.number for f in iter_frames(path, last=2)] == [0, 1, 2]
    whole = read_frames(path)
    picked = read_frames(path, numbers=[20, 3, 3, 29])
    assert picked.numbers.tolist() == [20, 3, 3, 29]
    np.testing.assert_array_equal(picked.rgb, whole.rgb[[20, 3, 3, 29]])
    np.testing.assert_array_equal(picked.time_s, whole.time_s[[20, 3, 3, 29]])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"g": "50", "bf": "3"}),
        ("a.mkv", {"g": "50", "bf": "3", "x264-params": "open-gop=1"}),
        ("a.ts", {"g": "50"}),
        ("a.avi", {"g": "50", "bf": "2"}),
    ],
)
def test_jumping_into_a_file_gives_the_same_frames(
    tmp_path: Path, name: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    times_ms = None if name.endswith("avi") else np.cumsum(rng.integers(10, 90, 300)).tolist()
    frames = noisy_frames(300, 32, 32)
    path = encode(tmp_path / name, frames, times_ms, options=options)
    ranges = ((100, 101), (149, 152), (199, 200), (250, 260), (299, 299))
    jumped = [read_frames(path, range(first, last + 1)) for first, last in ranges]
    monkeypatch.setattr("merkit.video.packets.JUMP_FROM", 10**9)
    for (first, last), part in zip(ranges, jumped, strict=True):
        straight = read_frames(path, range(first, last + 1))
        assert part.numbers.tolist() == list(range(first, last + 1))
        np.testing.assert_array_equal(part.time_s, straight.time_s)
        np.testing.assert_array_equal(part.rgb, straight.rgb)


def test_jumping_decodes_only_from_the_key_frame(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "a.mp4", noisy_frames(300, 32, 32), options={"g": "50", "sc_threshold": "0"}
    )
    assert entry_before(path, 99) is None
    entry = entry_before(path, 260)
    assert entry is not None
    assert (entry.number, entry.first_pts) == (250, 0)


def test_colon_in_a_name_is_not_a_protocol(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(3)).rename(tmp_path / "http:2024-01-01.mp4")
    assert len(frame_numbers(path)) == 3


def test_fragmented_mp4(tmp_path: Path) -> None:
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    frames = noisy_frames(30)
    path = encode(tmp_path / "a.mp4", frames, options={"g": "10"}, container_options=fragments)
    assert len(list(iter_frames(path))) == len(frame_numbers(path)) == 30


def test_probe_reports_the_header(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(50, 36, 50))
    info = probe(path)
    assert (info.width_px, info.height_px, info.n_frames, info.rotation_deg) == (50, 36, 50, 0)
    assert info.fps_hz == pytest.approx(25)
    assert info.duration_s == pytest.approx(2.0)


def test_long_file_is_streamed(tmp_path: Path) -> None:
    count, height, width = 900, 240, 320  # 207 MB as RGB
    level = (np.full((height, width, 3), i % 200, np.uint8) for i in range(count))
    path = tmp_path / "long.mp4"
    write_video(path, level, 30, preset="ultrafast")
    process = psutil.Process()
    frames = iter_frames(path)
    next(frames)
    before = process.memory_info().rss
    tracemalloc.start()
    gc.disable()  # a picture in a reference cycle would stay, and pile up
    try:
        highest = 0
        seen = 1
        for frame in frames:
            seen += 1
            if frame.number % 100 == 0:
                highest = max(highest, process.memory_info().rss)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        gc.enable()
        tracemalloc.stop()
    assert seen == count
    assert peak < 10 * height * width * 3  # a few frames, not 900
    assert highest - before < 40e6
