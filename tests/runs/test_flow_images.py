"""Flow images as clips: which methods they serve is said before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from merkit.errors import ConfigError
from merkit.methods import METHODS
from merkit.runs.config import DataConfig
from merkit.runs.data import LabelledClips, prepare_clips
from merkit.samples.recipes import FlowMapRecipe
from merkit.types import Clip


def flow_images(folder: Path) -> LabelledClips:
    names = ("s01_s01_ne_01 .png", "s02_s02_po_01 .png")
    clips = tuple(Clip(n, "smic", n[:3], folder / n, 100.0, "negative") for n in names)
    return LabelledClips(clips, (), ())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_reads_frames_is_refused_before_any_work(name: str, tmp_path: Path) -> None:
    recipe = METHODS[name]().recipe
    config = DataConfig(store=tmp_path / "store", workers=1)
    if recipe is None or isinstance(recipe, FlowMapRecipe):
        config = DataConfig(store=tmp_path / "store", workers=1, bad_clips="skip")
        prepare_clips(flow_images(tmp_path), recipe, config)  # missing files are another matter
        return
    with pytest.raises(ConfigError, match="2 of 2 clips are flow images") as caught:
        prepare_clips(flow_images(tmp_path), recipe, config)
    assert "ststnet, majority" in str(caught.value)
    assert not (tmp_path / "store").exists()
