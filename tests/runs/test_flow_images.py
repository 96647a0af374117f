"""Flow images as clips: which methods they serve is said before any work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from merkit.errors import ConfigError
from merkit.methods import METHODS
from merkit.methods.encoder.config import EncoderConfig
from merkit.methods.linear_probe import LinearProbe
from merkit.runs.config import DataConfig
from merkit.runs.data import LabelledClips, prepare_clips
from merkit.training.loop import FitContext, predict
from merkit.training.reader import ClipReader
from merkit.training.tokens import with_tokens
from merkit.types import Clip, Fold

#: why each method is not served
REASONS = {
    "sfa-dgat": "no second picture",
    "hlora-mer": "no second picture",
    "lbp-top": "no second picture",
    "linear-probe": "no second picture",
    "hoof": "scaled to 0..255 by themselves",
    "stag": "neither landmarks",
    "evodyn": "neither landmarks",
    "sim-seq": "neither landmarks",
}


def flow_images(folder: Path, written: bool = False) -> LabelledClips:
    names = ("s01_s01_ne_01 .png", "s02_s02_po_01 .png", "s03_s03_ne_01 .png", "s04_s04_po_01 .png")
    clips = tuple(Clip(n, "smic", n[:3], folder / n, 100.0, "negative") for n in names)
    if written:
        for i, clip in enumerate(clips):
            image = np.full((28, 28, 3), 40 + 120 * (i % 2), np.uint8)
            image[:, 14:, 2] = 200  # u grows to the right
            cv2.imwrite(str(clip.media), image)
    return LabelledClips(clips, (), ())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_reads_frames_is_refused_before_any_work(name: str, tmp_path: Path) -> None:
    recipe = METHODS[name]().recipe
    config = DataConfig(store=tmp_path / "store", workers=1)
    if name not in REASONS:
        config = DataConfig(store=tmp_path / "store", workers=1, bad_clips="skip")
        prepare_clips(flow_images(tmp_path), recipe, config)  # missing files are another matter
        return
    with pytest.raises(ConfigError, match="4 of 4 clips are flow images") as caught:
        prepare_clips(flow_images(tmp_path), recipe, config)
    assert REASONS[name] in str(caught.value)
    message = str(caught.value)
    assert "ststnet, majority" in message
    assert "or linear-probe with model.picture=flow-map" in message
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("cached", [True, False])
def test_an_image_encoder_reads_flow_images(cached: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    geometry = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**geometry, image_size=28, patch_size=14)).save_pretrained(tmp_path)
    encoder = EncoderConfig(path=str(tmp_path), image_size_px=56)
    method = LinearProbe(picture="flow-map", encoder=encoder)
    method = replace(method, training=replace(method.training, epochs=40, learning_rate=0.1))
    data = flow_images(tmp_path, written=True)
    config = DataConfig(store=tmp_path / "store", workers=1)
    data, samples = prepare_clips(data, method.recipe, config)
    assert not samples.refused
    if cached:
        samples = with_tokens(method, samples, 2, "cpu")
        assert samples.tokens is not None
    ids = tuple(sorted(samples.keys))
    labels = {clip_id: i % 2 for i, clip_id in enumerate(ids)}
    fold = Fold("f", ids, (), ())
    model = method.fit(ClipReader(fold, labels, samples, {}, 2), FitContext()).model
    test = ClipReader(replace(fold, train=(), test=ids), {}, samples, {}, 2, ("predict",))
    assert predict(method, model, test, ids).argmax(1).tolist() == [0, 1, 0, 1]


def test_a_mirrored_flow_map_moves_the_other_way() -> None:
    maps = torch.zeros(1, 3, 28, 28, dtype=torch.uint8)
    maps[..., 0] = 9
    twin = LinearProbe(picture="flow-map").mirrored({"flow_map": maps})["flow_map"]
    assert twin[0, 0, 0, -1] == twin[0, 1, 0, -1] == 9
    assert (twin[0, 2, 0, -1], twin[0, 2, 0, 0]) == (246, 255)
