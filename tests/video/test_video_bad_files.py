"""Every way a video file can be wrong gives one clear error that names file and frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from video_makers import cut, encode, noisy_frames, write_sound

from merkit.errors import MerkitError, MissingDataError, VideoError
from merkit.video import frame_numbers, iter_frames, probe, read_frames

FASTSTART = {"movflags": "faststart"}


def _good_before_error(path: Path) -> tuple[int, str]:
    good: list[int] = []
    with pytest.raises(VideoError) as caught:
        good.extend(frame.number for frame in iter_frames(path))
    return len(good), str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    for read in (probe, iter_frames, read_frames, frame_numbers):
        with pytest.raises(MissingDataError, match=r"gone\.mp4' does not exist"):
            read(tmp_path / "gone.mp4")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"", r"a\.mp4' is empty \(0 bytes\)"),
        ("a.mp4", b"subject,onset\n1,2\n" * 50, r"a\.mp4' holds text"),
        ("a.txt", b"subject,onset\n1,2\n" * 50, r"a\.txt' holds text"),
        ("a.mp4", "größe\n".encode() * 50, r"a\.mp4' holds text"),
        ("a.avi", bytes(range(256)) * 40, r"a\.avi' is not in any video format"),
        ("a.mp4", b"#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:9/x.ts\n", r"a\.mp4' holds text"),
        ("a.mp4", b"1\n00:00:01,000 --> 00:00:02,000\nhi\n\n", r"holds only subtitle"),
    ],
)
def test_not_a_video(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (probe, frame_numbers, read_frames):
        with pytest.raises(VideoError, match=message):
            read(path)


def test_sound_only(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav")
    with pytest.raises(VideoError, match=r"a\.wav' holds only audio"):
        probe(path)


def test_single_image(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "img1.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(VideoError, match=r"img1\.png' is a single image"):
        probe(tmp_path / "img1.png")


def test_zero_frames(tmp_path: Path) -> None:
    """A header with a video track and nothing in it: the part of a live stream before data."""
    options = {"movflags": "frag_keyframe+empty_moov"}
    path = encode(tmp_path / "a.mp4", noisy_frames(5), container_options=options)
    header = path.read_bytes()
    path.write_bytes(header[: header.index(b"moof") - 4])
    for read in (probe, frame_numbers, read_frames):
        with pytest.raises(VideoError, match=r"a\.mp4' has a video stream with 0 frames"):
            read(path)


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.webm", "libvpx", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
    ],
)
def test_truncated(tmp_path: Path, name: str, codec: str, pix_fmt: str, share: float) -> None:
    options = FASTSTART if name.endswith("mp4") else None
    frames = noisy_frames(60)
    whole = encode(tmp_path / name, frames, codec=codec, pix_fmt=pix_fmt, container_options=options)
    path = cut(whole, share, f"cut_{name}")
    good, message = _good_before_error(path)
    assert 0 < good < 60
    assert f"cut_{name}' is truncated or damaged at frame" in message
    number = int(message.split("at frame ")[1].split(":")[0])
    assert good <= number < 60
    with pytest.raises(VideoError, match="at frame"):
        frame_numbers(path)


def test_truncated_before_the_index(tmp_path: Path) -> None:
    path = cut(encode(tmp_path / "a.mp4", noisy_frames(20)), 0.9, "b.mp4")
    with pytest.raises(VideoError, match=r"b\.mp4' is truncated .* its index"):
        iter_frames(path).__next__()


def test_frames_before_the_damage_can_be_read(tmp_path: Path) -> None:
    whole = encode(tmp_path / "a.mp4", noisy_frames(60), container_options=FASTSTART)
    path, numbers = cut(whole, 0.8, "b.mp4"), range(2, 7)
    np.testing.assert_array_equal(read_frames(path, numbers).rgb, read_frames(whole, numbers).rgb)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
    ],
)
@pytest.mark.parametrize("where", [0.5, 0.85])
def test_corrupt_inside(tmp_path: Path, name: str, codec: str, pix_fmt: str, where: float) -> None:
    """Bytes of whole frames are overwritten; nothing is skipped or painted over."""
    options = FASTSTART if name.endswith("mp4") else None
    path = encode(
        tmp_path / name, noisy_frames(60), codec=codec, pix_fmt=pix_fmt, container_options=options
    )
    data = bytearray(path.read_bytes())
    at = int(len(data) * where)
    end = min(at + 3 * len(data) // 60, len(data) - 1500)  # an index may follow the frames
    data[at:end] = np.random.default_rng(1).integers(0, 256, end - at, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    good, message = _good_before_error(path)
    assert good < 60
    assert f"{name}' is truncated or damaged at frame" in message


@pytest.mark.parametrize("numbers", [[0, 99], [25], [3, 4, 50, 51]])
def test_numbers_beyond_the_end(tmp_path: Path, numbers: list[int]) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(25))
    with pytest.raises(VideoError, match=rf"{numbers[-1]} asked of .*a\.mp4', .* frames 0 to 24"):
        read_frames(path, numbers=numbers)


@pytest.mark.parametrize(
    ("first", "last", "step", "message"),
    [
        (0, 25, 1, "frames 0 to 25 asked of .* has frames 0 to 24"),
        (25, None, 1, "frames 25 to end asked of .* has frames 0 to 24"),
        (None, 100, 7, "frames start to 100 asked of"),
        (5, 4, 1, "first not after last"),
        (-1, 4, 1, "frame numbers from 0"),
        (0, 4, 0, "step 0"),
    ],
)
def test_bad_ranges(tmp_path: Path, first, last, step: int, message: str) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(25))
    with pytest.raises(VideoError, match=message):
        list(iter_frames(path, first, last, step))


def test_nothing_asked_for(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", noisy_frames(3))
    with pytest.raises(VideoError, match="0 frame numbers"):
        read_frames(path, numbers=[])


def test_change_of_size_is_named(tmp_path: Path) -> None:
    """Two elementary streams one after the other are one valid stream that changes size."""
    small = encode(tmp_path / "a.mpg", noisy_frames(10, 48, 64), codec="mpeg1video")
    large = encode(tmp_path / "b.mpg", noisy_frames(10, 64, 96), codec="mpeg1video")
    path = tmp_path / "c.mpg"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(MerkitError, match=r"c\.mpg' changes size at frame \d+"):
        list(iter_frames(path))
