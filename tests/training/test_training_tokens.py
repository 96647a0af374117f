"""Frozen means computed once: training from cached tokens equals training from frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from merkit.errors import ConfigError
from merkit.methods import make_method
from merkit.methods.base import Method
from merkit.samples.augment import AugmentConfig
from merkit.samples.prepare import SampleSet
from merkit.samples.store import SampleStore
from merkit.training.loop import FitContext, FitSummary, predict
from merkit.training.reader import ClipReader
from merkit.training.tokens import with_tokens
from merkit.types import Fold, Sample

IDS = tuple(f"c{i}" for i in range(9))
LABELS = {clip_id: i % 3 for i, clip_id in enumerate(IDS)}
FOLD = Fold("f", IDS[:6], IDS[6:], ())
SIZES: dict[str, Any] = {
    "frames": 3,
    "sfa": {"width": 8, "channels": 2},
    "dgat": {"width": 8, "lstm_hidden": 4},
    "fusion": {"width": 8},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    geometry = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    config = Dinov2Config(**geometry, image_size=28, patch_size=14, initializer_range=0.3)
    folder = tmp_path_factory.mktemp("tokens") / "dinov2"
    Dinov2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture
def method(weights: Path) -> Method:
    encoder = {"path": str(weights), "image_size_px": 28, "lora_rank": 4}
    training = {
        "epochs": 4,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "views": 3,
        "selection": "last",
    }
    return make_method("sfa-dgat", {"encoder": encoder, **SIZES}, training)


def samples() -> dict[str, Sample]:
    random = np.random.default_rng(4)
    shape = (3, 3, 28, 28)
    return {c: Sample(c, {"rgb": random.integers(0, 256, shape, dtype=np.uint8)}) for c in IDS}


@pytest.fixture
def prepared(method: Method, tmp_path: Path) -> SampleSet:
    return stored(method, tmp_path / "store", IDS)


def stored(method: Method, root: Path, ids: Sequence[str]) -> SampleSet:
    """Samples of some of the clips in a store of their own."""
    assert method.recipe is not None
    store = SampleStore(root, method.recipe)
    for name in ids:
        store.write(name, samples()[name])
    return SampleSet(store, {c: c for c in ids}, {}, len(ids))


def changed(method: Method, **settings: Any) -> Method:
    return replace(method, training=replace(method.training, **settings))


def tokens_of(samples: SampleSet) -> dict[str, np.ndarray]:
    assert samples.tokens is not None
    return {c: np.load(path) for c, path in samples.tokens.items()}


def train(method: Method, samples: SampleSet) -> tuple[np.ndarray, FitSummary]:
    clips = ClipReader(FOLD, LABELS, samples, {}, 3)
    fitted = method.fit(clips, FitContext())
    return predict(method, fitted.model, clips, IDS, "fit"), fitted.summary


def test_training_from_tokens_equals_training_from_frames(
    method: Method, prepared: SampleSet
) -> None:
    method = changed(method, augment=False)
    cached = with_tokens(method, prepared, 3, "cpu")
    tokens = tokens_of(cached)
    assert set(tokens) == set(IDS)
    assert {t.dtype for t in tokens.values()} == {np.dtype(np.float16)}
    assert {t.shape for t in tokens.values()} == {(1, 3, 5, 32)}  # one view; class + 4 patches
    from_frames, slow = train(method, prepared)
    from_tokens, fast = train(method, cached)
    np.testing.assert_allclose(from_tokens, from_frames, atol=5e-3)
    assert [e.val_uf1 for e in fast.history] == [e.val_uf1 for e in slow.history]
    assert fast.history[-1].train_loss == pytest.approx(slow.history[-1].train_loss, rel=1e-2)
    untrained = train(changed(method, learning_rate=1e-9), prepared)[0]
    assert np.abs(from_frames - untrained).max() > 0.03  # it was a training, not a standstill


@pytest.mark.parametrize("how", ["cut", "altered", "record lost"])
def test_tokens_that_are_not_as_written_are_made_again(
    how: str, method: Method, prepared: SampleSet
) -> None:
    cached = with_tokens(method, prepared, 3, "cpu")
    wanted = tokens_of(cached)
    assert cached.tokens is not None
    path = cached.tokens[IDS[0]]
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[:-100])
    elif how == "altered":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        path.with_suffix(".crc32").unlink()
    before = {c: p.stat().st_mtime_ns for c, p in cached.tokens.items()}
    again = with_tokens(method, prepared, 3, "cpu")
    np.testing.assert_array_equal(tokens_of(again)[IDS[0]], wanted[IDS[0]])
    made = [c for c, p in cached.tokens.items() if p.stat().st_mtime_ns != before[c]]
    assert made == [IDS[0]]


@pytest.mark.parametrize("name", ["sfa-dgat", "hlora-mer", "linear-probe"])
def test_the_mirrored_clip_is_cached_as_well(
    name: str, method: Method, prepared: SampleSet
) -> None:
    """At test a mean with the mirrored clip from tokens equals that from frames."""
    tune = {} if name == "linear-probe" else {"lora_rank": 4}
    encoder = {"path": method.encoder.path, "image_size_px": 28, **tune}  # type: ignore[attr-defined]
    own = SIZES if name == "sfa-dgat" else {"frames": 3}
    training = {"mirror_at_test": True, "views": 2, "epochs": 2}
    mirrored = make_method(name, {"encoder": encoder, **own}, training)
    plain = changed(mirrored, mirror_at_test=False)
    torch.manual_seed(0)
    model = mirrored.build(3).eval()
    cached = with_tokens(mirrored, prepared, 3, "cpu")
    frames, tokens = (ClipReader(FOLD, LABELS, s, {}, 3, ("predict",)) for s in (prepared, cached))
    assert tokens.n_views == 2  # the mirror image is not one of the views of training
    wanted = predict(mirrored, model, frames, IDS)
    np.testing.assert_allclose(predict(mirrored, model, tokens, IDS), wanted, atol=1e-3)
    assert np.abs(predict(plain, model, frames, IDS) - wanted).max() > 0.01
    fitted = mirrored.fit(ClipReader(FOLD, LABELS, cached, {}, 3), FitContext())
    assert fitted.summary.history
    without = ClipReader(FOLD, LABELS, with_tokens(plain, prepared, 3, "cpu"), {}, 3, ("predict",))
    with pytest.raises(ConfigError, match="without those of the mirrored clips"):
        predict(mirrored, model, without, IDS)


def test_view_zero_is_the_clip_and_the_others_are_augmented(
    method: Method, prepared: SampleSet
) -> None:
    torch.manual_seed(0)
    model = method.build(3).eval()
    tokens = tokens_of(with_tokens(method, prepared, 3, "cpu"))["c0"]
    rgb = torch.from_numpy(samples()["c0"].arrays["rgb"].copy())[None]
    with torch.no_grad():
        plain = model.frozen({"rgb": rgb})["tokens"][0]
    assert tokens.shape == (3, 3, 5, 32)
    np.testing.assert_array_equal(tokens[0], plain.numpy())
    assert all(np.abs(tokens[0] - tokens[v]).max() > 0.1 for v in (1, 2))
    assert np.abs(tokens[1] - tokens[2]).max() > 0.1


def test_views_are_drawn_once_and_belong_to_the_clip(
    method: Method, prepared: SampleSet, tmp_path: Path
) -> None:
    """Neither the other clips of a run nor their order changes a clip's views."""
    every = with_tokens(method, prepared, 3, "cpu")
    alone = stored(method, tmp_path / "alone", ["c4"])
    one = tokens_of(with_tokens(method, alone, 3, "cpu"))["c4"]
    np.testing.assert_array_equal(tokens_of(every)["c4"], one)
    assert every.tokens is not None
    before = every.tokens["c4"].stat().st_mtime_ns
    again = with_tokens(method, prepared, 3, "cpu")
    assert again.tokens == every.tokens
    assert again.tokens["c4"].stat().st_mtime_ns == before
    other = tokens_of(with_tokens(method, alone, 3, "cpu", seed=1))["c4"]
    assert not np.array_equal(other[1], one[1])
    np.testing.assert_array_equal(other[0], one[0])
    still = [
        with_tokens(changed(method, augment=False), alone, 3, "cpu", seed=s).tokens for s in (0, 1)
    ]
    assert still[0] == still[1]  # nothing is drawn: computed once for all seeds


def test_other_augmentation_never_reads_these_tokens(method: Method, prepared: SampleSet) -> None:
    turned = replace(method, augment=AugmentConfig(flip=0.0, rotation_deg=30.0))
    first, second = (with_tokens(m, prepared, 3, "cpu") for m in (method, turned))
    assert first.tokens is not None
    assert second.tokens is not None
    assert first.tokens["c0"] != second.tokens["c0"]


def test_other_weights_never_read_these_tokens(
    method: Method, prepared: SampleSet, weights: Path, tmp_path: Path
) -> None:
    model = Dinov2Model.from_pretrained(weights)
    with torch.no_grad():
        model.encoder.layer[0].norm1.weight.mul_(1.01)
    model.save_pretrained(tmp_path / "other")
    encoder = {"path": str(tmp_path / "other"), "image_size_px": 28, "lora_rank": 4}
    other = make_method("sfa-dgat", {"encoder": encoder, **SIZES}, {"views": 3})
    first, second = (with_tokens(m, prepared, 3, "cpu") for m in (method, other))
    assert first.tokens is not None
    assert second.tokens is not None
    assert first.tokens["c0"] != second.tokens["c0"]


def test_tuned_weights_do_not_enter_the_tokens(method: Method) -> None:
    model = method.build(3)
    before = model.frozen_key()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(1.0)
    assert before is not None
    assert model.frozen_key() == before


def test_no_tokens_where_views_are_drawn_afresh(method: Method, prepared: SampleSet) -> None:
    assert with_tokens(changed(method, views=0), prepared, 3, "cpu") is prepared
    still = with_tokens(changed(method, views=0, augment=False), prepared, 3, "cpu")
    assert still.tokens is not None


def test_no_tokens_where_nothing_is_frozen_or_read(prepared: SampleSet) -> None:
    encoder = {"name": "tiny", "image_size_px": 28, "input": "difference"}
    trained = make_method("sfa-dgat", {"encoder": encoder, **SIZES})
    assert with_tokens(trained, prepared, 3, "cpu") is prepared
    nothing = SampleSet(None, dict.fromkeys(IDS, ""), {})
    assert with_tokens(make_method("majority"), nothing, 3, "cpu") is nothing
