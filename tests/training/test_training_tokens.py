"""Frozen means computed once: training from cached tokens equals training from frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from merkit.errors import ConfigError
from merkit.methods import make_method
from merkit.methods.base import Method
from merkit.methods.encoder.network import Encoder
from merkit.samples.augment import AugmentConfig
from merkit.samples.prepare import SampleSet
from merkit.samples.store import SampleStore
from merkit.training import encoding
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
    return {c: np.load(path) for c, path in samples.tokens.paths.items()}


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


def whole_encoder(encoder: Encoder, rgb: torch.Tensor) -> torch.Tensor:
    """Class tokens by transformers' own layers, every token of every block, from pixels, with the
    16 bits of stored tokens where the tuned blocks begin."""
    backbone = encoder.backbone
    pixels = (rgb.flatten(0, 1) / 255 - encoder.mean) / encoder.std
    hidden = backbone.embeddings(pixels)
    for i, layer in enumerate(backbone.encoder.layer):
        hidden = layer(hidden.half().float() if i == encoder.split else hidden)
    return backbone.layernorm(hidden)[:, 0].reshape(*rgb.shape[:2], -1)


@pytest.mark.parametrize("name", ["sfa-dgat", "hlora-mer"])
@pytest.mark.parametrize("memory_gb", [0.0, 1.0])
def test_ten_steps_from_tokens_equal_ten_steps_of_the_whole_encoder(
    name: str,
    memory_gb: float,
    method: Method,
    prepared: SampleSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = {"path": method.encoder.path, "image_size_px": 28, "lora_rank": 4}  # type: ignore[attr-defined]
    own = SIZES if name == "sfa-dgat" else {"frames": 3}
    training = {"steps": 10, "batch_size": 4, "augment": False, "selection": "last"}
    method = make_method(name, {"encoder": encoder, **own}, training)
    cached = with_tokens(method, prepared, 3, "cpu", memory_gb=memory_gb)
    fast = method.fit(ClipReader(FOLD, LABELS, cached, {}, 3), FitContext()).model
    monkeypatch.setattr(Encoder, "forward", whole_encoder)
    slow = method.fit(ClipReader(FOLD, LABELS, prepared, {}, 3), FitContext()).model
    torch.manual_seed(FitContext().seed)
    start, wanted = method.build(3).trainable_state(), slow.trainable_state()
    found = fast.trainable_state()
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=1e-5, msg=key)
    adapters = [key for key in wanted if ".lora_B" in key]
    assert len(adapters) == 4
    assert all((wanted[key] - start[key]).abs().max() > 5e-4 for key in adapters)  # they moved
    plain = ClipReader(FOLD, LABELS, prepared, {}, 3, ("predict",))
    said = predict(method, slow, plain, IDS)
    monkeypatch.undo()
    tokens = ClipReader(FOLD, LABELS, cached, {}, 3, ("predict",))
    np.testing.assert_allclose(predict(method, fast, tokens, IDS), said, atol=1e-5)


@pytest.mark.parametrize("how", ["cut", "altered", "record lost"])
def test_tokens_that_are_not_as_written_are_made_again(
    how: str, method: Method, prepared: SampleSet
) -> None:
    cached = with_tokens(method, prepared, 3, "cpu")
    wanted = tokens_of(cached)
    assert cached.tokens is not None
    path = cached.tokens.paths[IDS[0]]
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[:-100])
    elif how == "altered":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        path.with_suffix(".crc32").unlink()
    before = {c: p.stat().st_mtime_ns for c, p in cached.tokens.paths.items()}
    again = with_tokens(method, prepared, 3, "cpu")
    np.testing.assert_array_equal(tokens_of(again)[IDS[0]], wanted[IDS[0]])
    made = [c for c, p in cached.tokens.paths.items() if p.stat().st_mtime_ns != before[c]]
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
    before = every.tokens.paths["c4"].stat().st_mtime_ns
    again = with_tokens(method, prepared, 3, "cpu")
    assert again.tokens == every.tokens
    assert again.tokens.paths["c4"].stat().st_mtime_ns == before
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
    assert first.tokens.paths["c0"] != second.tokens.paths["c0"]


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
    assert first.tokens.paths["c0"] != second.tokens.paths["c0"]


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


# many clips at a time


def group_of(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many clips are encoded together: of three frames of 28 x 28 in three views each."""
    monkeypatch.setattr(encoding, "_GROUP_BYTES", n * 3 * 3 * 3 * 28 * 28)


def test_clips_encoded_together_have_the_tokens_of_each_by_itself(
    method: Method, prepared: SampleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    frozen = Encoder.frozen

    def counted(self: Encoder, rgb: torch.Tensor) -> torch.Tensor:
        calls.append(len(rgb))
        return frozen(self, rgb)

    monkeypatch.setattr(Encoder, "frozen", counted)
    group_of(1, monkeypatch)
    wanted = tokens_of(with_tokens(method, prepared, 3, "cpu"))
    assert calls == [1] + 9 * [3]  # one view to tell the size, then three of each clip
    calls.clear()
    group_of(4, monkeypatch)
    found = tokens_of(with_tokens(method, stored(method, tmp_path / "again", IDS), 3, "cpu"))
    assert calls == [1, 12, 12, 3]
    for clip_id, tokens in wanted.items():
        np.testing.assert_allclose(found[clip_id], tokens, rtol=2**-10, atol=2**-10)


def test_an_interrupted_encoding_goes_on_to_the_same_bytes(
    method: Method, prepared: SampleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_of(4, monkeypatch)
    wanted = tokens_of(with_tokens(method, stored(method, tmp_path / "whole", IDS), 3, "cpu"))

    def interrupt(stage: str, done: float, total: float) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_tokens(method, prepared, 3, "cpu", interrupt)
    assert prepared.store is not None
    folder = next((prepared.store.folder / "tokens").iterdir())
    assert sorted(p.stem for p in folder.glob("*.npy")) == list(IDS[:4])
    (folder / "c1.npy").unlink()  # the clips of its group are there, and stay as they are
    kept = (folder / "c2.npy").stat().st_mtime_ns
    found = tokens_of(with_tokens(method, prepared, 3, "cpu"))
    assert (folder / "c2.npy").stat().st_mtime_ns == kept
    for clip_id, tokens in wanted.items():
        assert found[clip_id].tobytes() == tokens.tobytes()


def test_number_and_size_are_told_before_and_progress_after(
    method: Method, prepared: SampleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_of(4, monkeypatch)
    told: list[tuple[str, float, float]] = []
    cached = with_tokens(method, prepared, 3, "cpu", lambda *now: told.append(now))
    size = sum(array.nbytes for array in tokens_of(cached).values())
    stage = f"encoding frozen blocks of 9 clips, {size / 1e9:.3g} GB"
    assert told == [(stage, n, 9) for n in (0, 4, 8, 9)]
    told.clear()
    with_tokens(method, prepared, 3, "cpu", lambda *now: told.append(now))
    assert told == [("encoding frozen blocks", 9, 9)]


def test_a_disk_without_room_is_told_before_the_work(
    method: Method, prepared: SampleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    told: list[str] = []
    with pytest.raises(ConfigError, match=r"need 2.59e-05 GB.*has room for 1e-06 GB"):
        with_tokens(method, prepared, 3, "cpu", lambda stage, *_: told.append(stage))
    assert told == []
    assert prepared.store is not None
    assert not list(prepared.store.folder.glob("tokens/*/*"))
