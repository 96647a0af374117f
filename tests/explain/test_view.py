"""The face that figures draw on, the regions on it, and their motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from explain_models import OpenCase

from merkit.errors import ConfigError
from merkit.explain.case import Case
from merkit.explain.motion import open_motion, top_regions
from merkit.explain.view import Pictures, reading_of
from merkit.methods import make_method
from merkit.samples.recipes import Arrays, Recipe, RgbRecipe
from merkit.types import I64, Clip, FaceTrack, Frames

READS = ["sfa-dgat", "stag", "ststnet"]


class OwnPictures(RgbRecipe):
    """A recipe of another package that makes pictures."""


class Sound(Recipe):
    """A recipe that makes what no figure can show."""

    makes = "sound"

    def pick(self, clip: Clip, available: I64) -> I64:
        return available

    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        return {"sound": frames.time_s}


def test_a_recipe_is_read_as_its_class_is() -> None:
    method = make_method("hlora-mer")
    assert isinstance(reading_of(replace(method, recipe=OwnPictures())), Pictures)
    with pytest.raises(ConfigError, match="hlora-mer reads sound of a clip"):
        reading_of(replace(method, recipe=Sound()))
    with pytest.raises(ConfigError, match="majority reads nothing of a clip"):
        reading_of(make_method("majority"))


@pytest.mark.parametrize("method", READS)
def test_the_sample_is_the_one_that_training_reads(
    open_named: OpenCase, clip: Clip, method: str
) -> None:
    case = open_named(method)
    expected = case.scorer.reading.recipe.sample(clip)
    assert case.view.sample.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(case.view.sample.arrays[name], array)


@pytest.mark.parametrize("method", READS)
def test_regions_lie_inside_the_picture_in_the_order_of_a_face(
    open_named: OpenCase, method: str
) -> None:
    view = open_named(method).view
    centres = dict(zip(view.regions, view.centres_px, strict=True))
    assert (view.centres_px >= 0).all()
    assert (view.centres_px <= view.size_px - 1).all()
    left, right = centres["left mouth corner (p48)"], centres["right mouth corner (p54)"]
    assert left[0] < right[0]
    assert centres["left brow inner (p20)"][1] < centres["left lower eyelid"][1] < left[1]
    assert view.time_ms[0] == 0
    assert (np.diff(view.time_ms) >= 0).all()


def test_every_region_has_pixels_and_no_pixel_has_two(open_named: OpenCase) -> None:
    view = open_named("sfa-dgat").view
    regions = view.region_map()
    assert regions.shape == (view.size_px, view.size_px)
    assert set(np.unique(regions)) == set(range(len(view.regions) + 1))
    for r, box in enumerate(view.boxes_px):
        rows, columns = np.nonzero(regions == r)
        assert columns.min() + 0.5 > box[0]
        assert columns.max() + 0.5 < box[2]
        assert rows.min() + 0.5 > box[1]
        assert rows.max() + 0.5 < box[3]


def test_motion_of_a_smile_is_at_the_mouth(open_named: OpenCase) -> None:
    case: Case = open_named("sfa-dgat")
    view, displacement = open_motion(case)
    size = np.linalg.norm(displacement, axis=-1).mean(axis=0)
    strongest = {view.regions[r] for r in np.argsort(size)[-4:]}
    assert "left mouth corner (p48)" in strongest
    assert "right mouth corner (p54)" in strongest


def test_motion_against_the_previous_frame_is_added_up(open_named: OpenCase) -> None:
    case = open_named("stag")
    _, displacement = open_motion(case)
    assert case.loaded.method.flow.reference == "previous"  # type: ignore[attr-defined]
    flow = case.view.sample.arrays["flow"]
    np.testing.assert_allclose(displacement, np.cumsum(flow, axis=0), atol=1e-6)


def test_top_regions_are_those_that_move_most() -> None:
    size = np.array([[0, 3, 1, 2.0], [0, 1, 1, 2.0]])
    assert top_regions(size, 3) == [1, 3, 2]
