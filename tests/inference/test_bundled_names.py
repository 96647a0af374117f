"""The recognisers that come with merkit name movements together, each by its own recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merkit import Recognizer, analyse
from merkit.errors import MissingWeightsError, StoreError
from merkit.inference.bundled import Bundled, bundled
from merkit.methods import METHODS
from merkit.methods.bundled import BUNDLED, CLASSES, UNITS, read_recogniser
from merkit.samples.recipes import FlowMapRecipe
from merkit.spotting import SpottedVideo, spot_video
from merkit.types import Event, Recording
from merkit.video import iter_frames, write_video
from placeholder_recogniser import RegionRecogniser, region_folder, sim_flow_folder

pytestmark = [pytest.mark.usefixtures("tracked_once"), pytest.mark.thorough]
MICRO = Event("micro", 0.5, 0.67, 0.87, 115, 120, 126, 3.0, 0.03, 0.4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Two recognisers, the second of a method that only these tests have."""
    METHODS.register(RegionRecogniser)
    folder = tmp_path_factory.mktemp("recognisers")
    yield {
        "sim-flow": sim_flow_folder(folder / "flow"),
        "region-recogniser": region_folder(folder / "region"),
    }
    del METHODS._scripts[RegionRecogniser.name]


@pytest.fixture
def both(made: dict[str, Path]) -> Iterator[Bundled]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(BUNDLED, "sim-seq")  # type: ignore[arg-type]
        for name, folder in made.items():
            patch.setitem(BUNDLED, name, folder)  # type: ignore[arg-type]
        yield bundled("cpu")


@pytest.fixture(scope="module")
def spotted(tracked_once: None, tiny_images: Path) -> SpottedVideo:
    found = spot_video(tiny_images, fps_hz=30.0)
    macro = replace(MICRO, kind="macro")
    return replace(found, events=(MICRO, macro))


CRF = 26


def numbers(event: Event) -> np.ndarray:
    units = [side for unit in event.units for side in (unit.left, unit.right)]
    return np.array([*event.probabilities.values(), *units])


def test_a_second_recogniser_joins_with_its_own_recipe(
    both: Bundled, spotted: SpottedVideo
) -> None:
    together, macro = both.label(spotted, 30.0)
    assert macro == spotted.events[1]
    assert tuple(together.probabilities) == CLASSES
    assert tuple(unit.number for unit in together.units) == UNITS
    single = [member.label(spotted, 30.0)[0] for member in both.members]
    assert {type(member.recipe) for member in both.members} == {
        FlowMapRecipe,
        type(RegionRecogniser(start="random").recipe),
    }
    assert np.abs(numbers(single[0]) - numbers(single[1])).max() > 0.05
    one, other = numbers(single[0]), numbers(single[1])
    yes, no = np.sqrt(one * other), np.sqrt((1 - one) * (1 - other))
    wanted = yes / (yes + no)  # of each side of each unit
    wanted[: len(CLASSES)] = yes[: len(CLASSES)] / yes[: len(CLASSES)].sum()
    np.testing.assert_allclose(numbers(together), wanted, atol=1e-5)
    alone = Bundled([read_recogniser("sim-flow")], "cpu").label(spotted, 30.0)[0]
    np.testing.assert_array_equal(numbers(alone), numbers(single[0]))


def test_a_name_gives_what_the_default_gives(both: Bundled, spotted: SpottedVideo) -> None:
    named = Recognizer.from_pretrained("sim-flow", device="cpu")
    assert named.label(spotted, 30.0) == both.members[0].label(spotted, 30.0)
    assert (named.trained_on, both.trained_on) == (("simulation",), ("simulation",))
    assert named.track == both.track


def test_python_names_by_default_and_not_where_it_is_told_so(
    both: Bundled, tiny_images: Path
) -> None:
    assert both.recognisers
    found = analyse(tiny_images, fps_hz=30.0)
    assert (found.trained_on, found.units) == (("simulation",), UNITS)
    assert all(bool(e.probabilities) == (e.kind == "micro") for e in found.events)
    assert any(event.probabilities for event in found.events)
    plain = analyse(tiny_images, None, fps_hz=30.0)
    assert (plain.trained_on, plain.units) == ((), ())
    assert not any(event.probabilities for event in plain.events)


def test_what_is_not_made_does_not_stand_in_the_way_and_what_is_damaged_is_said(
    made: dict[str, Path], both: Bundled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUNDLED, "sim-flow", tmp_path / "gone")  # type: ignore[arg-type]
    assert [one.name for one in bundled().recognisers] == ["region-recogniser"]
    monkeypatch.setitem(BUNDLED, "region-recogniser", tmp_path / "gone")  # type: ignore[arg-type]
    with pytest.raises(MissingWeightsError, match="'sim-flow' is not made"):
        bundled()
    damaged = region_folder(tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"other")
    monkeypatch.setitem(BUNDLED, "region-recogniser", damaged)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="not as it was written"):
        bundled()


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """How far two maps are from agreeing, whatever the gain and offset of their channels."""
    pairs = zip(first, second, strict=True)
    return 1 - float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))


def test_the_steady_recipe_depends_less_on_the_encoding_and_on_the_frame(
    tiny_recording: Recording, tmp_path: Path
) -> None:
    """Maps of the same movements, encoded again, and from the frames beside onset and apex."""
    frames = [frame.rgb for frame in iter_frames(tiny_recording.media)]
    videos = {crf: tmp_path / f"{crf}.mp4" for crf in (18, 23)}
    for crf, path in videos.items():
        write_video(path, frames, 30.0, crf=crf)
    found: dict[str, list[float]] = {}
    for clip in tiny_recording.events:
        onset, apex = clip.onset_frame or 0, clip.apex_frame or 0
        own = replace(clip, first_frame=onset)
        others = [replace(own, media=path) for path in videos.values()]
        others.append(replace(own, onset_frame=onset + 1, apex_frame=apex - 1))
        for name, recipe in {"one": FlowMapRecipe(), "steady": FlowMapRecipe().steady()}.items():
            ours = recipe.sample(own).arrays["flow_map"]
            said = [apart(ours, recipe.sample(c).arrays["flow_map"]) for c in others]
            found.setdefault(f"{name} encoded", []).extend(said[:2])
            found.setdefault(f"{name} shifted", []).append(said[2])
    assert np.mean(found["steady encoded"]) < 0.75 * np.mean(found["one encoded"])
    assert np.mean(found["steady shifted"]) < 0.4 * np.mean(found["one shifted"])
