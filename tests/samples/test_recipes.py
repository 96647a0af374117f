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
from merkit.samples.recipes import (
    FlowMapRecipe,
    Recipe,
    RegionFlowRecipe,
    RgbRecipe,
    clip_frame_numbers,
)
from merkit.types import Clip
from merkit.video import read_frames
from merkit.video.fingerprint import clip_key, content_key

RGB = RgbRecipe(frames=4, align=AlignConfig(size_px=48))
CLIP = Clip("c", "db", "s", Path("nowhere"), 100.0, "happiness")


@pytest.fixture(scope="session")
def clip(tiny_database: Path) -> Clip:
    return load_dataset("synthetic", tiny_database)[0]


def numbers(n: int, first: int = 10) -> np.ndarray:
    return np.arange(first, first + n)


def picked(n: int, recipe: Recipe, fps_hz: float = 30.0) -> list[int]:
    """Numbers that a recipe takes of ``n`` frames numbered from 10."""
    return recipe.pick(replace(CLIP, fps_hz=fps_hz), numbers(n)).tolist()


# which frames


def test_linspace_reaches_both_ends_and_floor_is_the_printed_rule() -> None:
    assert picked(11, RGB) == [10, 13, 17, 20]
    floor = replace(RGB, sampling="floor")
    assert picked(11, floor) == [10, 12, 15, 18]  # floor(k N / T)


def test_step_is_what_the_authors_of_hlora_mer_compute() -> None:
    eight = replace(RGB, frames=8, sampling="step")
    assert [i - 10 for i in picked(15, eight)] == list(range(8))
    assert [i - 10 for i in picked(16, eight)] == list(range(0, 16, 2))
    assert [i - 10 for i in picked(3, eight)] == [0, 1, 2, 2, 2, 2, 2, 2]


def test_frames_before_the_clip_are_read_as_far_as_there_are(clip: Clip) -> None:
    every = replace(RGB, frames=0)
    inner = replace(clip, first_frame=int(clip_frame_numbers(clip)[3]))
    own, lead = every.choose(inner), replace(every, lead_frames=2).choose(inner)
    assert lead.tolist() == [own[0] - 2, own[0] - 1, *own]
    start = int(clip_frame_numbers(replace(clip, first_frame=None, last_frame=None))[0])
    all_of_it = replace(every, lead_frames=10_000).choose(inner)
    assert (all_of_it[0], all_of_it[-1]) == (start, own[-1])


def test_a_sample_follows_the_content_of_the_frames_before_the_clip(tmp_path: Path) -> None:
    for n in range(1, 7):
        cv2.imwrite(str(tmp_path / f"img{n}.png"), np.full((8, 8, 3), n, np.uint8))
    inner = replace(CLIP, media=tmp_path, first_frame=4, last_frame=6)
    lead = replace(RGB, lead_frames=2)
    before, without = lead.sample_key(inner), RGB.sample_key(inner)
    cv2.imwrite(str(tmp_path / "img2.png"), np.full((8, 9, 3), 99, np.uint8))
    assert lead.sample_key(inner) != before
    assert RGB.sample_key(inner) == without


def test_a_short_clip_repeats_frames() -> None:
    assert picked(2, RGB) == [10, 10, 11, 11]
    assert picked(1, RGB) == [10] * 4


def test_all_frames_or_about_so_many_a_second() -> None:
    every = replace(RGB, frames=0)
    assert picked(20, every, 100.0) == list(range(10, 30))
    thinned = replace(every, stride_hz=25.0)
    assert picked(20, thinned, 100.0) == [10, 14, 18, 22, 26]
    assert picked(5, thinned, 12.0) == [10, 11, 12, 13, 14]  # never more than there are
    cut = replace(thinned, max_frames=2)
    assert picked(20, cut, 100.0) == [10, 14]


def test_motion_is_measured_at_the_frames_that_pictures_are_taken_from() -> None:
    assert picked(11, RegionFlowRecipe(frames=4)) == picked(11, RGB)


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=60, unique=True).map(sorted),
    st.integers(1, 20),
    st.sampled_from(["linspace", "floor", "step"]),
)
def test_sampling_is_ordered_and_takes_what_exists(
    there: list[int], frames: int, sampling: str
) -> None:
    recipe = replace(RGB, frames=frames, sampling=sampling)  # type: ignore[arg-type]
    found = recipe.pick(CLIP, np.array(there))
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
    assert FlowMapRecipe().pick(clip, numbers(10)).tolist() == expected


def test_the_nearest_frame_stands_in_for_a_missing_apex_frame() -> None:
    clip = replace(CLIP, onset_frame=10, apex_frame=14)
    there = np.array([10, 11, 12, 17, 18])
    assert FlowMapRecipe().pick(clip, there).tolist() == [10, 12]


PAIRS = FlowMapRecipe(pairs=3)


@pytest.mark.parametrize(
    ("recipe", "fps_hz", "expected"),
    [
        (PAIRS, 30.0, [18, 19, 20, 25, 26, 27]),  # 0.02 s is less than a frame: one frame
        (PAIRS, 200.0, [12, 16, 20, 23, 26, 29]),  # 0.02 s are four frames, half the way is three
        (replace(PAIRS, pairs=5), 30.0, [16, 17, 18, 19, 20, 24, 25, 26, 27, 28]),
        (replace(PAIRS, spread_s=0.2), 30.0, [10, 14, 20, 23, 26, 29]),  # where there are frames
        (replace(PAIRS, pairs=1), 200.0, [20, 26]),
    ],
)
def test_pairs_lie_around_onset_and_apex_by_time(
    recipe: FlowMapRecipe, fps_hz: float, expected: list[int], tmp_path: Path
) -> None:
    """The clip begins at its onset; frames of the recording before it are read all the same."""
    for n in range(10, 40):
        cv2.imwrite(str(tmp_path / f"img{n}.png"), np.full((8, 8, 3), n, np.uint8))
    inner = replace(
        CLIP, media=tmp_path, fps_hz=fps_hz,
        first_frame=20, onset_frame=20, apex_frame=26, last_frame=30,
    )  # fmt: skip
    assert recipe.choose(inner).tolist() == expected
    before = recipe.sample_key(inner)
    cv2.imwrite(str(tmp_path / f"img{expected[0]}.png"), np.full((8, 8, 3), 99, np.uint8))
    assert recipe.sample_key(inner) != before


def test_no_pair_is_of_one_frame_with_itself(clip: Clip) -> None:
    first = int(clip_frame_numbers(clip)[0])
    brief = replace(clip, first_frame=first, onset_frame=first, apex_frame=first + 1)
    before, around = replace(PAIRS, pairs=5).choose(brief).reshape(2, 5)
    assert before.tolist() == [first] * 5
    assert around.tolist() == [first + 1] * 4 + [first + 2]


def test_settings_of_pairs_leave_the_key_of_one_as_it_is() -> None:
    assert FlowMapRecipe(pairs=1, spread_s=0.02).key() == FlowMapRecipe().key()
    assert FlowMapRecipe().steady().key() != FlowMapRecipe().key()
    with pytest.raises(ConfigError, match=r"recipe\.pairs is 0"):
        FlowMapRecipe(pairs=0)
    assert RGB.steady() is RGB


def test_a_clip_without_any_of_its_frames_is_refused(clip: Clip) -> None:
    with pytest.raises(VideoError, match="no frame between 900 and 950"):
        clip_frame_numbers(replace(clip, first_frame=900, last_frame=950))


def test_only_frames_of_the_clip_are_chosen(clip: Clip) -> None:
    first, last = clip.first_frame, clip.last_frame
    assert first is not None
    assert last is not None
    assert RGB.choose(clip).tolist() == RGB.pick(clip, np.arange(first, last + 1)).tolist()
    part = replace(clip, last_frame=first + 2)
    assert set(RGB.choose(part).tolist()) == {first, first + 1, first + 2}


# samples


def test_an_rgb_sample_has_the_form_the_recipe_says(clip: Clip) -> None:
    sample = RGB.sample(clip)
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
    recipe = RegionFlowRecipe(frames=5, flow=FlowConfig(reference="first"))
    flow = recipe.sample(clip).arrays["flow"]
    assert flow.shape == (5, 18, 2)
    assert flow.dtype == np.float32
    assert not flow[0].any()
    assert np.abs(flow[2]).max() > 0.5  # 4 px at the apex, in the middle of the clip


def test_a_flow_map_sample(clip: Clip) -> None:
    image = FlowMapRecipe().sample(clip).arrays["flow_map"]
    assert image.shape == (3, 28, 28)
    assert image.dtype == np.uint8
    assert (image.reshape(3, -1).max(1) == 255).all()  # each channel uses its whole range


def test_the_same_clip_gives_the_same_sample(clip: Clip) -> None:
    a, b = RGB.sample(clip), RGB.sample(clip)
    np.testing.assert_array_equal(a.arrays["rgb"], b.arrays["rgb"])


RECIPES = [RGB, RegionFlowRecipe(frames=4), FlowMapRecipe(), PAIRS]
by_kind = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.makes)


@by_kind
def test_the_three_calls_by_hand_make_the_same_sample(recipe: Recipe, clip: Clip) -> None:
    """Training makes samples in one call, prediction and figures frame by frame."""
    whole = recipe.sample(clip)
    frames = read_frames(clip.media, numbers=recipe.choose(clip), fps_hz=clip.fps_hz)
    made = recipe.make(frames, recipe.follow(frames))
    assert set(made) == {recipe.makes}
    np.testing.assert_array_equal(made[recipe.makes], whole.arrays[recipe.makes])
    np.testing.assert_array_equal(frames.time_s, whole.arrays["time_s"])


def test_motion_needs_the_face_in_the_first_frames_only(clip: Clip) -> None:
    frames = read_frames(clip.media, numbers=clip_frame_numbers(clip)[:8], fps_hz=clip.fps_hz)
    assert len(RGB.follow(frames).found) == 8
    assert len(RegionFlowRecipe().follow(frames).found) == 5


def faceless(folder: Path, n: int = 6) -> Clip:
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(n):
        cv2.imwrite(str(folder / f"img{i}.png"), random.integers(0, 256, (90, 90, 3), np.uint8))
    return replace(CLIP, media=folder)


@by_kind
def test_a_clip_without_a_face_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    clip = faceless(tmp_path / "clip")
    with pytest.raises(FaceError, match="c"):
        recipe.sample(clip)


# published flow images


def flow_image(path: Path, side: int = 28) -> Clip:
    image = np.zeros((side, side, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 10, 20, 30  # OpenCV writes blue, green, red
    cv2.imwrite(str(path), image)
    return replace(CLIP, media=path)


def test_a_published_flow_image_is_read_in_the_order_blue_green_red(tmp_path: Path) -> None:
    sample = FlowMapRecipe().sample(flow_image(tmp_path / "m.png"))
    assert sample.arrays["flow_map"].shape == (3, 28, 28)
    assert sample.arrays["flow_map"][:, 0, 0].tolist() == [10, 20, 30]
    assert sample.found_share == 1.0


def test_a_flow_image_suits_no_other_recipe(tmp_path: Path) -> None:
    clip = flow_image(tmp_path / "m.png")
    with pytest.raises(ConfigError, match="ststnet"):
        RGB.sample(clip)
    with pytest.raises(VideoError, match="30x30"):
        FlowMapRecipe().sample(flow_image(tmp_path / "n.png", 30))


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
