"""From a clip to its sample: which frames are read, what comes out, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.datasets import load_dataset
from merkit.errors import ConfigError, FaceError, MissingDataError, VideoError
from merkit.face.align import AlignConfig
from merkit.flow.config import FlowConfig
from merkit.samples.build import build_sample, choose_numbers, clip_frame_numbers, sample_numbers
from merkit.samples.recipe import Recipe
from merkit.types import Clip
from merkit.video.fingerprint import clip_key, content_key

RGB = Recipe(frames=4, align=AlignConfig(size_px=48))
CLIP = Clip("c", "db", "s", Path("nowhere"), 100.0, "happiness")


@pytest.fixture(scope="session")
def clip(tiny_database: Path) -> Clip:
    return load_dataset("synthetic", tiny_database)[0]


def numbers(n: int, first: int = 10) -> np.ndarray:
    return np.arange(first, first + n)


# which frames


def test_linspace_reaches_both_ends_and_floor_is_the_printed_rule() -> None:
    assert sample_numbers(numbers(11), RGB, 30.0).tolist() == [10, 13, 17, 20]
    floor = replace(RGB, sampling="floor")
    assert sample_numbers(numbers(11), floor, 30.0).tolist() == [10, 12, 15, 18]  # floor(k N / T)


def test_a_short_clip_repeats_frames() -> None:
    assert sample_numbers(numbers(2), RGB, 30.0).tolist() == [10, 10, 11, 11]
    assert sample_numbers(numbers(1), RGB, 30.0).tolist() == [10] * 4


def test_all_frames_or_about_so_many_a_second() -> None:
    every = replace(RGB, frames=0)
    assert sample_numbers(numbers(20), every, 100.0).tolist() == list(range(10, 30))
    thinned = replace(every, stride_hz=25.0)
    assert sample_numbers(numbers(20), thinned, 100.0).tolist() == [10, 14, 18, 22, 26]
    slow = sample_numbers(numbers(5), thinned, 12.0)
    assert slow.tolist() == [10, 11, 12, 13, 14]  # never more than there are
    cut = replace(thinned, max_frames=2)
    assert sample_numbers(numbers(20), cut, 100.0).tolist() == [10, 14]


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=60, unique=True).map(sorted),
    st.integers(1, 20),
    st.sampled_from(["linspace", "floor"]),
)
def test_sampling_is_ordered_and_takes_what_exists(
    there: list[int], frames: int, sampling: str
) -> None:
    recipe = replace(RGB, frames=frames, sampling=sampling)  # type: ignore[arg-type]
    found = sample_numbers(np.array(there), recipe, 30.0)
    assert len(found) == frames
    assert set(found.tolist()) <= set(there)
    assert (np.diff(found) >= 0).all()
    assert found[0] == there[0]
    if sampling == "linspace" and frames > 1:
        assert found[-1] == there[-1]


@pytest.mark.parametrize(
    ("apex", "expected"),
    [(15, [12, 15]), (None, [12, 15]), (12, [12, 15]), (11, [12, 15]), (17, [12, 17])],
)
def test_flow_maps_read_onset_and_apex_or_the_middle(apex: int | None, expected: list[int]) -> None:
    clip = replace(CLIP, onset_frame=12, apex_frame=apex)
    recipe = Recipe(kind="flow_map")
    assert choose_numbers(clip, numbers(10), recipe).tolist() == expected


def test_the_nearest_frame_stands_in_for_a_missing_apex_frame() -> None:
    clip = replace(CLIP, onset_frame=10, apex_frame=14)
    there = np.array([10, 11, 12, 17, 18])
    assert choose_numbers(clip, there, Recipe(kind="flow_map")).tolist() == [10, 12]


def test_a_clip_without_any_of_its_frames_is_refused(clip: Clip) -> None:
    with pytest.raises(VideoError, match="no frame between 900 and 950"):
        clip_frame_numbers(replace(clip, first_frame=900, last_frame=950))


# samples


def test_an_rgb_sample_has_the_form_the_recipe_says(clip: Clip) -> None:
    sample = build_sample(clip, RGB)
    assert sample.clip_id == clip.clip_id
    assert sample.arrays["rgb"].shape == (4, 3, 48, 48)
    assert sample.arrays["rgb"].dtype == np.uint8
    assert sample.found_share == 1.0
    time_s = sample.arrays["time_s"]
    assert time_s.shape == (4,)
    assert (np.diff(time_s) > 0).all()
    length = (clip.offset_frame or 0) - (clip.onset_frame or 0)
    assert time_s[-1] - time_s[0] == pytest.approx(length / clip.fps_hz, abs=1e-6)


def test_a_flow_sample_starts_still_and_then_moves(clip: Clip) -> None:
    recipe = Recipe(kind="roi_flow", frames=5, flow=FlowConfig(reference="first"))
    flow = build_sample(clip, recipe).arrays["flow"]
    assert flow.shape == (5, 18, 2)
    assert flow.dtype == np.float32
    assert not flow[0].any()
    assert np.abs(flow[2]).max() > 0.5  # 4 px at the apex, in the middle of the clip


def test_a_flow_map_sample(clip: Clip) -> None:
    image = build_sample(clip, Recipe(kind="flow_map")).arrays["flow_map"]
    assert image.shape == (3, 28, 28)
    assert image.dtype == np.uint8
    assert (image.reshape(3, -1).max(1) == 255).all()  # each channel uses its whole range


def test_the_same_clip_gives_the_same_sample(clip: Clip) -> None:
    a, b = build_sample(clip, RGB), build_sample(clip, RGB)
    np.testing.assert_array_equal(a.arrays["rgb"], b.arrays["rgb"])


def faceless(folder: Path, n: int = 6) -> Clip:
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(n):
        cv2.imwrite(str(folder / f"img{i}.png"), random.integers(0, 256, (90, 90, 3), np.uint8))
    return replace(CLIP, media=folder)


@pytest.mark.parametrize("kind", ["rgb", "roi_flow", "flow_map"])
def test_a_clip_without_a_face_is_refused(kind: str, tmp_path: Path) -> None:
    clip = faceless(tmp_path / "clip")
    with pytest.raises(FaceError, match="c"):
        build_sample(clip, replace(RGB, kind=kind))  # type: ignore[arg-type]


# published flow images


def flow_image(path: Path, side: int = 28) -> Clip:
    image = np.zeros((side, side, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 10, 20, 30  # OpenCV writes blue, green, red
    cv2.imwrite(str(path), image)
    return replace(CLIP, media=path)


def test_a_published_flow_image_is_read_in_the_order_blue_green_red(tmp_path: Path) -> None:
    sample = build_sample(flow_image(tmp_path / "m.png"), Recipe(kind="flow_map"))
    assert sample.arrays["flow_map"].shape == (3, 28, 28)
    assert sample.arrays["flow_map"][:, 0, 0].tolist() == [10, 20, 30]
    assert sample.found_share == 1.0


def test_a_flow_image_suits_no_other_recipe(tmp_path: Path) -> None:
    clip = flow_image(tmp_path / "m.png")
    with pytest.raises(ConfigError, match="ststnet"):
        build_sample(clip, RGB)
    with pytest.raises(VideoError, match="30x30"):
        build_sample(flow_image(tmp_path / "n.png", 30), Recipe(kind="flow_map"))


# identity


def test_the_key_follows_content_and_frames_and_no_label(clip: Clip, tmp_path: Path) -> None:
    assert clip_key(clip) == clip_key(replace(clip, emotion="fear", clip_id="other", raw={}))
    assert clip_key(replace(clip, last_frame=(clip.last_frame or 9) - 1)) != clip_key(clip)
    assert clip_key(replace(clip, apex_frame=(clip.apex_frame or 9) + 1)) != clip_key(clip)
    assert content_key(replace(clip, apex_frame=1)) == content_key(clip)


def test_one_changed_pixel_makes_another_clip(tmp_path: Path) -> None:
    clip = faceless(tmp_path / "clip")
    before = clip_key(clip), content_key(clip)
    image = cv2.imread(str(clip.media / "img3.png"))
    image[0, 0, 0] ^= 1
    cv2.imwrite(str(clip.media / "img3.png"), image)
    assert clip_key(clip) != before[0]
    assert content_key(clip) != before[1]


def test_a_copy_under_another_name_has_the_same_content(clip: Clip, tmp_path: Path) -> None:
    import shutil

    copied = replace(clip, media=shutil.copytree(clip.media, tmp_path / "copy"), clip_id="twin")
    assert content_key(copied) == content_key(clip)


def test_media_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="clip 'c' has no media"):
        clip_key(replace(CLIP, media=tmp_path / "gone"))
