"""Patch features with and without adapters, and the features of many clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from explain_models import OpenCase
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from transformers import Dinov2Model

from merkit.errors import ConfigError
from merkit.explain import ExplainConfig
from merkit.explain.features import (
    adapters,
    database_features,
    embed,
    first_component,
    flat,
    patch_tokens,
    without_adapters,
)
from merkit.inference.modelfolder import LoadedModel
from merkit.methods.encoder.network import Encoder
from merkit.runs.config import DataConfig


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), rows=st.integers(3, 40), width=st.integers(2, 12))
def test_first_component_equals_scikit_learn(seed: int, rows: int, width: int) -> None:
    x = np.random.default_rng(seed).normal(size=(rows, width))
    found, reference = first_component(x), PCA(1, svd_solver="full").fit(x)
    expected = reference.transform(x)[:, 0]
    expected = expected * np.sign(expected @ found.scores)
    np.testing.assert_allclose(found.scores, expected, atol=1e-8)
    full = PCA(svd_solver="full").fit(x).explained_variance_ratio_[0]
    assert found.share == pytest.approx(full)
    direction = (x - x.mean(axis=0)).T @ found.scores
    assert direction[np.abs(direction).argmax()] > 0


def test_equal_rows_have_no_component() -> None:
    found = first_component(np.ones((6, 3)))
    assert found.share == 0
    assert not found.scores.any()


def test_rows_are_centred_within_their_frame() -> None:
    tokens = np.random.default_rng(0).normal(size=(4, 9, 5)).astype(np.float32)
    shifted = tokens + np.arange(4, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(flat(tokens), flat(shifted), atol=1e-5)


def test_without_adapters_it_is_the_model_of_the_folder(
    open_named: OpenCase, backbone: object
) -> None:
    case = open_named("lora")
    encoder: Encoder = case.loaded.model.encoder  # type: ignore[assignment]
    plain = Dinov2Model.from_pretrained(str(backbone)).eval()
    pixels = (case.scorer.values[0] / 255 - encoder.mean) / encoder.std
    with torch.no_grad():
        expected = plain(pixels).last_hidden_state[:, 1:].numpy()
    with without_adapters(encoder):
        found = patch_tokens(encoder, case.scorer.values)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    tuned = patch_tokens(encoder, case.scorer.values)
    assert np.abs(tuned - expected).max() > 1e-2


def test_adapters_and_what_is_trainable_are_restored(open_named: OpenCase) -> None:
    case = open_named("lora")
    encoder: Encoder = case.loaded.model.encoder  # type: ignore[assignment]
    assert len(adapters(encoder)) == 2  # query and value of one block
    before = case.scorer.output(case.scorer.values).logits
    trainable = {n for n, p in encoder.named_parameters() if p.requires_grad}
    config = encoder.config
    with pytest.raises(ConfigError, match="frames of shape"), without_adapters(encoder):
        patch_tokens(encoder, case.scorer.values[..., :10, :10])
    assert torch.equal(case.scorer.output(case.scorer.values).logits, before)
    assert {n for n, p in encoder.named_parameters() if p.requires_grad} == trainable
    assert encoder.config is config


def test_embedding_is_repeatable_and_needs_clips() -> None:
    vectors = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    first, again = (embed(vectors, ExplainConfig()) for _ in range(2))
    assert first.shape == (9, 2)
    np.testing.assert_array_equal(first, again)
    with pytest.raises(ConfigError, match="5 clips"):
        embed(vectors[:5], ExplainConfig())


def test_features_are_those_of_the_model(
    open_named: OpenCase,
    loaded: Callable[[str], LoadedModel],
    database: Path,
    tmp_path: Path,
) -> None:
    data = DataConfig(data=("synthetic",), root=(database,), store=tmp_path, workers=1)
    vectors, clips = database_features(loaded("stag"), data, "cpu", chunk=4)
    assert len(vectors) == len(clips.rows) == 6
    counts = clips.facts()["clips_per_class"]
    assert counts == {"negative": 2, "positive": 2, "surprise": 2}
    case = open_named("stag")
    expected = case.output.features[0].detach().numpy()
    assert np.abs(vectors - expected).sum(axis=1).min() < 1e-4
    other = DataConfig(
        data=("synthetic",), root=(database,), classes="4", store=tmp_path, workers=1
    )
    with pytest.raises(ConfigError, match="--classes 4"):
        database_features(loaded("stag"), other, "cpu", chunk=4)
