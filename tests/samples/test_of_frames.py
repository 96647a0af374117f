"""Recipes on frames in memory: what ``prepare`` stores of a clip of the same frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merkit.errors import ConfigError, FaceError, VideoError
from merkit.face.align import AlignConfig
from merkit.face.tracker import TrackConfig
from merkit.flow.config import FlowConfig
from merkit.samples.prepare import prepare
from merkit.samples.recipes import FlowMapRecipe, Recipe, RegionFlowRecipe, RgbRecipe
from merkit.types import U8, Clip
from merkit.video import read_frames

FPS_HZ = 30.0
FIRST = 100  # number of the first image of the folder
RGB = RgbRecipe(frames=4, align=AlignConfig(size_px=48))


@pytest.fixture(scope="module")
def film(tiny_images: Path) -> U8:
    return read_frames(tiny_images).rgb


@pytest.mark.parametrize(
    ("recipe", "event"),
    [
        (RGB, (None, None, None)),
        (RgbRecipe(frames=0, stride_hz=10, align=AlignConfig(size_px=48)), (9, None, 20)),
        (RegionFlowRecipe(frames=5, lead_frames=3), (9, 14, 20)),
        (FlowMapRecipe(), (9, 14, 20)),
        (FlowMapRecipe(pairs=3, flow=FlowConfig(crop="tight")), (9, 14, 20)),
    ],
    ids=["rgb", "rgb-all", "region-flow", "flow-map", "flow-map-of-pairs"],
)
def test_they_are_what_prepare_stores(
    recipe: Recipe,
    event: tuple[int | None, int | None, int | None],
    tiny_images: Path,
    film: U8,
    tmp_path: Path,
) -> None:
    first, apex, last = (None if place is None else FIRST + place for place in event)
    clip = Clip("c", "d", "s", tiny_images, FPS_HZ, "", first, last, first, apex, last)
    stored = prepare([clip], recipe, tmp_path, workers=1).read("c").arrays
    made = recipe.of_frames(film, FPS_HZ, *event)
    assert made.keys() == stored.keys()
    np.testing.assert_array_equal(made[recipe.makes], stored[recipe.makes])
    np.testing.assert_allclose(np.diff(made["time_s"]), np.diff(stored["time_s"]))
    shape = [made[recipe.makes].shape[i] if n == "T" else n for i, n in forms(recipe)]
    assert list(made[recipe.makes].shape) == shape
    assert str(made[recipe.makes].dtype) == recipe.inputs()[0].dtype


def forms(recipe: Recipe) -> list[tuple[int, int | str]]:
    """Axes and sizes that the recipe says its array has, without the batch."""
    return list(enumerate(recipe.inputs()[0].shape[1:]))


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (lambda film: film / 255, VideoError, "float64 pixels"),
        (lambda film: film[0], VideoError, "one after another"),
        (lambda film: film[:0], VideoError, "0 frames"),
        (np.zeros_like, FaceError, "face"),
    ],
)
def test_frames_that_cannot_be_are_refused(change, error, told: str, film: U8) -> None:
    with pytest.raises(error, match=told):
        RGB.of_frames(change(film), FPS_HZ)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"fps_hz": 0}, "frame rate 0"),
        ({"fps_hz": 30, "onset": 9, "apex": 4}, "onset 9, apex 4"),
        ({"fps_hz": 30, "offset": 500}, "each a position from 0"),
    ],
)
def test_events_that_cannot_be_are_refused(settings, told: str, film: U8) -> None:
    with pytest.raises(ConfigError, match=told):
        RGB.of_frames(film, **settings)


def test_landmarks_of_another_program_belong_to_clips(film: U8, tmp_path: Path) -> None:
    track = TrackConfig(tracker="precomputed", landmarks_path=str(tmp_path))
    with pytest.raises(ConfigError, match="without a clip"):
        RgbRecipe(frames=4, track=track).of_frames(film, FPS_HZ)
