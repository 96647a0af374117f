"""Classical methods: descriptors by hand, and the same numbers as scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from skimage.feature import local_binary_pattern

from memory_samples import memory_reader
from merkit.errors import ConfigError
from merkit.methods.classical import ABSENT, SvmConfig, best_temperature
from merkit.methods.hoof import Hoof, HoofModel, histograms
from merkit.methods.lbp_top import LbpTop, LbpTopModel, lbp_top
from merkit.methods.majority import Majority
from merkit.samples.prepare import prepare
from merkit.training.config import TrainConfig
from merkit.training.loop import FitContext, predict
from merkit.training.reader import ClipReader
from merkit.types import Clip, Fold

SMALL = LbpTop(frames=6, size_px=24, blocks=(2, 2, 1))


def random_clip(seed: int, config: LbpTop = SMALL) -> np.ndarray:
    random = np.random.default_rng(seed)
    shape = (config.frames, 3, config.size_px, config.size_px)
    return random.integers(0, 256, shape, dtype=np.uint8)


def blobs(n_classes: int, width: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    labels = random.integers(0, n_classes, n)
    centres = random.normal(size=(n_classes, width)) * 1.5
    return (centres[labels] + random.normal(size=(n, width))).astype(np.float32), labels


def hoof_model(n_classes: int = 3, balanced: bool = True, **svm: object) -> HoofModel:
    training = TrainConfig(class_weights="inverse" if balanced else "none")
    method = Hoof(frames=4, bins=2, training=training, svm=SvmConfig(**svm))  # type: ignore[arg-type]
    return method.build(n_classes)


def clips_of(labels: np.ndarray, val: int = 0) -> ClipReader:
    """Clips with random motion and these labels; the last ``val`` of them validate."""
    random = np.random.default_rng(7)
    ids = [f"c{i}" for i in range(len(labels))]
    flow = random.normal(size=(len(labels), 4, 18, 2)).astype(np.float32)
    flow[..., 0] += labels[:, None, None]
    fold = Fold("f", tuple(ids[: len(ids) - val]), tuple(ids[len(ids) - val :]), ())
    arrays = {clip_id: {"flow": row} for clip_id, row in zip(ids, flow, strict=True)}
    return memory_reader(fold, dict(zip(ids, labels.tolist(), strict=True)), "flow", arrays)


# --- linear SVM ---------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["standard", "none"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_logits_are_those_of_the_scikit_learn_pipeline(n_classes: int, scaling: str) -> None:
    model = hoof_model(n_classes, scaling=scaling, calibrate=False)
    features, labels = blobs(n_classes, 36)
    model.solve_svm(features, labels, seed=0)
    reference = model.estimator(seed=0).fit(features, labels)
    flow_free = (torch.from_numpy(features) - model.mean) / model.scale
    logits = (flow_free @ model.coef.T + model.intercept).detach().numpy()
    expected = reference.decision_function(features)
    if n_classes == 2:
        expected = np.stack([-expected, expected], axis=1)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)
    assert (logits.argmax(1) == reference.predict(features)).all()
    assert (model.mean == 0).all() == (scaling == "none")


def test_balanced_weights_change_the_solution_of_unequal_classes() -> None:
    features, labels = blobs(2, 36)
    kept = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:4]])
    solved = []
    for balanced in (True, False):
        model = hoof_model(2, balanced, c=1e-3)
        model.solve_svm(features[kept], labels[kept], seed=0)
        solved.append(float((model.intercept[1] - model.intercept[0]).detach()))
    assert solved[0] > solved[1]  # the rare class is given more room


def test_class_weights_by_effective_number_lie_between_none_and_inverse() -> None:
    features, labels = blobs(2, 36)
    kept = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:4]])

    def intercepts(**training: Any) -> np.ndarray:
        method = Hoof(frames=4, bins=2, training=TrainConfig(**training), svm=SvmConfig(c=1e-3))
        model = method.build(2)
        model.solve_svm(features[kept], labels[kept], seed=0)
        return model.intercept.detach().numpy()

    none, inverse = intercepts(class_weights="none"), intercepts(class_weights="inverse")
    by = {
        beta: intercepts(class_weights="effective", class_weight_beta=beta)
        for beta in (0.0, 0.9, 0.999999)
    }
    np.testing.assert_allclose(by[0.0], none, atol=1e-4)
    np.testing.assert_allclose(by[0.999999], inverse, atol=1e-3)
    assert none[1] + 1e-3 < by[0.9][1] < inverse[1] - 1e-3


def test_class_without_training_clips_is_never_predicted() -> None:
    features, labels = blobs(3, 36)
    kept = labels != 1
    model = hoof_model(3)
    model.solve_svm(features[kept], labels[kept], seed=0)
    assert model.intercept[1].item() == ABSENT
    assert float(model.coef[1].detach().abs().sum()) == 0.0
    model = hoof_model(3)  # the class comes up among the validation clips alone
    model.solve(clips_of(np.array([0, 2, 0, 2, 0, 2, 1, 1]), val=2), FitContext())
    assert model.intercept[1].item() == ABSENT
    assert torch.isfinite(model.temperature)


def test_one_class_alone_is_always_predicted() -> None:
    model = hoof_model(3)
    features, _ = blobs(3, 36, n=5)
    model.solve_svm(features, np.full(5, 2), seed=0)
    output = model({"flow": torch.randn(4, 4, 18, 2)})
    assert output.logits.argmax(1).tolist() == [2, 2, 2, 2]


def test_temperature_lowers_the_log_loss_and_moves_no_prediction() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 200)
    logits = random.normal(size=(200, 3)).astype(np.float32)
    logits[np.arange(200), labels] += 1.0
    overconfident = 8 * logits

    def log_loss(values: np.ndarray) -> float:
        tensor = torch.from_numpy(values).double()
        return float(torch.nn.functional.cross_entropy(tensor, torch.from_numpy(labels)))

    found = best_temperature(overconfident, labels)
    grid = [log_loss(overconfident / t) for t in np.linspace(0.25, 20, 400)]
    assert log_loss(overconfident / found) <= min(grid) + 1e-4
    assert found == pytest.approx(8 * best_temperature(logits, labels), rel=0.02)


@pytest.mark.parametrize("values", [{"c": 0.0}, {"c": -1.0}, {"max_iterations": 0}])
def test_impossible_svm_settings_are_refused(values: dict[str, float]) -> None:
    (name,) = values
    with pytest.raises(ConfigError, match=f"svm.{name} is"):
        SvmConfig(**values)  # type: ignore[arg-type]


# --- LBP-TOP ------------------------------------------------------------------------------


def test_width_is_the_published_one() -> None:
    assert LbpTop().labels == 59
    assert LbpTop().width == 3 * 59 * 25
    assert len(lbp_top(random_clip(0), SMALL)) == SMALL.width == 3 * 59 * 4


def test_descriptor_is_the_voxel_by_voxel_one() -> None:
    """Every inner voxel looked at alone: three LBP codes, counted in its block."""
    config = replace(SMALL, frames=4, size_px=9, blocks=(2, 1, 1))
    clip = random_clip(1, config)
    volume = np.rint(np.einsum("tcyx,c->tyx", clip, [0.299, 0.587, 0.114])).astype(np.uint8)
    counts = np.zeros((2, 3, 59))
    for t in range(1, 3):
        for y in range(1, 8):
            for x in range(1, 8):
                block = 0 if y - 1 < 4 else 1  # seven rows in two blocks: four and three
                planes = (volume[t], volume[:, y], volume[:, :, x])
                places = ((y, x), (t, x), (t, y))
                for plane, (image, place) in enumerate(zip(planes, places, strict=True)):
                    codes = local_binary_pattern(image, 8, 1, "nri_uniform")
                    counts[block, plane, int(codes[place])] += 1
    expected = counts / counts.sum(-1, keepdims=True)
    np.testing.assert_allclose(lbp_top(clip, config).reshape(2, 3, 59), expected, atol=1e-7)


def test_first_code_against_the_definition() -> None:
    """P=4, R=1: neighbours right, up, left, down are 1 where not darker than the centre."""
    image = np.array([[9, 7, 9], [1, 5, 8], [9, 2, 9]], np.uint8)
    volume = np.repeat(image[None], 3, axis=0)
    clip = np.repeat(volume[:, None], 3, axis=1)
    config = LbpTop(frames=3, size_px=8, points=4, blocks=(1, 1, 1))  # the least its recipe takes
    xy, xt, yt = lbp_top(clip, config).reshape(3, config.labels)
    # XY: right 8 and up 7 are brighter: two ones in a row, uniform. XT: left darker, the rest
    # not: three ones. YT: down darker: three ones in another place.
    assert {plane.max() for plane in (xy, xt, yt)} == {1.0}
    codes = [int(plane.argmax()) for plane in (xy, xt, yt)]
    assert len(set(codes)) == 3
    riu2 = lbp_top(clip, replace(config, mapping="riu2")).reshape(3, 6)
    assert [int(p.argmax()) for p in riu2] == [2, 3, 3]  # number of ones


def test_every_histogram_sums_to_one_and_brightness_does_not_matter() -> None:
    clip = random_clip(2) // 2
    table = lbp_top(clip, SMALL).reshape(-1, 59)
    np.testing.assert_allclose(table.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(lbp_top(clip + np.uint8(40), SMALL), table.ravel())


def test_still_clip_has_no_pattern_across_time() -> None:
    """In XT and YT nothing changes along time: codes of the flat direction only."""
    still = np.repeat(random_clip(3)[:1], 6, axis=0)
    moving = random_clip(3)
    spread = [
        [len(np.flatnonzero(h)) for h in lbp_top(c, SMALL).reshape(4, 3, 59)[:, 1]]
        for c in (still, moving)
    ]
    assert max(spread[0]) < min(spread[1])


def test_frozen_descriptors_give_the_same_logits() -> None:
    model = LbpTopModel(SMALL, 3)
    features = torch.from_numpy(np.stack([lbp_top(random_clip(s), SMALL) for s in range(6)]))
    model.solve_svm(features.numpy(), np.array([0, 1, 2] * 2), seed=0)
    inputs = {"rgb": torch.from_numpy(np.stack([random_clip(s) for s in range(2)]))}
    tokens = model.frozen(inputs)
    assert tokens["tokens"].shape == (2, 1, 1, SMALL.width)
    assert tokens["tokens"].dtype == torch.float16
    assert torch.equal(model(inputs).logits, model(tokens).logits)
    torch.testing.assert_close(model(inputs).features, features[:2], rtol=2e-3, atol=1e-6)


def test_frozen_key_follows_the_descriptor_and_not_the_classifier() -> None:
    keys = {
        LbpTopModel(config, 3).frozen_key()
        for config in (SMALL, replace(SMALL, svm=SvmConfig(c=9.0)), replace(SMALL, mapping="riu2"))
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    "values",
    [{"frames": 2}, {"size_px": 6}, {"blocks": (0, 5, 1)}, {"points": 1}, {"radius": 0}],
)
def test_impossible_lbp_settings_are_refused(values: dict[str, object]) -> None:
    (name,) = values
    with pytest.raises(ConfigError, match=name):
        LbpTop(**values)  # type: ignore[arg-type]


def test_clip_shorter_than_the_circle_is_refused() -> None:
    with pytest.raises(ConfigError, match="2 frames of 24 x 24"):
        lbp_top(random_clip(0)[:2], SMALL)


# --- HOOF ---------------------------------------------------------------------------------


def test_histogram_by_hand() -> None:
    flow = torch.zeros(1, 3, 18, 2)
    flow[0, 0, 0] = torch.tensor([2.0, 0.1])  # just above 0 degrees: first bin
    flow[0, 1, 0] = torch.tensor([-0.1, 3.0])  # just past 90 degrees: second bin
    flow[0, 2, 5] = torch.tensor([0.1, -1.0])  # just past 270 degrees: fourth bin
    counts = histograms(flow, Hoof(bins=4))
    assert counts.shape == (1, 18, 4)
    expected = torch.zeros(18, 4)
    expected[0, 0], expected[0, 1] = flow[0, 0, 0].norm(), flow[0, 1, 0].norm()
    expected[5, 3] = flow[0, 2, 5].norm()
    torch.testing.assert_close(counts[0], expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), bins=st.integers(1, 12), symmetric=st.booleans())
def test_histograms_keep_all_magnitude(seed: int, bins: int, symmetric: bool) -> None:
    flow = torch.randn(2, 5, 18, 2, generator=torch.Generator().manual_seed(seed))
    counts = histograms(flow, Hoof(bins=bins, symmetric=symmetric))
    torch.testing.assert_close(counts.sum(-1), flow.norm(dim=-1).sum(1))


def test_symmetric_histogram_does_not_see_the_side() -> None:
    flow = torch.randn(1, 6, 18, 2, generator=torch.Generator().manual_seed(0))
    other = flow * torch.tensor([-1.0, 1.0])
    folded, full = Hoof(symmetric=True), Hoof()
    torch.testing.assert_close(histograms(flow, folded), histograms(other, folded))
    assert not torch.allclose(histograms(flow, full), histograms(other, full))


def test_hoof_padding_and_scale_do_not_matter() -> None:
    model = hoof_model()
    flow = torch.randn(2, 4, 18, 2)
    padded = torch.cat([flow, torch.randn(2, 3, 18, 2)], dim=1)
    mask = torch.arange(7).expand(2, 7) < 4
    plain = model.describe({"flow": flow})
    torch.testing.assert_close(model.describe({"flow": padded, "mask": mask}), plain)
    torch.testing.assert_close(model.describe({"flow": 3 * flow}), plain)
    torch.testing.assert_close(plain.sum(1), torch.ones(2))
    still = model.describe({"flow": torch.zeros(1, 4, 18, 2)})
    assert float(still.abs().sum()) == 0.0


def test_hoof_refuses_another_number_of_regions() -> None:
    with pytest.raises(ConfigError, match="flow of 14 regions"):
        hoof_model()({"flow": torch.zeros(1, 4, 14, 2)})


# --- majority, files ----------------------------------------------------------------------


def test_majority_gives_class_shares() -> None:
    model = Majority().build(4)
    model.solve(clips_of(np.array([1, 1, 1, 0, 0, 2, 2, 1])), FitContext())
    output = model({"nothing": torch.zeros(3, 0)})
    shares = output.logits.softmax(-1)
    torch.testing.assert_close(shares, torch.tensor([[0.25, 0.5, 0.25, 0.0]]).repeat(3, 1))


def test_state_is_plain_tensors_that_come_back(tmp_path: Path) -> None:
    model = hoof_model()
    model.solve(clips_of(np.arange(60) % 3, val=20), FitContext())
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = hoof_model()
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    flow = torch.randn(5, 4, 18, 2)
    assert torch.equal(again({"flow": flow}).logits, model({"flow": flow}).logits)
    assert float(again.temperature) != 1.0


def test_validation_clips_set_the_temperature_that_suits_them_best() -> None:
    clips = clips_of(np.arange(60) % 3, val=20)
    plain, model = hoof_model(calibrate=False), hoof_model()
    for each in (plain, model):
        each.solve(clips, FitContext())
    val = clips.fold.val
    with torch.no_grad():
        logits = plain(clips.inputs(val, "select")).logits.numpy()
    wanted = best_temperature(logits, clips.labels(val, "select"))
    assert float(model.temperature) == pytest.approx(wanted, rel=1e-5)
    assert float(plain.temperature) == 1.0


def test_majority_has_no_recipe_and_reads_nothing(tmp_path: Path) -> None:
    method = Majority()
    assert method.recipe is None
    gone = Clip("gone", "db", "s", tmp_path / "nowhere", 30.0, "fear")
    samples = prepare([gone], None, tmp_path / "store")
    assert (dict(samples.keys), dict(samples.refused), samples.made) == ({"gone": ""}, {}, 0)
    assert not (tmp_path / "store").exists()
    assert not samples.refused
    assert samples.array_names == ()
    assert samples.read("gone").arrays == {}
    clips = ClipReader(Fold("f", ("gone",), (), ()), {"gone": 2}, samples, {}, 3)
    assert clips.inputs(["gone", "gone"], "fit")["nothing"].shape == (2, 0)
    fitted = method.fit(clips, FitContext())
    assert predict(method, fitted.model, clips, ["gone"], "select").argmax(1).tolist() == [2]


def test_settings_of_a_recipe_that_is_not_there_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"frames[\s\S]*for 'majority'"):
        Majority.from_settings({}, {}, {"frames": 4})
