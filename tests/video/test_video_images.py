"""Folders of images: numbering, pixel types, and what is refused."""

from __future__ import annotations

import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from merkit.errors import VideoError
from merkit.media import frame_number
from merkit.video import frame_numbers, images, iter_frames, probe, read_frames, write_frames
from merkit.video.images import list_images, read_image


def _grey(level: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def _folder(folder: Path, numbers: list[int], pattern: str = "img{n}.png") -> Path:
    folder.mkdir(exist_ok=True)
    for n in numbers:
        cv2.imwrite(str(folder / pattern.format(n=n)), _grey(n))
    return folder


@pytest.mark.parametrize(
    ("stem", "number"),
    [
        ("img46", 46),
        ("reg_img46", 46),
        ("006_05562", 5562),
        ("006_1_0001", 1),
        ("s03_po_12_frame00100", 100),
        ("12abc", 12),
        ("cover", None),
        ("img٣", None),
    ],
)
def test_number_is_the_last_digit_group(stem: str, number: int | None) -> None:
    assert frame_number(stem) == number


@given(st.sets(st.integers(0, 10**9), min_size=1, max_size=30), st.integers(1, 7), st.randoms())
def test_natural_sort(
    tmp_path_factory: pytest.TempPathFactory, numbers: set[int], pad: int, rng: random.Random
) -> None:
    """Whatever the padding and the order of creation, images come by number."""
    folder = tmp_path_factory.mktemp("sort")
    shuffled = sorted(numbers)
    rng.shuffle(shuffled)
    for n in shuffled:
        (folder / f"s1_img{n:0{rng.randint(1, pad)}d}.jpg").touch()
    assert list(list_images(folder)) == sorted(numbers)
    assert frame_numbers(folder).tolist() == sorted(numbers)


def test_times_come_from_numbers_and_rate(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", [46, 47, 50, 100])
    frames = read_frames(folder, fps_hz=200)
    assert frames.numbers.tolist() == [46, 47, 50, 100]
    np.testing.assert_allclose(frames.time_s, [0, 1 / 200, 4 / 200, 54 / 200])
    np.testing.assert_array_equal(frames.rgb[:, 0, 0, 0], [46, 47, 50, 100])
    np.testing.assert_allclose(read_frames(folder, [47, 50]).time_s, [1 / 25, 4 / 25])


def test_ranges_numbers_and_steps(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", list(range(7, 20)))
    assert [f.number for f in iter_frames(folder, 9, 11)] == [9, 10, 11]
    assert [f.number for f in iter_frames(folder, 8, step=5)] == [8, 13, 18]
    assert [f.number for f in iter_frames(folder, 18)] == [18, 19]
    picked = read_frames(folder, numbers=[12, 9, 12])
    assert picked.numbers.tolist() == [12, 9, 12]
    np.testing.assert_array_equal(picked.rgb[:, 0, 0, 0], [12, 9, 12])


def test_only_asked_images_are_decoded(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", [1, 2, 3, 4])
    (folder / "img3.png").write_bytes(b"broken")
    assert read_frames(folder, numbers=[2, 4]).numbers.tolist() == [2, 4]
    assert frame_numbers(folder).tolist() == [1, 2, 3, 4]


def test_clutter_is_ignored(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", [1, 2])
    for name in ("Thumbs.db", "notes9.txt", ".img7.png", "._img8.png"):
        (folder / name).write_bytes(b"x")
    (folder / "img5.png").mkdir()
    assert frame_numbers(folder).tolist() == [1, 2]


def test_probe(tmp_path: Path) -> None:
    info = probe(_folder(tmp_path / "a", [3, 4, 5]), fps_hz=100)
    assert (info.width_px, info.height_px, info.fps_hz, info.n_frames) == (8, 6, 100.0, 3)
    assert info.duration_s == pytest.approx(0.03)


def test_16_bit_uses_the_full_range(tmp_path: Path) -> None:
    """k * 257 is what an 8-bit value k becomes in 16 bits; reading undoes it exactly."""
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    for name in ("a1.png", "a1.tiff"):
        cv2.imwrite(str(tmp_path / name), levels)
        rgb = read_image(tmp_path / name)
        assert rgb.dtype == np.uint8
        for channel in range(3):
            np.testing.assert_array_equal(rgb[..., channel], np.arange(256).reshape(16, 16))
    colour = np.zeros((2, 2, 3), np.uint16)
    colour[..., 2] = 65535  # red, in OpenCV's order
    cv2.imwrite(str(tmp_path / "b1.png"), colour)
    np.testing.assert_array_equal(read_image(tmp_path / "b1.png")[0, 0], [255, 0, 0])


def test_grey_colour_alpha_and_palette(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    Image.fromarray(rgba, "RGBA").save(tmp_path / "a1.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a1.png"), rgba[..., :3])
    Image.fromarray(rgba[..., 0], "L").save(tmp_path / "a2.bmp")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a2.bmp"), np.repeat(rgba[..., :1], 3, axis=2)
    )
    palette = Image.fromarray(rgba[..., :3] // 64 * 64, "RGB").quantize(64)
    palette.save(tmp_path / "a3.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a3.png"), np.asarray(palette.convert("RGB"))
    )


def test_exif_rotation_is_obeyed(tmp_path: Path) -> None:
    picture = Image.fromarray(np.tile(np.arange(8, dtype=np.uint8) * 30, (6, 1)), "L")
    exif = picture.getexif()
    exif[0x0112] = 6  # "rotate 90 clockwise to show"
    picture.save(tmp_path / "a1.jpg", exif=exif, quality=100)
    rgb = read_image(tmp_path / "a1.jpg")
    assert rgb.shape == (8, 6, 3)
    assert rgb[0].mean() < rgb[-1].mean()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_image_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), (64, 64))
    for n in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"img{n}{suffix}"), smooth)
    data = (tmp_path / f"img2{suffix}").read_bytes()
    (tmp_path / f"img2{suffix}").write_bytes(data[: int(len(data) * share)])
    frames = iter_frames(tmp_path)
    assert next(frames).number == 1
    with pytest.raises(VideoError, match=rf"img2\{suffix}' cannot be read"):
        next(frames)


def test_mixed_sizes_name_the_first_that_differs(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", [1, 2, 3, 4])
    for n in (3, 4):
        cv2.imwrite(str(folder / f"img{n}.png"), _grey(0, 6, 9))
    with pytest.raises(VideoError, match=r"img3\.png' is 9x6, .*img1\.png' is 8x6"):
        read_frames(folder)
    with pytest.raises(VideoError, match=r"img4\.png' is 9x6"):
        read_frames(folder, numbers=[4])


def test_only_the_frames_that_are_wanted_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size of the first, which the others are compared with, stands in its header."""
    folder, read = _folder(tmp_path / "a", [1, 2, 3, 4]), []

    def noted(path: Path) -> np.ndarray:
        read.append(path.name)
        return read_image(path)

    monkeypatch.setattr(images, "read_image", noted)
    assert read_frames(folder, numbers=[3, 4, 3]).rgb[:, 0, 0, 0].tolist() == [3, 4, 3]
    assert read == ["img3.png", "img4.png"]


def test_a_folder_is_listed_again_only_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, listings = _folder(tmp_path / "a", [1, 2]), []
    assert list(list_images(folder)) == [1, 2]  # so young that it may change within its time
    os.utime(folder, ns=(0, 10**18))
    scan = os.scandir
    monkeypatch.setattr(images.os, "scandir", lambda path: listings.append(path) or scan(path))
    assert list(list_images(folder)) == list(list_images(folder)) == [1, 2]
    assert len(listings) == 1
    _folder(folder, [7])
    os.utime(folder, ns=(0, 2 * 10**17))  # whatever the clock of the file system counts in
    assert list(list_images(folder)) == [1, 2, 7]


def test_float_images_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a1.tiff"), np.ones((4, 4, 3), np.float32))
    with pytest.raises(VideoError, match=r"a1\.tiff' has float32 pixels"):
        read_frames(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "is an empty folder"),
        (["Thumbs.db", "a.txt"], r"holds 2 file\(s\), none of them an image"),
        (["a.mp4"], r"holds 1 video\(s\), no images"),
        (["img1.png", "img01.png"], "two images with frame number 1: 'img01.png' and 'img1.png'"),
        (["img1.jpg", "img1.png"], "two images with frame number 1"),
        (["img1.png", "cover.png"], r"cover\.png' has no number"),
        (["img99999999999999999999.png"], "too long a number"),
    ],
)
def test_refused_folders(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    for read in (probe, frame_numbers, iter_frames, read_frames):
        with pytest.raises(VideoError, match=message):
            read(tmp_path)


def test_folder_of_one_video_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "take.mp4").write_bytes(b"x")
    with pytest.raises(VideoError) as caught:
        probe(tmp_path)
    assert caught.value.fix == f"give the video itself: '{tmp_path / 'take.mp4'}'"


def test_folder_of_folders_says_what_to_give(tmp_path: Path) -> None:
    _folder(tmp_path / "color", [1])
    with pytest.raises(VideoError) as caught:
        probe(tmp_path)
    assert "color" in caught.value.fix


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (4, 8, "frames 4 to 8 asked of .* has frames 5 to 20"),
        (5, 21, "frames 5 to 21 asked of"),
        (7, 9, "frames 7 to 9 asked of"),  # inside, but in a gap
        (21, None, "frames 21 to end"),
        (9, 7, "first not after last"),
    ],
)
def test_range_outside(tmp_path: Path, first: int, last: int | None, message: str) -> None:
    folder = _folder(tmp_path / "a", [5, 6, 10, 20])
    with pytest.raises(VideoError, match=message):
        iter_frames(folder, first, last)


def test_missing_number_is_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "a", [5, 6, 10])
    with pytest.raises(VideoError, match=r"has no frame 7 \(nor 1 more"):
        read_frames(folder, numbers=[6, 7, 8])


@pytest.mark.parametrize("fps_hz", [0.0, -5.0, float("nan"), float("inf")])
def test_bad_rate(tmp_path: Path, fps_hz: float) -> None:
    folder = _folder(tmp_path / "a", [5])
    with pytest.raises(VideoError, match="frame rate"):
        read_frames(folder, fps_hz=fps_hz)


def test_written_images_read_back(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 6, 8, 3), dtype=np.uint8)
    count = write_frames(tmp_path / "out", iter(frames), start=9, pattern="x_{n:03d}.png")
    assert count == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "x_009.png",
        "x_010.png",
        "x_011.png",
    ]
    np.testing.assert_array_equal(read_frames(tmp_path / "out").rgb, frames)
