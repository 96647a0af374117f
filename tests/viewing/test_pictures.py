"""Pictures of events: which way up, how blurred, how magnified, and the arrows upon them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from merkit.errors import ConfigError
from merkit.flow.estimate import estimate_flow
from merkit.flow.gray import to_gray
from merkit.spotting import SpottedVideo
from merkit.types import U8, RegionMotion
from merkit.video import iter_frames, write_frames, write_video
from merkit.viewing.face import arrows, drawn_centres, drawn_face
from merkit.viewing.magnify import magnified_apex
from merkit.viewing.pictures import (
    BLOCKS,
    EventPictures,
    PictureConfig,
    blurred,
    event_pictures,
)


def decoded(jpeg: bytes) -> U8:
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(bgr[..., ::-1], np.uint8)


def far(a: U8, b: U8) -> float:
    return float(np.abs(a.astype(float) - b).mean())


@pytest.fixture(scope="module")
def pictures(spotted: SpottedVideo) -> tuple[EventPictures, ...]:
    return event_pictures(spotted.seen, spotted.events, PictureConfig(size_px=128))


def test_each_event_has_pictures_of_the_size_asked_for(
    spotted: SpottedVideo, pictures: tuple[EventPictures, ...]
) -> None:
    assert len(pictures) == len(spotted.events) >= 2
    for made in pictures:
        for jpeg in (made.onset, made.apex, made.offset, made.ground):
            assert decoded(jpeg).shape == (128, 128, 3)
        assert made.magnified == b""
        assert made.found == (True, True, True)
        assert made.centres is not None
        assert (made.centres > 0).all()
        assert (made.centres < 128).all()


def test_pictures_of_a_turned_video_are_upright(
    spotted: SpottedVideo, pictures: tuple[EventPictures, ...], tmp_path: Path
) -> None:
    """A quarter: as the face was followed in pictures that had been turned back."""
    seen, path = spotted.seen, tmp_path / "turned.mp4"
    frames = [np.rot90(frame.rgb, -1).copy() for frame in iter_frames(seen.info.path)]
    write_video(path, frames, 30.0)
    turned = replace(seen, info=replace(seen.info, path=path), turns=1)
    for made, upright in zip(
        event_pictures(turned, spotted.events, PictureConfig(size_px=128)), pictures, strict=True
    ):
        apex, wanted = decoded(made.apex), decoded(upright.apex)
        assert far(apex, wanted) < 5
        assert far(apex, np.rot90(wanted, 2)) > 20


def test_events_in_any_order_and_folders_with_gaps(
    spotted: SpottedVideo, pictures: tuple[EventPictures, ...], tmp_path: Path
) -> None:
    backwards = event_pictures(spotted.seen, spotted.events[::-1], PictureConfig(size_px=128))
    assert [made.apex for made in backwards[::-1]] == [made.apex for made in pictures]
    seen = spotted.seen
    pictures_of = (frame.rgb for frame in iter_frames(seen.info.path))
    write_frames(tmp_path / "all", pictures_of, start=0)
    for path in sorted((tmp_path / "all").iterdir())[1::2]:
        path.unlink()
    every_other = replace(
        seen,
        info=replace(seen.info, path=tmp_path / "all"),
        numbers=seen.numbers[::2],
        time_s=seen.time_s[::2],
        face=replace(seen.face, **{n: getattr(seen.face, n)[::2] for n in seen.face.__slots__}),
    )
    made = event_pictures(every_other, spotted.events, PictureConfig(size_px=128), 30.0)
    for near, exact in zip(made, pictures, strict=True):
        assert far(decoded(near.apex), decoded(exact.apex)) < 8


def test_a_blurred_picture_holds_blocks_and_no_more(spotted: SpottedVideo) -> None:
    config = PictureConfig("blurred", size_px=128)
    (made,) = event_pictures(spotted.seen, spotted.events[:1], config)
    assert made.ground == made.magnified == b""
    assert made.centres is None
    side = 128 // BLOCKS
    for jpeg in (made.onset, made.apex, made.offset):
        blocks = decoded(jpeg).reshape(BLOCKS, side, BLOCKS, side, 3).astype(int)
        assert np.ptp(blocks, axis=(1, 3)).max() <= 12  # what JPEG adds
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
    assert len(np.unique(blurred(noise))) <= BLOCKS**2


def test_no_pictures_are_read_where_no_faces_are_wanted(spotted: SpottedVideo) -> None:
    gone = replace(spotted.seen, info=replace(spotted.seen.info, path=Path("gone.mp4")))
    assert event_pictures(gone, spotted.events, PictureConfig("none")) == ()


def test_magnified_motion_is_so_many_times_as_large() -> None:
    """A patch of a textured face that moved 2 px to the right, in pictures of 160 px."""
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.integers(0, 255, (160, 160, 3), np.uint8), (0, 0), 2.5)
    onset = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    rows, columns = np.mgrid[:160, :160].astype(np.float32)
    bump = 2 * np.exp(-((rows - 100) ** 2 + (columns - 90) ** 2) / (2 * 18**2))
    apex = cv2.remap(onset, columns - bump, rows, cv2.INTER_CUBIC)
    moved = estimate_flow(to_gray(onset), to_gray(magnified_apex(onset, apex, 4.0)), "farneback")
    before = estimate_flow(to_gray(onset), to_gray(apex), "farneback")
    middle = np.s_[92:108, 82:98, 0]
    assert 2.2 < moved[middle].mean() / before[middle].mean() < 4.5
    assert np.abs(moved[20:40, 20:140]).mean() < 0.5


def test_arrows_begin_at_their_regions_and_follow_the_motion() -> None:
    moved = (
        RegionMotion("mouth corner", "left", 1.0, -2.0),
        RegionMotion("chin", "", float("nan"), float("nan")),
    )
    (arrow,) = arrows(moved, drawn_centres(224), 224, 10.0)
    assert arrow.region == "left mouth corner"
    assert arrow.x > 112  # the person's left is at the right of the picture
    assert arrow.y > 112
    assert arrow.down == pytest.approx(-2 * arrow.right)
    assert 5 < arrow.right < 10  # ten times, in a face that is shown a little smaller


def test_the_drawn_face_fills_its_picture_and_is_symmetric() -> None:
    points = np.array([point for line in drawn_face(200) for point in line])
    assert (points > 0).all()
    assert (points < 200).all()
    assert np.ptp(points[:, 1]) > 110
    assert points[:, 0].min() + points[:, 0].max() == pytest.approx(200, abs=2)


@pytest.mark.parametrize(
    "settings",
    [
        {"faces": "hidden"},
        {"magnify": 1.0},
        {"magnify": 99.0},
        {"magnify": 5.0, "faces": "none"},
        {"size_px": 4},
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        PictureConfig(**settings)  # type: ignore[arg-type]
